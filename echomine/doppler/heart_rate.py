"""The heart rate printed on a screen, and the period at which a display repeats itself."""

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from echomine.doppler.axis import TextReader
from echomine.doppler.display import Pixels
from echomine.doppler.marks import Marks, Sheet, Word, crop_of
from echomine.doppler.region import Box

RATES_BPM = (25.0, 250.0)
PERIOD_MATCH = 0.25
"""Least autocorrelation at the period of the beat."""
PERIOD_REACH, FAINT_REPETITION = 0.12, 0.35
"""How far a period may be off, and the least part of the best agreement that is a period too."""
LEAST_COLUMNS = 64
MOST_WORDS = 6
_RATE = re.compile(r"(?<!\d)(?P<rate>\d{2,3})(?:bpm|/min)|(?:hr|fc|hf)[:=]?(?P<named>\d{2,3})(?![\d.])")
"""A number with its unit, or after its name in English, French or Italian, and German."""


def printed_rate_bpm(sheet: Sheet, marks: Marks, box: Box, reader: TextReader) -> float | None:
    """The heart rate printed around the display at ``box``; None where none is read, or two that differ."""
    words = _words_around(marks, box)
    texts = reader.read_words([crop_of(sheet, word) for word in words]) if words else []
    rates = {rate for text in texts if (rate := rate_of(text.text)) is not None}
    return rates.pop() if len(rates) == 1 else None


def rate_of(text: str) -> float | None:
    """The heart rate that a line of print states, beats a minute; None for anything else."""
    match = _RATE.search(text.lower().replace(" ", ""))
    rate = float(match["rate"] or match["named"]) if match else 0.0
    return rate if RATES_BPM[0] <= rate <= RATES_BPM[1] else None


def _words_around(marks: Marks, box: Box) -> list[Word]:
    height = box[3] - box[1]
    near = [
        word
        for word in marks.words
        if 1.5 * word.height <= word.body[2] - word.body[0] <= 9 * word.height
        and word.height >= 6
        and (word.middle >= box[3] - 0.08 * height or word.body[0] >= box[2] or word.middle <= box[1])
    ]
    return sorted(near, key=lambda word: (word.middle < box[3] - 0.08 * height, -word.box[2]))[:MOST_WORDS]


@dataclass(frozen=True, slots=True)
class Repetition:
    """How a display repeats itself over time.

    Attributes:
        period_px: The fewest columns after which it does so best, or nearly; None where it does not.
        agreement: (W,) autocorrelation of its column means, by columns.
    """

    period_px: float | None
    agreement: NDArray[np.floating]

    def holds_at(self, columns: float) -> bool:
        """Whether it repeats itself, if less, after about so many columns: beats that vary hide their own period."""
        first, last = (int(columns * (1 + side * PERIOD_REACH)) for side in (-1, 1))
        near, best = self.agreement[max(first, 1) : last + 1], self.agreement[int(self.period_px or 0)]
        return bool(near.size and near.max() >= FAINT_REPETITION * best and 0 < near.argmax() < near.size - 1)


def repetition_of(display: Pixels) -> Repetition:
    """How a display, (h, w), repeats itself."""
    light = display.astype(np.float32).mean(axis=0)
    width = len(light)
    if width < LEAST_COLUMNS:
        return Repetition(None, np.zeros(1))
    padded = np.pad(light, width // 8, mode="edge")
    light = light - np.convolve(padded, np.ones(width // 4) / (width // 4), "same")[width // 8 : width // 8 + width]
    spectrum = np.fft.rfft(light, 2 * width)
    agreement = np.fft.irfft(spectrum * np.conj(spectrum))[:width] / np.arange(width, 0, -1)
    agreement /= max(float(agreement[0]), 1e-9)
    lags = np.arange(max(8, width // 20), int(0.7 * width))
    peaks = lags[(agreement[lags] > agreement[lags - 1]) & (agreement[lags] >= agreement[lags + 1])]
    if not len(peaks) or agreement[peaks].max() < PERIOD_MATCH:
        return Repetition(None, agreement)
    strongest = agreement[peaks].max()
    return Repetition(float(next(lag for lag in peaks if agreement[lag] >= 0.85 * strongest)), agreement)
