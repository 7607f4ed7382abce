"""Reading a text: sentences, statements, assertion, made into findings."""

from collections.abc import Iterator
from typing import NamedTuple

from echomine.domain.records import Finding, Measurement, Span
from echomine.domain.severity import SeverityInterval
from echomine.domain.vocabulary import Assertion, Disease, Severity, Valve
from echomine.reports.assertions import assertion_of_cue, assertion_of_statement, replaced_lesions
from echomine.reports.grades import interval_of, join_grades
from echomine.reports.lexicon_files import Kind, Lexicon, Term, WordLists, standard_lexicon
from echomine.reports.measurements import measurements_of
from echomine.reports.mentions import Mention, find_mentions
from echomine.reports.reading import read_tokens
from echomine.reports.relations import SentenceReader
from echomine.reports.scanning import Tokens
from echomine.reports.scopes import AFTER, Scope, find_scopes, strongest
from echomine.reports.sentence_view import Context, Rule, SentenceView, Statement
from echomine.reports.sentences import Sentence, split_sentences
from echomine.reports.spelling import scan_spelled

FARTHEST_CARRY = 3
"""Sentences over which a valve stays the subject when none is named."""

_OF_A_HEART = frozenset({Kind.VALVE, Kind.LESION, Kind.SEVERITY, Kind.CUE})
_NONE = SeverityInterval.exactly(Severity.NONE)


def lexicon_version() -> str:
    """Version of the lexicon that ships with echomine: it changes with any term."""
    return standard_lexicon().version


class ReadSentence(NamedTuple):
    """One sentence as read: its place, its view, its findings and the statement behind each."""

    sentence: Sentence
    view: SentenceView
    findings: tuple[Finding, ...]
    statements: tuple[Statement, ...] = ()


def extract_findings(text: str, *, lexicon: Lexicon | None = None) -> tuple[Finding, ...]:
    """The findings of a report text, in the order they are written; spans count characters of ``text``.

    An empty text, or one without a valve, gives no findings. Time is linear in the length of the text.
    """
    words = lexicon or standard_lexicon()
    read = read_sentences(read_tokens(text, words), words)
    return tuple(dict.fromkeys(finding for part in read for finding in part.findings))


def extract_measurements(text: str, *, lexicon: Lexicon | None = None) -> tuple[Measurement, ...]:
    """The measurements of a report text, in the order they are written; spans count characters of ``text``.

    Values are normalised to m/s, mmHg, cm2, cm, ms, mL and %; a range gives its middle; a number that is implausible
    for its name is left out.
    """
    words = lexicon or standard_lexicon()
    tokens = read_tokens(text, words)
    return tuple(m for part in read_sentences(tokens, words) for m in measurements_of(tokens, part.view, words))


def read_sentences(tokens: Tokens, lexicon: Lexicon) -> Iterator[ReadSentence]:
    """The sentences of a report in order, each read in the light of those before it."""
    context = Context()
    for sentence in split_sentences(tokens, lexicon):
        if sentence.fresh:
            context = context._replace(subject=())
        read, context = _read_sentence(tokens, sentence, lexicon, context)
        yield read


def _read_sentence(
    tokens: Tokens, sentence: Sentence, lexicon: Lexicon, context: Context
) -> tuple[ReadSentence, Context]:
    mentions = find_mentions(tokens, lexicon, sentence.first, sentence.last)
    mentions = _without_anaesthesia(tokens, sentence, mentions, lexicon.lists, of_a_heart=context.of_a_heart)
    mentions = join_grades(tokens, mentions, lexicon.lists)
    view = SentenceView(tokens, mentions, lexicon.lists, (sentence.first, sentence.last), context)
    statements = SentenceReader(view).statements() if mentions else []
    if not statements:
        return ReadSentence(sentence, view, ()), _context_after(view, statements)
    scopes = find_scopes(tokens, mentions, lexicon.lists, sentence.first, sentence.last)
    gone = replaced_lesions(view, statements, scopes)
    made = ((_finding(tokens, sentence, statement, scopes, gone), statement) for statement in statements)
    kept = [(finding, statement) for finding, statement in made if finding is not None]
    read = ReadSentence(sentence, view, tuple(f for f, _ in kept), tuple(s for _, s in kept))
    return read, _context_after(view, statements)


def _context_after(view: SentenceView, statements: list[Statement]) -> Context:
    before = view.context
    subject = view.subject_after()
    age = before.age + 1 if subject is None else 0
    if subject is None:
        subject = before.subject if age <= FARTHEST_CARRY else ()
    return Context(
        subject=subject,
        named=before.named | {statement.valve for statement in statements} if statements else before.named,
        said=tuple(statements) or before.said,
        age=age,
        heading=_heading_after(view, statements),
        devices=_devices_after(before, statements) if statements else before.devices,
        by_noun=before.by_noun if age else any(_is_noun(mention) for mention in view.mentions),
        of_a_heart=before.of_a_heart or bool(statements) or any(_is_of_a_heart(m) for m in view.mentions),
    )


def _devices_after(before: Context, statements: list[Statement]) -> frozenset[str]:
    return before.devices | {s.valve for s in statements if s.disease == Disease.PROSTHESIS}


def _heading_after(view: SentenceView, statements: list[Statement]) -> Term | None:
    """The lesion whose list of valves goes on after a semicolon."""
    if not statements or view.words[view.last] != ";" or statements[-1].valve_by != Rule.HEADING:
        return None
    return next((m.term for m in view.mentions if m.kind is Kind.LESION), view.context.heading)


def _is_noun(mention: Mention) -> bool:
    return mention.kind is Kind.VALVE and mention.term.form != "adjective"


def _is_of_a_heart(mention: Mention) -> bool:
    return mention.kind is Kind.VALVE or (mention.kind is Kind.STRUCTURE and mention.term.value == "chamber")


def _without_anaesthesia(
    tokens: Tokens, sentence: Sentence, mentions: list[Mention], lists: WordLists, *, of_a_heart: bool
) -> list[Mention]:
    """The mentions without ``MAC`` where it is monitored anaesthesia care, not a calcified annulus.

    It is so among drugs, beside words of sedation, and where neither a grade nor any valve has been named.
    """
    words = tokens.words[sentence.first : sentence.last + 1]
    if lists.care_or_lesion.isdisjoint(words):
        return mentions
    around = {*words, *sentence.section.lower().split()}
    care = sentence.kind == "drugs" or not lists.anaesthesia.isdisjoint(around)
    others = [mention for mention in mentions if tokens.words[mention.first] not in lists.care_or_lesion]
    of_a_heart = of_a_heart or any(mention.kind in _OF_A_HEART for mention in others)
    return others if care or not of_a_heart else mentions


def _finding(
    tokens: Tokens, sentence: Sentence, statement: Statement, scopes: list[Scope], gone: frozenset[tuple[int, int]]
) -> Finding | None:
    disease = Disease(statement.disease)
    assertion = assertion_of_statement(sentence, statement, scopes)
    if assertion is Assertion.PRESENT and statement.head in gone:
        assertion = Assertion.HISTORICAL
    if disease is Disease.NORMAL and assertion is not Assertion.PRESENT:
        return None
    span = Span(tokens.starts[statement.first], tokens.ends[statement.last])
    return Finding(
        valve=Valve(statement.valve),
        disease=disease,
        severity=_severity(disease, assertion, statement.grade),
        assertion=assertion,
        span=span,
        quote=span.of(tokens.text),
        section=sentence.section,
        detail=statement.detail,
    )


def _severity(disease: Disease, assertion: Assertion, grade: str) -> SeverityInterval:
    if assertion is Assertion.NEGATED or disease is Disease.NORMAL:
        return _NONE
    return interval_of(grade) if grade else SeverityInterval.unspecified()


def names_a_valve(text: str, *, lexicon: Lexicon | None = None) -> bool:
    """Whether a text names a valve, or a lesion by an abbreviation that holds its valve (``MR``)."""
    words = lexicon or standard_lexicon()
    tokens = read_tokens(text, words)
    mentions = find_mentions(tokens, words, 0, len(tokens) - 1)
    return any(_is_valve(mention) for mention in mentions)


def _is_valve(mention: Mention) -> bool:
    noun = mention.kind is Kind.VALVE and mention.term.form != "adjective"
    return noun or (mention.kind is Kind.LESION and bool(mention.term.valve))


def assertion_at(tokens: Tokens, read: ReadSentence, lexicon: Lexicon, first: int, last: int) -> Assertion:
    """How a sentence speaks of its tokens ``first`` to ``last``: by its cues, else by its section."""
    place = read.sentence
    scopes = find_scopes(tokens, read.view.mentions, lexicon.lists, place.first, place.last)
    cue = strongest(scopes, first, last)
    return Assertion.HISTORICAL if cue == AFTER else assertion_of_cue(place, cue)


def assertion_of(sentence: str, concept: str) -> Assertion:
    """How a sentence speaks of a concept that stands in it; present when the concept is not found.

    Where the concept stands more than once, an occurrence in the same capitals counts before the first one.
    """
    lexicon = standard_lexicon()
    tokens = scan_spelled(sentence, lexicon)
    place = _place_of(sentence, concept)
    end = place + len(concept)
    inside = [i for i in range(len(tokens)) if tokens.starts[i] < end and tokens.ends[i] > place >= 0]
    parts = split_sentences(tokens, lexicon) if inside else []
    for part in parts:
        if part.first <= inside[-1] and inside[0] <= part.last:
            mentions = _with_denied_change(tokens, find_mentions(tokens, lexicon, part.first, part.last), inside)
            mentions = join_grades(tokens, mentions, lexicon.lists)
            scopes = find_scopes(tokens, mentions, lexicon.lists, part.first, part.last)
            cue = strongest(scopes, inside[0], inside[-1])
            return Assertion.HISTORICAL if cue == AFTER else assertion_of_cue(part, cue)
    return _of_heading(tokens, lexicon, next((part for part in parts if part.first > inside[-1]), None))


def _of_heading(tokens: Tokens, lexicon: Lexicon, part: Sentence | None) -> Assertion:
    """What the first word after a heading says of it: ``Complications: None`` denies them."""
    mentions = find_mentions(tokens, lexicon, part.first, part.first) if part is not None else []
    denied = any(m.term.value == "none" or (m.kind is Kind.CUE and m.term.value == Assertion.NEGATED) for m in mentions)
    return Assertion.NEGATED if denied else Assertion.PRESENT


def _with_denied_change(tokens: Tokens, mentions: list[Mention], concept: list[int]) -> list[Mention]:
    """The mentions, where ``no change`` denies a concept that is a change itself: ``no change in vision``."""
    word = tokens.words[concept[0]]
    return [_as_denial(mention) if _ends_with(tokens, mention, word) else mention for mention in mentions]


def _ends_with(tokens: Tokens, mention: Mention, word: str) -> bool:
    return mention.kind is Kind.PSEUDO and mention.last > mention.first and tokens.words[mention.last] == word


def _as_denial(mention: Mention) -> Mention:
    term = Term(Kind.CUE, Assertion.NEGATED, direction="forward")
    return Mention(Kind.CUE, term, mention.first, mention.last - 1)


def _place_of(sentence: str, concept: str) -> int:
    for wanted in (concept.upper(), concept):
        place = sentence.find(wanted)
        if place >= 0:
            heading = sentence[place + len(wanted) :].lstrip()[:1] in {":", "-"}
            again = sentence.find(wanted, place + 1) if heading else -1
            return max(place, again)
    return sentence.lower().find(concept.lower())
