"""Displays read by other processes, which may die."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from echomine.archive import reading_pool
from echomine.archive.grid_reading import Answer, GridReading, OnGrid, read_on_grid
from echomine.archive.reading_pool import ReadingPool, reading_processes, shared_pool
from echomine.archive.spectral_files import ImageFile, read_spectral_file
from echomine.domain.errors import ItemError, Reason
from echomine.domain.records import ImageRecord
from echomine.doppler.display import PhysicalGrid

SAMPLES = Path(__file__).parents[2] / "data_samples"
GRID = PhysicalGrid(rows=40, columns=30)
WORK = GridReading(GRID)


def file_of(path: Path) -> ImageFile:
    read = read_spectral_file(path)
    return ImageFile(
        record=ImageRecord(
            image_id=read.image_id,
            content_sha256=read.content_sha256,
            mode=read.display.mode,
            box=read.box,
            calibration=read.display.calibration,
        ),
        path=path,
    )


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[ImageFile]:
    """Calibrated, uncalibrated, a picture, a name that is no Unicode, one that is gone."""
    folder = tmp_path_factory.mktemp("files")
    strange = folder / os.fsdecode(b"caf\xe9 \n.dcm")
    shutil.copy(SAMPLES / "special" / "burned_in_name.dcm", strange)
    there = [*sorted(SAMPLES.glob("images/*/*.dcm"))[:4], SAMPLES / "special" / "screenshot_1.png", strange]
    known = [file_of(path) for path in there]
    return [*known, ImageFile(record=known[0].record, path=folder / "gone.dcm")]


@pytest.fixture
def pool() -> Iterator[ReadingPool]:
    """A pool of one process, closed at the end."""
    pool = ReadingPool(1, WORK.module)
    yield pool
    pool.close()


def plain(answer: Answer) -> object:
    if isinstance(answer, ItemError):
        return answer.reason, str(answer)
    return answer.pixels.shape, answer.pixels.tobytes(), answer.numbers is not None and answer.numbers.tobytes()


def test_the_answers_are_those_of_this_process(files: list[ImageFile], pool: ReadingPool) -> None:
    here = [plain(read_on_grid(one, GRID)) for one in files]
    assert here[-1] == (Reason.SOURCE_MISSING, "there is no such file; if there was, mount or ingest its source again")
    questions = [pool.submit(files, WORK), pool.submit(files[::-1], WORK), pool.submit([], WORK)]
    there, backwards, nothing = (one.result(60) for one in questions)
    assert list(map(plain, there)) == here
    assert list(map(plain, backwards)) == here[::-1]
    assert nothing == []
    assert all(one.pixels.flags.c_contiguous for one in there if isinstance(one, OnGrid))


def test_what_is_measured_there_is_what_is_measured_here(files: list[ImageFile], pool: ReadingPool) -> None:
    work = GridReading(PhysicalGrid(rows=192, columns=384, seconds=4.8), measured=True)
    here = [work.here(one) for one in files]
    assert (
        sum(
            isinstance(one, OnGrid) and one.numbers is not None and bool(np.isfinite(one.numbers).any()) for one in here
        )
        > 3
    )
    assert list(map(plain, pool.submit(files, work).result(60))) == list(map(plain, here))


@pytest.fixture
def poisoned(monkeypatch: pytest.MonkeyPatch) -> Iterator[ReadingPool]:
    """Reading processes that ``poison.dcm`` brings down, and that print while they read."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    pool = ReadingPool(1, "poisoned_reading")
    yield pool
    pool.close()


def test_a_file_that_brings_a_decoder_down_is_the_only_one_lost(files: list[ImageFile], poisoned: ReadingPool) -> None:
    pool = poisoned
    poison = ImageFile(record=files[0].record, path=SAMPLES / "poison.dcm")
    found = pool.submit([files[0], poison, files[1]], WORK).result(60)
    assert plain(found[1]) == (Reason.UNDECODABLE, "its decoder crashed; export it uncompressed")
    assert [plain(found[0]), plain(found[2])] == [plain(read_on_grid(one, GRID)) for one in files[:2]]
    assert plain(pool.submit([files[2]], WORK).result(60)[0]) == plain(read_on_grid(files[2], GRID))


def test_without_any_process_to_be_had_files_are_read_here(files: list[ImageFile]) -> None:
    pool = ReadingPool(1, "there_is_no_such_module")
    assert list(map(plain, pool.submit(files, WORK).result(60))) == [plain(read_on_grid(one, GRID)) for one in files]


ASK_AND_SLEEP = """
import sys, time
from pathlib import Path
from echomine.archive.grid_reading import GridReading
from echomine.archive.reading_pool import ReadingPool
from echomine.doppler.display import PhysicalGrid
work = GridReading(PhysicalGrid())
pool = ReadingPool(1, work.module)
pool.submit([], work).result()
print("up", flush=True)
time.sleep(100)
"""


def readers_of(process: int) -> list[int]:
    """Reading processes that a process started."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"echomine.archive.grid_reading" in words and str(process).encode() in words:
            found.append(int(folder.name))
    return found


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="looks for processes in /proc")
def test_nothing_is_left_when_the_one_who_asks_is_killed() -> None:
    asking = subprocess.Popen([sys.executable, "-c", ASK_AND_SLEEP], stdout=subprocess.PIPE)
    with asking:
        assert asking.stdout is not None
        assert asking.stdout.readline() == b"up\n"
        assert len(readers_of(asking.pid)) == 1
        asking.send_signal(signal.SIGKILL)
    until = time.monotonic() + 20
    while readers_of(asking.pid):
        assert time.monotonic() < until
        time.sleep(0.05)


def test_one_process_for_each_further_processor() -> None:
    assert 0 <= reading_processes() <= reading_pool.MOST_PROCESSES
    assert shared_pool(WORK.module) is shared_pool(WORK.module)
