"""Text of a PDF report, within bounds."""

import io
import logging
from typing import TYPE_CHECKING

from echomine.domain.errors import ItemError, Reason

if TYPE_CHECKING:
    from pypdf import PdfReader

MAX_PAGES = 200


def pdf_text(data: bytes, *, max_characters: int) -> str:
    """The text of all pages, one after the other; ``""`` for a PDF of scanned pictures.

    pypdf itself refuses streams that inflate above 75 MB.

    Args:
        data: The file.
        max_characters: Longest text wanted.

    Raises:
        ItemError: ``encrypted``, ``too_large`` or ``undecodable``.
    """
    from pypdf import PdfReader
    from pypdf.errors import LimitReachedError

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # its warnings quote the file
    try:
        return _pages_text(PdfReader(io.BytesIO(data)), max_characters)
    except ItemError:
        raise
    except LimitReachedError as error:
        raise ItemError(Reason.TOO_LARGE, "the PDF unpacks to more than is safe to read") from error
    except Exception as error:  # a parser of hostile input: KeyError, TypeError, RecursionError, ...
        raise ItemError(
            Reason.UNDECODABLE, f"the PDF cannot be read ({type(error).__name__}); export it again"
        ) from error


def _pages_text(reader: "PdfReader", max_characters: int) -> str:
    if reader.is_encrypted:
        raise ItemError(Reason.ENCRYPTED, "the PDF is encrypted; store it without a password")
    count = len(reader.pages)
    if count > MAX_PAGES:
        raise ItemError(Reason.TOO_LARGE, f"the PDF has {count} pages, too many for one report")
    pages: list[str] = []
    length = 0
    for page in reader.pages:
        pages.append(page.extract_text())
        length += len(pages[-1])
        if length > max_characters:
            raise ItemError(Reason.TOO_LARGE, "the PDF holds more text than one report may; split it")
    return "\n".join(pages)
