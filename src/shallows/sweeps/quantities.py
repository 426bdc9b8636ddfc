"""What a sweep can compute at a point, each declared once: its fields, its cost and the function."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from .._version import __version__
from ..errors import InvalidArgument, ShallowsError
from .points import Point, Settings

Record = dict[str, float | str | None]
Repeats = Literal["none", "seed", "trainer and seed"]


@dataclass(frozen=True)
class Field:
    """One number or text of a record.

    Attributes
    ----------
    units : str
        Units of the number; ``"1"`` for a pure one.
    meaning : str
        What it is.
    kind : {"number", "text"}
        Numbers are stored as 64-bit floats.
    optional : bool
        Whether None (does not apply) is a valid value.

    Examples
    --------
    >>> from shallows.sweeps import Field
    >>> Field("label^2", "excess risk").kind
    'number'
    """

    units: str
    meaning: str
    kind: Literal["number", "text"] = "number"
    optional: bool = False


def _constant_cost(settings: Settings) -> float:
    return 1.0


@dataclass(frozen=True)
class Quantity:
    """Something that a sweep computes.

    Attributes
    ----------
    name : str
        As in ``[compute] quantities``; also the name of its table in the store.
    fields : mapping of str to Field
        What a record holds; names are unique over all quantities.
    compute : callable
        From a :class:`Point` to a record. Importable by name, so that workers find it.
    repeats : {"none", "seed", "trainer and seed"}
        What it is repeated over besides the axes.
    cost : callable
        From the settings of a point, a mapping by name, to its cost relative to other points of the quantity: a
        positive float. Costly points are handed out first. Default: 1 everywhere.
    seconds : float
        First guess at the seconds of a point of cost 1.
    revision : int
        Part of every key: raise it when results change.
    regularised : bool
        Whether it needs a weight decay or penalty.
    ignores : frozenset of str
        Settings that it does not depend on: points that differ in these alone are computed once.
    check : callable, optional
        Raises :class:`InvalidArgument` for a point that cannot be computed; called before anything runs.

    Examples
    --------
    >>> from shallows.sweeps import Field, Quantity
    >>> quantity = Quantity("ratio", {"ratio": Field("1", "samples over dimension")}, lambda point: {"ratio": 2.0})
    >>> quantity.problem_with({"ratio": float("nan")})
    'ratio is nan, not a finite number'
    """

    name: str
    fields: Mapping[str, Field]
    compute: Callable[[Point], Record] = field(repr=False)
    repeats: Repeats = "none"
    cost: Callable[[Settings], float] = field(default=_constant_cost, repr=False)
    seconds: float = 0.01
    revision: int = 1
    regularised: bool = True
    ignores: frozenset[str] = frozenset()
    check: Callable[[Point], None] | None = field(default=None, repr=False)

    @property
    def code(self) -> str:
        """Version of the code that computes it, part of every key."""
        return f"{__version__}/{self.revision}"

    def problem_with(self, record: object) -> str | None:
        """What is wrong with a record that came back from a worker, or None.

        NaN and infinity are wrong: what could not be computed is a failure, and what does not apply is None.
        """
        if not isinstance(record, dict):
            return f"a record is a dictionary, not {type(record).__name__}"
        if record.keys() != self.fields.keys():
            odd = sorted(map(str, record.keys() ^ self.fields.keys()))
            return f"wrong or missing fields: {', '.join(odd)}"
        for name, form in self.fields.items():
            value = record[name]
            if value is None:
                if not form.optional:
                    return f"{name} is missing"
            elif form.kind == "text":
                if not isinstance(value, str):
                    return f"{name} is {value!r}, not text"
            elif isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
                return f"{name} is {value!r}, not a finite number"
        return None


_REGISTRY: dict[str, Quantity] = {}


def register(quantity: Quantity) -> Quantity:
    """Make `quantity` known by its name.

    Parameters
    ----------
    quantity : Quantity
        One of the same name is replaced.

    Returns
    -------
    Quantity
        The same one.

    Raises
    ------
    InvalidArgument
        If its name or one of its fields is not a plain lower-case word or belongs to another quantity.

    Examples
    --------
    >>> from shallows.sweeps import Field, Quantity, register
    >>> register(Quantity("my_risk", {"excess_risk": Field("label^2", "risk")}, lambda point: {"excess_risk": 1.0}))
    Traceback (most recent call last):
    ...
    shallows.errors.InvalidArgument: fields: got ['excess_risk']; already belong to the quantity theory
    """
    for word in (quantity.name, *quantity.fields):
        if not word.isidentifier() or not word.isascii() or word != word.lower() or word.startswith("_"):
            raise InvalidArgument("quantity", word, "names are lower-case words joined by underscores")
    for other in _REGISTRY.values():
        common = quantity.fields.keys() & other.fields.keys()
        if other.name != quantity.name and common:
            raise InvalidArgument("fields", sorted(common), f"already belong to the quantity {other.name}")
    _REGISTRY[quantity.name] = quantity
    return quantity


def quantity_names() -> tuple[str, ...]:
    """Names of all registered quantities."""
    return tuple(_REGISTRY)


def quantity_named(name: str) -> Quantity:
    """The registered quantity `name`.

    Raises
    ------
    InvalidArgument
        If there is none.
    """
    names = quantity_names()
    if name not in names:
        raise InvalidArgument("quantities", name, f"known ones are {', '.join(names)}")
    return _REGISTRY[name]


def failure_reason(error: BaseException) -> tuple[str, str]:
    """Reason (short, to count by) and detail of a failed point."""
    status = getattr(getattr(error, "result", None), "status", None)
    reason = type(error).__name__
    if status is not None:
        reason += f": {getattr(status, 'name', status)}"
    elif isinstance(error, InvalidArgument):
        reason += f": {error.name}"
    return reason, str(error) or reason


def is_final(error: BaseException) -> bool:
    """Whether computing the point again would end the same way."""
    return isinstance(error, ShallowsError)
