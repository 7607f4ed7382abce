"""From a report text to the tokens that say something."""

from echomine.reports.check_boxes import ticked_only
from echomine.reports.lexicon_files import Lexicon
from echomine.reports.scanning import Tokens
from echomine.reports.spelling import scan_spelled
from echomine.reports.taken_back import without_corrected


def read_tokens(text: str, lexicon: Lexicon) -> Tokens:
    """The tokens of a report: typing errors put right, without what was not ticked and what was taken back."""
    return without_corrected(ticked_only(scan_spelled(text, lexicon)), lexicon)
