"""Cutting a report into paragraphs and keeping those that speak of a valve."""

import re
from bisect import bisect_left
from collections.abc import Iterator

from echomine.domain.records import Finding, Paragraph, Report, Span
from echomine.reports.findings import extract_findings, names_a_valve

LONGEST_PARAGRAPH_WORDS = 120
_BLANK_LINE = re.compile(r"\n[ \t\r\f\v]*\n\s*")
_ITEM = re.compile(r"\n(?=[ \t]*(?:\d{1,2}[.)]|[*•-])[ \t])")
_SENTENCE = re.compile(r"(?<=[.!?;])\s+")


def valve_paragraphs(report: Report) -> tuple[Paragraph, ...]:
    """The paragraphs of a report that name a valve, with their findings; spans count characters of the report.

    Paragraphs are parted by blank lines. One of more than 120 words is cut into passages, at list items if it has
    any, else at sentence ends. A report without a valve, or an empty one, gives none.
    """
    findings = sorted(extract_findings(report.text), key=_start)
    kept: list[Paragraph] = []
    for span in split_paragraphs(report.text):
        first = bisect_left(findings, span.start, key=_start)
        begun = findings[first : bisect_left(findings, span.end, lo=first, key=_start)]
        within = tuple(finding for finding in begun if finding.span.end <= span.end)
        if within or names_a_valve(span.of(report.text)):
            kept.append(_paragraph(report, span, within, len(kept)))
    return tuple(kept)


def _start(finding: Finding) -> int:
    return finding.span.start


def _paragraph(report: Report, span: Span, findings: tuple[Finding, ...], ordinal: int) -> Paragraph:
    return Paragraph(
        paragraph_id=f"{report.report_id}#{ordinal}",
        report_id=report.report_id,
        text=span.of(report.text),
        span=span,
        findings=findings,
        section=findings[0].section if findings else "",
        patient=report.patient,
        study_uid=report.study_uid,
        performed=report.performed,
        site=report.site,
    )


def split_paragraphs(text: str) -> tuple[Span, ...]:
    """Spans of the paragraphs of a text, without surrounding white space; together they hold every word once."""
    spans = []
    for block in _pieces(text, Span(0, len(text)), _BLANK_LINE):
        spans.extend(_passages(text, block))
    return tuple(spans)


def _passages(text: str, block: Span) -> list[Span]:
    if _word_count(text, block) <= LONGEST_PARAGRAPH_WORDS:
        return [block]
    items = list(_pieces(text, block, _ITEM))
    if len(items) > 1:
        return [passage for item in items for passage in _passages(text, item)]
    return _packed(text, list(_pieces(text, block, _SENTENCE)))


def _packed(text: str, sentences: list[Span]) -> list[Span]:
    """Sentences put together into passages of at most the longest paragraph, if no single one is longer."""
    packed: list[Span] = []
    room = 0
    for sentence in sentences:
        count = _word_count(text, sentence)
        if packed and count <= room:
            packed[-1] = Span(packed[-1].start, sentence.end)
            room -= count
        else:
            packed.append(sentence)
            room = LONGEST_PARAGRAPH_WORDS - count
    return packed


def _pieces(text: str, span: Span, separator: re.Pattern[str]) -> Iterator[Span]:
    start = span.start
    for match in separator.finditer(text, span.start, span.end):
        yield from _stripped(text, start, match.start())
        start = match.end()
    yield from _stripped(text, start, span.end)


def _stripped(text: str, start: int, end: int) -> Iterator[Span]:
    piece = text[start:end]
    kept = piece.strip()
    if kept:
        begin = start + len(piece) - len(piece.lstrip())
        yield Span(begin, begin + len(kept))


def _word_count(text: str, span: Span) -> int:
    return len(text[span.start : span.end].split())
