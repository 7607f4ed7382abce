"""What must not change what a report says: an unrelated sentence, capitals, the order of paragraphs, its length."""

import time
import tomllib
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from echomine.domain.records import Report
from echomine.reports import extract_findings, split_paragraphs, valve_paragraphs

FOLDER = Path(__file__).parent / "golden"
GOLDEN = {
    name: case["text"]
    for file in ("constructions.toml", "report_styles.toml")
    for name, case in tomllib.loads((FOLDER / file).read_text(encoding="utf-8")).items()
}
MIXED_CASE_ONLY = {"wrapped_line", "as_the_word"}
"""In capitals a line that starts with a capital looks new, and a word in capitals among small letters is no more."""

UNRELATED = (
    "The patient tolerated the procedure well.",
    "The left ventricle is normal in size.",
    "Blood pressure was 120/80 mmHg.",
    "Dr. Adams was informed at 10:30 a.m.",
)
SENTENCES = st.sampled_from(sorted(text for text in GOLDEN.values() if "\n" not in text))


def said(text):
    return {(f.valve, f.disease, f.severity, f.assertion, f.detail) for f in extract_findings(text)}


@given(SENTENCES, st.sampled_from(UNRELATED))
def test_an_unrelated_paragraph_changes_nothing(text, unrelated):
    assert said(f"{unrelated}\n\n{text}\n\n{unrelated}") == said(text)


@given(SENTENCES, st.sampled_from(UNRELATED))
def test_an_unrelated_sentence_after_it_changes_nothing(text, unrelated):
    assert said(f"{text} {unrelated}" if text.endswith(".") else f"{text}. {unrelated}") == said(text)


@pytest.mark.parametrize("name", sorted(set(GOLDEN) - MIXED_CASE_ONLY))
def test_capitals_change_nothing(name):
    assert said(GOLDEN[name].upper()) == said(GOLDEN[name])


@given(st.lists(SENTENCES, min_size=1, max_size=5), st.randoms(use_true_random=False))
def test_the_order_of_paragraphs_changes_nothing_but_places(texts, shuffler):
    free = [text for text in texts if "other valves" not in text]
    shuffled = list(free)
    shuffler.shuffle(shuffled)
    assert said("\n\n".join(free)) == said("\n\n".join(shuffled))


@given(st.text(alphabet="ab. \n1)-", max_size=400))
def test_paragraphs_hold_every_word_once_and_in_order(text):
    spans = split_paragraphs(text)
    assert all(before.end <= after.start for before, after in pairwise(spans))
    assert "".join("".join(span.of(text).split()) for span in spans) == "".join(text.split())


def test_a_short_block_stays_one_paragraph_and_a_long_one_is_cut():
    block = "Aortic valve: trileaflet.\nMild sclerosis, no stenosis. Trace insufficiency."
    (paragraph,) = valve_paragraphs(Report(report_id="r", text=f"FINDINGS:\n\n{block}\n\nNormal left ventricle."))
    assert paragraph.text == block
    assert [finding.quote for finding in paragraph.findings] == ["Mild sclerosis", "stenosis", "Trace insufficiency"]
    long = " ".join(["The mitral valve is thickened and there is mild regurgitation."] * 40)
    parts = valve_paragraphs(Report(report_id="r", text=long))
    assert len(parts) == 4
    assert all(len(part.text.split()) <= 120 for part in parts)


def test_paragraphs_carry_their_report():
    report = Report(
        report_id="r9", text="MR: mild.\n\nNo mention.\n\nThe aortic valve is normal.", patient="p", study_uid="1.2"
    )
    first, second = valve_paragraphs(report)
    assert (first.paragraph_id, second.paragraph_id) == ("r9#0", "r9#1")
    assert second.span.of(report.text) == second.text == "The aortic valve is normal."
    assert (second.patient, second.study_uid) == ("p", "1.2")


@pytest.mark.parametrize(
    "unit",
    ["mild mitral regurgitation, ", "1) ", "no ", "mitral and ", "(", "a", "\n \n", "2 mm ", "MR ", "é🙂 ", ".", "\0"],
)
def test_time_is_linear_in_length(unit):
    short, long = unit * (10_000 // len(unit)), unit * (80_000 // len(unit))
    extract_findings(short)
    took_short, took_long = _seconds(short), _seconds(long)
    assert took_long < 8 * 3 * max(took_short, 0.002)


def _seconds(text):
    started = time.process_time()
    extract_findings(text)
    return time.process_time() - started


@settings(max_examples=30)
@given(st.binary(max_size=200))
def test_bytes_of_any_kind_are_read(content):
    extract_findings(content.decode("latin-1"))
    extract_findings(content.decode("utf-8", errors="replace"))
