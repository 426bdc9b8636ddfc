"""Axes of a sweep: the values that a setting runs over."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..errors import InvalidArgument
from ..networks import network_named
from .expressions import Expression

#: Settings that count something.
INTEGERS = frozenset({"dim", "samples", "width", "rank", "depth", "tokens"})
#: Settings that are text.
TEXTS = ("network", "spectrum", "design", "alignment")
#: Largest number of values on one axis.
LONGEST_AXIS = 10_000_000

_FORMS = 'a list of values, { geomspace = [first, last, count] }, { linspace = [...] } or { linked = "expression" }'

Value = float | int | str


def tidy(value: float) -> float:
    """`value` to 12 significant digits, so that a point has the same name on every machine."""
    return float(f"{value:.12g}")


def check_value(name: str, value: Any) -> Value:
    """One value of the setting `name`: a finite number, or text for the settings that are text."""
    if isinstance(value, np.generic):
        value = value.item()
    if name == "network":
        return network_named(value).name
    if name in ("design", "alignment"):
        if not isinstance(value, str):
            raise InvalidArgument(name, value, "must be a word")
        return value
    if name == "spectrum":
        if not isinstance(value, str) or not value:
            raise InvalidArgument(name, value, "must be the path of a .npy, .csv or .txt file")
        return value
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise InvalidArgument(name, value, "must be a number")
    if not math.isfinite(value):
        raise InvalidArgument(name, value, "must be a finite number")
    if name in INTEGERS and value == int(value):
        return int(value)
    if name in INTEGERS and name != "samples":
        raise InvalidArgument(name, value, "must be an integer")
    return float(value)


def parse_axis(name: str, given: Any) -> tuple[Value, ...] | Expression:
    """Values of one axis as written in a sweep file, or the expression that links it to others.

    Raises
    ------
    InvalidArgument
        If the axis is empty, repeats a value or is written in another form.
    """
    if isinstance(given, Expression):
        return given
    if isinstance(given, Mapping):
        if len(given) != 1:
            raise InvalidArgument(name, dict(given), f"an axis is {_FORMS}")
        ((form, inner),) = given.items()
        if form == "linked":
            return Expression(inner, name)
        if form in ("geomspace", "linspace"):
            return _spaced(name, form, inner)
        raise InvalidArgument(name, form, f"an axis is {_FORMS}")
    if isinstance(given, np.ndarray):
        given = given.tolist()
    if isinstance(given, (str, bytes)) or not isinstance(given, Sequence):
        raise InvalidArgument(name, given, f"an axis is {_FORMS}; a single value belongs in [problem]")
    if not given:
        raise InvalidArgument(name, "[]", "the axis is empty; give at least one value")
    if len(given) > LONGEST_AXIS:
        raise InvalidArgument(name, f"{len(given)} values", f"an axis has at most {LONGEST_AXIS}")
    values = tuple(check_value(name, value) for value in given)
    if len(set(values)) < len(values):
        repeated = next(value for i, value in enumerate(values) if value in values[:i])
        raise InvalidArgument(name, repeated, "appears twice on the axis")
    return values


def _spaced(name: str, form: str, inner: Any) -> tuple[Value, ...]:
    if name in TEXTS:
        raise InvalidArgument(name, form, "needs a list")
    allowed = f"{form} takes [first, last, count]"
    if isinstance(inner, (str, bytes)) or not isinstance(inner, Sequence) or len(inner) != 3:
        raise InvalidArgument(name, inner, allowed)
    for number in inner:
        if isinstance(number, bool) or not isinstance(number, (int, float)) or not math.isfinite(number):
            raise InvalidArgument(name, number, allowed + ", three finite numbers")
    first, last, count = inner
    if count != int(count) or count < 1:
        raise InvalidArgument(name, count, "the axis is empty; the count must be an integer >= 1")
    if count > LONGEST_AXIS:
        raise InvalidArgument(name, count, f"an axis has at most {LONGEST_AXIS} values")
    if form == "geomspace" and not (first > 0 and last > 0):
        raise InvalidArgument(name, list(inner), "geomspace needs positive ends")
    if count > 1 and first == last:
        raise InvalidArgument(name, list(inner), "the ends of the axis are equal")
    points = np.geomspace(first, last, int(count)) if form == "geomspace" else np.linspace(first, last, int(count))
    values: list[Value] = [fit(name, point) for point in points.tolist()]
    return tuple(dict.fromkeys(values))  # rounding to integers can make neighbours equal


def fit(name: str, value: float) -> Value:
    """A computed value of the setting `name`: to the nearest integer for counts, to 12 digits otherwise."""
    return round(value) if name in INTEGERS else tidy(value)
