"""How far a small classifier tells synthetic displays from real ones: the lower its AUC, the closer they are.

    python -m benchmarks.display_realism ../shared/data/doppler/dev [--images 64] [--seed 7]

Real CW strips of the aortic valve against synthetic CW displays of the aortic valve with peak velocities in the same
range. Small patches are described by grey levels, gradients and correlations along either axis, once in the pixels of
the picture and once on a physical grid (m/s and s, what networks see); a random forest is trained on whole images and
scores others, all pictures of one suspected patient on one side. The truth of the real strips places the grid, no more.
"""

import argparse
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold

from echomine.domain.records import Calibration
from echomine.domain.vocabulary import CalibrationSource, DopplerMode, Valve
from echomine.doppler.display import PhysicalGrid, Pixels, SpectralDisplay, resample_bytes
from echomine.synthetic.config import LECTURE
from echomine.synthetic.images import draw_image
from echomine.synthetic.plan import plan_archive

GRID = PhysicalGrid(lowest_mps=-4.5, highest_mps=1.5, rows=144, seconds=2.4, columns=240)
PATCH, PATCHES_PER_IMAGE = 32, 40
SLOWEST_MPS, FASTEST_MPS = 2.2, 4.0
REPEATS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One display, the patient that it may come from, and whether it is real."""

    display: SpectralDisplay
    group: str
    real: bool


def real_samples(folder: Path) -> list[Sample]:
    """The CW strips of the aortic valve."""
    entries = json.loads((folder / "truth.json").read_text(encoding="utf-8"))
    chosen = [one for one in entries if one["mode"] == "CW" and one["valve"] == "aortic"]
    return [_real(folder, one) for one in chosen]


def _real(folder: Path, entry: dict[str, object]) -> Sample:
    pixels = np.asarray(Image.open(folder / str(entry["image"])).convert("RGB")).max(axis=2)
    x0, y0, x1, y1 = (int(edge) for edge in entry["spectral_bbox"])  # type: ignore[attr-defined]
    calibration = Calibration(
        mps_per_px=1 / float(entry["px_per_mps"]),  # type: ignore[arg-type]
        baseline_y=float(entry["baseline_y"]) - y0,  # type: ignore[arg-type]
        s_per_px=1 / float(entry["px_per_s"]),  # type: ignore[arg-type]
        source=CalibrationSource.AXIS,
    )
    display = SpectralDisplay(pixels=np.ascontiguousarray(pixels[y0:y1, x0:x1]), calibration=calibration)
    return Sample(display=display, group=str(entry["suspected_same_patient_group"] or entry["image"]), real=True)


def synthetic_samples(count: int, seed: int) -> list[Sample]:
    """Displays of an archive of the lecture's kind."""
    return list(_synthetic(count, seed))


def _synthetic(count: int, seed: int) -> Iterator[Sample]:
    plan, _ = plan_archive(LECTURE, seed)
    found = 0
    for image in plan.images:
        if image.valve is not Valve.AORTIC or image.mode is not DopplerMode.CW:
            continue
        drawn = draw_image(LECTURE, seed, image)
        fastest = drawn.exam.valves[image.valve].forward.vmax_mps
        if drawn.settings.inverted or not SLOWEST_MPS < fastest < FASTEST_MPS:
            continue
        layout, settings = drawn.settings.layout, drawn.settings
        crop = drawn.levels[layout.y0 : layout.y0 + layout.height, layout.x0 : layout.x0 + layout.width]
        calibration = Calibration(
            mps_per_px=settings.mps_per_px, baseline_y=float(settings.baseline_row), s_per_px=settings.s_per_px
        )
        yield Sample(
            display=SpectralDisplay(pixels=np.ascontiguousarray(crop), calibration=calibration),
            group=f"synthetic {image.exam.patient_index}",
            real=False,
        )
        found += 1
        if found == count:
            return


def physical_picture(display: SpectralDisplay) -> Pixels:
    """The display on the grid."""
    return np.asarray(resample_bytes(display, GRID)[0])


def plain_picture(display: SpectralDisplay) -> Pixels:
    """The display as it is."""
    return display.pixels


def patch_features(picture: Pixels, rng: np.random.Generator) -> NDArray[np.float64]:
    """(patches, features) of patches drawn where there is a picture at all."""
    rows = []
    for _ in range(PATCHES_PER_IMAGE):
        y = int(rng.integers(picture.shape[0] - PATCH))
        x = int(rng.integers(picture.shape[1] - PATCH))
        rows.append(_describe(picture[y : y + PATCH, x : x + PATCH].astype(np.float64)))
    return np.stack(rows)


def _describe(patch: NDArray[np.float64]) -> NDArray[np.float64]:
    histogram = np.histogram(patch, bins=12, range=(0, 256))[0] / patch.size
    centred = patch - patch.mean()
    power = float((centred**2).mean()) + 1.0
    lags = [float((centred[lag:] * centred[:-lag]).mean()) / power for lag in (1, 2, 4, 8)]
    lags += [float((centred[:, lag:] * centred[:, :-lag]).mean()) / power for lag in (1, 2, 4, 8)]
    edges = [np.abs(np.diff(patch, axis=axis)) for axis in (0, 1)]
    slopes = [float(np.quantile(edge, share)) for edge in edges for share in (0.5, 0.9, 0.99)]
    lines = [float(patch.mean(axis=axis).std()) for axis in (0, 1)]
    return np.array([*histogram, *lags, *slopes, *lines, np.sqrt(power), patch.mean()])


def separation(samples: Sequence[Sample], picture: Callable[[SpectralDisplay], Pixels], seed: int) -> dict[str, float]:
    """AUC over single patches with its bootstrap interval over groups, and over images, the mean of their patches."""
    rng = np.random.default_rng(seed)
    features = [patch_features(picture(one.display), rng) for one in samples]
    real = np.array([one.real for one in samples])
    groups = np.array([one.group for one in samples])
    scores = np.zeros((len(samples), PATCHES_PER_IMAGE))
    for train, test in StratifiedGroupKFold(4, shuffle=True, random_state=seed).split(real, real, groups):
        forest = RandomForestClassifier(200, min_samples_leaf=5, class_weight="balanced", random_state=seed)
        forest.fit(np.concatenate([features[row] for row in train]), np.repeat(real[train], PATCHES_PER_IMAGE))
        for row in test:
            scores[row] = forest.predict_proba(features[row])[:, 1]
    low, high = _interval(real, scores, groups, rng)
    return {"patch": _patch_auc(real, scores), "low": low, "high": high, "image": _image_auc(real, scores)}


def _patch_auc(real: NDArray[np.bool_], scores: NDArray[np.float64]) -> float:
    return float(roc_auc_score(np.repeat(real, scores.shape[1]), scores.ravel()))


def _image_auc(real: NDArray[np.bool_], scores: NDArray[np.float64]) -> float:
    return float(roc_auc_score(real, scores.mean(axis=1)))


def _interval(
    real: NDArray[np.bool_], scores: NDArray[np.float64], groups: NDArray[np.str_], rng: np.random.Generator
) -> tuple[float, float]:
    names = np.unique(groups)
    rows_of = {name: np.flatnonzero(groups == name) for name in names}
    drawn = []
    for _ in range(REPEATS):
        rows = np.concatenate([rows_of[name] for name in rng.choice(names, len(names))])
        if 0 < real[rows].sum() < len(rows):
            drawn.append(_patch_auc(real[rows], scores[rows]))
    return float(np.quantile(drawn, 0.025)), float(np.quantile(drawn, 0.975))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("real", type=Path)
    parser.add_argument("--images", type=int, default=64)
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    samples = real_samples(options.real) + synthetic_samples(options.images, options.seed)
    print(f"{sum(one.real for one in samples)} real, {options.images} synthetic displays")
    for name, picture in (("pixels", plain_picture), ("physical grid", physical_picture)):
        found = separation(samples, picture, options.seed)
        interval = f"{found['low']:.3f} to {found['high']:.3f}"
        print(f"{name}: AUC of a patch {found['patch']:.3f} ({interval}), of an image {found['image']:.3f}")


if __name__ == "__main__":
    main()
