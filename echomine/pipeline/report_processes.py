"""Reading many reports in several processes, in order, in batches that are few to send and small to hold."""

import json
import multiprocessing
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import cache
from typing import NamedTuple

from echomine.domain.errors import EchomineError, UsageError
from echomine.reports import findings_document
from echomine.reports.lexicon_files import Lexicon, lexicon_from, standard_files, standard_lexicon

BATCH_CHARACTERS = 256 * 1024
"""A batch is some hundred reports: sending one then costs little beside reading it."""


SiteFiles = tuple[tuple[str, str], ...]
"""Names and texts of the lexicon files that a site adds; texts are little to send, a lexicon is much."""


class Text(NamedTuple):
    """A report to read: the id it goes by, and its text."""

    name: str
    text: str


class Mined(NamedTuple):
    """What was read: the id and text it came from, the document as one line of JSON, how many findings it holds."""

    source: Text
    line: str
    findings: int


@cache
def lexicon_with(site: SiteFiles) -> Lexicon:
    """The English lexicon with the files of a site, built once per process.

    Raises:
        ConfigurationError: If a file breaks the schema.
    """
    return lexicon_from(standard_files(), site=dict(site)) if site else standard_lexicon()


def mine_texts(texts: Iterable[Text], *, processes: int = 1, site: SiteFiles = ()) -> Iterator[Mined]:
    """The findings documents of reports, in the order given; at most two batches a process are held at a time.

    Raises:
        UsageError: If ``processes`` is below 1.
        EchomineError: If a process was ended from outside, as one is that asks for too much memory.
    """
    if processes < 1:
        raise UsageError(f"--processes must be 1 or more, got {processes}")
    if processes == 1:
        for text in texts:
            yield Mined(text, *_mined(text, site))
        return
    try:
        yield from _in_parallel(_batches(texts), processes, site)
    except BrokenProcessPool as error:
        raise EchomineError(
            "a process that read reports was ended from outside, for want of memory perhaps; use fewer --processes"
        ) from error


def _in_parallel(batches: Iterator[list[Text]], processes: int, site: SiteFiles) -> Iterator[Mined]:
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context, initializer=_end_with_the_parent) as pool:
        waiting: deque[tuple[list[Text], Future[list[tuple[str, int]]]]] = deque()
        for batch in batches:
            waiting.append((batch, pool.submit(_mined_batch, batch, site)))
            if len(waiting) > 2 * processes:
                yield from _paired(*waiting.popleft())
        while waiting:
            yield from _paired(*waiting.popleft())


def _paired(batch: list[Text], future: "Future[list[tuple[str, int]]]") -> Iterator[Mined]:
    for text, (line, findings) in zip(batch, future.result(), strict=True):
        yield Mined(text, line, findings)


def _batches(texts: Iterable[Text]) -> Iterator[list[Text]]:
    batch: list[Text] = []
    size = 0
    for text in texts:
        batch.append(text)
        size += len(text.text)
        if size >= BATCH_CHARACTERS:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _mined_batch(batch: list[Text], site: SiteFiles) -> list[tuple[str, int]]:
    return [_mined(text, site) for text in batch]


def _mined(text: Text, site: SiteFiles) -> tuple[str, int]:
    document = findings_document(text.name, text.text, lexicon=lexicon_with(site))
    return json.dumps(document, ensure_ascii=False), len(document["findings"])


def _end_with_the_parent() -> None:
    """Let the process end when its parent was killed: it would wait for batches for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_leave_after, args=(parent.join,), daemon=True).start()


def _leave_after(join: Callable[[], None]) -> None:
    join()
    os._exit(1)
