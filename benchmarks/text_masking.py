"""How much of the print of patients is masked in pictures: `python -m benchmarks.text_masking [--count 40] [--seed 1]`.

Synthetic screenshots of styles drawn at random with names, numbers and dates at known places, some within the display.
A line counts as masked when less than 2 % of its box is still as bright as print; an axis number as kept when its
pixels are unchanged.
"""

import argparse
from dataclasses import replace

import numpy as np

from benchmarks.axis_reading import font_files
from echomine.archive.text_masking import without_text
from echomine.metrics.intervals import wilson_interval
from echomine.synthetic.screenshot_styles import Box, random_style
from echomine.synthetic.screenshots import Pixels, Screenshot, draw_screenshot

LEFT_SHARE, PRINT_LEVELS = 0.02, 60


def named_screenshot(seed: int, number: int) -> Screenshot:
    """A screen of a random style that shows a patient."""
    rng = np.random.default_rng((seed, number))
    fonts = font_files()
    style = replace(random_style(rng, fonts=len(fonts) + 1), names=True, inverted=False)
    return draw_screenshot(style, rng, fonts=fonts)


def print_left(pixels: Pixels, box: Box) -> float:
    """Share of a box that stands out of its own ground as print does."""
    x0, y0, x1, y1 = box
    cut = pixels[max(0, y0) : y1, max(0, x0) : x1].max(axis=-1).astype(float)
    return float(np.mean(cut > np.median(cut) + PRINT_LEVELS)) if cut.size else 0.0


def _inside(box: Box, other: Box) -> bool:
    return other[0] <= box[0] and other[1] <= box[1] and box[2] <= other[2] + 5 and box[3] <= other[3] + 5


def _row(name: str, hits: list[bool]) -> None:
    share = wilson_interval(sum(hits), len(hits))
    print(f"{name:32} {sum(hits)} of {len(hits)}: {share.value:.3f} ({share.low:.3f} to {share.high:.3f})")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=40)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    around: list[bool] = []
    within: list[bool] = []
    kept: list[bool] = []
    for number in range(options.count):
        shot = named_screenshot(options.seed, number)
        masked = without_text(shot.pixels)
        for box in shot.name_boxes:
            gone = print_left(masked, box) < LEFT_SHARE
            (within if _inside(box, shot.box) else around).append(gone)
            if not gone:
                print(f"left: {options.seed}-{number} {box} scale {shot.style.scale:.2f} font {shot.style.font_px}")
        kept += [np.array_equal(masked[y0:y1, x0:x1], shot.pixels[y0:y1, x0:x1]) for x0, y0, x1, y1 in shot.axis_boxes]
    _row("masked, around the display", around)
    _row("masked, within the display", within)
    _row("axis print kept as it was", kept)


if __name__ == "__main__":
    main()
