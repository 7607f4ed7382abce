"""Names of persons in a text: after titles and labels, before credentials, and by words that are nothing else."""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from echomine.reports.privacy_words import NameWords, ordinary_words, people, plain_words, read_names

_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*\.?")
_GAP = re.compile(r"[ \t]{1,3}")
_COMMA = re.compile(r",[ \t]{0,2}")
_INITIAL_BEFORE = re.compile(r"(?:^|[^\w.])[^\W\d_]\.$")
_ORDINARY_FORM = re.compile(
    r"non.*|.*(?:itis|osis|oses|emia|ectomy|graphy|graphic|gram|grams|scopy|pathy|plasty|tomy|megaly|cardia|tion|tions|"
    r"sion|sive|ical|ally|oid|uid|ular|eal|tory|ably|ness|ment|ality|ility|able|ible|ous|esis|ase|ine|ated|ized|"
    r"ised)"
)
"""Forms of words of medicine and language that a list may lack."""
_WEAK_FORM = re.compile(r".*(?:ed|ing|ly|al|ic|ics|ive|ity|ism|ant|ent|ary|ure|ose|ium)")
"""Forms that names have too: they count in lines of capitals only, where every word is capitalised."""
_ACTS = re.compile(
    r" (?:is an? |is \d|was seen|was informed|was called|has been|had|presents|presented|returns|returned|denies|states"
    r"|tolerated)"
)
"""What a sentence goes on with when it begins with a person."""
_PERSON = re.compile(r" is an? (?:[a-z]{4,12} ){0,2}(?:pleasant|delightful|\d{1,3}[- ]year)", re.IGNORECASE)
"""What a sentence goes on with when it begins with a person, whatever the name is besides."""
_DOES = re.compile(
    r"(?:, (?:an? )?\d{1,3}[- ]year| (?:presented|presents|agrees|agreed|concurs|concurred|reports|reported|provided"
    r"|underwent|undergoes|returned to|returns|denies|denied|complains|complained|states|stated|lives|has a history"
    r"|will|would|gave|gives|called|calls|wants|asked|asks|told|said|says|signed|feels|felt|knows|came|arrived|drove"
    r"|is (?:aware|scheduled|doing|here|being|willing|agreeable)|was (?:intubated|brought|taken|transferred|scheduled"
    r"|counsel(?:l)?ed|consented|sedated|extubated|advised|instructed|told|asked|examined|admitted|seen|discharged|evaluated|hospitali[sz]ed|informed|notified|referred|present"
    r"|at)))\b",
    re.IGNORECASE,
)
"""What patients do and what is done to them: before it a word that may be a name is one."""
MAX_WORDS = 5


class Word(NamedTuple):
    """A word of the text.

    Attributes:
        start, end: Where it stands, the full stop of an abbreviation included.
        lower: In lower case, without full stop and possessive.
        capital: Whether it begins in upper case.
        strong: Whether it is a name and no other word.
        initial: Whether it is one letter.
        opens: Whether it is the first word of a sentence or line.
        loud: Whether its line is in upper case.
    """

    start: int
    end: int
    lower: str
    capital: bool
    strong: bool
    initial: bool
    opens: bool
    loud: bool


def find_names(text: str, *, names: Sequence[str] = ()) -> Iterator[tuple[int, int, str]]:
    """Start, end and kind of each name; ``names`` are known ones, found in any place."""
    lists = read_names()
    known = {part.lower() for name in names for part in re.findall(r"[^\W\d_]{2,}", name)}
    words = _words(text, lists, known)
    marked: set[int] = set()
    for index in range(len(words)):
        marked |= _seeded(text, words, index, lists)
    told = {words[index].lower for index in marked if len(words[index].lower) > 2} - ordinary_words() - lists.clinical
    marked |= {index for index, word in enumerate(words) if word.lower in told | known and word.capital}
    yield from _runs(text, words, marked, lists)


def _words(text: str, lists: NameWords, known: set[str]) -> list[Word]:
    words: list[Word] = []
    ordinary = ordinary_words()
    for line in re.finditer(r"[^\n]+", text):
        letters = [letter for letter in line[0] if letter.isalpha()]
        loud = sum(letter.isupper() for letter in letters) > 0.8 * len(letters)
        for match in _WORD.finditer(text, line.start(), line.end()):
            lower = re.sub(r"['’]s$", "", match[0].rstrip(".").lower())
            before = text[max(line.start(), match.start() - 8) : match.start()].rstrip(" \t\"'(")
            words.append(
                Word(
                    start=match.start(),
                    end=match.start() + len(match[0] if _keeps_stop(match[0], lists) else match[0].rstrip(".")),
                    lower=lower,
                    capital=match[0][0].isupper(),
                    strong=lower in known or _is_name(lower, lists, ordinary),
                    initial=len(lower) == 1,
                    opens=not before or (before[-1] in ".:;!?-*" and not _INITIAL_BEFORE.search(before)),
                    loud=loud,
                )
            )  # fmt: skip
    return words


def _keeps_stop(word: str, lists: NameWords) -> bool:
    """Whether a full stop belongs to the word: an initial or a title."""
    return len(word.rstrip(".")) == 1 or word.lower() in lists.titles


def _is_name(lower: str, lists: NameWords, ordinary: frozenset[str]) -> bool:
    """Whether a word is nothing but a name: on a list of them or unknown, and no word of medicine or language."""
    parts = re.split(r"['’-]", lower)
    if len(parts) > 1 and lists.given.issuperset(parts):
        return True
    if any(part in lists.clinical or part in lists.drugs for part in (lower, *parts)):
        return False
    if lower.endswith(lists.drug_endings) or len(lower) < 2:
        return False
    return not any(part in ordinary for part in (lower, *parts) if len(part) > 1)


def _seeded(text: str, words: list[Word], index: int, lists: NameWords) -> set[int]:
    """Indices of the words that are a name because of the word at ``index``."""
    word = words[index]
    if _is_title(text, words, index, lists) or _ends_label(text, words, index, lists):
        return _following(text, words, index + 1, lists)
    if word.lower.replace(".", "") in lists.credentials and word.capital and index:
        return _preceding(text, words, index, lists)
    named = word.capital and (
        _listed(text, words, index, lists) or _unknown(text, words, index) or _is_called_a_person(text, word)
    )
    return {index} if named else set()


def _is_called_a_person(text: str, word: Word) -> bool:
    """Whether a sentence says that a word is a person: ``Little is a pleasant patient``, ``Brown underwent``."""
    if _is_never(word) or word.initial:
        return False
    may_be = word.lower in people() or (word.strong and (word.loud or not _is_upper(text, word)))
    return bool(_PERSON.match(text, word.end)) or (may_be and bool(_DOES.match(text, word.end)))


def _is_title(text: str, words: list[Word], index: int, lists: NameWords) -> bool:
    """Whether a title stands here; ``MR.`` and ``MS.`` in capitals may be lesions, which the next word tells."""
    word = words[index]
    if word.lower not in lists.titles or not word.capital:
        return False
    if word.lower.rstrip(".") not in _LESIONS or not _is_upper(text, word) or index + 1 == len(words):
        return True
    following = words[index + 1]
    return following.lower not in plain_words() if word.loud else _is_upper(text, following)


def _listed(text: str, words: list[Word], index: int, lists: NameWords) -> bool:
    """Whether a word of the lists of names is one here."""
    word = words[index]
    listed = word.lower in lists.given or word.lower in lists.family
    if listed and word.strong and len(word.lower) > 2:
        return True
    beside = word.lower in lists.given and _strong_beside(text, words, index)
    likely = listed or (word.strong and len(word.lower) > 2 and index > 0 and not words[index - 1].opens)
    return beside or (likely and _initial_before(text, words, index))


def _unknown(text: str, words: list[Word], index: int) -> bool:
    """Whether a word on no list at all is taken for a name, by its form and place."""
    word = words[index]
    if not (word.strong and _unlike_words(word) and (word.loud or not _is_upper(text, word))):
        return False
    if _strong_beside(text, words, index):
        return True
    if word.loud:
        return len(word.lower) > 4
    acts = not _WEAK_FORM.fullmatch(word.lower) and bool(_ACTS.match(text, word.end))
    return not word.opens or acts


def _unlike_words(word: Word) -> bool:
    """Whether an unknown word has no form that words of medicine and language have."""
    if len(word.lower) < 3 or _ORDINARY_FORM.fullmatch(word.lower):
        return False
    return not (word.loud and _WEAK_FORM.fullmatch(word.lower))


def _initial_before(text: str, words: list[Word], index: int) -> bool:
    before = words[index - 1] if index else None
    return before is not None and before.initial and before.capital and text[before.end - 1 : before.end] == "."


def _is_upper(text: str, word: Word) -> bool:
    """Whether a word stands in upper case among others that do not: an abbreviation, as a rule."""
    return text[word.start : word.end].removesuffix("s").isupper()


def _strong_beside(text: str, words: list[Word], index: int) -> bool:
    """Whether a word that is a name stands beside, or behind one initial."""
    for step in (-1, 1):
        other = index + step
        if 0 < other < len(words) - 1 and words[other].initial and words[other].capital:
            other += step
        if not 0 <= other < len(words) or not words[other].capital:
            continue
        first, last = sorted((index, other))
        near = all(_joined(text, words[place], words[place + 1]) for place in range(first, last))
        if near and (words[other].lower in people() or (words[other].strong and _unlike_words(words[other]))):
            return True
    return False


def _joined(text: str, left: Word, right: Word) -> bool:
    between = text[left.end : right.start]
    return bool(_GAP.fullmatch(between) or _COMMA.fullmatch(between) or between in {". ", "-", "/"})


def _ends_label(text: str, words: list[Word], index: int, lists: NameWords) -> bool:
    """Whether a phrase that names follow ends here: with a colon, or ``by`` and the like without one."""
    after = text[words[index].end : words[index].end + 4]
    phrases = [" ".join(word.lower for word in words[max(0, index - size) : index + 1]) for size in range(4)]
    labelled = re.match(r"\s{0,2}[:=]", after) or (words[index].lower in _RELATIVES and after.startswith(", "))
    if any(phrase in lists.by or (labelled and phrase in lists.labels) for phrase in phrases):
        return True
    role = after.lstrip()[:1] == ":" and _ROLE.fullmatch(words[index].lower)
    return bool(role or _may_introduce(words, index)) and _is_person_next(text, words, index)


def _may_introduce(words: list[Word], index: int) -> bool:
    """Whether a word may stand before a person: ``by`` after what was done, a relative, a profession."""
    word = words[index].lower
    done = word == "by" and index > 0 and re.fullmatch(r".*(?:ed|en|ne|ad)", words[index - 1].lower)
    before = words[index - 1].lower if index else ""
    met = before in _BEFORE_PERSONS.get(word, ())
    return bool(done) or met or word in _RELATIVES or word in _PROFESSIONS or word == "re"


def _is_person_next(text: str, words: list[Word], index: int) -> bool:
    """Whether the next word, at once or after a comma, can be a name by its capital and its place in the lists."""
    if index + 1 >= len(words):
        return False
    following = words[index + 1]
    near = re.fullmatch(r"[:,]? {1,2}", text[words[index].end : following.start])
    may_be = following.lower in people() or (following.strong and _unlike_words(following))
    return bool(near) and following.capital and not _is_never(following) and may_be


def _following(text: str, words: list[Word], index: int, lists: NameWords) -> set[int]:
    """The capitalised words from here on that make up a name; in upper-case lines ordinary words end it."""
    found: list[int] = []
    for number in range(index, min(index + MAX_WORDS, len(words))):
        word = words[number]
        gap = text[words[number - 1].end : word.start]
        if not re.fullmatch(r"[ \t:=.,]{0,6}", gap) or (found and ("." in gap and not words[number - 1].initial)):
            break
        particle = word.lower in lists.particles
        if not (word.capital or particle) or (found and word.lower in lists.credentials):
            break
        solid = any(not words[one].initial and words[one].lower not in lists.particles for one in found)
        weak = solid and not particle and word.lower in plain_words()
        ends = word.end >= len(text) or text[word.end] in ".,;\n"
        if (weak and ((word.loud and not ends) or "," in gap) and not word.initial) or _is_never(word):
            break
        if word.lower not in lists.titles:
            found.append(number)
    return set(found)


def _preceding(text: str, words: list[Word], index: int, lists: NameWords) -> set[int]:
    """The capitalised words before credentials."""
    found: list[int] = []
    if words[index].lower in _AMBIGUOUS and "," not in text[words[index - 1].end : words[index].start]:
        return set()
    for number in range(index - 1, max(-1, index - MAX_WORDS), -1):
        word = words[number]
        gap = text[word.end : words[number + 1].start]
        if not re.fullmatch(r"[ \t.,]{0,3}", gap) or not (word.capital or word.lower in lists.particles):
            break
        if word.lower in lists.credentials or (("," in gap) and found):
            continue
        ordinary = word.lower in plain_words()
        if _is_never(word) or (ordinary and (word.loud or len(found) > 1)):
            break
        found.append(number)
    return set(found) if any(not words[number].initial for number in found) else set()


_LESIONS = frozenset({"mr", "ms"})
_RELATIVES = frozenset(
    {"wife", "husband", "spouse", "mother", "father", "son", "daughter", "brother", "sister", "niece", "nephew"}
)
_BEFORE_PERSONS = {
    "with": {
        "seen",
        "examined",
        "reviewed",
        "images",
        "case",
        "results",
        "findings",
        "up",
        "discussed",
        "met",
        "length",
    },
    "of": {"request", "care", "behalf", "courtesy", "service", "direction"},
    "from": {"obtained", "received", "call", "letter", "referral"},
    "to": {"letter", "note", "report", "copy"},
    "under": {"admitted"},
    "between": {"discussed", "discussion"},
}
"""Preposition -> words before it that a person follows."""
_ROLE = re.compile(r".{3,}(?:ist|ian|or|er|ant|ee)|attorney|signed|tech")
"""Words that name who does something, before a colon."""
_PROFESSIONS = frozenset(
    {"fellow", "resident", "nurse", "technologist", "sonographer", "cardiologist", "physician", "operator"}
    | {"cousin", "uncle", "aunt", "grandson", "granddaughter", "assistant", "friend"}
)
_NEVER_TEXT = """
be have me us them you our my from the a an is was were has had will and or of in on at to for with no not none
unknown unchanged normal patient valve valves left right ventricle atrium severe moderate mild trace trivial he she
his her it this that there date exam study echo report history mitral aortic tricuspid pulmonic anesthesia cardiology
cardiologist hospitalist surgery surgeon medicine radiology radiologist anesthesiology neurology nursing staff team
service pharmacy consent family hospice
"""
_NEVER = frozenset(_NEVER_TEXT.split())
_AMBIGUOUS = frozenset({"pa", "do", "np", "cma", "cc"})
"""Credentials that mean something else, the pulmonary artery for one: they count behind a comma."""


def _is_never(word: Word) -> bool:
    return word.lower in _NEVER and not (word.initial and word.capital)


def _runs(text: str, words: list[Word], marked: set[int], lists: NameWords) -> Iterator[tuple[int, int, str]]:
    """Neighbouring name words as one name, with initials, particles and a last or first name beside."""
    for _ in range(3):  # particles and initials stand one behind the other
        marked = marked | {index for index in range(len(words)) if _attaches(text, words, index, marked, lists)}
    first: int | None = None
    for index in sorted(marked):
        if first is None:
            first = index
        if index + 1 not in marked or not _joined(text, words[index], words[index + 1]):
            yield words[first].start, words[index].end, "name"
            first = None


def _attaches(text: str, words: list[Word], index: int, marked: set[int], lists: NameWords) -> bool:
    word = words[index]
    sides = [
        other
        for other in (index - 1, index + 1)
        if other in marked
        and 0 <= other < len(words)
        and _joined(text, words[min(index, other)], words[max(index, other)])
    ]
    if not sides or word.lower in lists.titles or index in marked:
        return False
    person = word.lower in people()
    initial = word.initial and word.capital and word.lower != "a"
    particle = word.lower in lists.particles and index + 1 in sides
    behind = index - 1 in sides and words[index - 1].initial and index - 2 in marked and word.capital and not word.loud
    before = words[index - 1].lower
    after_given = (
        index - 1 in sides
        and before in lists.given
        and before not in ordinary_words()
        and word.capital
        and not word.loud
    )
    stranger = word.capital and word.strong and len(word.lower) > 2 and not _ORDINARY_FORM.fullmatch(word.lower)
    comma = index + 1 in sides and "," in text[word.end : words[index + 1].start]
    before_given = comma and word.capital and not word.loud and words[index + 1].lower in lists.given
    given = index + 1 in sides and text[word.end : words[index + 1].start] == " " and word.capital and not word.loud
    before_name = given and not word.opens and words[index + 1].strong
    part = before_name or after_given or behind or stranger or before_given
    return (word.capital and person) or initial or particle or (part and not _is_never(word))
