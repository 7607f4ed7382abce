"""Settings: frozen keyword-only dataclasses, built from plain mappings with unknown keys refused."""

import dataclasses
from collections.abc import Mapping
from typing import Any, TypeVar

from echomine.domain.errors import ConfigurationError

ConfigT = TypeVar("ConfigT")


def config_from(kind: type[ConfigT], values: Mapping[str, Any]) -> ConfigT:
    """A configuration of class ``kind`` with the given values, the others at their defaults.

    Lists become tuples, so that a configuration read from JSON or TOML equals the one that was saved.

    Raises:
        ConfigurationError: If a key is none of the fields, or a value is refused by the class.
    """
    known = [entry.name for entry in dataclasses.fields(kind)]  # type: ignore[arg-type]
    unknown = sorted(set(values) - set(known))
    if unknown:
        raise ConfigurationError(
            f"{kind.__name__} has no setting {', '.join(unknown)}; known are {', '.join(sorted(known))}"
        )
    plain = {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}
    try:
        return kind(**plain)
    except (TypeError, ValueError) as error:
        raise ConfigurationError(f"{kind.__name__} cannot be built: {error}") from error


def config_to_dict(config: object) -> dict[str, Any]:
    """The settings of a configuration as a plain dictionary, ready for JSON."""
    return dataclasses.asdict(config)  # type: ignore[call-overload,no-any-return]
