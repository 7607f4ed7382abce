"""Pictures (PNG, JPEG): no tags, so display and scale are read off the axes drawn on them."""

import io
from dataclasses import replace

from PIL import Image, ImageOps, UnidentifiedImageError

from echomine.archive.picture_bytes import eight_bits
from echomine.archive.source_images import Identity, ReadLimits, SourceImage
from echomine.domain.errors import ItemError, Reason
from echomine.doppler.axis import AxisProblem, AxisProblemCode, AxisReading, TextReader
from echomine.doppler.axis_reading import is_turned, read_axis
from echomine.doppler.display import Pixels
from echomine.doppler.picture_kind import other_picture
from echomine.doppler.region import SMALLEST_SIDE_PX

PNG_MAGIC, JPEG_MAGIC = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"
LIKE_TURNED = (Reason.M_MODE, Reason.TWO_DIMENSIONAL)
"""What the beats of a spectrum look like on their side: layers above each other, or a fan."""


def is_picture(data: bytes) -> bool:
    """Whether the bytes start as a PNG or JPEG file does."""
    return data.startswith((PNG_MAGIC, JPEG_MAGIC))


def read_picture(data: bytes, limits: ReadLimits, reader: TextReader) -> SourceImage:
    """The picture with the display and the scale that its axes give; as a whole and without a scale where they don't.

    Raises:
        ItemError: As :func:`decoded_picture`, and what the picture shows instead of a spectral display: an empty
            screen, a photograph, colour Doppler, a sector, M-mode, a turned screen, too few pixels.
    """
    pixels = decoded_picture(data, limits)
    rows, columns = pixels.shape[:2]
    axis = read_axis(pixels, reader)
    box = axis.box or (0, 0, columns, rows)
    if axis.box is None:
        check_may_be_spectral(pixels, reader)
    if (frames := _frames(data)) > 1:
        said = f"the picture has {frames} frames: the first is read"
        axis = replace(axis, problems=(AxisProblem(AxisProblemCode.SEVERAL_FRAMES, said), *axis.problems))
    return SourceImage(
        rows=rows,
        columns=columns,
        cut=lambda box: pixels[box[1] : box[3], box[0] : box[2]].copy(),
        boxes=(box, *axis.kept_boxes),
        spectral_box=box,
        identity=Identity(),
        calibration=axis.calibration,
        axis=axis,
        notes=_notes(axis),
    )


def check_may_be_spectral(pixels: Pixels, reader: TextReader) -> None:
    """Refuses a picture without a readable axis that is plainly something else.

    Raises:
        ItemError: With what it is.
    """
    other = other_picture(pixels)
    if other and other.reason not in LIKE_TURNED:
        raise ItemError(other.reason, f"{other.message}; only spectral Doppler is mined")
    if is_turned(pixels, reader):
        raise ItemError(Reason.ROTATED, "its velocity axis stands on its side or on its head; turn the picture upright")
    if other:
        raise ItemError(other.reason, f"{other.message}; only spectral Doppler is mined")


def _notes(axis: AxisReading) -> tuple[str, ...]:
    told = tuple(problem.message for problem in axis.problems)
    if axis.calibration is None:
        return ("a picture without tags: uncalibrated, and taken as one display as a whole", *told[:1])
    return ("a picture without tags: its scale was read off its axes", *told)


def decoded_picture(data: bytes, limits: ReadLimits) -> Pixels:
    """The pixels of a PNG or JPEG, (H, W) or (H, W, 3), upright; of an animation the first frame.

    Raises:
        ItemError: ``too_large``, ``truncated``, ``bad_region`` (a few pixels only) or ``not_an_image``.
    """
    try:
        with Image.open(io.BytesIO(data), formats=("PNG", "JPEG")) as picture:
            _check_size(picture, limits)
            picture.load()
            return eight_bits(ImageOps.exif_transpose(picture))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ItemError(Reason.TOO_LARGE, "the picture has more pixels than any ultrasound screen") from error
    except UnidentifiedImageError as error:
        raise ItemError(Reason.NOT_AN_IMAGE, "it starts as a PNG or JPEG but is none") from error
    except OSError as error:
        raise ItemError(Reason.TRUNCATED, "the picture is cut off or damaged; copy it again") from error


def _frames(data: bytes) -> int:
    """Frames of a picture that was decoded before."""
    with Image.open(io.BytesIO(data), formats=("PNG", "JPEG")) as picture:
        return int(getattr(picture, "n_frames", 1))


def _check_size(picture: Image.Image, limits: ReadLimits) -> None:
    samples = picture.width * picture.height * max(len(picture.getbands()), 1)
    if samples > limits.frame_samples:
        raise ItemError(Reason.TOO_LARGE, f"the picture has {samples:,} samples, the limit is {limits.frame_samples:,}")
    if min(picture.size) < SMALLEST_SIDE_PX:
        raise ItemError(
            Reason.BAD_REGION,
            f"the picture has {picture.width} x {picture.height} pixels, a display needs {SMALLEST_SIDE_PX} each way",
        )
