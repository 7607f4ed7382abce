"""Settings: frozen keyword-only dataclasses, built from plain mappings with unknown keys refused."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from enum import StrEnum
from types import MappingProxyType, NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from echomine.domain.errors import ConfigurationError

ConfigT = TypeVar("ConfigT")

_WORDS: Mapping[Any, str] = MappingProxyType(
    {bool: "true or false", int: "a whole number", float: "a number", str: "text", NoneType: "nothing"}
)


def config_from(kind: type[ConfigT], values: Mapping[str, Any]) -> ConfigT:
    """A configuration of class ``kind`` with the given values, the others at their defaults.

    Lists become tuples, so that a configuration read from JSON or TOML equals the one that was saved.

    Raises:
        ConfigurationError: If a key is none of the fields or one is missing, or a value is of another type than its
            field or refused by the class.
    """
    if not isinstance(values, Mapping):
        raise ConfigurationError(f"{kind.__name__} is a table of settings, got {values!r}")
    fields = dataclasses.fields(kind)  # type: ignore[arg-type]
    known = [entry.name for entry in fields]
    unknown = sorted(set(values) - set(known))
    if unknown:
        raise ConfigurationError(
            f"{kind.__name__} has no setting {', '.join(unknown)}; known are {', '.join(sorted(known))}"
        )
    nothing = dataclasses.MISSING
    missing = [one.name for one in fields if one.name not in values and one.default is one.default_factory is nothing]
    if missing:
        raise ConfigurationError(f"{kind.__name__} needs {', '.join(missing)}")
    plain = {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}
    hints = get_type_hints(kind)
    for key, value in plain.items():
        if not _is_of(value, hints[key]):
            raise ConfigurationError(f"{key} of {kind.__name__} is {_words(hints[key])}, got {values[key]!r}")
    try:
        return kind(**plain)
    except (TypeError, ValueError) as error:
        raise ConfigurationError(f"{kind.__name__} cannot be built: {error}") from error


def config_to_dict(config: object) -> dict[str, Any]:
    """The settings of a configuration as a plain dictionary, ready for JSON."""
    return dataclasses.asdict(config)  # type: ignore[call-overload,no-any-return]


def _is_of(value: object, hint: Any) -> bool:  # noqa: ANN401 - a type as the annotations have it
    """Whether a value read from a file can be that of a field; classes beyond plain ones see to it themselves."""
    kind, inner = get_origin(hint) or hint, get_args(hint)
    fits = True
    if kind in (Union, UnionType):
        fits = any(_is_of(value, one) for one in inner)
    elif kind in (bool, str, NoneType):
        fits = isinstance(value, kind)
    elif kind in (int, float):
        fits = _is_number(value) and (kind is float or isinstance(value, int))
    elif _is_closed(kind):
        fits = value in list(kind)
    elif kind is tuple:
        fits = isinstance(value, tuple | list) and _are_of(value, inner)
    elif kind is Mapping:
        fits = isinstance(value, Mapping) and all(_is_of(one, inner[1]) for one in value.values())
    return fits


def _is_closed(kind: Any) -> bool:  # noqa: ANN401 - as above
    """Whether a type is a closed list of words."""
    return isinstance(kind, type) and issubclass(kind, StrEnum)


def _is_number(value: object) -> bool:
    is_nan = isinstance(value, float) and math.isnan(value)
    return isinstance(value, int | float) and not isinstance(value, bool) and not is_nan


def _are_of(values: Sequence[object], hints: tuple[Any, ...]) -> bool:
    if hints[-1] is ...:
        return all(_is_of(one, hints[0]) for one in values)
    return len(values) == len(hints) and all(map(_is_of, values, hints))


def _words(hint: Any) -> str:  # noqa: ANN401 - as above
    kind, inner = get_origin(hint) or hint, get_args(hint)
    words = _WORDS.get(kind, str(getattr(kind, "__name__", kind)))
    if kind in (Union, UnionType):
        words = " or ".join(_words(one) for one in inner)
    elif _is_closed(kind):
        words = f"one of {', '.join(kind)}"
    elif kind is tuple and inner[-1] is ...:
        words = f"a list, each {_words(inner[0])}"
    elif kind is tuple:
        words = f"a list of {len(inner)}: {', '.join(_words(one) for one in inner)}"
    elif kind is Mapping:
        words = f"a table, each value {_words(inner[1])}"
    return words
