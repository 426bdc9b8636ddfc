"""Arguments that users give, checked before any work."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from .errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

_COUNT = {2: "two", 3: "three", 4: "four"}


def check_number(name: str, value: Any, *, minimum: float = 0.0, strict: bool = False) -> float:
    """`value` as a float, or :class:`InvalidArgument` unless it is finite and ``>= minimum`` (``>`` if strict)."""
    sign = ">" if strict else ">="
    allowed = f"must be a finite number {sign} {minimum:g}"
    if isinstance(value, (bool, str, bytes)) or value is None:
        raise InvalidArgument(name, value, allowed)
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidArgument(name, value, allowed) from error
    if not math.isfinite(number) or number < minimum or (strict and number == minimum):
        raise InvalidArgument(name, value, allowed)
    return number


def check_integer(name: str, value: Any, *, minimum: int = 1) -> int:
    """`value` as an int, or :class:`InvalidArgument` unless it is a whole number ``>= minimum``."""
    number = check_number(name, value, minimum=minimum)
    if number != int(number):
        raise InvalidArgument(name, value, f"must be an integer >= {minimum}")
    return int(value) if hasattr(value, "__index__") else int(number)  # floats do not hold every large integer


def check_level(level: Any, name: str = "level") -> float:
    """`level` as a probability strictly between 0 and 1, or :class:`InvalidArgument`."""
    if isinstance(level, bool) or not isinstance(level, (int, float)) or not 0 < level < 1:
        raise InvalidArgument(name, level, "must be a number between 0 and 1, such as 0.9")
    return level


def check_instance(name: str, value: Any, *kinds: type) -> None:
    """Raise :class:`InvalidArgument` unless `value` is of one of the `kinds`."""
    if not isinstance(value, kinds):
        given = value if isinstance(value, (str, int, float, type(None))) else type(value).__name__
        wanted = " or ".join(f"{'an' if kind.__name__[0] in 'AEIOU' else 'a'} {kind.__name__}" for kind in kinds)
        raise InvalidArgument(name, given, f"must be {wanted}")


def shown(text: str) -> str:
    """`text` as it can be shown on one line."""
    if text and text.isprintable() and " " not in text:
        return text if len(text) <= 80 else text[:77] + "..."
    return repr(text if len(text) <= 80 else text[:77] + "...")


def exactly_one(given: Mapping[str, Any], purpose: str = "") -> str:
    """Name of the one argument of `given` that is not None.

    Parameters
    ----------
    given : mapping of str to object
        Arguments by the names that their user knows.
    purpose : str
        Ends the message: what the choice is for.

    Raises
    ------
    InvalidArgument
        If there is none, or more than one.

    Examples
    --------
    >>> exactly_one({"weight_decay": 0.1, "penalty": None})
    'weight_decay'
    """
    chosen = [name for name, value in given.items() if value is not None]
    if len(chosen) != 1:
        if len(given) == 2:
            found = "both" if chosen else "neither"
        else:
            found = " and ".join(chosen) or "none"
        allowed = f"give exactly one of the {_COUNT.get(len(given), str(len(given)))}{purpose and ' ' + purpose}"
        raise InvalidArgument(" / ".join(given), found, allowed)
    return chosen[0]


def check_choice(name: str, value: object, choices: Collection[str]) -> None:
    """Raise :class:`InvalidArgument` unless the value is one of a few words.

    >>> check_choice("by", "rank", ("density", "rank"))
    """
    if value not in tuple(choices):
        raise InvalidArgument(name, value, f"must be {' or '.join(repr(choice) for choice in choices)}")
