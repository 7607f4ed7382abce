"""One self-contained HTML page: tables, figures, and queries with their nearest paragraphs and cases."""

import base64
import io
from dataclasses import dataclass
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from echomine.archive.durable_files import write_bytes
from echomine.domain.records import Finding, Hit, Label
from echomine.domain.severity import SeverityInterval
from echomine.domain.vocabulary import Assertion, Disease, Severity
from echomine.pipeline.measurement_picture import measurement_picture
from echomine.pipeline.similar_cases import (
    SimilarCases,
    SimilarImage,
    agreement_words,
    measured_words,
    severity_phrase,
    shorten,
)
from echomine.pipeline.tables import TextTable

WIDTH_PX, THUMBNAIL_PX = 620, 240
HITS, CASES = 3, 4


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportFigure:
    """A plot with its caption.

    Attributes:
        caption: What it shows, with n.
        png: PNG bytes.
    """

    caption: str
    png: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportQuery:
    """A query on the page, with what the image really shows where that is known."""

    similar: SimilarCases
    truth: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportPage:
    """Everything on the page."""

    title: str
    lead: str
    synthetic: bool
    tables: tuple[TextTable, ...]
    figures: tuple[ReportFigure, ...]
    queries: tuple[ReportQuery, ...]
    model: str


def write_html_report(page: ReportPage, path: Path) -> None:
    """Write the page; it needs no other file and no network."""
    write_bytes(path, html_report(page).encode())


def html_report(page: ReportPage) -> str:
    """The page as HTML; every text in it is escaped."""
    from jinja2 import Environment, StrictUndefined

    source = files("echomine.pipeline").joinpath("templates/report.html.j2").read_text(encoding="utf-8")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(source).render(
        title=page.title,
        lead=page.lead,
        synthetic=page.synthetic,
        tables=page.tables,
        figures=[{"caption": figure.caption, "png": _base64(figure.png)} for figure in page.figures],
        queries=[_query(query) for query in page.queries],
        model=page.model,
        version=version("echomine"),
    )


def _query(query: ReportQuery) -> dict[str, Any]:
    similar = query.similar
    return {
        "picture": None if similar.picture is None else _picture(similar.picture, WIDTH_PX),
        "truth": query.truth,
        "labels": [_label(label) for label in similar.labels],
        "measured": _measured(similar),
        "hits": [_hit(hit) for hit in similar.hits[:HITS]],
        "cases": [_case(case) for case in similar.cases[:CASES]],
    }


def _measured(similar: SimilarCases) -> dict[str, Any] | None:
    """The measured display with what guidelines make of its numbers; None where nothing was measured."""
    if similar.measured is None or not similar.measured.measured:
        return None
    return {
        "picture": _picture(measurement_picture(similar.measured), WIDTH_PX),
        "labels": [
            {**_label(label), "by": measured_words(label), "agreement": agreement_words(label)}
            for label in similar.measured_labels
        ],
    }


def _label(label: Label) -> dict[str, Any]:
    return {
        **_chip(label),
        "confidence": label.confidence,
        "abstained": label.abstained,
    }


def _hit(hit: Hit) -> dict[str, Any]:
    return {
        "id": hit.paragraph.paragraph_id,
        "score": hit.score,
        "text": shorten(hit.paragraph.text),
        "findings": [_chip(finding) for finding in hit.paragraph.findings],
    }


def _chip(statement: Label | Finding) -> dict[str, Any]:
    absent = statement.assertion is Assertion.NEGATED or statement.disease is Disease.NORMAL
    return {"valve": statement.valve.value, "words": statement_words(statement), "absent": absent}


def statement_words(statement: Label | Finding) -> str:
    """``moderate aortic stenosis``, ``no mitral regurgitation``, ``aortic valve normal``."""
    disease = statement.disease.value.replace("_", " ")
    if statement.disease is Disease.NORMAL:
        return f"{statement.valve.value} valve normal"
    if statement.assertion is Assertion.NEGATED or statement.severity == _ABSENT:
        return f"no {statement.valve.value} {disease}"
    return f"{severity_phrase(statement.severity)} {statement.valve.value} {disease}".removeprefix("ungraded ")


_ABSENT = SeverityInterval.exactly(Severity.NONE)


def _case(case: SimilarImage) -> dict[str, Any]:
    lesions = [label for label in case.labels if label.severity.high > Severity.TRACE and not label.abstained]
    words = "; ".join(statement_words(label) for label in lesions[:2]) or "no lesion claimed"
    picture = None if case.picture is None else _picture(case.picture, THUMBNAIL_PX)
    return {"score": case.score, "words": words, "picture": picture}


def _picture(pixels: NDArray[np.uint8], width: int) -> str:
    from PIL import Image

    image = Image.fromarray(pixels)
    if image.width > width:
        image = image.resize((width, max(1, round(image.height * width / image.width))))
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", optimize=True)
    return _base64(buffer.getvalue())


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
