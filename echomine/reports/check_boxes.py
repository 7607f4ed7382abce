"""Forms with boxes: what is not ticked was not said."""

import re
from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

from echomine.reports.scanning import Tokens, without_tokens

_BOX = re.compile(r"[☐☑☒]|\[ {0,3}(?:[xX✓✔*] {0,3})?\]|\( {0,3}(?:[xX✓✔] {0,3})?\)")
_TICKS = frozenset("xX✓✔*☑☒")
_SOME_BOX = re.compile(r"[☐☑☒]|[\[(] {0,3}[xX✓✔*]? {0,3}[\])]")


class _Box(NamedTuple):
    start: int
    end: int
    ticked: bool


def ticked_only(tokens: Tokens) -> Tokens:
    """The tokens without empty boxes and their words: ``[x] mild [ ] moderate`` is ``mild``.

    Boxes stand before their words, or behind them when a box ends the line. A line counts as a form when it begins
    with a box or has two or more; empty round brackets are boxes only beside a ticked one.
    """
    if not _SOME_BOX.search(tokens.text):
        return tokens
    dropped: list[tuple[int, int]] = []
    start = 0
    for line in tokens.text.split("\n"):
        boxes = _boxes(line)
        if boxes:
            dropped += [(start + first, start + last) for first, last in _unsaid(line, boxes)]
        start += len(line) + 1
    return without_tokens(tokens, _within(tokens, dropped)) if dropped else tokens


def _boxes(line: str) -> list[_Box]:
    found = [_Box(m.start(), m.end(), not _TICKS.isdisjoint(m.group())) for m in _BOX.finditer(line)]
    if not any(box.ticked for box in found):
        found = [box for box in found if line[box.start] != "("]
    leads = bool(found) and not line[: found[0].start].strip(" \t-*•")
    return found if leads or len(found) > 1 else []


def _unsaid(line: str, boxes: Sequence[_Box]) -> list[tuple[int, int]]:
    """Stretches of a form line that were not ticked, and the ticks themselves."""
    behind = not line[boxes[-1].end :].strip(" .\t\r")
    stretches = [(box.start, box.end) for box in boxes]
    for index, box in enumerate(boxes):
        if not box.ticked:
            stretches.append(_label_before(line, boxes, index) if behind else _label_after(line, boxes, index))
    return stretches


def _label_after(line: str, boxes: Sequence[_Box], index: int) -> tuple[int, int]:
    return boxes[index].end, boxes[index + 1].start if index + 1 < len(boxes) else len(line)


def _label_before(line: str, boxes: Sequence[_Box], index: int) -> tuple[int, int]:
    end = boxes[index].start
    start = boxes[index - 1].end if index else line.rfind(":", 0, end) + 1
    if not start:
        start = line[:end].rstrip().rfind(" ") + 1
    return start, end


def _within(tokens: Tokens, stretches: list[tuple[int, int]]) -> frozenset[int]:
    """The tokens that begin in one of the stretches."""
    ordered = sorted(stretches)
    reached: list[int] = []
    for _, end in ordered:
        reached.append(max(end, reached[-1] if reached else 0))
    starts = [start for start, _ in ordered]
    inside = set()
    for index, place in enumerate(tokens.starts):
        before = bisect_right(starts, place) - 1
        if before >= 0 and place < reached[before]:
            inside.add(index)
    return frozenset(inside)
