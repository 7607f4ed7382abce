"""Labelling end to end, beside decode and bare forward passes of the same network, in one run.

    python -m benchmarks.label_throughput                           2,000 images; memory at 500 and 5,000
    python -m benchmarks.label_throughput --images 300 --memory     a quick look

"bare" decodes each file with pydicom alone (no checks, no hash, no crop), and passes ready tensors of the same size
through the same network in batches of the same size: in one thread, with a thread a core that decodes, or with as
many processes that decode as labelling has. What the network measures on a display is a part of its pass. Labelling
opens the models, reads, checks, crops, resamples, measures, forwards, searches, votes and commits. All have the same
cores. The archive is a synthetic one of full size, its images repeated under new identifiers. Rounds alternate; the
median counts. Processor seconds, of the processes that read as well, tell the work apart from what else the machine
does. Memory is the peak of a process of its own that labels all images of its workspace, and of those that read for
it.
"""

import argparse
import multiprocessing
import os
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from itertools import cycle
from pathlib import Path

import numpy as np
import pydicom
import torch

from echomine.archive.grid_reading import OnGrid, read_on_grid
from echomine.archive.reading_pool import reading_processes
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
READY = 256
"""Displays on the grid that bare forward passes take in turn; blank ones would be cheaper to describe."""
QUICK = {"text_space": {"epochs": 3}, "image_feature": {"kernels": 500, "sample": 200}, "labeller": {"folds": 2}}
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


def bare_seconds(workspace: Path, decoders: Executor | None) -> float:
    """Time to decode all images and to pass as many ready tensors through the network."""
    opened = Workspace.open(workspace)
    feature = load_chain(opened).feature
    files = list(opened.catalog.images.all())
    ready = [read.pixels for one in files[:READY] if isinstance(read := read_on_grid(one, feature.config.grid), OnGrid)]
    batches = cycle([np.stack(ready[at : at + FORWARD_SIZE]) for at in range(0, len(ready), FORWARD_SIZE)])
    paths = [one.path for one in files]
    began = time.perf_counter()
    decoded = decoders.map(_decode, paths, chunksize=16) if decoders else map(_decode, paths)
    for number, _ in enumerate(decoded, start=1):
        if number % FORWARD_SIZE == 0 or number == len(paths):
            feature.embed(next(batches))
    return time.perf_counter() - began


def _decode(path: Path) -> tuple[int, ...]:
    return tuple(pydicom.dcmread(path).pixel_array.shape)


def processor_seconds() -> float:
    """Of this process and of those that it started and that are still there."""
    ticks = 0
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == os.getpid():
            ticks += int(fields[11]) + int(fields[12])
    return time.process_time() + ticks / os.sysconf("SC_CLK_TCK")


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
    print(before, _high_water_mib() + sum(map(_high_water_mib, _children())))


def _children() -> list[str]:
    tasks = Path("/proc/self/task").glob("*/children")
    return [number for task in tasks for number in task.read_text(encoding="ascii").split()]


def _high_water_mib(process: str = "self") -> float:
    status = Path(f"/proc/{process}/status").read_text(encoding="ascii")
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def speed_table(workspace: Path, images: int, rounds: int) -> float:
    """Print rates; labelling against the fastest of bare decode and forward."""
    cores, processes = os.cpu_count() or 1, max(1, reading_processes())
    spawning = multiprocessing.get_context("spawn")
    with ThreadPoolExecutor(cores) as threads, ProcessPoolExecutor(processes, mp_context=spawning) as others:
        ways: dict[str, Callable[[], float]] = {
            "label, end to end": lambda: label_seconds(workspace),
            "bare, one thread": lambda: bare_seconds(workspace, None),
            f"bare, {cores} threads": lambda: bare_seconds(workspace, threads),
            f"bare, {processes} process beside": lambda: bare_seconds(workspace, others),
        }
        taken = _alternating(ways, rounds)
    middle = {name: statistics.median(seconds for seconds, _ in both) for name, both in taken.items()}
    for name, both in taken.items():
        work = statistics.median(busy for _, busy in both)
        print(
            f"{name:<22} {images / middle[name]:8.1f} images/s  {middle[name]:7.2f} s, {work:.2f} of a processor"
            f"  rounds {' '.join(f'{seconds:.2f}' for seconds, _ in both)}",
            flush=True,
        )
    ours, *bare = middle.values()
    for name, seconds in zip(list(ways)[1:], bare, strict=True):
        print(f"label against {name}: {seconds / ours:.2f}", flush=True)
    print(f"label against the fastest: {min(bare) / ours:.2f} (goal {GOAL})", flush=True)
    return min(bare) / ours


def _alternating(ways: dict[str, Callable[[], float]], rounds: int) -> dict[str, list[tuple[float, float]]]:
    """Wall and processor seconds of every round of every way, after a first one that does not count."""
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name, run in ways.items():
            before = processor_seconds()
            seconds = run()
            if number:
                taken[name].append((seconds, processor_seconds() - before))
    return taken


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
