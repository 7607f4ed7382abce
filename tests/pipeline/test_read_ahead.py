"""Work on files beside other processes: order, and whose processors are whose."""

from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import IO, Any, ClassVar

import pytest
import torch
from threadpoolctl import threadpool_limits

from echomine.archive.spectral_files import ImageFile
from echomine.domain.errors import ItemError
from echomine.domain.records import ImageRecord
from echomine.domain.vocabulary import DopplerMode
from echomine.pipeline import read_ahead
from echomine.pipeline.read_ahead import answered


class Names:
    """Answers with the name of a file."""

    module: ClassVar[str] = "none"

    def here(self, file: ImageFile) -> str:
        return file.path.name

    def crashed(self, problem: ItemError) -> str:
        raise AssertionError(problem)

    def question(self, files: Sequence[ImageFile]) -> bytes:
        raise AssertionError(files)

    def answers(self, stream: IO[bytes]) -> list[str]:
        raise AssertionError(stream)


class AnsweringPool:
    """A pool that has every answer at once."""

    def submit(self, files: Sequence[ImageFile], work: Names) -> "Future[list[str]]":
        future: Future[list[str]] = Future()
        future.set_result([work.here(one) for one in files])
        return future


@pytest.fixture
def beside_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two processors, one of which a reading process has."""
    monkeypatch.setattr(read_ahead, "processors", lambda: 2)
    monkeypatch.setattr(read_ahead, "reading_processes", lambda: 1)
    monkeypatch.setattr(read_ahead, "shared_pool", lambda _module: AnsweringPool())


def files(count: int) -> list[ImageFile]:
    record: dict[str, Any] = {"content_sha256": "", "mode": DopplerMode.CW, "box": (0, 0, 1, 1)}
    return [ImageFile(path=Path(str(number)), record=ImageRecord(image_id="", **record)) for number in range(count)]


@pytest.mark.usefixtures("beside_one")
@pytest.mark.parametrize("count", [0, 1, 63, 64, 65, 401])
def test_every_file_is_answered_once_and_in_order(count: int) -> None:
    assert [answer for _, answer in answered(files(count), Names())] == [str(number) for number in range(count)]


@pytest.mark.usefixtures("beside_one")
def test_libraries_leave_the_other_processes_their_processors_until_the_last_answer() -> None:
    with threadpool_limits(2):
        answers = answered(files(100), Names())
        next(answers)  # type: ignore[call-overload]
        assert torch.get_num_threads() == 1
        list(answers)
        assert torch.get_num_threads() == 2


@pytest.mark.usefixtures("beside_one")
def test_libraries_get_their_threads_back_when_the_answers_are_given_up() -> None:
    with threadpool_limits(2):
        answers = answered(files(100), Names())
        next(answers)  # type: ignore[call-overload]
        del answers
        assert torch.get_num_threads() == 2
