"""What a sweep is: fixed settings, axes, and what to compute at every point."""

from __future__ import annotations

import difflib
import json
import math
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from pathlib import Path
from typing import Any

from ..errors import InvalidArgument
from .axes import TEXTS, Value, check_value, fit, parse_axis
from .expressions import Expression
from .points import (
    NETWORK_OPTIONS,
    REGULARISATION,
    SETTINGS,
    TEACHERS,
    Point,
    canonical,
    digest,
    samples_of,
    with_modes,
)
from .quantities import Quantity, quantity_named, quantity_names

TRAINERS = ("auto", "convex", "gradient")
#: Combinations of settings that are built and checked before anything runs.
CHECKED_AT_START = 512


def _known(table: str, name: object, allowed: Iterable[str]) -> None:
    allowed = list(allowed)
    if name not in allowed:
        close = difflib.get_close_matches(str(name), allowed, 1)
        hint = f"did you mean {close[0]}? " if close else ""
        raise InvalidArgument(f"{table}.{name}", name, f"{hint}known names: {', '.join(allowed)}")


def _names(table: str, given: object, allowed: Sequence[str]) -> tuple[str, ...]:
    if isinstance(given, str) or not isinstance(given, Sequence) or not given:
        raise InvalidArgument(table, given, f"must be a list with at least one of {', '.join(allowed)}")
    for name in given:
        if name not in allowed:
            close = difflib.get_close_matches(str(name), allowed, 1)
            hint = f"did you mean {close[0]}? " if close else ""
            raise InvalidArgument(table, name, f"{hint}known ones are {', '.join(allowed)}")
    return tuple(dict.fromkeys(given))


@dataclass(frozen=True)
class Sweep:
    """A grid of problems, and what to compute at each.

    Parameters
    ----------
    problem : mapping
        Fixed settings by name: network, dim, samples (or effective_samples), noise, width, gamma (or rank, or
        spectrum, a file), energy, design (or covariance, alignment), weight_decay (or penalty).
    axes : mapping
        Settings that vary: a list, ``{"geomspace": [first, last, count]}``, ``{"linspace": [...]}``, or
        ``{"linked": "0.05*sqrt(samples/dim**2)"}``, which follows the others instead of making an axis of its own.
        Counts (dim, samples, width, rank) that are computed are rounded to integers.
    quantities : sequence of str
        What to compute: theory, bayes, spectrum, train, amp, or a registered one.
    trainers : sequence of str
        For train: convex (certified, not for a width below dim; the default), auto (the fastest certified way that
        the problem allows), gradient (the network itself).
    seeds : int or sequence of int
        Repetitions of what is sampled: how many, or their labels.

    Raises
    ------
    InvalidArgument
        For anything unknown, missing, empty or contradictory; the message names the entry.

    Notes
    -----
    The points are never listed: point `i` is computed from `i`, the last axis running fastest.

    Examples
    --------
    >>> from shallows.sweeps import Sweep
    >>> sweep = Sweep(
    ...     problem={"network": "quadratic", "dim": 400, "gamma": 1.25, "noise": 0.1},
    ...     axes={"samples": [10_000, 40_000], "penalty": {"linked": "0.05*sqrt(samples/dim**2)"}},
    ... )
    >>> len(sweep), sweep.settings(1)["penalty"]
    (2, 0.025)
    """

    problem: Mapping[str, Any] = field(default_factory=dict)
    axes: Mapping[str, Any] = field(default_factory=dict)
    quantities: Sequence[str] = ("theory",)
    trainers: Sequence[str] = ("convex",)
    seeds: int | Sequence[int] = 1

    def __post_init__(self) -> None:
        for table, given in (("problem", self.problem), ("axes", self.axes)):
            if not isinstance(given, Mapping):
                raise InvalidArgument(table, given, "must be a table of settings")
            for name in given:
                _known(table, name, SETTINGS)
        both = [name for name in self.axes if name in self.problem]
        if both:
            raise InvalidArgument(both[0], "twice", "is given in [problem] and in [axes]; give it once")
        problem = {name: self._fixed(name, value) for name, value in self.problem.items()}
        axes = {name: parse_axis(name, value) for name, value in self.axes.items()}
        object.__setattr__(self, "problem", problem)
        object.__setattr__(self, "axes", axes)
        object.__setattr__(self, "quantities", _names("quantities", self.quantities, quantity_names()))
        object.__setattr__(self, "trainers", _names("trainers", self.trainers, TRAINERS))
        object.__setattr__(self, "seeds", self._check_seeds(self.seeds))
        self._check_contradictions()
        object.__setattr__(self, "_linked", self._order_links())

    @staticmethod
    def _fixed(name: str, value: Any) -> Value:
        if isinstance(value, (list, tuple, dict)):
            raise InvalidArgument(f"problem.{name}", value, "must be a single value; what varies belongs in [axes]")
        return check_value(name, value)

    @staticmethod
    def _check_seeds(seeds: Any) -> tuple[int, ...]:
        if isinstance(seeds, int) and not isinstance(seeds, bool) and seeds >= 1:
            return tuple(range(seeds))
        if isinstance(seeds, (str, bytes)) or not isinstance(seeds, Sequence) or not seeds:
            raise InvalidArgument("seeds", seeds, "must be an integer >= 1 or a list of integers")
        for seed in seeds:
            if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**63:
                raise InvalidArgument("seeds", seed, "every seed must be an integer from 0 to 2^63 - 1")
        if len(set(seeds)) < len(seeds):
            raise InvalidArgument("seeds", list(seeds), "every seed may appear once")
        return tuple(seeds)

    def _check_contradictions(self) -> None:
        given = self.problem.keys() | self.axes.keys()
        exclusive: tuple[tuple[str, ...], ...] = (
            REGULARISATION,
            ("samples", "effective_samples"),
            TEACHERS,
            ("spectrum", "dim"),
            ("spectrum", "energy"),
            ("design", "covariance"),
        )
        needed: tuple[tuple[str, ...], ...] = (("network",), ("samples", "effective_samples"), TEACHERS)
        for group in exclusive:
            found = [name for name in group if name in given]
            if len(found) > 1:
                raise InvalidArgument(" / ".join(found), "both", "contradict each other; leave out all but one")
        needs = [name for name in self.quantities if quantity_named(name).regularised]
        if needs and not given & set(REGULARISATION):
            raise InvalidArgument(
                "weight_decay / penalty", "neither", f"{needs[0]} needs one of them, in [problem] or [axes]"
            )
        for group in needed:
            if not given & set(group):
                raise InvalidArgument(group[0], None, f"is needed, in [problem] or [axes] ({' or '.join(group)})")
        if "spectrum" not in given and "dim" not in given:
            raise InvalidArgument("dim", None, "is needed, in [problem] or [axes]")

    def _order_links(self) -> tuple[tuple[str, Expression | None], ...]:
        """Settings that follow from others, in an order in which each uses only earlier ones.

        Those with no expression are the samples that effective samples stand for.
        """
        linked = {name: axis for name, axis in self.axes.items() if isinstance(axis, Expression)}
        given = self.problem.keys() | self.axes.keys()
        waiting: dict[str, Expression | None] = {**linked}
        if "effective_samples" in given:
            waiting["samples"] = None
        defined = given - waiting.keys() | ({"dim"} if "spectrum" in given else set())
        for name, expression in linked.items():
            if name in TEXTS:
                raise InvalidArgument(name, expression.text, "is text and cannot be linked")
            for used in sorted(expression.names):
                if used not in defined and used not in waiting:
                    here = sorted(defined | waiting.keys())
                    close = difflib.get_close_matches(used, here, 1)
                    hint = f"did you mean {close[0]}? " if close else ""
                    allowed = f"{hint}an expression uses other settings of this sweep: {', '.join(here)}"
                    raise InvalidArgument(name, expression.text, f"uses {used}, which is not set; {allowed}")
        ordered: list[tuple[str, Expression | None]] = []
        while waiting:
            ready = [name for name, expression in waiting.items() if self.uses(expression) <= defined]
            if not ready:
                raise InvalidArgument(
                    " / ".join(waiting), "linked to each other", "linked axes must not go round in a circle"
                )
            for name in ready:
                ordered.append((name, waiting.pop(name)))
                defined = defined | {name}
        return tuple(ordered)

    def uses(self, expression: Expression | None) -> frozenset[str]:
        """Settings that a derived setting follows from."""
        if expression is not None:
            return expression.names
        options = (self.problem.keys() | self.axes.keys()) & set(NETWORK_OPTIONS)
        return frozenset(("effective_samples", "dim", "network", *options))

    # -- reading and writing ------------------------------------------------------------------------

    @classmethod
    def from_dict(cls, tables: Mapping[str, Any]) -> Sweep:
        """From the tables of a sweep file: problem, axes, compute."""
        for name in tables:
            _known("sweep file", name, ("problem", "axes", "compute"))
        compute = tables.get("compute", {})
        if not isinstance(compute, Mapping):
            raise InvalidArgument("compute", compute, "must be a table")
        for name in compute:
            _known("compute", name, ("quantities", "trainers", "seeds"))
        return cls(tables.get("problem", {}), tables.get("axes", {}), **compute)

    @classmethod
    def from_file(cls, path: str | Path) -> Sweep:
        """From a ``sweep.toml``.

        Raises
        ------
        InvalidArgument
            If the file cannot be read, is not TOML, or does not describe a sweep.
        """
        try:
            text = Path(path).read_text(encoding="utf-8-sig")
        except UnicodeDecodeError as error:
            raise InvalidArgument("sweep file", str(path), "cannot be read: not text in UTF-8") from error
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise InvalidArgument("sweep file", str(path), f"cannot be read: {reason}") from error
        if not text.strip():
            raise InvalidArgument("sweep file", str(path), "is empty; must have tables [problem], [axes] and [compute]")
        try:
            tables = tomllib.loads(text)
        except (tomllib.TOMLDecodeError, RecursionError) as error:
            raise InvalidArgument("sweep file", str(path), f"is not valid TOML: {error}") from error
        return cls.from_dict(tables)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready tables; ``Sweep.from_dict`` reads them back."""
        axes = {n: {"linked": a.text} if isinstance(a, Expression) else list(a) for n, a in self.axes.items()}
        compute = {"quantities": list(self.quantities), "trainers": list(self.trainers), "seeds": list(self._seeds)}
        return {"problem": dict(self.problem), "axes": axes, "compute": compute}

    @property
    def name(self) -> str:
        """Short name by content."""
        return digest(json.loads(canonical(self.to_dict())))[:6].hex()

    # -- points -------------------------------------------------------------------------------------

    @property
    def _seeds(self) -> tuple[int, ...]:
        return self.__dict__["seeds"]

    @cached_property
    def grid(self) -> dict[str, tuple[Value, ...]]:
        """The independent axes, in the order of the file, and their values."""
        return {name: axis for name, axis in self.axes.items() if not isinstance(axis, Expression)}

    @property
    def linked(self) -> tuple[tuple[str, Expression | None], ...]:
        """Settings that follow from others, each after those it uses."""
        return self.__dict__["_linked"]

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of values on each independent axis."""
        return tuple(len(values) for values in self.grid.values())

    def __len__(self) -> int:
        """Number of points of the grid, before repetitions."""
        return math.prod(self.shape)

    def settings(self, index: int) -> dict[str, Value]:
        """All settings of grid point `index`, linked ones computed.

        Raises
        ------
        InvalidArgument
            If an expression has no finite value there.
        """
        settings = dict(self.problem)
        for name, values in reversed(self.grid.items()):
            index, digit = divmod(index, len(values))
            settings[name] = values[digit]
        if "spectrum" in settings:  # its dimension may be used by an expression
            settings = with_modes(settings)
        for name, expression in self.linked:
            settings[name] = samples_of(settings) if expression is None else fit(name, expression(settings))
        settings.pop("effective_samples", None)
        return settings

    def repeats(self, quantity: Quantity) -> tuple[tuple[str | None, int | None], ...]:
        """Pairs (trainer, seed) at which `quantity` is computed at each grid point."""
        seeds: tuple[int | None, ...] = (None,) if quantity.repeats == "none" else self._seeds
        trainers: tuple[str | None, ...] = tuple(self.trainers) if quantity.repeats == "trainer and seed" else (None,)
        return tuple(product(trainers, seeds))

    def repeats_of_seeds(self) -> tuple[int, ...]:
        """Labels of the repetitions."""
        return self._seeds

    def points(self) -> Iterator[Point]:
        """All points one after another, the dearest quantity first; nothing is kept."""
        for quantity in self.ordered_quantities():
            repeats = self.repeats(quantity)
            for index in range(len(self)):
                settings = self.settings(index)
                for trainer, seed in repeats:
                    yield self.point(quantity, settings, trainer, seed)

    @staticmethod
    def point(
        quantity: Quantity, settings: Mapping[str, Value], trainer: str | None = None, seed: int | None = None
    ) -> Point:
        """The point of `quantity` at `settings`, without those that it ignores."""
        if quantity.ignores:
            settings = {name: value for name, value in settings.items() if name not in quantity.ignores}
        return Point(quantity.name, settings, trainer, seed)

    def ordered_quantities(self) -> list[Quantity]:
        """What is computed, the dearest first, so that no long point is left for the end."""
        return sorted(map(quantity_named, self.quantities), key=lambda quantity: -quantity.seconds)

    def count(self, quantity: Quantity) -> int:
        """Number of results of `quantity`."""
        return len(self) * len(self.repeats(quantity))

    @property
    def total(self) -> int:
        """Number of results in all."""
        return sum(self.count(quantity) for quantity in self.ordered_quantities())

    def check(self) -> None:
        """Build the problems at the corners of the grid, along each axis and in between: all, if they are few.

        Raises
        ------
        InvalidArgument
            If one of them is not a valid problem; names the point.
        """
        for index in self._sample(CHECKED_AT_START):
            settings = self.settings(index)
            for quantity in self.ordered_quantities():
                try:
                    for trainer, seed in self.repeats(quantity):
                        if seed != (self._seeds[0] if quantity.repeats != "none" else None):
                            continue
                        point = Point(quantity.name, settings, trainer, seed)
                        problem = point.problem()
                        if quantity.regularised:
                            given = point.regularisation()
                            problem.regularisation(given.get("weight_decay"), given.get("penalty"))
                        if quantity.check is not None:
                            quantity.check(point)
                except InvalidArgument as error:
                    where = {n: settings[n] for n in self.axes if n in settings and n != error.name}
                    at = f" (at {', '.join(f'{n} = {v}' for n, v in where.items())})" if where else ""
                    raise InvalidArgument(error.name, error.value, error.allowed + at) from error

    def _sample(self, most: int) -> Iterable[int]:
        """Indices of at most about `most` points that cover the grid."""
        total = len(self)
        if total <= most:
            return range(total)
        strides = [math.prod(self.shape[k + 1 :]) for k in range(len(self.shape))]
        chosen = {i * (total - 1) // (most // 4) for i in range(most // 4 + 1)}
        corners = product(*[((0, size - 1) if size > 1 else (0,)) for size in self.shape])
        chosen.update(
            sum(d * s for d, s in zip(c, strides, strict=True)) for c, _ in zip(corners, range(most // 4), strict=False)
        )
        for size, stride in zip(self.shape, strides, strict=True):
            step = max(1, size * len(self.shape) * 2 // most)
            chosen.update(digit * stride for digit in range(0, size, step))
        return sorted(chosen)
