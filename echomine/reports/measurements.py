"""Numbers of a report: what was measured, in its unit, at which valve."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, TypeVar

from echomine.domain.records import Measurement, Span
from echomine.domain.vocabulary import Valve
from echomine.reports.lexicon_files import Kind, Lexicon, Measure, Unit
from echomine.reports.mentions import Mention
from echomine.reports.scanning import Tokens
from echomine.reports.sentence_view import BLOCKING, SentenceView

_FARTHEST = 14
_DASHES = frozenset({"-", "–", "—"})
_RANGE = frozenset({"to", "-", "–", "and"})


MeaningT = TypeVar("MeaningT")


class Quantity(NamedTuple):
    """A number, or the middle of a range, with the units it may be in.

    Attributes:
        value: The number as written; of a range its middle.
        units: Readings of the unit written after it; empty if none is.
        first, last: Its tokens, unit included.
    """

    value: float
    units: tuple[Unit, ...]
    first: int
    last: int


class _Name(NamedTuple):
    measures: tuple[Measure, ...]
    first: int
    last: int


def measurements_of(tokens: Tokens, view: SentenceView, lexicon: Lexicon) -> list[Measurement]:
    """The measurements of one sentence, normalised to the unit of their name; implausible numbers are left out."""
    if not any(word[0].isdigit() for word in view.words[view.first : view.last + 1]):
        return []
    names = list(_names(view, lexicon))
    taken: set[int] = set()
    found = []
    for quantity in _quantities(tokens, view, lexicon):
        made = _measurement(tokens, view, lexicon, quantity, names, taken)
        if made is not None:
            found.append(made)
    return found


def _names(view: SentenceView, lexicon: Lexicon) -> Iterator[_Name]:
    index = view.first
    while index <= view.last:
        match = _match(view.words, index, view.last, lexicon.measures)
        if match is not None:
            yield _Name(match[0], index, match[1])
            index = match[1]
        index += 1


def _match(
    words: Sequence[str], index: int, last: int, table: Mapping[str, tuple[tuple[list[str], MeaningT], ...]]
) -> tuple[MeaningT, int] | None:
    for phrase, meaning in table.get(words[index], ()):
        end = index + len(phrase) - 1
        if end <= last and words[index : end + 1] == phrase:
            return meaning, end
    return None


def _quantities(tokens: Tokens, view: SentenceView, lexicon: Lexicon) -> Iterator[Quantity]:
    """Numbers of the sentence that can be measured values, in order."""
    index = view.first
    while index <= view.last:
        value = _number(view.words[index])
        if value is None or _is_no_value(tokens, view, index):
            index += 1
            continue
        quantity = _with_range(tokens, view, lexicon, index, value)
        yield quantity
        index = quantity.last + 1
        index = _after_reference_range(view, index)


def _number(word: str) -> float | None:
    """The number that a token writes; ``1,5`` has a decimal comma, ``1,200`` a thousands one; ``2+`` is none."""
    if not word[0].isdigit() or word[-1] == "+":
        return None
    whole, comma, part = word.partition(",")
    text = word if not comma else f"{whole}.{part}" if len(part) < 3 and "." not in word else word.replace(",", "")
    try:
        return float(text)
    except ValueError:
        return None


def _is_no_value(tokens: Tokens, view: SentenceView, index: int) -> bool:
    """Whether a number is part of a date, a size (``0.6 x 8 mm``), a fraction or a word (``2-D``)."""
    words = view.words
    before = words[index - 1] if index > view.first else ""
    after = words[index + 1] if index < view.last else ""
    if before in {"/", "x", "#", "grade", "type"} or after in {"x", ":", "#"}:
        return True
    if after == "/":
        return index + 2 <= view.last and words[index + 2][0].isdigit() and not _is_phasic(view, index)
    if _is_suture(tokens, view, index):
        return True
    joined = index < view.last and tokens.text[tokens.ends[index] : tokens.starts[index + 1]] == "-"
    return joined and after.isalpha() and len(after) == 1


def _is_phasic(view: SentenceView, index: int) -> bool:
    """Whether a fraction is a systolic over a diastolic pressure: ``pulmonary artery pressure 61/31``."""
    upper, lower = _number(view.words[index]), _number(view.words[index + 2])
    named = not view.lists.phasic.isdisjoint(view.words[max(view.first, index - 4) : index])
    return named and upper is not None and lower is not None and upper > lower


def _is_suture(tokens: Tokens, view: SentenceView, index: int) -> bool:
    """Whether a number is a size such as ``3-0``, a falling pair with a dash."""
    if index >= view.last or tokens.text[tokens.ends[index] : tokens.starts[index + 1]] != "-":
        return False
    return view.words[index + 1] == "0"


def _with_range(tokens: Tokens, view: SentenceView, lexicon: Lexicon, index: int, value: float) -> Quantity:
    first_unit = _unit_after(view, lexicon, index)
    units, last = first_unit
    second = _second(tokens, view, last)
    if second:
        upper = _number(view.words[second])
        if upper is not None and upper > value:
            later, end = _unit_after(view, lexicon, second)
            return Quantity((value + upper) / 2, later or units, index, end)
    return Quantity(value, units, index, last)


def _unit_after(view: SentenceView, lexicon: Lexicon, index: int) -> tuple[tuple[Unit, ...], int]:
    if index + 1 > view.last:
        return (), index
    match = _match(view.words, index + 1, view.last, lexicon.units)
    return match if match is not None else ((), index)


def _second(tokens: Tokens, view: SentenceView, last: int) -> int:
    """The token of a range's upper end, or 0: ``40 to 45``, ``55-60``, ``50% to 55%``."""
    after = last + 1
    if after > view.last:
        return 0
    if view.words[after][0].isdigit():
        gap = tokens.text[tokens.ends[last] : tokens.starts[after]].strip()
        return after if gap in _DASHES else 0
    ranged = view.words[after] in _RANGE - {"and"} and after < view.last
    return after + 1 if ranged and view.words[after + 1][0].isdigit() else 0


def _after_reference_range(view: SentenceView, index: int) -> int:
    """The token after a range of normal values in brackets: ``1.5 cm (0.7-1.1 cm)``."""
    if index > view.last or view.words[index] != "(":
        return index
    for place in range(index + 1, min(view.last, index + 8) + 1):
        if view.words[place] == ")":
            inner = view.words[index + 1 : place]
            numbers = sum(word[0].isdigit() for word in inner)
            return place + 1 if numbers >= 2 or "normal" in inner else index
    return index


def _measurement(
    tokens: Tokens, view: SentenceView, lexicon: Lexicon, quantity: Quantity, names: list[_Name], taken: set[int]
) -> Measurement | None:
    for position, name in _candidates(view, quantity, names, taken):
        for measure in name.measures:
            read = _read(quantity, measure)
            if read is None:
                continue
            taken.add(position)
            first, last = min(name.first, quantity.first), max(name.last, quantity.last)
            backward = _regurgitant_word(view, name)
            valve = measure.valve or _valve_held(backward, lexicon) or _valve_of(view, name, quantity)
            return Measurement(
                name=_specific(measure.name, valve, of_regurgitation=bool(backward)),
                value=read[0],
                unit=read[1],
                valve=Valve(valve) if valve else None,
                span=Span(tokens.starts[first], tokens.ends[last]),
            )
    return None


def _candidates(
    view: SentenceView, quantity: Quantity, names: list[_Name], taken: set[int]
) -> Iterator[tuple[int, _Name]]:
    """Names that a number may belong to: those before it, the nearest first, then one right after it."""
    for position in range(len(names) - 1, -1, -1):
        name = names[position]
        if name.last < quantity.first and position not in taken:
            distance = quantity.first - name.last
            if distance > _FARTHEST or (not quantity.units and _broken(view, name.last, quantity.first)):
                break
            yield position, name
    for position, name in enumerate(names):
        near = 0 < name.first - quantity.last <= 3 and position not in taken and quantity.units
        if near and not _has_its_own(view, name):
            yield position, name


def _has_its_own(view: SentenceView, name: _Name) -> bool:
    """Whether a number follows a name at once: ``14 mmHg with a gradient of 9 mmHg``."""
    return any(word[0].isdigit() for word in view.words[name.last + 1 : min(view.last, name.last + 2) + 1])


def _broken(view: SentenceView, last: int, first: int) -> bool:
    """Whether a comma or another number stands between a name and a number without a unit."""
    between = view.words[last + 1 : first]
    return "," in between or any(word[0].isdigit() for word in between)


def _read(quantity: Quantity, measure: Measure) -> tuple[float, str] | None:
    """The value in the unit of a measure, if the units fit and it is plausible."""
    if quantity.units:
        fitting = [unit for unit in quantity.units if unit.dimension == measure.dimension]
        readings = [(quantity.value * unit.factor, unit.unit) for unit in fitting]
    else:
        kept = KEPT_UNITS[measure.dimension]
        readings = [(quantity.value * factor, kept) for factor in _unwritten_factors(measure)]
    plausible = [reading for reading in readings if measure.low <= reading[0] <= measure.high]
    return (round(plausible[0][0], 6), plausible[0][1]) if plausible else None


KEPT_UNITS: dict[str, str] = {
    "velocity": "m/s",
    "pressure": "mmHg",
    "area": "cm2",
    "indexed_area": "cm2/m2",
    "indexed_mass": "g/m2",
    "volume": "mL",
    "indexed_volume": "mL/m2",
    "percent": "%",
    "length": "cm",
    "time": "ms",
    "ratio": "",
}
"""Unit that a value of each dimension is kept in; also the one meant where a report writes none."""

_WALLS = frozenset({"ivsd", "pwd", "wall_thickness"})
"""Thicknesses, which some write in mm among cm: a wall of 11 is no 11 cm."""

_AT_NO_VALVE = frozenset({"length", "percent"})
_OF_THE_HEART = frozenset(
    {
        "rvsp",
        "rap",
        "lvedp",
        "laa_velocity",
        "lvot_vti",
        "svi",
        "lavi",
        "dt",
        "ivrt",
        "e_a",
        "e_e_prime",
        "e_prime",
        "s_prime",
        "lvot_velocity",
        "peak_systolic_velocity",
        "transpulmonary_gradient",
        "rvedp",
        "lv_mass_index",
        "rwt",
    }
)


def _unwritten_factors(measure: Measure) -> tuple[float, ...]:
    """Factors tried in turn for a number without a unit: m/s, then cm/s; for walls cm, then mm."""
    if measure.dimension == "velocity":
        return 1.0, 0.01
    return (1.0, 0.1) if measure.name in _WALLS else (1.0,)


def _valve_of(view: SentenceView, name: _Name, quantity: Quantity) -> str:
    """The valve that a general name (``peak gradient``) is measured at, or ``""``."""
    measure = name.measures[0]
    if measure.name in _OF_THE_HEART or (measure.dimension in _AT_NO_VALVE and measure.name not in {"vc", "vti", "rf"}):
        return ""
    before = _nearest(view, [m for m in reversed(view.mentions) if m.first <= quantity.first])
    if before is not None:
        return before
    after = _nearest(view, [m for m in view.mentions if quantity.last < m.first <= quantity.last + 8])
    if after is not None:
        return after
    subject = view.context.subject
    return subject[0] if len(subject) == 1 else ""


def _nearest(view: SentenceView, mentions: list[Mention]) -> str | None:
    """The valve of the first mention that has one; ``""`` if a chamber or vessel comes first; None if nothing does."""
    for mention in mentions:
        if mention.kind in {Kind.LESION, Kind.STRUCTURE} and mention.term.valve:
            return mention.term.valve
        if mention.kind is Kind.VALVE:
            names = view.names(mention)
            return names[0] if len(names) == 1 else ""
        if mention.kind is Kind.STRUCTURE and mention.term.value in BLOCKING:
            return ""
    return None


def _regurgitant_word(view: SentenceView, name: _Name) -> str:
    """The word just before a name that says whose flow is measured (``AR`` peak velocity), or ``""``."""
    before = view.words[max(view.first, name.first - 2) : name.first]
    if before and before[-1] in view.lists.flow_words:
        before.pop()
    return before[-1] if before and before[-1] in view.lists.regurgitant else ""


def _valve_held(word: str, lexicon: Lexicon) -> str:
    """The valve that an abbreviation such as ``AR`` holds, or ``""``."""
    phrases = lexicon.phrases.get(word)
    return phrases.alone.valve if phrases is not None and phrases.alone is not None else ""


def _specific(name: str, valve: str, *, of_regurgitation: bool = False) -> str:
    """``valve_area`` is ``ava`` at the aortic and ``mva`` at the mitral valve; a leak's velocity is no stenosis's.

    The tricuspid valve's peak velocity is that of its leak, however it is called.
    """
    if of_regurgitation and valve != Valve.TRICUSPID:
        return {"vmax": "regurgitant_velocity", "peak_gradient": "regurgitant_gradient"}.get(name, name)
    if name == "valve_area":
        return {"aortic": "ava", "mitral": "mva"}.get(valve, name)
    return name
