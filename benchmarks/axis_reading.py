"""How often the scale of a display is read off its picture: right, refused or silently wrong.

    python -m benchmarks.axis_reading [--real DIR] [--count 300] [--seed 1] [--failures DIR]

Synthetic screenshots (:mod:`echomine.synthetic.screenshots`) of styles drawn at random, and the real pictures of a
folder with a ``truth.json``. A scale counts as right within 2 %, as silently wrong when it is more than 5 % off and no
problem says so. Every failure is printed; with ``--failures`` the synthetic ones are written as pictures.
"""

import argparse
import json
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from echomine.archive.text_recognition import OnnxTextReader
from echomine.doppler.axis import AxisReading
from echomine.doppler.axis_reading import read_axis
from echomine.doppler.region import Box
from echomine.metrics.intervals import wilson_interval
from echomine.synthetic.screenshot_styles import ScreenshotStyle, random_style
from echomine.synthetic.screenshots import draw_screenshot

RIGHT, SILENTLY_WRONG = 0.02, 0.05
FONTS = (
    "DejaVuSans.ttf",
    "DejaVuSans-Bold.ttf",
    "DejaVuSansMono.ttf",
    "DejaVuSerif.ttf",
    "STIXGeneral.ttf",
    "cmss10.ttf",
)


@dataclass(frozen=True)
class Case:
    """A picture and its true scales in pixels; no ``px_per_mps`` where a scale must be refused."""

    name: str
    pixels: NDArray[np.uint8]
    px_per_mps: float | None
    baseline_row: float
    px_per_s: float
    box: tuple[int, int, int, int]
    describe: str = ""
    stated_time: bool = True


def font_files() -> list[str]:
    """Files of the fonts that screens are drawn with."""
    folder = Path(mpl.get_data_path()) / "fonts" / "ttf"
    return [str(folder / name) for name in FONTS]


def synthetic_cases(count: int, seed: int) -> Iterator[Case]:
    fonts = font_files()
    for number in range(count):
        rng = np.random.default_rng((seed, number))
        style = random_style(rng, fonts=len(fonts) + 1)
        shot = draw_screenshot(style, rng, fonts=fonts)
        scale = 1 / shot.mps_per_px if shot.mps_per_px else None
        yield Case(
            f"synthetic {seed}-{number}",
            shot.pixels,
            scale,
            shot.baseline_row,
            1 / shot.s_per_px,
            shot.box,
            describe=_style(style),
            stated_time=bool(style.time_ticks),
        )


def _style(style: ScreenshotStyle) -> str:
    return (
        f"{style.width}x{style.height}*{style.scale:.2f} font {style.font}/{style.font_px} q{style.jpeg_quality} "
        f"{'right' if style.right else 'left'} {'cm' if style.in_cm else 'm'} step {style.step_mps} zero {style.zero} "
        f"unit {style.unit_place} signs {style.signs} ticks {style.ticks_px}{'in' if style.ticks_inside else ''} "
        f"minor {style.minor} line {style.axis_line} ground {style.ground} inverted {style.inverted}"
    )


def real_cases(folder: Path) -> Iterator[Case]:
    for entry in json.loads((folder / "truth.json").read_text()):
        pixels = np.asarray(Image.open(folder / entry["image"]).convert("RGB"))
        yield Case(
            entry["image"],
            pixels,
            entry["px_per_mps"],
            entry["baseline_y"],
            entry["px_per_s"],
            tuple(entry["spectral_bbox"]),
        )


@dataclass(frozen=True)
class Outcome:
    """What was read of a case."""

    case: Case
    reading: AxisReading
    seconds: float

    @property
    def scale_error(self) -> float | None:
        """Share that the scale is off by; None when refused, infinite where it should have been."""
        if self.reading.mps_per_px is None:
            return None
        return abs(1 / self.reading.mps_per_px) / self.case.px_per_mps - 1 if self.case.px_per_mps else np.inf

    @property
    def kind(self) -> str:
        """The verdict."""
        error = self.scale_error
        if error is None:
            return "refused" if self.case.px_per_mps else "right"
        if abs(error) <= RIGHT:
            return "right"
        if abs(error) <= SILENTLY_WRONG:
            return "2 to 5 % off"
        warned = [p for p in self.reading.problems if not p.code.startswith("time")]
        return "wrong, with a warning" if warned else "silently wrong"


def outcomes(cases: Iterator[Case], reader: OnnxTextReader) -> Iterator[Outcome]:
    for case in cases:
        start = time.perf_counter()
        reading = read_axis(case.pixels, reader)
        yield Outcome(case, reading, time.perf_counter() - start)


def report(title: str, results: list[Outcome], failures: Path | None) -> None:
    kinds = Counter(result.kind for result in results)
    print(f"\n{title}: {len(results)} pictures")
    for kind, count in kinds.most_common():
        bounds = wilson_interval(count, len(results))
        print(f"  {kind:24} {count:4} = {count / len(results):.1%} [{bounds.low:.1%}, {bounds.high:.1%}]")
    read = [result for result in results if result.reading.mps_per_px and result.case.px_per_mps]
    flipped = [r for r in read if r.reading.mps_per_px < 0]
    baseline = [abs(r.reading.baseline_row - r.case.baseline_row) for r in read if r.kind == "right"]
    timed = [r for r in read if r.reading.s_per_px]
    off = [abs(1 / r.reading.s_per_px / r.case.px_per_s - 1) for r in timed]
    print(
        f"  upside down {len(flipped)}; baseline off by a median of {np.median(baseline):.2f} px, "
        f"most {max(baseline):.1f}"
    )
    print(
        f"  time read {len(timed)}, drawn in {sum(r.case.stated_time for r in read)}, "
        f"within 2 %: {sum(e <= 0.02 for e in off)}"
    )
    inside = [r for r in read if overlap(r.reading.box, r.case.box) >= 0.8]
    print(f"  display box overlaps the true one by 80 %: {len(inside)} of {len(read)}")
    print(f"  {np.median([r.seconds for r in results]) * 1000:.0f} ms a picture (median)")
    for result in results:
        if result.kind != "right":
            show_failure(result, failures)
    for result in flipped:
        print(f"  - upside down: {result.case.name} {result.case.describe}")
    for result, error in zip(timed, off, strict=True):
        if error > 0.02:
            problems = [p.code for p in result.reading.problems]
            print(f"  - time {error:+.1%} {result.reading.time_source}: {result.case.name} {problems}")


def overlap(box: Box, other: Box) -> float:
    """Intersection over union."""
    width = min(box[2], other[2]) - max(box[0], other[0])
    height = min(box[3], other[3]) - max(box[1], other[1])
    areas = [(b[2] - b[0]) * (b[3] - b[1]) for b in (box, other)]
    both = max(width, 0) * max(height, 0)
    return both / (sum(areas) - both)


def show_failure(result: Outcome, failures: Path | None) -> None:
    codes = ", ".join(problem.code for problem in result.reading.problems)
    error = "" if result.scale_error is None else f"{result.scale_error:+.1%} "
    print(
        f"  - {result.kind}: {result.case.name} {error}[{codes}] {[t.text for t in result.reading.ticks]} "
        f"{result.case.describe}"
    )
    if failures and result.case.describe:
        failures.mkdir(parents=True, exist_ok=True)
        Image.fromarray(result.case.pixels).save(failures / f"{result.case.name.replace(' ', '_')}.png")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--real", type=Path, help="folder with truth.json")
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--failures", type=Path, help="folder for the pictures that failed")
    options = parser.parse_args()
    reader = OnnxTextReader()
    if options.count:
        report(
            "Synthetic screenshots",
            list(outcomes(synthetic_cases(options.count, options.seed), reader)),
            options.failures,
        )
    if options.real:
        report("Real pictures", list(outcomes(real_cases(options.real), reader)), None)


if __name__ == "__main__":
    main()
