"""Sizes and shares of a network's settings that torch would meet with an error of its own, or not at all."""

from echomine.domain.errors import ConfigurationError


def check_counts(**counts: object) -> None:
    """Refuses what is no whole number from 1 on.

    Raises:
        ConfigurationError: With the name of the setting.
    """
    for name, count in counts.items():
        if not isinstance(count, int) or count < 1:
            raise ConfigurationError(f"{name} is a whole number from 1 on, got {count!r}")


def check_shares(**shares: object) -> None:
    """Refuses a share that is not in 0 to 1, 1 excluded.

    Raises:
        ConfigurationError: With the name of the setting.
    """
    for name, share in shares.items():
        if not isinstance(share, int | float) or not 0 <= share < 1:
            raise ConfigurationError(f"{name} is a share from 0 to below 1, got {share!r}")
