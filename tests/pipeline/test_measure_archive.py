"""Measuring a whole archive."""

from itertools import count
from typing import Any

import pytest

from echomine.archive.reading_pool import ReadingPool
from echomine.archive.workspace import Workspace
from echomine.domain.errors import Reason
from echomine.domain.vocabulary import Valve
from echomine.pipeline import measuring, read_ahead
from echomine.pipeline.measure_archive import measure_archive
from echomine.pipeline.measured_labels import SuggestedValve


def test_a_display_that_cannot_be_measured_stops_no_batch(mined_copy: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    numbers, read = count(), measuring.read_display

    def sometimes(*arguments: Any, **options: Any) -> Any:
        if next(numbers) == 3:
            raise ZeroDivisionError
        return read(*arguments, **options)

    monkeypatch.setattr(measuring, "read_display", sometimes)
    monkeypatch.setattr(read_ahead, "reading_processes", lambda: 0)
    result = measure_archive(Workspace.open(mined_copy.workspace))
    (problem,) = result.problems
    assert problem.reason is Reason.FAILED
    assert problem.message == "measuring it failed (ZeroDivisionError); please report this"
    counts = {name: number for name, number in result.counts.items() if name != "conflicts"}
    assert (counts["quarantined"], sum(counts.values())) == (1, 80)


def test_it_does_not_matter_which_process_measures(mined_copy: Any) -> None:
    workspace = Workspace.open(mined_copy.workspace)
    files = list(workspace.catalog.images.all())
    work = measuring.Measuring(
        {one.record.image_id: SuggestedValve(valve=Valve.AORTIC, confidence=0.9) for one in files}
    )
    here = [work.here(one) for one in files]
    assert sum(map(len, here)) > 20
    pool = ReadingPool(1, work.module)
    assert pool.submit(files, work).result(120) == here
    pool.close()
