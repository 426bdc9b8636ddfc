"""All solutions of the state evolution, where training problems are not convex (theory note, section 14)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .._arguments import check_instance
from .._display import Displayed, Summary
from .._numbers import terminal_number as number
from ..errors import SolveFailed
from ..problems import Problem
from .branches import Branches
from .equations import Equations
from .fixed_point import moments, silencing_threshold, solve
from .protocol import STATE_EVOLUTIONS
from .result import FixedPoint, require_theory

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True, repr=False)
class Solutions(Displayed):
    """The fixed points of one problem at one weight decay.

    Attributes
    ----------
    points : tuple of FixedPoint
        Largest noise scale first; empty where no solution was found.
    stable : tuple of bool or None
        Whether the equations, iterated from nearby, end at each; None where that was not looked at.
    followed : int or None
        Place of the one that message passing from zero weights ends at: what predictions are made of.

    Examples
    --------
    >>> from shallows import PowerLaw, Problem
    >>> from shallows.state_evolution import solutions
    >>> found = solutions(Problem("diagonal", PowerLaw(1000, 1.0), samples=500, noise=0.5), weight_decay=1.0)
    >>> len(found.points), found.followed
    (1, 0)
    """

    points: tuple[FixedPoint, ...]
    stable: tuple[bool | None, ...]
    followed: int | None

    @property
    def others(self) -> tuple[FixedPoint, ...]:
        """The stable ones beside the one followed: other values of the training objective that iterations rest at."""
        pairs = enumerate(zip(self.points, self.stable, strict=True))
        return tuple(point for place, (point, stable) in pairs if stable and place != self.followed)

    def _summary(self) -> Summary:
        head = [(name, True) for name in ("noise scale", "threshold", "error", "freedom")] + [("", False)]
        rows = []
        for place, (point, stable) in enumerate(zip(self.points, self.stable, strict=True)):
            what = "followed" if place == self.followed else {True: "stable", False: "not stable", None: ""}[stable]
            numbers = (point.noise_scale, point.threshold, point.estimation_error, point.degrees_of_freedom)
            rows.append((*(number(value) for value in numbers), what))
        return Summary("Solutions of the state evolution", [("solutions", str(len(self.points)))], head, rows)

    def to_frame(self) -> pandas.DataFrame:
        """One row for each solution, in the units of :class:`FixedPoint`.

        Columns: ``noise_scale``, ``threshold``, ``estimation_error``, ``degrees_of_freedom``, ``stable``, ``followed``.
        """
        from .._display import frame_of

        names = ("noise_scale", "threshold", "estimation_error", "degrees_of_freedom")
        columns: dict[str, Any] = {name: [getattr(point, name) for point in self.points] for name in names}
        followed = [place == self.followed for place in range(len(self.points))]
        return frame_of(columns | {"stable": list(self.stable), "followed": followed})

    def to_dict(self) -> list[dict[str, Any]]:
        """JSON-ready, one entry for each."""
        return [
            {
                "noise_scale": point.noise_scale,
                "threshold": point.threshold,
                "estimation_error": point.estimation_error,
                "degrees_of_freedom": point.degrees_of_freedom,
                "stable": stable,
                "followed": place == self.followed,
            }
            for place, (point, stable) in enumerate(zip(self.points, self.stable, strict=True))
        ]


def has_several(problem: Problem) -> bool:
    """Whether the equations of `problem` can have several solutions at all.

    Parameters
    ----------
    problem : Problem
        Only its network matters.

    Returns
    -------
    bool

    Examples
    --------
    >>> from shallows import PowerLaw, Problem
    >>> from shallows.state_evolution import has_several
    >>> has_several(Problem("diagonal", PowerLaw(100, 1.0), samples=50))
    False
    """
    return STATE_EVOLUTIONS.has(problem.network) and STATE_EVOLUTIONS.of(problem.network).has_several


def threshold_for_strength(problem: Problem, noise_scale: float, strength: float) -> float:
    """The largest threshold ``zeta`` with ``zeta (N - D) = strength`` at a noise scale, for networks that have several.

    Parameters
    ----------
    problem : Problem
    noise_scale : float
    strength : float
        ``L``, positive (:meth:`shallows.networks.Network.strength`).

    Returns
    -------
    float

    Raises
    ------
    SolveFailed
        If there is none.

    Examples
    --------
    >>> from shallows import PowerLaw, Problem
    >>> from shallows.state_evolution import moments, threshold_for_strength
    >>> problem = Problem("diagonal:depth=3", PowerLaw(100, 1.0), samples=80)
    >>> zeta = threshold_for_strength(problem, noise_scale=0.05, strength=1.0)
    >>> round(zeta * (80 - moments(problem, 0.05, zeta)[1]), 9)
    1.0
    """
    evolution = STATE_EVOLUTIONS.of(problem.network)
    equations = Equations(
        lambda scale, threshold: moments(problem, scale, threshold),
        problem.architecture.constraints(problem.samples, problem.dim),
        0.0,
        strength,
        evolution.threshold_power,
        lambda scale: silencing_threshold(problem, scale),
    )
    found = equations.largest_threshold(noise_scale)
    if math.isnan(found):
        raise SolveFailed("no threshold belongs to this weight decay at this noise scale")
    return float(found**equations.power)


def solutions(problem: Problem, weight_decay: float | None = None, penalty: float | None = None) -> Solutions:
    """All fixed points of the state evolution of `problem`.

    A network whose training problem is convex has one. For deep networks a grid over noise scales and thresholds is
    searched; solutions closer together than the grid tells apart may be missed.

    Parameters
    ----------
    problem : Problem
    weight_decay, penalty : float
        Exactly one, as for :func:`solve`.

    Returns
    -------
    Solutions

    Raises
    ------
    InvalidArgument
        For unusable arguments; a network without state evolution is a :class:`shallows.errors.NotSupported`.

    Examples
    --------
    Three samples for each of twenty equal modes: message passing fits noise, and another solution learns the modes.

    >>> from shallows import LowRank, Problem
    >>> from shallows.networks import Diagonal
    >>> from shallows.state_evolution import solutions
    >>> problem = Problem(Diagonal(depth=3), LowRank(dim=200, rank=20), samples=60, noise=0.01)
    >>> found = solutions(problem, weight_decay=0.03)
    >>> [round(point.estimation_error, 3) for point in found.points], found.stable, found.followed
    ([1.277, 0.21, 0.016], (True, False, True), 0)
    """
    check_instance("problem", problem, Problem)
    lam, pen = problem.regularisation(weight_decay, penalty)
    require_theory(problem)
    branches = Branches.of(problem, lam, pen) if has_several(problem) and problem.design.is_white else None
    if branches is None:
        point = solve(problem, weight_decay=weight_decay, penalty=penalty)
        return Solutions((point,), (None,), 0) if point.status.ok else Solutions((), (), None)
    points, stable, followed = branches.all()
    return Solutions(tuple(points), tuple(stable), followed)
