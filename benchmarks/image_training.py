"""Image networks trained on real and synthetic pictures: one table, each row one configuration in ``configs/``.

    python -m benchmarks.image_training --real ../shared/data                 every row
    python -m benchmarks.image_training --real ../shared/data --only camus    rows whose name holds a word

Rows on real data need the folders ``sunnybrook`` and ``camus``; the synthetic sets are drawn first, 600 displays with
beats and envelopes and 4,000 with valve and flow. Every row is split by patient and judged on patients the network
never saw; where ``split.folds`` is set, every patient is so judged, by the network of one fold, and the masks of all
folds stand in one figure. Intervals are bootstrapped over patients. A row that is there already is not trained again.
"""

import argparse
import json
import os
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from echomine.domain.errors import EchomineError
from echomine.metrics.intervals import bootstrap_by_group
from echomine.pipeline.draw_training_set import DrawnKind, draw_training_set
from echomine.pipeline.image_models import load_model, train
from echomine.pipeline.model_card import words_of
from echomine.pipeline.training_file import TrainingFile, read_training_file

CONFIGS = Path(__file__).parent / "configs"
SETS = {DrawnKind.BEATS: (600, 11), DrawnKind.VIEWS: (4000, 12)}
SHOWN = {
    "views": ("accuracy", "balanced_accuracy", "auroc"),
    "sunnybrook": ("dice_LV", "median"),
    "camus": ("dice", "dice_LV", "dice_myocardium", "dice_LA", "hausdorff_mm_LV"),
    "envelope": ("dice_envelope",),
    "beats": ("box_map50", "box_map", "mask_map50"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--real", type=Path, help="folder of the real data; without it, synthetic rows alone")
    parser.add_argument("--only", default="", help="a word in the names of the rows")
    parser.add_argument("--folds", type=int, nargs="+", help="only these folds of a cross-validation, numbered from 0")
    parser.add_argument("--out", type=Path, default=Path("image-training"))
    arguments = parser.parse_args()
    os.environ["ECHOMINE_REAL_DATA"] = str(arguments.real or "")
    os.environ["ECHOMINE_TRAINING_SETS"] = str(arguments.out / "sets")
    chosen = [path for path in sorted(CONFIGS.glob("*.toml")) if arguments.only in path.stem]
    if any(_is_synthetic(path) for path in chosen):
        _draw(arguments.out / "sets")
    rows = []
    for path in chosen:
        if _is_synthetic(path) or arguments.real:
            rows.append(_row(path, arguments.out, arguments.folds))
            print(_line(rows[-1]), flush=True)
    print(
        "\n"
        + "\n".join(
            ["| network | pictures | parameters | on the test part | processor minutes |", "|---|---|---|---|---|"]
        )
    )
    print("\n".join(_line(row) for row in rows))


def _is_synthetic(path: Path) -> bool:
    return "TRAINING_SETS" in path.read_text(encoding="utf-8")


def _draw(sets: Path) -> None:
    for kind, (count, seed) in SETS.items():
        if not (sets / kind).exists():
            draw_training_set(kind, sets / kind, count=count, seed=seed)


def _row(path: Path, out: Path, folds: Sequence[int] | None = None) -> dict[str, Any]:
    kept = out / "rows" / f"{'-'.join([path.stem, *map(str, folds or ())])}.json"
    if kept.exists():
        row: dict[str, Any] = json.loads(kept.read_text(encoding="utf-8"))
        return row
    file = read_training_file(path)
    try:
        runs = [_run(out, one) for one in _folds(file, folds)]
    except EchomineError as error:
        return {"name": path.stem, "network": file.model.network.name, "failed": str(error)}
    row = {"name": path.stem, "network": file.model.network.name, "seeds": f"{file.split.seed}, {file.seed}"}
    row |= _pooled(runs) if file.split.folds else runs[0]
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_text(json.dumps({name: row[name] for name in row if name != "scored"}, indent=1), encoding="utf-8")
    return row


def _folds(file: TrainingFile, chosen: Sequence[int] | None) -> list[TrainingFile]:
    """The file, or one for each fold of its cross-validation, of all or of the chosen ones."""
    numbers = [number for number in range(file.split.folds) if chosen is None or number in chosen]
    if not file.split.folds:
        return [file]
    return [
        replace(file, name=f"{file.name}_fold{number}", split=replace(file.split, fold=number)) for number in numbers
    ]


def _run(out: Path, file: TrainingFile) -> dict[str, Any]:
    kept = out / "runs" / f"{file.name}.json"
    if kept.exists():
        run: dict[str, Any] = json.loads(kept.read_text(encoding="utf-8"))
        return run
    processor = time.process_time()
    result = train(out / "workspace", file)
    model, _ = load_model(out / "workspace", file.name)
    assert result.scores is not None
    run = {
        "parameters": sum(part.numel() for part in model.network.parameters()),
        "figures": {name: words_of(one) for name, one in result.scores.figures.items()},
        "scored": list(result.scores.rows),
        "test": f"{result.scores.items} of {result.scores.groups} patients",
        "minutes": round(result.minutes, 1),
        "processor_minutes": round((time.process_time() - processor) / 60, 1),
    }
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_text(json.dumps(run, indent=1), encoding="utf-8")
    return run


def _pooled(runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The masks of all folds in one figure, of each structure and of their mean."""
    rows = [row for run in runs for row in run["scored"]]
    structures = list(dict.fromkeys(row["structure"] for row in rows))
    pictures: dict[str, dict[str, float]] = {}
    groups: dict[str, str] = {}
    for row in rows:
        value = row["dice"]
        pictures.setdefault(row["name"], {})[row["structure"]] = float("nan") if value is None else value
        groups[row["name"]] = row["group"]
    table = np.array([[one[structure] for structure in structures] for one in pictures.values()])
    columns = {f"dice_{structure}": table[:, [at]] for at, structure in enumerate(structures)} | {"dice": table}
    figures = {name: _interval(values, list(groups.values())) for name, values in columns.items()}
    return {
        "parameters": runs[0]["parameters"],
        "figures": figures | {"median": f"{np.nanmedian(table):.3f}"},
        "test": f"{len(table)} of {len(set(groups.values()))} patients in {len(runs)} fold(s)",
        "minutes": round(sum(run["minutes"] for run in runs), 1),
        "processor_minutes": round(sum(run["processor_minutes"] for run in runs), 1),
    }


def _interval(values: NDArray[np.float64], groups: Sequence[str]) -> str:
    def mean(rows: NDArray[np.int64]) -> float:
        return float(np.nanmean(np.nanmean(values[rows], axis=0)))

    return words_of(bootstrap_by_group(mean, groups, np.random.default_rng(0)))


def _line(row: dict[str, Any]) -> str:
    if "failed" in row:
        return f"| {row['network']} | {row['name']} | | {row['failed']} | |"
    wanted = next(names for word, names in SHOWN.items() if row["name"].startswith(word))
    figures = ", ".join(f"{name} {row['figures'][name]}" for name in wanted if name in row["figures"])
    data = f"{row['name'].split('_')[0]}, {row['test']}"
    return f"| {row['network']} | {data} | {row['parameters']:,} | {figures} | {row['processor_minutes']} |"


if __name__ == "__main__":
    main()
