import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np

from echomine.archive.source_images import Identity
from echomine.archive.spectral_files import SpectralFile
from echomine.domain.records import Finding, Hit, Label, Paragraph, Span
from echomine.domain.severity import SeverityInterval
from echomine.domain.vocabulary import Assertion, Disease, LabelSource, Severity, Valve
from echomine.pipeline.html_report import ReportPage, ReportQuery, html_report, statement_words
from echomine.pipeline.measure_image import measure_file
from echomine.pipeline.similar_cases import MAX_TEXT, SimilarCases, severity_phrase, shorten
from echomine.pipeline.tables import TextTable
from tests.doppler import drawn_displays

HOSTILE = "<script>alert('x')</script> moderate stenosis"


def finding(severity=Severity.MODERATE, assertion=Assertion.PRESENT, disease=Disease.STENOSIS):
    return Finding(
        valve=Valve.AORTIC,
        disease=disease,
        severity=SeverityInterval.exactly(severity),
        assertion=assertion,
        span=Span(0, 4),
        quote="text",
    )


def similar():
    paragraph = Paragraph(paragraph_id="r-1#0", report_id="r-1", text=HOSTILE, span=Span(0, 4), findings=(finding(),))
    label = Label(
        source=LabelSource.RETRIEVAL,
        valve=Valve.AORTIC,
        disease=Disease.STENOSIS,
        severity=SeverityInterval(Severity.MILD, Severity.MODERATE),
        assertion=Assertion.PRESENT,
        confidence=0.87,
    )
    return SimilarCases(
        image_id="1.2.3",
        picture=np.zeros((40, 60, 3), dtype=np.uint8),
        labels=(label,),
        hits=(Hit(paragraph=paragraph, score=0.91),),
        cases=(),
        notes=(),
        model="m",
    )


def measured_similar():
    """A query whose display measures: one label that is kept, one that is abstained from."""
    display = drawn_displays.display(drawn_displays.jets(-4.0))
    file = SpectralFile(
        image_id="1.2.3",
        content_sha256="0" * 64,
        study_uid="",
        identity=Identity(),
        display=display,
        box=(0, 0, display.width, display.height),
    )
    kept = replace(similar().labels[0], source=LabelSource.MEASUREMENT, confidence=0.93)
    doubted = replace(kept, valve=Valve.MITRAL, confidence=0.41, abstained=True)
    return replace(similar(), measured=measure_file(file), measured_labels=(kept, doubted))


def test_a_measured_label_says_how_sure_it_is_and_whether_it_is_abstained_from():
    page = ReportPage(
        title="T", lead="L", synthetic=True, tables=(), figures=(), queries=(ReportQuery(similar=measured_similar()),),
        model="m",
    )  # fmt: skip
    words = " ".join(re.sub(r"<[^>]+>", " ", html_report(page)).split())
    measured = words[words.index("Measured") : words.index("Nearest paragraphs")]
    assert "mild to moderate aortic stenosis 0.93" in measured
    assert "mild to moderate mitral stenosis 0.41 abstained" in measured
    assert measured.count("abstained") == 1


class Links(HTMLParser):
    """Collects what a page would fetch, and its scripts."""

    def __init__(self):
        super().__init__()
        self.fetched, self.scripts = [], 0

    def handle_starttag(self, tag, attrs):
        self.scripts += tag == "script"
        self.fetched += [value for name, value in attrs if name in {"src", "href"}]


def test_the_page_stands_alone_and_escapes_what_reports_say():
    page = ReportPage(
        title="T",
        lead="L",
        synthetic=True,
        tables=(TextTable(title="Figures", headers=("a",), rows=(("<b>1</b>",),)),),
        figures=(),
        queries=(ReportQuery(similar=similar(), truth="aortic stenosis moderate"),),
        model="m",
    )
    html = html_report(page)
    parser = Links()
    parser.feed(html)
    assert parser.scripts == 0
    assert parser.fetched
    assert all(link.startswith("data:image/png;base64,") for link in parser.fetched)
    assert "&lt;script&gt;" in html
    assert "&lt;b&gt;1&lt;/b&gt;" in html
    assert "mild to moderate aortic stenosis" in html
    assert "synthetic" in html


def test_statements_read_as_a_sonographer_would_say_them():
    assert statement_words(finding()) == "moderate aortic stenosis"
    assert statement_words(finding(Severity.NONE, Assertion.NEGATED)) == "no aortic stenosis"
    assert statement_words(finding(Severity.NONE, disease=Disease.NORMAL)) == "aortic valve normal"
    assert severity_phrase(SeverityInterval.unspecified()) == "ungraded"


def test_long_text_is_cut_on_one_line():
    cut = shorten("word\n" * 200)
    assert len(cut) == MAX_TEXT
    assert "\n" not in cut
    assert shorten("short  text") == "short text"
