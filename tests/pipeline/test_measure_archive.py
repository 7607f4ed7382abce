"""Measuring a whole archive."""

from itertools import count
from typing import Any

import pytest

from echomine.archive.workspace import Workspace
from echomine.domain.errors import Reason
from echomine.pipeline import measure_archive as measuring


def test_a_display_that_cannot_be_measured_stops_no_batch(mined_copy: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    numbers, read = count(), measuring.read_display

    def sometimes(*arguments: Any, **options: Any) -> Any:
        if next(numbers) == 3:
            raise ZeroDivisionError
        return read(*arguments, **options)

    monkeypatch.setattr(measuring, "read_display", sometimes)
    result = measuring.measure_archive(Workspace.open(mined_copy.workspace))
    (problem,) = result.problems
    assert problem.reason is Reason.FAILED
    assert problem.message == "measuring it failed (ZeroDivisionError); please report this"
    counts = {name: number for name, number in result.counts.items() if name != "conflicts"}
    assert (counts["quarantined"], sum(counts.values())) == (1, 80)
