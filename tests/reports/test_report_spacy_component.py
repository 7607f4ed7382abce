"""The engine as a spaCy component on a blank pipeline."""

from importlib.metadata import entry_points

import pytest

from echomine.reports import extract_findings

TEXT = "The aortic valve is calcified. Moderate AS with a mean gradient of 25 mmHg. No MR."


@pytest.fixture
def nlp():
    spacy = pytest.importorskip("spacy")
    import echomine.reports.spacy_component  # noqa: F401 (registers the factory)

    return spacy.blank("en")


def test_a_document_gets_the_findings_of_its_text(nlp):
    nlp.add_pipe("echomine_findings")
    doc = nlp(TEXT)
    assert doc._.findings == extract_findings(TEXT)
    assert [measurement.name for measurement in doc._.measurements] == ["mean_gradient"]
    spans = [(span.text, span.label_, span.id_) for span in doc.spans["echomine_findings"]]
    assert ("Moderate AS", "stenosis", "aortic") in spans


def test_a_site_adds_terms_in_the_configuration(nlp):
    term = '[[term]]\nkind = "lesion"\nvalue = "stenosis"\nform = "noun"\nphrases = ["narrowing"]'
    nlp.add_pipe("echomine_findings", config={"site_terms": {"site.toml": term}})
    (finding,) = nlp("Mild mitral narrowing.")._.findings
    assert (finding.valve, finding.disease) == ("mitral", "stenosis")


def test_spacy_finds_the_factory_by_its_entry_point():
    (entry,) = [e for e in entry_points(group="spacy_factories") if e.name == "echomine_findings"]
    assert entry.load().__name__ == "make_findings_component"
