"""Text of unknown encoding."""

import codecs
from dataclasses import dataclass

from echomine.domain.errors import ItemError, Reason

LARGEST_CONTROL_SHARE = 0.02
"""A text with more control characters than this is no text."""
_CONTROLS = dict.fromkeys([*range(9), *range(14, 32), 127, *range(0xD800, 0xE000)], "\ufffd")


@dataclass(frozen=True, slots=True)
class DecodedText:
    """A text and, when its encoding was guessed, a note about that."""

    text: str
    note: str = ""


def decode_text(data: bytes) -> DecodedText:
    r"""Text from bytes: UTF-8 with or without a mark, UTF-16 with one, else Latin-1 as a guess with a note.

    Line ends become ``\n``; single control characters become U+FFFD, so that places in the text keep their count.

    Raises:
        ItemError: ``bad_encoding`` when the bytes are no text.
    """
    decoded = _decoded(data)
    text = decoded.text.replace("\r\n", "\n").replace("\r", "\n")
    cleaned = text.translate(_CONTROLS)
    if cleaned.count("\ufffd") > max(1, LARGEST_CONTROL_SHARE * len(text)):
        raise ItemError(Reason.BAD_ENCODING, "it is no text in UTF-8 or Latin-1; convert it to UTF-8")
    return DecodedText(cleaned, decoded.note)


def _decoded(data: bytes) -> DecodedText:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        try:
            return DecodedText(data.decode("utf-16"), "read as UTF-16")
        except UnicodeDecodeError as error:
            raise ItemError(Reason.BAD_ENCODING, "it starts as UTF-16 but is none; convert it to UTF-8") from error
    try:
        return DecodedText(data.decode("utf-8-sig"))
    except UnicodeDecodeError:
        return DecodedText(data.decode("latin-1"), "no valid UTF-8: read as Latin-1")
