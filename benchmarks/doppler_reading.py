"""How well displays are measured: real strips against hand readings, a synthetic archive against its physics; speed.

    python -m benchmarks.doppler_reading --real DATA/doppler/dev --archive ARCHIVE [--images 400] [--failures]

``--real`` is a folder with ``truth.json`` and its pictures, read as pictures: the scale comes from the axis.
``--archive`` is a synthetic archive written by echomine (``truth.csv`` beside ``images/``), read by its DICOM scale.
Intervals are 95 %, by bootstrap over whole images.
"""

import argparse
import json
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from echomine.archive.truth import read_truth
from echomine.domain.records import Measurement, TrueFinding
from echomine.domain.vocabulary import Disease, Valve
from echomine.metrics.intervals import bootstrap_by_group, wilson_interval
from echomine.pipeline.measure_image import measure_image
from echomine.pipeline.tables import TextTable
from echomine.reports.grading import grade_measurements

SEED = 0
NOTABLE_MMHG = 3
"""Below, a per cent of a mean gradient says nothing: no guideline grades it."""
FAILED_BEAT_PCT, FAILED_IMAGE_PCT = 10.0, 6.0
GRADES = ("none_or_sclerosis", "mild", "moderate", "severe")


@dataclass(slots=True)
class Scores:
    """Errors in % of the truth by name of the figure, each with the image it comes from."""

    errors: dict[str, list[tuple[str, float]]] = field(default_factory=dict)
    counts: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    failures: list[tuple[str, str]] = field(default_factory=list)

    def add(self, name: str, image: str, found: float | None, truth: float | None) -> float | None:
        """The error of a figure, kept; None and nothing kept where there is none."""
        if found is None or not truth:
            return None
        error = 100.0 * (found / truth - 1.0)
        self.errors.setdefault(name, []).append((image, error))
        return error

    def count(self, name: str, hits: int, of: int) -> None:
        """Keeps hits and trials of a share."""
        self.counts.setdefault(name, []).append((hits, of))

    def rows(self, goals: dict[str, str]) -> Iterator[tuple[str, ...]]:
        """One row a figure: mean absolute error with its interval, median absolute error, bias."""
        rng = np.random.default_rng(SEED)
        for name, found in self.errors.items():
            values = np.array([error for _, error in found])
            interval = bootstrap_by_group(
                lambda rows, values=values: float(np.mean(np.abs(values[rows]))), [image for image, _ in found], rng
            )
            text = f"{interval.value:.2f} ({interval.low:.2f} to {interval.high:.2f})"
            yield (
                name,
                str(len(values)),
                text,
                f"{np.median(np.abs(values)):.2f}",
                f"{values.mean():+.2f}",
                goals.get(name, ""),
            )

    def count_rows(self, goals: dict[str, str]) -> Iterator[tuple[str, ...]]:
        """One row a share, with Wilson's interval."""
        for name, found in self.counts.items():
            hits, of = sum(one for one, _ in found), sum(other for _, other in found)
            share = wilson_interval(hits, of)
            yield (
                name,
                f"{hits} of {of}",
                f"{share.value:.3f} ({share.low:.3f} to {share.high:.3f})",
                goals.get(name, ""),
            )


# ---------------------------------------------------------------- real strips


def score_real(folder: Path) -> Scores:
    """Every picture of a truth table measured as a picture."""
    scores = Scores()
    for truth in json.loads((folder / "truth.json").read_text(encoding="utf-8")):
        if truth["mode"] == "TDI":
            _score_tissue(truth, folder, scores)
            continue
        document = measure_image(folder / truth["image"]).document()
        _score_strip(truth, document, scores)
    return scores


def _score_tissue(truth: dict[str, Any], folder: Path, scores: Scores) -> None:
    codes = {problem["code"] for problem in measure_image(folder / truth["image"]).document()["problems"]}
    scores.count("tissue Doppler said to be", int("tissue_velocities" in codes), 1)


def _score_strip(truth: dict[str, Any], document: dict[str, Any], scores: Scores) -> None:
    name = truth["image"]
    scale = scores.add("scale, px per m/s", name, document["px_per_mps"], truth["px_per_mps"])
    scores.count("scale within 2 %", int(scale is not None and abs(scale) <= 2), 1)
    scores.count("main flow on the right side", int(_right_side(document, truth)), 1)
    error = scores.add("Vmax, image", name, document["vmax_mps"], truth["vmax_mps"])
    if error is None or abs(error) > FAILED_IMAGE_PCT:
        scores.failures.append((name, "no Vmax" if error is None else f"Vmax {error:+.1f} %"))
    _score_beats(truth, document["beats"], scores)
    if truth.get("gradable"):
        _score_grade(truth, document["vmax_mps"], scores)


def _right_side(document: dict[str, Any], truth: dict[str, Any]) -> bool:
    return bool(document["toward_probe"] is (truth["direction"] == "toward"))


def _score_beats(truth: dict[str, Any], beats: Sequence[dict[str, Any]], scores: Scores) -> None:
    name, left = truth["image"], list(beats)
    for number, true in enumerate(truth["beats"]):
        hit = next((beat for beat in left if _same(beat, true)), None)
        scores.count("complete beats found", int(hit is not None), 1)
        if hit is None:
            scores.failures.append((name, f"beat {number} not found"))
            continue
        left.remove(hit)
        error = scores.add("Vmax, beat", name, hit["vmax_mps"], true["vmax_mps"])
        if error is not None and abs(error) > FAILED_BEAT_PCT:
            scores.failures.append((name, f"beat {number}: Vmax {error:+.1f} %"))
        trace = truth.get("trace")
        if trace and trace["beat"] == number:
            scores.add("VTI against hand trace", name, hit["vti_cm"], trace["vti_cm"])
            scores.add("mean gradient against hand trace", name, hit["mean_gradient_mmhg"], trace["mean_gradient_mmhg"])
            scores.add("duration against hand trace", name, hit["duration_ms"], trace["ejection_time_ms"])
    scores.count("beats that are none (of those found)", len(left), len(beats))
    scores.failures.extend((name, f"beat at column {beat['x_peak']} is none") for beat in left)


def _same(beat: dict[str, Any], true: dict[str, Any]) -> bool:
    return bool(true["x_range"][0] <= beat["x_peak"] <= true["x_range"][1])


def _score_grade(truth: dict[str, Any], vmax_mps: float | None, scores: Scores) -> None:
    found = aortic_grade(vmax_mps) if vmax_mps is not None else -2
    off = abs(found - GRADES.index(truth["grade"]))
    kind = "borderline" if truth["grade_borderline"] else "not borderline"
    scores.count(f"AS grade exact, {kind}", int(off == 0), 1)
    scores.count("AS grade off by two", int(off > 1), 1)


def aortic_grade(vmax_mps: float) -> int:
    """0 none or sclerosis .. 3 severe, by EACVI/ASE 2017 from the velocity rounded to a tenth."""
    measured = Measurement(name="vmax", value=round(vmax_mps, 1), unit="m/s", valve=Valve.AORTIC)
    (grade,) = grade_measurements([measured], guidelines=["EACVI/ASE 2017"])
    return {"none": 0, "mild": 1, "moderate": 2, "severe": 3}[grade.severity.grade.word]


REAL_GOALS = {
    "Vmax, image": "<= 4",
    "Vmax, beat": "<= 5",
    "VTI against hand trace": "<= 8",
    "mean gradient against hand trace": "<= 12",
    "scale within 2 %": ">= .90",
    "complete beats found": ">= .90",
    "beats that are none (of those found)": "<= .10",
    "AS grade exact, not borderline": ">= .90",
    "AS grade off by two": "0",
}


# ---------------------------------------------------------------- synthetic archive


def score_archive(folder: Path, images: int) -> tuple[Scores, dict[str, int]]:
    """The flows of a synthetic archive: forward flow and jet of each image against the physics."""
    truths: dict[str, list[TrueFinding]] = {}
    for row in read_truth(folder / "truth.csv"):
        truths.setdefault(row.image_id, []).append(row)
    scores, told = Scores(), {"flows": 0, "measured": 0}
    for path in sorted((folder / "images").rglob("*.dcm"))[:images]:
        document = measure_image(path).document()
        for row in truths.get(_uid_of(path), []):
            if row.flow is not None:
                told["flows"] += 1
                told["measured"] += _score_flow(row, path.stem, document, scores)
    return scores, told


def _uid_of(path: Path) -> str:
    from pydicom import dcmread

    return str(dcmread(path, stop_before_pixels=True, specific_tags=["SOPInstanceUID"]).SOPInstanceUID)


def _score_flow(row: TrueFinding, image: str, document: dict[str, Any], scores: Scores) -> bool:
    assert row.flow is not None
    forward_toward = row.valve in (Valve.MITRAL, Valve.TRICUSPID)
    toward = forward_toward == (row.disease is Disease.STENOSIS)
    found = next((flow for flow in document["flows"] if flow["toward_probe"] is toward), None)
    kind = f"{row.valve.value} {'forward' if row.disease is Disease.STENOSIS else 'jet'}"
    scores.count(f"measured: {kind}", int(found is not None), 1)
    if found is None:
        return False
    for figure, key, truth in (
        ("Vmax", "vmax_mps", row.flow.vmax_mps),
        ("mean gradient", "mean_gradient_mmhg", row.flow.mean_gradient_mmhg),
        ("VTI", "vti_cm", row.flow.vti_cm),
        ("half-time", "pht_ms", row.flow.pht_ms),
    ):
        error = scores.add(f"{figure}, all", image, found[key], truth)
        scores.add(f"{figure}, {found['quality']} quality", image, found[key], truth)
        if figure == "mean gradient" and truth and truth >= NOTABLE_MMHG and found["quality"] == "high":
            scores.add(f"mean gradient of {NOTABLE_MMHG} mmHg or more, high quality", image, found[key], truth)
        if found["quality"] == "high":
            scores.add(f"{figure}, {kind}, high quality", image, found[key], truth)
        if figure == "Vmax" and error is not None and abs(error) > FAILED_BEAT_PCT:
            scores.failures.append((image, f"{kind}: Vmax {error:+.1f} % of {truth:.2f} m/s"))
    return True


ARCHIVE_GOALS = {
    f"{figure}, {which}": goal
    for figure, goal in (("Vmax", "<= 3"), ("mean gradient", "<= 7"), ("VTI", "<= 6"), ("half-time", "<= 8"))
    for which in ("all", "high quality")
}


def images_per_second(paths: Sequence[Path]) -> float:
    """Median over three rounds of images measured a second, in this process, after a first image."""
    measure_image(paths[0])
    rounds = []
    for _ in range(3):
        start = time.perf_counter()
        for path in paths:
            measure_image(path)
        rounds.append(len(paths) / (time.perf_counter() - start))
    return statistics.median(rounds)


def _print(title: str, scores: Scores, goals: dict[str, str], *, failures: bool) -> None:
    headers = ("figure", "n", "mean absolute error, %", "median", "bias", "goal")
    print(TextTable(title=title, headers=headers, rows=tuple(scores.rows(goals))).markdown())
    shares = ("share", "n", "value", "goal")
    print(TextTable(title=f"{title}: shares", headers=shares, rows=tuple(scores.count_rows(goals))).markdown())
    if failures:
        print(TextTable(title=f"{title}: failures", headers=("image", "what"), rows=tuple(scores.failures)).markdown())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--real", type=Path, help="folder with truth.json and its pictures")
    parser.add_argument("--archive", type=Path, help="synthetic archive with truth.csv")
    parser.add_argument("--images", type=int, default=400, help="how many images of the archive")
    parser.add_argument("--failures", action="store_true", help="name every failure")
    options = parser.parse_args()
    if options.real:
        _print("Real strips", score_real(options.real), REAL_GOALS, failures=options.failures)
        paths = sorted((options.real).rglob("*.png"))
        print(f"speed, reading the axis: {images_per_second(paths):.1f} images/s (goal 8)\n")
    if options.archive:
        scores, told = score_archive(options.archive, options.images)
        _print("Synthetic archive", scores, ARCHIVE_GOALS, failures=options.failures)
        print(f"flows measured: {told['measured']} of {told['flows']}")
        paths = sorted((options.archive / "images").rglob("*.dcm"))[:40]
        print(f"speed, DICOM scale: {images_per_second(paths):.1f} images/s (goal 40 at 1024x768)")


if __name__ == "__main__":
    main()
