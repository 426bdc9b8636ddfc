"""The two equations of a problem where they can have several solutions, and the first of them solved alone.

    zeta (N - D) = L,      N variance = error + Delta'

Thresholds are searched for as ``c = zeta^(1/power)``, which is measured in the units of the modes; all of it for data
scaled so that energy and noise add up to 1. :class:`Equations` is made of the moments of any network;
:class:`CompiledEquations` does the same for those that :mod:`.compiled_thresholds` knows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ..freeprob.paths import FINE
from .compiled_thresholds import (
    COARSE_STEP,
    FINE_STEP,
    NOTHING,
    continued_threshold,
    largest_threshold,
    moments_at,
    violations_on_a_grid,
)
from .deep_diagonal import DEEP_DIAGONAL

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._types import FloatArray

#: Variance below which, over that of zero weights and without noise, recovery is perfect.
VANISHING = 1e-26


@dataclass(frozen=True, eq=False)
class Equations:
    """The equations of one problem in the units of the module.

    Attributes
    ----------
    moments : callable
        Error and degrees of freedom of a noise scale and a threshold ``zeta``.
    constraints, noise, strength : float
        ``N``, ``Delta'`` and ``L``; a strength of 0 is its limit from above.
    power : float
        Thresholds scale as modes to this power.
    silencing : callable
        Of a noise scale: a threshold ``zeta`` beyond every noisy mode.
    tolerance : float
        Of the logarithm of a threshold at fixed variance.
    """

    moments: Callable[[float, float], tuple[float, float]]
    constraints: float
    noise: float
    strength: float
    power: float
    silencing: Callable[[float], float]
    tolerance: float = 1e-13
    _kept: dict[tuple[float, float], tuple[float, float]] = field(default_factory=dict, repr=False)

    @property
    def top(self) -> float:
        """Variance of zero weights."""
        return 1.0 / self.constraints

    @property
    def bottom(self) -> float:
        """No solution has a smaller variance."""
        least = VANISHING * self.top if self.noise == 0.0 else self.noise / self.constraints
        return least * (1 - 1e-12)

    def at(self, scale: float, c: float) -> tuple[float, float]:
        """Error and degrees of freedom at the threshold ``c^power``."""
        key = scale, c
        if key not in self._kept:
            if len(self._kept) > 8:
                self._kept.clear()
            self._kept[key] = self.moments(scale, c**self.power)
        return self._kept[key]

    def penalty_excess(self, scale: float, c: float) -> float:
        """Violation of the first equation: negative below the solution, continuous through ``D = N``."""
        free = self.constraints - self.at(scale, c)[1]
        return (free * scale**self.power if free <= 0.0 else c**self.power * free) - self.strength

    def noise_excess(self, variance: float, c: float) -> float:
        """Logarithm of the right side of the second equation over the left one."""
        total = self.at(math.sqrt(variance), c)[0] + self.noise
        return math.log(total / (self.constraints * variance)) if total > 0.0 else -math.inf

    def surfaces(self, variances: FloatArray, ratios: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Violations of the noise and the penalty equation on a grid: their signs count."""
        first = np.empty((variances.size, ratios.size))
        second = np.empty_like(first)
        for i, variance in enumerate(variances):
            scale = math.sqrt(float(variance))
            for j, ratio in enumerate(ratios):
                c = float(ratio) * scale
                first[i, j] = self.noise_excess(float(variance), c)
                second[i, j] = self.penalty_excess(scale, c)
        return first, second

    # -- the threshold at a fixed variance

    def ceiling(self, scale: float) -> float:
        """A threshold above all solutions."""
        zeta = max(self.silencing(scale), self.strength / self.constraints)
        return float(zeta ** (1 / self.power)) * (1 + 1e-9)

    def largest_threshold(self, scale: float) -> float:
        """The largest ``c`` that solves the first equation; 0 where no threshold is needed, nan where none is found."""
        high = self.ceiling(scale)
        while high > NOTHING * scale:
            low = high * math.exp(-COARSE_STEP)
            if self.penalty_excess(scale, low) < 0.0:
                return self._between(scale, low, high)
            high = low
        return self._tiny(scale)

    def continued_threshold(self, scale: float, guess: float) -> float:
        """The ``c`` that solves the first equation from below to above, nearest to the guess."""
        if not guess > NOTHING * scale:
            return self.largest_threshold(scale)
        ceiling, step = self.ceiling(scale), FINE_STEP
        low = high = min(guess, ceiling)
        below = self.penalty_excess(scale, low) < 0.0
        for _ in range(60):
            if below:
                if high >= ceiling:
                    return math.nan
                low, high = high, min(high * math.exp(step), ceiling)
                if self.penalty_excess(scale, high) >= 0.0:
                    return self._between(scale, low, high)
            else:
                if low < NOTHING * scale:
                    return self._tiny(scale)
                high, low = low, low * math.exp(-step)
                if self.penalty_excess(scale, low) < 0.0:
                    return self._between(scale, low, high)
            step *= 1.6
        return math.nan

    def _between(self, scale: float, low: float, high: float) -> float:
        from scipy.optimize import brentq

        if self.penalty_excess(scale, high) <= 0.0:  # rounding, where everything is zero
            return high

        def at(part: float) -> float:  # the very ends whose signs are known
            return float(low ** (1 - part) * high**part)

        within = max(self.tolerance / math.log(high / low), 1e-15)
        return at(float(brentq(lambda part: self.penalty_excess(scale, at(part)), 0.0, 1.0, xtol=within)))

    def _tiny(self, scale: float) -> float:
        """A threshold that does nothing to the weights."""
        free = self.constraints - self.at(scale, 0.0)[1]
        return float((self.strength / free) ** (1 / self.power)) if free > 0.0 else math.nan

    # -- both equations near a solution

    def violations(self, x: float, y: float, tight: bool) -> tuple[float, float]:
        """Of the noise and the penalty equation at ``variance = e^x``, ``c = e^y``.

        `tight` says that almost no constraint is left free.
        """
        variance, c = math.exp(x), math.exp(y)
        free = self.constraints - self.at(math.sqrt(variance), c)[1]
        first = self.noise_excess(variance, c)
        if tight:
            return first, (free - self.strength / c**self.power) / self.constraints
        if free <= 0.0 or self.strength == 0.0:
            return first, math.nan
        return first, self.power * y + math.log(free / self.strength)


@dataclass(frozen=True, eq=False)
class CompiledEquations(Equations):
    """The same for a network that compiled kernels know.

    Attributes
    ----------
    code : int
    exponent : float
        ``q`` of the penalty.
    values, weights : ndarray
        Modes and what each counts.
    fineness : int
        Of quadratures (:mod:`shallows.freeprob.paths`).
    """

    code: int = DEEP_DIAGONAL
    exponent: float = 1.0
    values: FloatArray = field(default_factory=lambda: np.zeros(1))
    weights: FloatArray = field(default_factory=lambda: np.zeros(1))
    fineness: int = FINE

    def at(self, scale: float, c: float) -> tuple[float, float]:
        if (scale, c) in self._kept:
            return self._kept[scale, c]
        how = self.code, self.exponent, scale, c, self.values, self.weights
        return self._keep(scale, c, *moments_at(*how, self.fineness))

    def _keep(self, scale: float, c: float, error: float, freedom: float) -> tuple[float, float]:
        if len(self._kept) > 8:
            self._kept.clear()
        self._kept[scale, c] = error, freedom
        return error, freedom

    @property
    def _problem(self) -> tuple[float, float, FloatArray, FloatArray, int]:
        return self.constraints, self.strength, self.values, self.weights, self.fineness

    def largest_threshold(self, scale: float) -> float:
        how = self.code, self.exponent, scale, self.ceiling(scale)
        c, *found = largest_threshold(*how, *self._problem, self.tolerance)
        self._keep(scale, c, *found)
        return float(c)

    def continued_threshold(self, scale: float, guess: float) -> float:
        how = self.code, self.exponent, scale, guess, self.ceiling(scale)
        c, *found = continued_threshold(*how, *self._problem, self.tolerance)
        self._keep(scale, c, *found)
        return float(c)

    def surfaces(self, variances: FloatArray, ratios: FloatArray) -> tuple[FloatArray, FloatArray]:
        how = self.code, self.exponent, variances, ratios, self.constraints, self.noise
        first, second = violations_on_a_grid(*how, self.strength, self.values, self.weights, self.fineness)
        return first, second
