"""Targets that are sums of functions of single directions, and the quadratic network that stands in for their students.

For standard Gaussian inputs every such function splits into its Hermite parts. The second one is what a quadratic
network can learn; everything else is noise to it, and stays in its risk.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from ..problems import Problem
from ..teachers import FromValues
from .activations import ACTIVATIONS, Activation, on_arrays

if TYPE_CHECKING:
    from .._types import FloatArray
    from .settings import Phase

#: Variance of every target: that of the power-law teacher of energy one.
VARIANCE = 2.0
#: Units of a matched teacher, and how their output weights fall.
MATCHED_UNITS, MATCHED_EXPONENT = 5, 1.25
#: Where functions of one direction are tabulated.
_GRID = np.linspace(-9.0, 9.0, 6001)


def _normal_weights() -> FloatArray:
    density = np.exp(-(_GRID**2) / 2)
    return np.asarray(density / density.sum())


_WEIGHTS = _normal_weights()


@dataclass(frozen=True, eq=False)
class Target:
    """A sum of functions of the leading inputs, of mean zero and variance two for standard Gaussian ones.

    Attributes
    ----------
    name, words : str
    profile : callable
        From inputs of shape (m, r) to (m, r): column `k` is the function of direction `k`, up to its mean and scale.
    directions : int
        `r`.
    """

    name: str
    words: str
    profile: Callable[[FloatArray], FloatArray]
    directions: int

    @cached_property
    def _table(self) -> FloatArray:
        """Each function on the grid, of mean zero, all of them together of variance two."""
        values = self.profile(np.repeat(_GRID[:, None], self.directions, axis=1))
        values = values - _WEIGHTS @ values
        return np.asarray(values * np.sqrt(VARIANCE / float(_WEIGHTS @ np.sum(values**2, axis=1))))

    @cached_property
    def _moments(self) -> tuple[FloatArray, float]:
        raw = self.profile(np.repeat(_GRID[:, None], self.directions, axis=1))
        means = _WEIGHTS @ raw
        return means, float(np.sqrt(VARIANCE / float(_WEIGHTS @ np.sum((raw - means) ** 2, axis=1))))

    def __call__(self, inputs: FloatArray) -> FloatArray:
        """Labels without noise, shape (m,), of inputs (m, d)."""
        means, scale = self._moments
        return np.asarray(scale * (self.profile(inputs[:, : self.directions]) - means).sum(axis=1))

    def part(self, degree: int) -> FloatArray:
        """Coefficient of every direction's normalised Hermite polynomial of degree 1 or 2, shape (r,)."""
        polynomial = _GRID if degree == 1 else (_GRID**2 - 1) / np.sqrt(2.0)
        return np.asarray((_WEIGHTS * polynomial) @ self._table)

    def shares(self) -> dict[str, float]:
        """Share of the variance that is linear, of second degree, and beyond."""
        linear, second = (float(np.sum(self.part(degree) ** 2)) / VARIANCE for degree in (1, 2))
        return {"linear": linear, "second": second, "higher": max(0.0, 1 - linear - second)}

    def surrogate(self, phase: Phase) -> tuple[Problem, float]:
        """The quadratic network's problem that stands in for this target, and the energy that it cannot learn.

        Its teacher is the second Hermite part, of one sign; the rest of the target is noise.
        """
        second = self.part(2)
        kept = max((np.maximum(second, 0.0), np.maximum(-second, 0.0)), key=lambda side: float(side @ side))
        kept = np.where(kept > 1e-6, kept, 0.0)
        unlearned = max(0.0, VARIANCE - float(kept @ kept))
        modes = np.zeros(phase.dim)
        modes[: kept.size] = np.sqrt(phase.dim / 2.0) * kept
        problem = replace(phase.problem(), teacher=FromValues(modes), noise=phase.noise + unlearned)
        return problem, unlearned


def quadratic_target(phase: Phase) -> Target:
    """The power-law teacher of the theory."""
    modes = phase.teacher().values(phase.network)
    return Target("quadratic", "the quadratic teacher of theory", lambda u: modes * u**2, phase.dim)


def single_index(phase: Phase) -> Target:
    """``tanh(u) - exp(-u^2)`` of one direction."""
    return Target(
        "single-index",
        "one direction u, tanh(u) - exp(-u^2)",
        lambda u: np.tanh(u) - np.exp(-(u**2)),
        1,
    )


def multi_index(phase: Phase) -> Target:
    """Four directions: a product of two, a sigmoid and a ramp."""

    def profile(u: FloatArray) -> FloatArray:
        # u v = ((u + v)^2 - (u - v)^2)/4: in rotated directions a square and one that is subtracted
        return np.stack([u[:, 0] ** 2 / 2, -(u[:, 1] ** 2) / 2, np.tanh(2 * u[:, 2]), np.maximum(u[:, 3], 0.0)], axis=1)

    return Target("multi-index", "four directions: a product of two, a sigmoid and a ramp", profile, 4)


def matched(phase: Phase, activation: Activation) -> Target:
    """Five units of the student's own activation along orthogonal directions."""
    function = on_arrays(activation)
    strengths = np.arange(1.0, MATCHED_UNITS + 1) ** -MATCHED_EXPONENT

    def profile(u: FloatArray) -> FloatArray:
        return strengths * function(u)

    return Target("matched", "five units of the student's own activation", profile, MATCHED_UNITS)


def target_named(name: str, phase: Phase, activation: Activation | None = None) -> Target:
    """One of ``quadratic, single-index, multi-index, matched``."""
    if name == TARGETS[-1]:
        return matched(phase, activation or ACTIVATIONS["relu"])
    return dict(zip(TARGETS, (quadratic_target, single_index, multi_index), strict=False))[name](phase)


#: In the order of the atlas.
TARGETS = ("quadratic", "single-index", "multi-index", "matched")
