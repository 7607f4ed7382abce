"""De-identified text: what goes, what stays, what stays the same, and that time between exams does."""

import time
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echomine.reports.deidentify import PhiKind, days_of, deidentify, normal_name
from echomine.reports.deidentify_dates import shifted

KEY = b"sixteen bytes or more"


def clean(text, **options):
    return deidentify(text, **({"key": KEY, "patient": "p-1"} | options)).text


@pytest.mark.parametrize(
    ("text", "gone"),
    [
        ("Patient: SMITH, JANE A.", ("SMITH", "JANE")),
        ("Dr. Ramirez was informed.", ("Ramirez",)),
        ("Referred by Anthony Nguyen, MD.", ("Anthony", "Nguyen")),
        ("His wife, Maria van der Berg, was present.", ("Maria", "van der", "Berg")),
        ("Mr. O'Brien and Ms. Müller-Lüdenscheidt agreed.", ("Brien", "Müller", "Lüdenscheidt")),
        ("ELECTRONICALLY SIGNED BY J. KOWALCZYK, M.D.", ("KOWALCZYK",)),
        ("Discussed with Xiaoming Zhao by telephone.", ("Xiaoming", "Zhao")),
        ("Perfusionist: Lercari", ("Lercari",)),
        ("Seen and examined with Rhonda Villadicani.", ("Rhonda", "Villadicani")),
        ("Transferred to the care of Walker.", ("Walker",)),
        ("Tapia is scheduled for TAVR.", ("Tapia",)),
        ("Pinamonte, a 67-year-old man, has aortic stenosis.", ("Pinamonte",)),
        ("Her daughter Guadalupe de Leon is at the bedside.", ("Guadalupe", "Leon")),
        ("MRN: 00123456, accession A12-34567", ("00123456", "34567")),
        ("SSN 123-45-6789", ("123-45-6789",)),
        ("Call (555) 123-4567 x12 or +44 20 7946 0958.", ("123-4567", "7946")),
        ("Write to jane.doe@example.org or www.example.org/a?b.", ("jane.doe", "example")),
        ("Lives at 12 Elm Street, Springfield, IL 62704.", ("Elm", "Springfield", "62704")),
        ("Seen at St. Mary Hospital.", ("Mary",)),
        ("A 94-year-old woman.", ("94",)),
        ("Study 1.2.840.113619.2.55.3.604688", ("113619",)),
    ],
)
def test_identities_go(text, gone):
    written = clean(text)
    assert not [word for word in gone if word in written], written


@pytest.mark.parametrize(
    "text",
    [
        "St. Jude mechanical valve, Doppler by Simpson's rule, Marfan syndrome, Carpentier-Edwards ring.",
        "Eustachian valve, Lambl's excrescences, Ebstein anomaly, tetralogy of Fallot, Libman-Sacks lesions.",
        "THE AORTIC VALVE IS CALCIFIED WITH SEVERE STENOSIS. LVEF IS 55%. NO MR.",
        "Versed 2 mg and Fentanyl; he takes Lopressor 25 mg, Coumadin and amlodipine.",
        "Peak velocity 4.2 m/s, mean gradient 44 mmHg, AVA 0.8 cm2, BP 120/80, murmur 3/6, 2.5 x 3.1 cm, grade 2-3+.",
        "A 64-year-old man with an infarction in 2009; heart rate 95 bpm; dose 1,000,000 units.",
        "Follow up with Cardiology. Images with Definity. Seen with Valsalva. Re: Aortic stenosis. Sincerely yours.",
        "Plavix was stopped and the care of Hospice was requested. Indicator: Severe. Operator: None.",
        "1. Mild TR.\n2. Trace PI.\nIMPRESSION: Normal left ventricle.",
        "",
    ],
)
def test_clinical_words_and_numbers_stay(text):
    assert clean(text) == text


def test_a_pseudonym_is_stable_keyed_and_typed():
    text = "Patient: John Smith. Mr. Smith was seen. SMITH, JOHN signed. Dr. Gomez was called."
    first, second, third, other = (one.placeholder for one in deidentify(text, key=KEY, patient="a").replaced)
    assert first == second == third != other
    assert first.startswith("[NAME-")
    assert deidentify(text, key=KEY, patient="b").replaced[0].placeholder == first
    assert deidentify(text, key=b"another key of length", patient="a").replaced[0].placeholder != first


def test_known_names_are_found_anywhere():
    assert "Valve" not in clean("Valve was his name.", names=["Peter Valve"])


def test_what_was_replaced_is_told_by_place_and_kind():
    text = "Dr. Gomez on 03/04/2019."
    replaced = deidentify(text, key=KEY, patient="a").replaced
    assert [(one.kind, one.span.of(text)) for one in replaced] == [
        (PhiKind.NAME, "Gomez"),
        (PhiKind.DATE, "03/04/2019"),
    ]
    assert "Gomez" not in repr(replaced)


@pytest.mark.parametrize(
    ("text", "days", "wanted"),
    [
        ("03/04/2020", 4, "02/29/2020"),
        ("3/4/20", 4, "2/29/20"),
        ("25/12/2019", 30, "25/11/2019"),
        ("2020-03-04", 64, "2019-12-31"),
        ("20200304", 1, "20200303"),
        ("March 1st, 2019", 1, "February 28th, 2019"),
        ("MAR 1, 2019", 1, "FEB 28, 2019"),
        ("2 Jan 2020", 2, "31 Dec 2019"),
        ("4.3.2020", 3, "1.3.2020"),
        ("June 2019", 31, "May 2019"),
        ("no date", 1, ""),
        ("13/13/2020", 1, ""),
    ],
)
def test_dates_move_in_their_own_form(text, days, wanted):
    assert shifted(text, days) == wanted


@given(st.dates(date(1950, 1, 1), date(2040, 1, 1)), st.dates(date(1950, 1, 1), date(2040, 1, 1)), st.text())
def test_the_time_between_two_exams_stays(first, second, patient):
    written = clean(f"{first:%Y-%m-%d} and {second:%Y-%m-%d}", patient=patient)
    moved = [date.fromisoformat(word) for word in written.split(" and ")]
    assert moved[1] - moved[0] == second - first
    assert (first - moved[0]).days == days_of(KEY, patient)
    assert 1 <= days_of(KEY, patient) <= 365


@given(st.text(max_size=200))
def test_outside_of_what_is_replaced_nothing_changes(text):
    result = deidentify(text, key=KEY, patient="p")
    rebuilt, place = "", 0
    for one in result.replaced:
        assert one.span.start >= place
        rebuilt += text[place : one.span.start] + one.placeholder
        place = one.span.end
    assert rebuilt + text[place:] == result.text


def test_names_compare_without_order_case_and_initials():
    assert normal_name("SMITH, Jane A.") == normal_name("Jane A. Smith") == "jane smith"


def test_a_short_key_is_refused():
    with pytest.raises(ValueError, match="16 bytes"):
        deidentify("a", key=b"short", patient="p")


@pytest.mark.parametrize(
    "piece", ["A", "Aa ", "1", "1-", "1.", "a@", "A. ", "12 Elm ", "Aa, ", "Mary ", "MARY ", "+1 ", "mrn ", "by "]
)
def test_time_stays_linear(piece):
    text = piece * (60_000 // len(piece))
    start = time.perf_counter()
    deidentify(text, key=KEY, patient="p")
    assert time.perf_counter() - start < 10


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Call 212-555-0147.", "PHONE"),
        ("phone (212) 555-0147", "PHONE"),
        ("MRN 212-555-0147", "ID"),
        ("No. 12-3456-78", "ID"),
    ],
)
def test_a_number_has_the_kind_of_its_form_and_label(text, kind):
    assert f"[{kind}-" in deidentify(text, key=KEY, patient="p").text
