"""Findings and negation by medspaCy or negspacy, and their speed; runs in the peers' own environment, without echomine.

    python peer_findings.py medspacy|negspacy JOB.json RESULT.json

The job holds ``reports`` (id, text), ``negation`` (row_id, sentence, concept) and ``paragraphs``. Both engines get the
same list of literal targets, each for one valve and disease, and medspaCy a modifier for each word of severity: what a
user of theirs would write in half an hour.
"""

import json
import sys
import time
from itertools import product
from pathlib import Path

import spacy

VALVES = {
    "aortic": ("aortic", "aortic valve", "AV"),
    "mitral": ("mitral", "mitral valve", "MV"),
    "tricuspid": ("tricuspid", "tricuspid valve", "TV"),
    "pulmonic": ("pulmonic", "pulmonary", "pulmonic valve", "pulmonary valve"),
}
LESIONS = {
    "regurgitation": ("regurgitation", "insufficiency", "leak"),
    "stenosis": ("stenosis",),
    "prolapse": ("prolapse",),
    "sclerosis_calcification": ("sclerosis", "calcification", "annular calcification"),
    "thickening": ("thickening",),
    "vegetation": ("vegetation", "endocarditis"),
    "prosthesis": ("replacement", "prosthesis"),
}
ABBREVIATIONS = {
    "AR": ("aortic", "regurgitation"),
    "AI": ("aortic", "regurgitation"),
    "AS": ("aortic", "stenosis"),
    "AVR": ("aortic", "prosthesis"),
    "MR": ("mitral", "regurgitation"),
    "MS": ("mitral", "stenosis"),
    "MVP": ("mitral", "prolapse"),
    "MVR": ("mitral", "prosthesis"),
    "TR": ("tricuspid", "regurgitation"),
    "TI": ("tricuspid", "regurgitation"),
    "PI": ("pulmonic", "regurgitation"),
    "PR": ("pulmonic", "regurgitation"),
}
NORMAL = ("{} is normal", "normal {}", "{} appears normal", "{} is structurally normal")
SEVERITY = {
    "trace": ("trace", "trivial", "minimal", "physiologic"),
    "mild": ("mild", "mildly", "slight", "1+"),
    "mild_moderate": ("mild to moderate", "mild-to-moderate", "1 to 2+"),
    "moderate": ("moderate", "moderately", "2+"),
    "moderate_severe": ("moderate to severe", "moderate-to-severe", "moderately severe", "3+"),
    "severe": ("severe", "severely", "critical", "4+"),
}
BLANK_ENTITY = "T"


def targets() -> dict[str, tuple[str, str]]:
    """Literal text of each target -> valve and disease."""
    found = dict(ABBREVIATIONS)
    for valve, names in VALVES.items():
        for disease, heads in LESIONS.items():
            found.update({f"{name} {head}": (valve, disease) for name, head in product(names, heads)})
        found.update({form.format(f"{valve} valve"): (valve, "normal") for form in NORMAL})
    return found


class MedSpacy:
    """medspaCy with its default ConText rules."""

    def __init__(self) -> None:
        import medspacy
        from loguru import logger
        from medspacy.context import ConTextRule
        from medspacy.ner import TargetRule

        logger.remove()
        self.rule = TargetRule
        self.nlp = medspacy.load()
        self.nlp.get_pipe("medspacy_target_matcher").add([TargetRule(text, BLANK_ENTITY) for text in targets()])
        self.nlp.get_pipe("medspacy_context").add(
            [
                ConTextRule(word, f"SEVERITY_{grade}", direction="BIDIRECTIONAL", max_scope=5)
                for grade, words in SEVERITY.items()
                for word in words
            ]
        )

    def read(self, text: str) -> list[tuple[str, str, str]]:
        """Literal, severity and assertion of each target found."""
        return [(span.text, self._severity(span), self._assertion(span)) for span in self.nlp(text).ents]

    def negated(self, sentence: str, concept: str) -> bool:
        """Whether a concept is negated where it stands."""
        doc = self.nlp.get_pipe("medspacy_pyrush")(self.nlp.make_doc(sentence))
        doc.ents = concept_spans(doc, concept)
        return any(span._.is_negated for span in self.nlp.get_pipe("medspacy_context")(doc).ents)

    @staticmethod
    def _severity(span: spacy.tokens.Span) -> str:
        marks = [(m.modifier_span, m.category) for m in span._.modifiers if m.category.startswith("SEVERITY_")]
        nearest = min(marks, key=lambda mark: abs(mark[0][0] - span.start), default=None)
        return nearest[1].removeprefix("SEVERITY_").lower() if nearest else "unspecified"

    @staticmethod
    def _assertion(span: spacy.tokens.Span) -> str:
        if span._.is_negated:
            return "negated"
        if span._.is_uncertain:
            return "possible"
        return "historical" if span._.is_historical else "present"


class NegSpacy:
    """A blank pipeline with an entity ruler and negspacy: targets and negation, nothing else."""

    def __init__(self) -> None:
        from negspacy.negation import Negex  # noqa: F401  registers the component
        from negspacy.termsets import termset

        self.nlp = spacy.blank("en")
        self.nlp.add_pipe("sentencizer")
        ruler = self.nlp.add_pipe("entity_ruler", config={"phrase_matcher_attr": "LOWER"})
        ruler.add_patterns([{"label": BLANK_ENTITY, "pattern": literal} for literal in targets()])
        self.nlp.add_pipe("negex", config={"neg_termset": termset("en").get_patterns()})

    def read(self, text: str) -> list[tuple[str, str, str]]:
        """Literal, ``unspecified`` and assertion of each target found."""
        return [(span.text, "unspecified", "negated" if span._.negex else "present") for span in self.nlp(text).ents]

    def negated(self, sentence: str, concept: str) -> bool:
        """Whether a concept is negated where it stands."""
        doc = self.nlp.get_pipe("sentencizer")(self.nlp.make_doc(sentence))
        doc.ents = concept_spans(doc, concept)
        return any(span._.negex for span in self.nlp.get_pipe("negex")(doc).ents)


def concept_spans(doc: spacy.tokens.Doc, concept: str) -> list[spacy.tokens.Span]:
    """The first occurrence of a concept: in capitals, as the kit marks it, before any other."""
    text = doc.text
    for wanted, within in ((concept.upper(), text), (concept.lower(), text.lower())):
        place = within.find(wanted)
        if place >= 0:
            span = doc.char_span(place, place + len(concept), label=BLANK_ENTITY, alignment_mode="expand")
            return [span] if span is not None else []
    return []


def main() -> None:
    """Read the job, write the result."""
    name, job_path, result_path = sys.argv[1:]
    job = json.loads(Path(job_path).read_text(encoding="utf-8"))
    engine = {"medspacy": MedSpacy, "negspacy": NegSpacy}[name]()
    known = {text.lower(): meaning for text, meaning in targets().items()}
    findings = {
        report["id"]: [_finding(known[text.lower()], grade, said) for text, grade, said in engine.read(report["text"])]
        for report in job["reports"]
    }
    engine.read(job["paragraphs"][0])
    started = time.process_time()
    for paragraph in job["paragraphs"]:
        engine.read(paragraph)
    per_second = len(job["paragraphs"]) / (time.process_time() - started)
    negated = [row["row_id"] for row in job["negation"] if engine.negated(row["sentence"], row["concept"])]
    result = {"findings": findings, "negated": negated, "paragraphs_per_s": per_second}
    Path(result_path).write_text(json.dumps(result), encoding="utf-8")


def _finding(meaning: tuple[str, str], severity: str, assertion: str) -> dict[str, str]:
    valve, disease = meaning
    grade = "none" if assertion == "negated" or disease == "normal" else severity
    return {"valve": valve, "disease": disease, "severity": grade, "assertion": assertion, "quote": ""}


if __name__ == "__main__":
    main()
