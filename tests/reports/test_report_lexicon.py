"""The lexicon is data: checked, extended by a site, exchanged for another language, and every file of it is needed."""

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echomine.domain.errors import ConfigurationError
from echomine.reports import extract_findings, extract_measurements, findings_document, lexicon_version
from echomine.reports.lexicon_files import expand, lexicon_from, standard_files, standard_lexicon


def said(text, lexicon):
    return {
        (f.valve.value, f.disease.value, f.severity.high.word, f.assertion.value)
        for f in extract_findings(text, lexicon=lexicon)
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('\n[[term]]\nkind = "lesson"\nphrases = ["x"]', "site.toml, line 2: kind is 'lesson'"),
        ('[[term]]\nkind = "lesion"\nvalue = "stenosis"\nphrases = []', "site.toml, line 1: phrases must be a list"),
        ('[[term]]\nkind = "lesion"\nphrase = ["x"]', "site.toml, line 1: unknown key phrase"),
        ('[[term]]\nkind = "cue"\ndirection = "up"\nphrases = ["x"]', "line 1: direction is 'up'"),
        ('[[measure]]\nname = "x"\nphrases = ["x"]', "site.toml, line 1: .*dimension"),
        ('[[terms]]\nkind = "lesion"', "a table 'terms'"),
        ("[words]\nfoo = []", "'foo' must be a list of texts named one of"),
        ("kind = ", "site.toml is no valid TOML"),
        (
            '[[term]]\nkind = "lesion"\nvalue = "regurgitaton"\nphrases = ["x"]',
            "line 1: value is 'regurgitaton', known are",
        ),
        ('[[term]]\nkind = "severity"\nvalue = "mild..hard"\nphrases = ["x"]', "line 1: value is 'hard'"),
        ('[[term]]\nkind = "cue"\nphrases = ["x"]', "line 1: value is '', known are after, family"),
        ('[[term]]\nkind = ["cue"]\nphrases = ["x"]', "line 1: kind is .'cue'., known are"),
        ('[[term]]\nkind = "cue"\nvalue = "negated"\nreach = "x"\nphrases = ["x"]', "line 1: .* reach a whole number"),
        ('[[term]]\nkind = "cue"\nvalue = "negated"\nphrases = ["{a,b"]', "line 1: braces in '{a,b'"),
        ('[[term]]\nkind = "cue"\nvalue = "negated"\nphrases = ["{}"]', "line 1: phrases must be a list"),
        (
            '[[other]]\nkind = "x"\nat_valve = "yes"\nphrases = ["x"]',
            "line 1: at_valve must be a truth .true or false., got 'yes'",
        ),
        ('[[unit]]\ndimension = "speed"\nunit = "kn"\nfactor = 0.5\nphrases = ["kn"]', "line 1: dimension is 'speed'"),
        ('[term]\nkind = "cue"', r"site.toml: write \[\[term\]\] over each term"),
        ('words = "x"', "site.toml: words must be a table of lists"),
        ('term = [{kind = "cue", value = "no", phrases = ["x"]}]', "site.toml, term 1: value is 'no'"),
    ],
)
def test_a_bad_file_is_refused_by_name_and_line(text, message):
    with pytest.raises(ConfigurationError, match=message):
        lexicon_from({**standard_files(), "site.toml": text})


def test_a_site_adds_its_own_terms_without_code():
    site = """
[[term]]
kind = "lesion"
value = "regurgitation"
form = "noun"
phrases = ["backleak"]

[[term]]
kind = "severity"
value = "moderate_severe"
phrases = ["grade C"]
"""
    lexicon = lexicon_from(standard_files(), site={"a.toml": site})
    assert said("Grade C mitral backleak.", lexicon) == {("mitral", "regurgitation", "moderate_severe", "present")}
    assert said("Grade C mitral backleak.", standard_lexicon()) == set()
    assert lexicon.version != lexicon_version()


@pytest.mark.parametrize("phrase", ["Back-Leak", "back/leak"])
def test_a_joined_word_is_found_as_written(phrase):
    term = f'[[term]]\nkind = "lesion"\nvalue = "regurgitation"\nform = "noun"\nphrases = ["{phrase}"]'
    lexicon = lexicon_from(standard_files(), site={"a.toml": term})
    assert said(f"Mild mitral {phrase.lower()}.", lexicon) == {("mitral", "regurgitation", "mild", "present")}


def test_a_site_has_the_last_word():
    term = '[[term]]\nkind = "severity"\nvalue = "severe"\nphrases = ["mild"]'
    assert said("Mild MR.", lexicon_from(standard_files(), site={"a.toml": term})) == {
        ("mitral", "regurgitation", "severe", "present")
    }


def test_braces_stand_for_choices():
    assert expand("{mild,slight} {leak,jet of}") == [
        ("mild", "leak"),
        ("mild", "jet", "of"),
        ("slight", "leak"),
        ("slight", "jet", "of"),
    ]


def test_an_unknown_language_lists_the_known_ones():
    with pytest.raises(ConfigurationError, match="en, nl"):
        standard_lexicon("fr")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Lichte mitralisinsufficiëntie.", {("mitral", "regurgitation", "mild", "present")}),
        ("Geen aortaklepstenose.", {("aortic", "stenosis", "none", "negated")}),
        (
            "De aortaklep is verkalkt met matige stenose.",
            {
                ("aortic", "sclerosis_calcification", "unspecified", "present"),
                ("aortic", "stenosis", "moderate", "present"),
            },
        ),
        (
            "Matige tot ernstige mitraalklepinsufficiëntie en spoor tricuspidalisinsufficiëntie.",
            {
                ("mitral", "regurgitation", "moderate_severe", "present"),
                ("tricuspid", "regurgitation", "trace", "present"),
            },
        ),
        ("De mitraalklep is normaal.", {("mitral", "normal", "none", "present")}),
        ("Indicatie: aortastenose.", {("aortic", "stenosis", "unspecified", "historical")}),
        ("Mogelijk vegetatie op de aortaklep.", {("aortic", "vegetation", "unspecified", "possible")}),
        ("Status na aortaklepvervanging.", {("aortic", "prosthesis", "unspecified", "present")}),
        (
            "Er is geen mitralisstenose, maar wel lichte lekkage van de mitraalklep.",
            {("mitral", "stenosis", "none", "negated"), ("mitral", "regurgitation", "mild", "present")},
        ),
    ],
)
def test_dutch_is_another_folder_of_data(text, expected):
    assert said(text, standard_lexicon("nl")) == expected


GOLDEN = [
    case["text"]
    for name in ("constructions.toml", "report_styles.toml")
    for case in tomllib.loads((Path(__file__).parent / "golden" / name).read_text(encoding="utf-8")).values()
]


@pytest.mark.parametrize("name", sorted(standard_files()))
def test_no_file_can_go_missing(name):
    files = {key: text for key, text in standard_files().items() if key != name}
    lesser = lexicon_from(files)
    if name == "measurements.toml":
        assert extract_measurements("Mean gradient 20 mmHg.", lexicon=lesser) == ()
    elif name == "attributes.toml":
        assert findings_document("r", "Central MR 2+.", lexicon=lesser)["findings"][0]["jet"] == ""
    elif name == "other_findings.toml":
        assert findings_document("r", "Mild LVH.", lexicon=lesser)["findings"] == []
    else:
        assert any(said(text, lesser) != said(text, standard_lexicon()) for text in GOLDEN)


@given(st.text(max_size=300))
def test_any_text_is_read_without_an_error(text):
    document = findings_document("r", text)
    for row in document["findings"] + document["measurements"]:
        assert text[row["start"] : row["end"]] == row["quote"]
