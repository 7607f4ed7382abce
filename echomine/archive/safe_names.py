"""Names that are safe to store, to print and to use as a key, made from names that may be hostile."""

import hashlib
import os
import re
from pathlib import Path
from urllib.parse import quote_from_bytes, unquote_to_bytes

_UID = re.compile(r"(?=.{1,64}\Z)[0-9]+(?:\.[0-9]+)*", re.ASCII)
_HASHED = re.compile(r"sha256-[0-9a-f]{32}", re.ASCII)
_READABLE = "/ !#$&'()*+,;=:@[]{}~^-_."


def safe_uid(raw: str) -> str:
    """A UID as it came when it is numbers with dots between, else ``sha256-`` and 32 hex digits; ``""`` stays.

    Made safe again it stays the same, so that hand-made tables may name images by the catalog's identifiers.
    """
    text = raw.strip(" \0")
    if not text or _UID.fullmatch(text) or _HASHED.fullmatch(text):
        return text
    return f"sha256-{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:32]}"


def is_uid(text: str) -> bool:
    """Whether a text has the form of a DICOM UID with at least one dot."""
    return "." in text and _UID.fullmatch(text) is not None


def content_id(sha256: str) -> str:
    """Identifier of an image that has no UID of its own."""
    return f"sha256-{sha256[:32]}"


def item_name(stored: str) -> str:
    """Printable identifier of a file that says nothing about its name, ``file-`` and 12 hex digits."""
    return f"file-{hashlib.sha256(stored.encode()).hexdigest()[:12]}"


def stored_path(path: Path) -> str:
    """A path as printable ASCII: ``%XX`` for control, non-ASCII and undecodable bytes; :func:`path_of` inverts it."""
    return quote_from_bytes(os.fsencode(path), safe=_READABLE)


def path_of(stored: str) -> Path:
    """The path that :func:`stored_path` wrote."""
    return Path(os.fsdecode(unquote_to_bytes(stored)))
