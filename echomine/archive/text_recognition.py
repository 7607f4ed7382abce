"""Print on pictures, found and recognised by the PP-OCR networks that the wheel of RapidOCR carries.

The networks are read from the installed package and run by onnxruntime on one thread; nothing is fetched. The
recogniser may only answer with the characters of axes, so that an O is a nought.

References:
    RapidOCR, https://github.com/RapidAI/RapidOCR (Apache-2.0); PP-OCR, arXiv:2009.09941; DB text detection,
    Liao et al., AAAI 2020, arXiv:1911.08947; CTC, Graves et al., ICML 2006.
"""

import math
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from echomine.domain.errors import ConfigurationError
from echomine.doppler.axis import FoundText, ReadText
from echomine.doppler.display import Pixels

if TYPE_CHECKING:
    import onnxruntime

ALPHABET = "0123456789.,+-–—−cmkhzHZs/[]()µu Mbpin%"
"""Characters of axes, sweep speeds and heart rates."""
WORD_ALPHABET = ALPHABET + "BPRFCf:="
"""The same, with the letters of heart rates, which look like digits."""
HEIGHT_PX = 48
"""Rows that the recogniser takes."""
BATCH = 8
FEWEST_COLUMNS = 48
DETECTION_SIDE_PX = 1280
"""Larger pictures are shrunk for finding text; print is still several pixels high."""
TEXT_PROBABILITY, BOX_PROBABILITY, UNCLIP = 0.3, 0.5, 1.6
MEAN, SPREAD = np.array((0.485, 0.456, 0.406)), np.array((0.229, 0.224, 0.225))


class OnnxTextReader:
    """A :class:`~echomine.doppler.axis.TextReader` over the networks of RapidOCR; made once, used by all threads."""

    def __init__(self, *, threads: int = 1) -> None:
        self._threads = threads
        self._recogniser: onnxruntime.InferenceSession | None = None
        self._detector: onnxruntime.InferenceSession | None = None
        self._characters: list[str] = []
        self._allowed: dict[str, tuple[NDArray[np.intp], str]] = {}

    def read(self, crops: Sequence[Pixels]) -> list[ReadText]:
        """The text of each crop, (h, w) or (h, w, 3), one line each."""
        return self._read(crops, ALPHABET)

    def read_words(self, crops: Sequence[Pixels]) -> list[ReadText]:
        """The same, with the letters of heart rates."""
        return self._read(crops, WORD_ALPHABET)

    def _read(self, crops: Sequence[Pixels], alphabet: str) -> list[ReadText]:
        lines: list[ReadText] = []
        for first in range(0, len(crops), BATCH):
            lines.extend(self._read_batch(crops[first : first + BATCH], alphabet))
        return lines

    def find(self, pixels: Pixels) -> list[FoundText]:
        """Upright boxes of the lines of text in a picture."""
        network = self._detection()
        rows, columns = pixels.shape[:2]
        shrink = min(1.0, DETECTION_SIDE_PX / max(rows, columns))
        height, width = (max(32, 32 * math.ceil(side * shrink / 32)) for side in (rows, columns))
        colour = pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, axis=2)
        scaled = cv2.resize(colour, (width, height), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
        ready = ((scaled - MEAN) / SPREAD).transpose(2, 0, 1)[None].astype(np.float32)
        (answer,) = network.run(None, {network.get_inputs()[0].name: ready})
        return _boxes(np.asarray(answer)[0, 0], rows=rows, columns=columns)

    def _read_batch(self, crops: Sequence[Pixels], alphabet: str) -> list[ReadText]:
        network = self._recognition()
        scaled = [_line(crop) for crop in crops]
        width = max(line.shape[2] for line in scaled)
        batch = np.zeros((len(scaled), 3, HEIGHT_PX, width), dtype=np.float32)
        for row, line in zip(batch, scaled, strict=True):
            row[:, :, : line.shape[2]] = line
        (answer,) = network.run(None, {network.get_inputs()[0].name: batch})
        columns, characters = self._allowed_of(alphabet)
        return [_decoded(steps[:, columns], characters) for steps in np.asarray(answer)]

    def _allowed_of(self, alphabet: str) -> tuple[NDArray[np.intp], str]:
        """Columns of the answer that may be read, the blank first, and their characters."""
        if alphabet not in self._allowed:
            places = [place for place, sign in enumerate(self._characters) if place and sign in alphabet]
            signs = "".join(self._characters[place] for place in places)
            self._allowed[alphabet] = np.array([0, *places]), "\0" + signs
        return self._allowed[alphabet]

    def _recognition(self) -> "onnxruntime.InferenceSession":
        if self._recogniser is None:
            session = _session("PP-OCR*_rec_*.onnx", self._threads)
            self._characters = ["", *session.get_modelmeta().custom_metadata_map["character"].splitlines(), " "]
            self._recogniser = session
        return self._recogniser

    def _detection(self) -> "onnxruntime.InferenceSession":
        if self._detector is None:
            self._detector = _session("PP-OCR*_det_*.onnx", self._threads)
        return self._detector


@cache
def default_text_reader() -> OnnxTextReader:
    """The reader of this process; its networks are loaded at the first text."""
    return OnnxTextReader()


def _session(pattern: str, threads: int) -> "onnxruntime.InferenceSession":
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = threads
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(_network_file(pattern)), options, providers=["CPUExecutionProvider"])


def _network_file(pattern: str) -> Path:
    package = find_spec("rapidocr")
    files = sorted(Path(package.origin).parent.glob(f"models/{pattern}")) if package and package.origin else []
    if not files:
        raise ConfigurationError(f"reading print needs the networks of rapidocr ({pattern}); reinstall rapidocr")
    return files[-1]


def _line(crop: Pixels) -> NDArray[np.float32]:
    """(1, 48, w) in -1..1, the crop at the height that the recogniser takes."""
    grey = crop if crop.ndim == 2 else crop.max(axis=2)
    width = max(FEWEST_COLUMNS, math.ceil(grey.shape[1] * HEIGHT_PX / grey.shape[0]))
    scaled = cv2.resize(grey, (width, HEIGHT_PX), interpolation=cv2.INTER_CUBIC)
    return (scaled.astype(np.float32) / 127.5 - 1)[None]


def _decoded(steps: NDArray[Any], characters: str) -> ReadText:
    """Best path: repeats joined, blanks dropped; the score is the mean probability of the characters."""
    best, probability = steps.argmax(axis=1), steps.max(axis=1)
    kept = (best != 0) & np.concatenate(([True], best[1:] != best[:-1]))
    if not kept.any():
        return ReadText("", 0.0)
    return ReadText("".join(characters[place] for place in best[kept]), float(probability[kept].mean()))


def _boxes(probability: NDArray[Any], *, rows: int, columns: int) -> list[FoundText]:
    mask = (probability > TEXT_PROBABILITY).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask)
    scale = np.array((columns / mask.shape[1], rows / mask.shape[0]))
    found = []
    for number in range(1, count):
        x, y, width, height, area = (int(value) for value in stats[number])
        if min(width, height) < 3:
            continue
        window = (slice(y, y + height), slice(x, x + width))
        score = float(probability[window][labels[window] == number].mean())
        if score < BOX_PROBABILITY:
            continue
        grow = area * UNCLIP / (2 * (width + height))
        corners = (np.array(((x - grow, y - grow), (x + width + grow, y + height + grow))) * scale).round().astype(int)
        (x0, y0), (x1, y1) = np.clip(corners, 0, (columns, rows))
        found.append(FoundText((int(x0), int(y0), int(x1), int(y1)), score))
    return found
