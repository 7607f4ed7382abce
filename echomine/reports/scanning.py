"""Cutting a report into tokens with their places, in one pass of linear time."""

import re
from dataclasses import dataclass

NO_BREAK, LINE_BREAK, BLANK_LINE = 0, 1, 2

_TOKEN = re.compile(
    r"[^\W\d_]+\d*(?:['’][^\W\d_]+)?|\d+(?:[.,]\d+)*\+?|\n[ \t\r\f\v]*\n\s*|\n|\.{4,}|(?<![\w.])\.\d+|[^\w\s]"
)
_ROUND = {"[": "(", "]": ")"}
_LEADER = "...."
_DASHES = frozenset("-‐‑–")
_MARKS = _DASHES | frozenset("\n[].")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """The tokens of one text, as parallel columns of the same length.

    Attributes:
        text: The text they were cut from.
        words: Lower-case characters of each token.
        starts, ends: Its place in the text.
        breaks: What stands before it: nothing, a line break or a blank line.
    """

    text: str
    words: list[str]
    starts: list[int]
    ends: list[int]
    breaks: list[int]

    def __len__(self) -> int:
        return len(self.words)

    def original(self, index: int) -> str:
        """The characters of one token as written."""
        return self.text[self.starts[index] : self.ends[index]]


def scan(text: str) -> Tokens:
    """The tokens of a text: words, numbers (``2.5``, ``2+``) and single marks; hyphens within words vanish.

    Square brackets count as round ones, a row of dots as a colon. An empty text gives no tokens.
    """
    words: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    breaks: list[int] = []
    lowered = _lowered(text)
    pending = NO_BREAK
    for start, end in [match.span() for match in _TOKEN.finditer(text)]:
        word = lowered[start:end]
        if word[0] in _MARKS:
            if word[0] == "\n":
                pending = BLANK_LINE if end > start + 1 else max(pending, LINE_BREAK)
                continue
            if word in _DASHES and _joins(text, start, end):
                continue
            word = _mark(word) if len(word) > 1 else _ROUND.get(word, word)
        words.append(word)
        starts.append(start)
        ends.append(end)
        breaks.append(pending)
        pending = NO_BREAK
    return Tokens(text=text, words=words, starts=starts, ends=ends, breaks=breaks)


def _mark(word: str) -> str:
    """What begins with a full stop and goes on: a row of them is a colon, ``.6`` is ``0.6``."""
    return ":" if word.startswith(_LEADER) else f"0{word}"


def without_tokens(tokens: Tokens, dropped: frozenset[int]) -> Tokens:
    """The tokens without some of them, by number; a line break before one that goes stands before the next."""
    kept = [index for index in range(len(tokens)) if index not in dropped]
    breaks, pending = [], NO_BREAK
    for index in range(len(tokens)):
        pending = max(pending, tokens.breaks[index])
        if index not in dropped:
            breaks.append(pending)
            pending = NO_BREAK
    return Tokens(
        text=tokens.text,
        words=[tokens.words[i] for i in kept],
        starts=[tokens.starts[i] for i in kept],
        ends=[tokens.ends[i] for i in kept],
        breaks=breaks,
    )


def _lowered(text: str) -> str:
    """The text in small letters, each at its own place: the few letters whose small form is longer stay as they are."""
    lowered = text.lower()
    if len(lowered) == len(text):
        return lowered
    return "".join(small if len(small := letter.lower()) == 1 else letter for letter in text)


def _joins(text: str, start: int, end: int) -> bool:
    """Whether a dash stands between two characters without a space, as in ``mild-to-moderate``."""
    inside = start > 0 and end < len(text) and text[start - 1] not in "(["
    return inside and not text[start - 1].isspace() and not text[end].isspace()
