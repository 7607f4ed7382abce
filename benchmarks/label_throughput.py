"""Labelling end to end, beside decode and bare forward passes of the same network, in one run.

    python -m benchmarks.label_throughput                           2,000 images; memory at 500 and 5,000
    python -m benchmarks.label_throughput --images 300 --memory     a quick look

"bare" decodes each file with pydicom alone (no checks, no hash, no crop), on a thread a core, and
passes ready tensors of the same size through the same network in batches of the same size; "bare, one thread" does
the same without threads. Labelling opens the models, reads, checks, crops, resamples, forwards, searches, votes and
commits. The archive is a synthetic one of full size, its images repeated under new identifiers. Rounds alternate; the
median counts. Memory is the peak of a process of its own that labels all images of its workspace.
"""

import argparse
import os
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pydicom
import torch

from echomine.archive.synthetic_writer import write_archive
from echomine.archive.workspace import Workspace
from echomine.pipeline.ingest import ingest
from echomine.pipeline.label_archive import FORWARD_SIZE, label_archive
from echomine.pipeline.learn import learn
from echomine.pipeline.model_chain import load_chain
from echomine.pipeline.settings import settings_from
from echomine.synthetic.config import ArchiveConfig

GOAL = 0.75
PARAGRAPHS, DRAWN = 10_253, 240
QUICK = {"text_space": {"epochs": 3}, "image_feature": {"epochs": 2}, "labeller": {"folds": 2}}
"""The models need the right sizes here, not the best weights."""


def make_models(folder: Path, *, paragraphs: int) -> Path:
    """A workspace that has learnt from a synthetic archive and holds its images."""
    config = ArchiveConfig(
        n_reported_pairs=40, n_unreported_images=DRAWN - 40, n_valve_paragraphs=paragraphs, n_views=80
    )
    write_archive(folder / "archive", config, seed=0, workers=os.cpu_count() or 1)
    workspace = Workspace.open(folder / "workspace", create=True, pseudonym_key=b"benchmark")
    ingest(workspace, [folder / "archive"])
    learn(workspace, settings_from(QUICK), seed=0)
    workspace.close()
    return folder / "workspace"


def with_images(models: Path, folder: Path, count: int) -> Path:
    """A workspace of ``count`` images without a label: copies of the archive's under new identifiers."""
    source, workspace = folder / "source", folder / "workspace"
    drawn = sorted((models.parent / "archive" / "images").glob("*/*.dcm"))
    for number in range(count):
        place = source / f"{number // 250:03d}" / f"{number:06d}.dcm"
        place.parent.mkdir(parents=True, exist_ok=True)
        _renumbered(drawn[number % len(drawn)], place, number)
    opened = Workspace.open(workspace, create=True, pseudonym_key=b"benchmark")
    ingest(opened, [source])
    opened.close()
    shutil.rmtree(workspace / "artifacts")
    shutil.copytree(models / "artifacts", workspace / "artifacts")
    return workspace


def _renumbered(image: Path, place: Path, number: int) -> None:
    dataset = pydicom.dcmread(image)
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = f"2.25.{10**12 + number}"
    dataset.save_as(place, enforce_file_format=True)


def forget(workspace: Path) -> None:
    """Makes every image pending again."""
    with sqlite3.connect(workspace / "catalog.sqlite") as connection:
        connection.execute("delete from ledger")
        connection.execute("delete from labels where source = 'retrieval'")


def label_seconds(workspace: Path) -> float:
    """Time to label all images of a workspace."""
    forget(workspace)
    began = time.perf_counter()
    label_archive(Workspace.open(workspace))
    return time.perf_counter() - began


def bare_seconds(workspace: Path, *, threads: int) -> float:
    """Time to decode all images and to pass as many ready tensors through the network."""
    opened = Workspace.open(workspace)
    feature = load_chain(opened).feature
    paths = [one.path for one in opened.catalog.images.all()]
    batch = np.zeros((FORWARD_SIZE, 1, feature.config.grid.rows, feature.config.grid.columns), dtype=np.uint8)
    began = time.perf_counter()
    for number, _ in enumerate(_decoded(paths, threads), start=1):
        if number % FORWARD_SIZE == 0 or number == len(paths):
            feature.embed(batch)
    return time.perf_counter() - began


def _decoded(paths: list[Path], threads: int) -> Iterator[tuple[int, ...]]:
    if not threads:
        yield from map(_decode, paths)
        return
    with ThreadPoolExecutor(threads) as pool:
        yield from pool.map(_decode, paths)


def _decode(path: Path) -> tuple[int, ...]:
    return tuple(pydicom.dcmread(path).pixel_array.shape)


def peak_mib(workspace: Path) -> tuple[float, float]:
    """Peak memory in MiB of a process that labels a workspace, before labelling and in all."""
    command = [sys.executable, "-m", "benchmarks.label_throughput", "--label-and-tell", str(workspace)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    before, after = done.stdout.split()
    return float(before), float(after)


def label_and_tell(workspace: Path) -> None:
    """Label, then print the peak memory of this process before and after."""
    opened = Workspace.open(workspace)
    load_chain(opened)
    before = _high_water_mib()
    label_archive(opened)
    print(before, _high_water_mib())


def _high_water_mib() -> float:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def speed_table(workspace: Path, images: int, rounds: int) -> float:
    """Print rates; labelling against bare decode and forward."""
    threads = os.cpu_count() or 1
    ways: dict[str, Callable[[], float]] = {
        "bare, one thread": lambda: bare_seconds(workspace, threads=0),
        f"bare, {threads} threads": lambda: bare_seconds(workspace, threads=threads),
        "label, end to end": lambda: label_seconds(workspace),
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, run in ways.items():
            seconds[name].append(run())
    middle = {name: statistics.median(taken) for name, taken in seconds.items()}
    for name, taken in middle.items():
        print(f"{name:<20} {images / taken:8.1f} images/s  {taken:7.2f} s  rounds {_words(seconds[name])}", flush=True)
    one, many, ours = middle.values()
    print(f"label against the faster bare loop: {min(one, many) / ours:.2f} (goal {GOAL})", flush=True)
    return min(one, many) / ours


def _words(seconds: list[float]) -> str:
    return " ".join(f"{one:.2f}" for one in seconds)


def memory_table(models: Path, folder: Path, counts: list[int]) -> None:
    """Print the peak memory of labelling so many images."""
    for count in counts:
        before, peak = peak_mib(with_images(models, folder / str(count), count))
        print(f"peak memory at {count:>6} images: {peak:7.0f} MiB, {before:.0f} before labelling", flush=True)
        shutil.rmtree(folder / str(count))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--memory", type=int, nargs="*", default=[500, 5000], help="image counts")
    parser.add_argument("--paragraphs", type=int, default=PARAGRAPHS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--label-and-tell", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.label_and_tell:
        label_and_tell(options.label_and_tell)
        return
    with tempfile.TemporaryDirectory(prefix="echomine-bench-") as name:
        folder = Path(name)
        print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, {os.cpu_count()} cores", flush=True)
        models = make_models(folder / "models", paragraphs=options.paragraphs)
        speed_table(with_images(models, folder / "speed", options.images), options.images, options.rounds)
        memory_table(models, folder, options.memory)


if __name__ == "__main__":
    main()
