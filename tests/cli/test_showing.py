"""What commands print: tables whose rows can be read at every width, lines as they stand, signs of life."""

import io
import json
import sys
import time

import pytest

from echomine.cli import take_any_character
from echomine.cli.showing import Loading, RichProgress, fitting_columns, note, print_table, say

HEADERS = ("network", "task", "parameters", "paper")
NAME, PAPER = (
    "deeplabv3_mobilenet_v3_large",
    "Chen, Rethinking Atrous Convolution for Semantic Image Segmentation, 2017",
)
ROWS = [(NAME, "instance segmentation", "11,029,328", PAPER), ("enet", "segmentation", "349,284", "Paszke, 2016")]


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("width", [80, 100, 120])
def test_names_and_numbers_are_whole_where_a_table_is_too_narrow(
    width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    print_table("Image networks", HEADERS, ROWS)
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= width
    assert any(NAME in line and "11,029,328" in line for line in lines)
    words = " ".join(lines)
    assert all(word in words for word in PAPER.split()), "broken between words, and nothing is lost"


def test_a_narrow_table_leaves_out_its_last_columns_and_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    print_table("Image networks", HEADERS, ROWS)
    out, err = capsys.readouterr()
    assert any(line.split()[0] == NAME and "11,029,328" in line for line in out.splitlines() if line.strip())
    assert "Rethinking" not in out
    assert err == "Note: no room for paper: a wider terminal, a pipe or --json shows them\n"


def test_every_column_that_fits_is_whole_and_the_first_goes_before() -> None:
    def widths(width: int) -> list[int]:
        return [column.width for column in fitting_columns(HEADERS, ROWS, width=width)]

    longest = [max(map(len, column)) for column in zip(HEADERS, *ROWS, strict=True)]
    assert widths(200) == longest
    assert widths(80)[:3] == [28, 12, 10]
    assert 78 <= sum(widths(80)) + 4 * 3 + 1 <= 80, "what is left is given to what is broken"
    assert [len(fitting_columns(("a", "b", "c"), [("x" * 50,) * 3], width=width)) for width in (200, 20)] == [3, 2]
    assert [column.width for column in fitting_columns(("a", "b"), [], width=80)] == [1, 1]


@pytest.mark.parametrize("width", [80, 100, 120])
def test_words_are_never_broken_where_the_table_says_that_it_has_room(
    width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    rows = [
        ("2.25." + "7" * 39, "aortic regurgitation", "severe", "mean gradient 24.5", "moderate-severe", "none", "4")
    ]
    print_table("To review", ("image", "lesion", "measured", "by", "report", "retrieval", "grades apart"), rows)
    out, err = capsys.readouterr()
    assert max(map(len, out.splitlines())) <= width
    assert {"regurgitation", "gradient", "severe"} <= set(out.split())
    assert ("no room" in err) is (width < 120)


def test_what_is_piped_has_each_row_on_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    print_table("Image networks", HEADERS, [*ROWS, ("long", "", "", "word " * 80)])
    lines = capsys.readouterr().out.splitlines()
    assert any(line.split()[0] == NAME and line.rstrip().endswith(PAPER) for line in lines if line.strip())
    assert any(line.count("word") == 80 for line in lines)


def test_brackets_in_names_are_no_markup_and_paths_are_not_broken(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    path = "/data/[red]/[/old]/" + "long name/" * 8
    say(f"Report  {path}")
    note(f"it lies in {path}")
    print_table(f"Exported to {path}", ("what", "number"), [("labels [b]", "7")])
    out, err = capsys.readouterr()
    assert out.count(path) == 2
    assert "labels [b]" in out
    assert err == f"Note: it lies in {path}\n"


def test_a_terminal_says_that_libraries_load_and_takes_it_away(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    loading = Loading()
    loading.begin()
    until = time.monotonic() + 10
    while "Loading" not in terminal.getvalue():
        assert time.monotonic() < until
        time.sleep(0.05)
    loading.end()
    assert terminal.getvalue().endswith("\r\x1b[2K")


def test_nothing_is_said_where_something_comes_at_once_or_nobody_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    for stream, seconds in ((Terminal(), 0.0), (io.StringIO(), 1.2)):
        monkeypatch.setattr(sys, "stderr", stream)
        loading = Loading()
        loading.begin()
        time.sleep(seconds)
        loading.end()
        assert stream.getvalue() == ""


def test_a_stage_of_one_step_moves_while_it_lasts(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    with RichProgress().stage("Judge", 1):
        time.sleep(0.5)
    frames = {frame for frame in terminal.getvalue().split("Judge")[1:] if "0/?" in frame}
    assert len(frames) > 1
    assert "1/1" in terminal.getvalue()


def test_a_stage_that_fails_leaves_nothing_beside_the_error(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    with pytest.raises(ValueError, match="bad"), RichProgress().stage("Judge", 7):
        raise ValueError("bad")
    assert stream.getvalue() == ""
    with RichProgress().stage("Judge", 7) as advance:
        advance(7)
    assert stream.getvalue().split() == ["Judge", "0:00:00"]


def test_what_an_encoding_has_not_is_written_as_escapes() -> None:
    written = io.BytesIO()
    stream = io.TextIOWrapper(written, encoding="ascii")
    take_any_character(stream)
    stream.write('"a\udcff"')
    stream.flush()
    assert json.loads(written.getvalue()) == "a\udcff"
