"""The page of findings: every text in it escaped, nothing fetched, each finding marked where it stands."""

from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from echomine.pipeline.findings_page import page_foot, page_head, page_report, segments_of
from echomine.reports import findings_document

TEXT = "FINDINGS: Moderate mitral and tricuspid regurgitation. No aortic stenosis. <script>alert('x')</script> EF 55%."


class Page(HTMLParser):
    """Collects the marked passages, the text, and what a page would fetch or run."""

    def __init__(self, source):
        super().__init__()
        self.marks, self.fetched, self.scripts, self.rows = [], [], 0, 0
        self.inside = False
        self.feed(source)

    def handle_starttag(self, tag, attributes):
        self.scripts += tag == "script"
        self.rows += tag == "tr"
        self.fetched += [value for name, value in attributes if name in {"src", "href"}]
        if tag == "mark":
            self.inside = True
            self.marks.append([dict(attributes), ""])

    def handle_endtag(self, tag):
        self.inside = self.inside and tag != "mark"

    def handle_data(self, data):
        if self.inside:
            self.marks[-1][1] += data


def report(text=TEXT, name="r-1"):
    return page_report(text, findings_document(name, text))


def test_findings_are_marked_where_they_stand():
    marks = {text: attributes for attributes, text in Page(report()).marks}
    shared = next(attributes for text, attributes in marks.items() if "tricuspid regurgitation" in text)
    assert shared["class"] == "several present"
    assert "--mitral-soft" in shared["style"]
    assert "--tricuspid-soft" in shared["style"]
    denied = next(attributes for text, attributes in marks.items() if "aortic stenosis" in text)
    assert denied["class"] == "aortic negated"
    assert denied["title"].endswith("aortic stenosis: negated")


def test_the_page_stands_alone_and_escapes_what_reports_say():
    source = page_head("<b>.jsonl") + report(name='"><img src=x>') + page_foot(shown=1, read=2)
    page = Page(source)
    assert page.scripts == 0
    assert page.fetched == []
    assert "&lt;script&gt;" in source
    assert "url(" not in source
    assert "1 of 2 reports shown; all of them" in source


def test_a_report_without_findings_says_so():
    source = report("The patient was seen.")
    assert "No finding was read here." in source
    assert Page(source).marks == []


spans = st.tuples(st.integers(0, 30), st.integers(0, 30)).map(sorted).map(tuple)


@given(st.text(max_size=30), st.lists(spans, max_size=6))
def test_segments_are_the_text_and_each_span_is_the_segments_it_covers(text, places):
    pieces = segments_of(text, places)
    assert "".join(piece.text for piece in pieces) == text
    for number, (start, end) in enumerate(places):
        assert "".join(piece.text for piece in pieces if number in piece.findings) == text[start:end]
        ending = [piece for piece in pieces if number in piece.ends]
        assert len(ending) == (1 if text[start:end] else 0)


def test_grades_by_guidelines_stand_with_their_numbers():
    page = report("Moderate aortic stenosis, peak velocity 2.7 m/s, mean gradient 18 mmHg. EF 35%.")
    assert "<td>stenosis</td><td>mild</td><td>EACVI/ASE 2017</td>" in page
    assert "vmax 2.7 m/s, mean gradient 18 mmHg" in page
    assert "<td>lv systolic dysfunction</td>" in page
    assert "By guidelines" not in report("Mild MR.")
