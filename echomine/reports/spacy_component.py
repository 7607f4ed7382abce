"""A spaCy pipeline component: ``nlp.add_pipe("echomine_findings")`` fills ``doc._.findings``.

Registered by the entry point ``spacy_factories``, so that spaCy finds it without an import. It needs no other
component: a blank English pipeline will do. Sections, sentences and relations are the engine's own, so the result is
the same as that of :func:`echomine.reports.extract_findings` on ``doc.text``.
"""

from spacy.language import Language
from spacy.tokens import Doc, Span

from echomine.domain.records import Finding
from echomine.reports.findings import extract_findings, extract_measurements
from echomine.reports.lexicon_files import Lexicon, lexicon_from, standard_files

SPAN_GROUP = "echomine_findings"


class FindingsComponent:
    """Reads a document and leaves its findings, measurements and a span group on it."""

    def __init__(self, lexicon: Lexicon) -> None:
        self._lexicon = lexicon

    def __call__(self, doc: Doc) -> Doc:
        """The document with ``doc._.findings``, ``doc._.measurements`` and ``doc.spans["echomine_findings"]`` set."""
        findings = extract_findings(doc.text, lexicon=self._lexicon)
        doc._.findings = findings
        doc._.measurements = extract_measurements(doc.text, lexicon=self._lexicon)
        doc.spans[SPAN_GROUP] = [span for finding in findings if (span := _span(doc, finding)) is not None]
        return doc


def _span(doc: Doc, finding: Finding) -> Span | None:
    """The spaCy span of a finding, widened to whole tokens; its label is the disease, its id the valve."""
    return doc.char_span(
        finding.span.start,
        finding.span.end,
        label=finding.disease.value,
        span_id=finding.valve.value,
        alignment_mode="expand",
    )


@Language.factory(
    "echomine_findings",
    assigns=["doc._.findings", "doc._.measurements"],
    default_config={"language": "en", "site_terms": {}},
)
def make_findings_component(
    nlp: Language,  # noqa: ARG001 (spaCy passes both by name)
    name: str,  # noqa: ARG001
    language: str,
    site_terms: dict[str, str],
) -> FindingsComponent:
    """The component for a language of the lexicon; ``site_terms`` adds TOML texts by file name."""
    for extension in ("findings", "measurements"):
        if not Doc.has_extension(extension):
            Doc.set_extension(extension, default=())
    return FindingsComponent(lexicon_from(standard_files(language), site=site_terms))
