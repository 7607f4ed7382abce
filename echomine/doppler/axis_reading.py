"""Reading the axes of a picture."""

from echomine.doppler.axis import AxisProblem, AxisProblemCode, AxisReading, TextReader
from echomine.doppler.display import Pixels


def read_axis(pixels: Pixels, reader: TextReader) -> AxisReading:
    """The spectral display of a picture and its scale.

    Args:
        pixels: (H, W) or (H, W, 3), 0..255.
        reader: Recognises the numbers.
    """
    del pixels, reader
    return AxisReading(problems=(AxisProblem(AxisProblemCode.NO_DISPLAY, "no display was looked for yet"),))
