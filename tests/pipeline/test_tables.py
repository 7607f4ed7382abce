import pytest

from echomine.pipeline.tables import TextTable


def test_markdown_escapes_the_column_mark():
    table = TextTable(title="T", headers=("a", "b"), rows=(("x|y", "1"),))
    assert table.markdown().splitlines() == ["### T", "", "| a | b |", "| --- | --- |", "| x\\|y | 1 |"]


def test_a_short_row_is_refused():
    with pytest.raises(ValueError, match="T: a row has 1 cells for 2 headers"):
        TextTable(title="T", headers=("a", "b"), rows=(("x",),))
