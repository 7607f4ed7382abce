"""Typing errors in the words that findings hang on are read past; words that only look like one are not."""

import pytest

from echomine.reports import extract_findings
from echomine.reports.lexicon_files import standard_lexicon
from echomine.reports.spelling import scan_spelled

LEXICON = standard_lexicon()


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("regurgitaton", "regurgitation"),
        ("insuficency", "insufficiency"),
        ("trisucpid", "tricuspid"),
        ("arotic", "aortic"),
        ("Stenois", "stenosis"),
        ("MODERTAE", "moderate"),
        ("calcificaton", "calcification"),
    ],
)
def test_a_near_miss_is_read_as_the_word(written, meant):
    assert scan_spelled(written, LEXICON).words == [meant]


@pytest.mark.parametrize(
    "word",
    ["vegetarian", "prostatic", "insufficient", "inefficiency", "severed", "several", "classification", "bicuspid"],
)
def test_another_word_is_left_alone(word):
    assert scan_spelled(word, LEXICON).words == [word]


def test_the_quote_keeps_the_error():
    (finding,) = extract_findings("Mild mitral regurgitaton.")
    assert finding.quote == "Mild mitral regurgitaton"


def test_a_very_long_word_is_no_typing_error():
    assert scan_spelled("regurgitation" * 1000, LEXICON).words == ["regurgitation" * 1000]
