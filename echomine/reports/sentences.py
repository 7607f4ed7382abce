"""Cutting a report into sentences that know their section and their place in lists."""

from typing import NamedTuple

from echomine.reports.lexicon_files import Kind, Lexicon
from echomine.reports.scanning import BLANK_LINE, NO_BREAK, Tokens

LONGEST_SENTENCE = 160
_LONGEST_HEADING = 6
_LONGEST_ANSWER = 5
_ANSWERS = frozenset({Kind.SEVERITY, Kind.BOUND, Kind.NORMAL})
_STOPS = frozenset({".", "!", "?", ";"})


class Sentence(NamedTuple):
    """Tokens ``first`` to ``last`` (included).

    Attributes:
        section: Name of the section as written, upper case, or ``""``.
        kind: Kind of the section (``indication``, ``impression``, ...), or ``""``.
        fresh: Whether a new paragraph, list item or section starts here, so that no subject is carried into it.
    """

    first: int
    last: int
    section: str
    kind: str
    fresh: bool


def split_sentences(tokens: Tokens, lexicon: Lexicon) -> list[Sentence]:
    """The sentences of a text in order; list markers and headings belong to none."""
    return _Splitter(tokens, lexicon).run()


class _Splitter:
    """State of one pass over the tokens."""

    def __init__(self, tokens: Tokens, lexicon: Lexicon) -> None:
        self.tokens = tokens
        self.words = tokens.words
        self.sections = lexicon.sections
        self.phrases = lexicon.phrases
        self.range_words = lexicon.lists.range_words
        self.abbreviations = lexicon.lists.abbreviations
        self.endable = lexicon.lists.endable
        self.unfinished = lexicon.lists.unfinished
        self.found: list[Sentence] = []
        self.start = 0
        self.section, self.kind = "", ""
        self.fresh = True
        self.heading_line = False

    def run(self) -> list[Sentence]:
        index, count = 0, len(self.words)
        while index < count:
            if self.tokens.breaks[index] != NO_BREAK:
                self._break(index)
            index = self._step(index)
        self._close(count - 1)
        return self.found

    def _step(self, index: int) -> int:
        """Handle one token, return the next one."""
        after = self._opening(index) if index == self.start else 0
        if after:
            return after
        word = self.words[index]
        if word == ":":
            return self._colon(index)
        if word == ")" and index > self.start and self._inline_marker(index):
            self._close(index - 2)
            self.start, self.fresh = index + 1, True
        elif (word in _STOPS and self._ends(index)) or index - self.start >= LONGEST_SENTENCE:
            self._close(index)
            self.start = index + 1
        return index + 1

    def _opening(self, index: int) -> int:
        """The token after a list marker or a heading that fills its line, or 0."""
        after = self._marker(index)
        if after:
            self.start, self.fresh = after, True
        return after or self._bare_heading(index)

    def _break(self, index: int) -> None:
        """A line ends before this token."""
        blank = self.tokens.breaks[index] == BLANK_LINE
        if not blank and self._answers(index):
            return
        if blank or self._starts_anew(index):
            if self.start < index:
                self._close(index - 1)
            self.start = index
            if self.kind in {"indication", "history", "family", "plan"} and not self._continues(index, blank=blank):
                self.section, self.kind = "", ""
        if blank:
            self.fresh = True
        if index > self.start or not self.heading_line:
            self.heading_line = False

    def _answers(self, index: int) -> bool:
        """Whether a line is nothing but the grade of the short line before it: ``Mitral regurgitation``, ``Mild``."""
        asked = index - self.start
        if not 0 < asked <= _LONGEST_HEADING or self.words[index - 1] in _STOPS:
            return False
        end = next((i for i in range(index + 1, index + _LONGEST_ANSWER + 2) if self._breaks_before(i)), index)
        if end - 1 > index and self.words[end - 1] == ".":
            end -= 1
        return end > index and self._is_answer(index, end)

    def _breaks_before(self, index: int) -> bool:
        return index >= len(self.words) or self.tokens.breaks[index] != NO_BREAK

    def _is_answer(self, index: int, end: int) -> bool:
        """Whether the tokens from ``index`` up to ``end`` are grades and range words only, or call a valve normal."""
        while index < end:
            phrases = self.phrases.get(self.words[index])
            fitting = [
                max(1, len(words))
                for words, term in (phrases.terms() if phrases is not None else ())
                if term.kind in _ANSWERS
                and self.words[index : index + max(1, len(words))] == (words or [self.words[index]])
            ]
            if not fitting and self.words[index] not in self.range_words:
                return False
            index += max(fitting, default=1)
        return index == end

    def _continues(self, index: int, *, blank: bool) -> bool:
        """Whether a section goes on in a new line: lists do, and what follows a heading on a line of its own."""
        return (
            self.heading_line
            or (not blank and bool(self._marker(index)))
            or (not blank and self.kind in {"family", "plan"})
        )

    def _starts_anew(self, index: int) -> bool:
        before = self.words[index - 1] if index else ""
        if before in _STOPS or before == ":":
            return True
        if self._marker(index):
            return True
        return self.tokens.original(index)[:1].isupper() and before not in self.unfinished

    def _marker(self, index: int) -> int:
        """The token after a list marker at this place, or 0: ``1.``, ``02)``, ``05) 6)``, ``-``, ``*``."""
        words, count = self.words, len(self.words)
        if words[index] in {"*", "•", "-", "–", "·", ">"} and index + 1 < count:
            return index + 1
        after = index
        while (
            after < index + 4
            and after + 1 < count
            and words[after].isdigit()
            and len(words[after]) <= 2
            and words[after + 1] in {".", ")"}
        ):
            after += 2
            if after < count and self.tokens.breaks[after] != NO_BREAK:
                break
        return after if index < after < count else 0

    def _inline_marker(self, index: int) -> bool:
        """Whether ``2)`` in the middle of a line opens a list item."""
        number = self.words[index - 1]
        if not (number.isdigit() and len(number) <= 2) or index + 1 >= len(self.words):
            return False
        return "(" not in self.words[max(self.start, index - 8) : index]

    def _bare_heading(self, index: int) -> int:
        """The token after a known heading that fills a line, or 0."""
        if self.tokens.breaks[index] == NO_BREAK and index:
            return 0
        for size in range(1, _LONGEST_HEADING):
            end = index + size
            if end < len(self.words) and self.tokens.breaks[end] != NO_BREAK:
                kind = self.sections.get(tuple(self.words[index:end]))
                if kind:
                    self._open(index, end - 1, kind)
                    self.start, self.heading_line = end, True
                    return end
                return 0
        return 0

    def _colon(self, index: int) -> int:
        for size in range(min(_LONGEST_HEADING, index - self.start), 0, -1):
            first = index - size
            kind = self.sections.get(tuple(self.words[first:index]))
            if kind:
                if first > self.start:
                    self._close(first - 1)
                self._open(first, index - 1, kind)
                self.start, self.heading_line = index + 1, self._line_ends(index)
                return index + 1
        kind = self._kind_by_beginning(index)
        if kind:
            self._open(self.start, index - 1, kind)
            self.start, self.heading_line = index + 1, self._line_ends(index)
        elif self._shouted(index):
            self._open(self.start, index - 1, "")
            self.heading_line = self._line_ends(index)
        return index + 1

    def _kind_by_beginning(self, index: int) -> str:
        """Kind of a heading that begins like a known one (``reason for *``) and ends at this colon, or ``""``."""
        words = self.words[self.start : index]
        if len(words) > _LONGEST_HEADING:
            return ""
        beginnings = ((*words[:size], "*") for size in range(min(3, len(words)), 0, -1))
        return next((self.sections[key] for key in beginnings if key in self.sections), "")

    def _line_ends(self, index: int) -> bool:
        return index + 1 < len(self.words) and self.tokens.breaks[index + 1] != NO_BREAK

    def _shouted(self, index: int) -> bool:
        """Whether an unknown heading in capitals ends at this colon: its words stay in the sentence."""
        text = self.tokens.text[self.tokens.starts[self.start] : self.tokens.starts[index]]
        opened = self.start == 0 or self.tokens.breaks[self.start] != NO_BREAK or self.words[self.start - 1] in _STOPS
        return opened and index - self.start <= _LONGEST_HEADING and text.isupper()

    def _open(self, first: int, last: int, kind: str) -> None:
        tokens = self.tokens
        self.section = tokens.text[tokens.starts[first] : tokens.ends[last]].upper()
        self.kind, self.fresh = kind, True

    def _ends(self, index: int) -> bool:
        """Whether a full stop closes a sentence; after ``Dr.`` or within ``St. Jude`` it does not."""
        asks = self.words[index] == "?" and self._asks_ahead(index)
        if asks or (self.words[index] == ";" and self._tells_what_was_done(index + 1)):
            return False
        if self.words[index] != ".":
            return True
        before = self.words[index - 1] if index > self.start else ""
        if before in self.abbreviations:
            return before in self.endable and self.tokens.original(index - 1).isupper()
        tokens = self.tokens
        touching = index + 1 < len(tokens) and tokens.starts[index + 1] == tokens.ends[index]
        return not touching or (len(before) > 2 and tokens.original(index + 1)[0].isupper())

    def _tells_what_was_done(self, index: int) -> bool:
        """Whether ``status post`` follows, which is said of the lesion before the semicolon."""
        return self.words[index : index + 2] == ["status", "post"] or self.words[index : index + 3] == ["s", "/", "p"]

    def _asks_ahead(self, index: int) -> bool:
        """Whether a question mark stands before what it doubts: ``? mitral valve prolapse``."""
        tokens = self.tokens
        apart = index == self.start or tokens.starts[index] > tokens.ends[index - 1]
        return apart and index + 1 < len(tokens) and tokens.breaks[index + 1] == NO_BREAK

    def _close(self, last: int) -> None:
        if self.start <= last:
            self.found.append(Sentence(self.start, last, self.section, self.kind, self.fresh))
            self.fresh = False
