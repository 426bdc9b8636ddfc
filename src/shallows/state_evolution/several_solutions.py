"""The two equations where they can have several solutions: training problems that are not convex (theory note, 14).

    zeta (N - D) = L,      N variance = error + Delta'

What message passing does from zero weights is followed: the variance starts at that of zero weights, at each variance
the threshold is the one that continues the last (the largest at the start), and the first variance that gives itself
back is the end. :func:`all_roots` looks over the whole plane of variances and thresholds instead.

Thresholds are searched for as ``c = zeta^(1/power)``, which is measured in the units of the modes; all of it for data
scaled so that energy and noise add up to 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from .compiled_solver import DIVERGENT, NO_SOLUTION, OK, PERFECT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from .._types import FloatArray

#: Steps in the logarithm of the threshold: in the first search from above, and from a neighbouring one.
COARSE_STEP, FINE_STEP = 0.25, 0.04
#: Step in the logarithm of the variance at least, and what the iteration's own is lengthened by.
LEAST_STEP, OVERSHOOT = 0.02, 1.3
#: Variance over that of zero weights beyond which it diverges, and below which without noise recovery is perfect.
LARGEST_GROWTH, VANISHING = 1e12, 1e-26
#: Thresholds over the noise scale below which they do nothing.
NOTHING = 1e-8
#: Relative violation of the equations to reach, and to be content with.
GOAL, ENOUGH = 3e-14, 1e-10
#: Points in each direction of a search over the whole plane, and thresholds over noise scales it begins at.
GRID, SMALLEST_RATIO = 32, 1e-3
#: Variances of a search, over that of zero weights, and how many are tried along one continued threshold.
LEAST_VARIANCE, HIGHEST, SCAN = 1e-9, 16.0, 120
#: Solutions closer than this in the logarithms are one.
SAME = 1e-5


@dataclass(frozen=True)
class Root:
    """One solution of the two equations.

    Attributes
    ----------
    variance, threshold : float
    error, freedom : float
        Of the thresholded weights there.
    stable : bool
        Whether iterating the equations from nearby ends there.
    """

    variance: float
    threshold: float
    error: float
    freedom: float
    stable: bool

    def is_near(self, other: Root) -> bool:
        """Whether the two are one solution."""
        near = abs(math.log(self.variance / other.variance)) < SAME
        return near and abs(self.error - other.error) <= SAME * (self.error + other.error)


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
        Of the logarithm of a threshold at fixed variance, in units of its bracket.
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

        return at(float(brentq(lambda part: self.penalty_excess(scale, at(part)), 0.0, 1.0, xtol=self.tolerance)))

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

    def polished(self, variance: float, c: float) -> Root | None:
        """The solution next to a point, by Broyden's method; None if it does not settle nearby."""
        if not (variance > 0.0 and c > 0.0):
            return None
        x, y = math.log(variance), math.log(c)
        tight = abs(self.constraints - self.at(math.sqrt(variance), c)[1]) < 5e-3 * self.constraints
        tight = tight or self.strength == 0.0
        f = np.array(self.violations(x, y, tight))
        if not np.isfinite(f).all():
            return None
        jacobian, h = np.empty((2, 2)), 1e-6
        jacobian[:, 0] = (np.array(self.violations(x + h, y, tight)) - f) / h
        jacobian[:, 1] = (np.array(self.violations(x, y + h, tight)) - f) / h
        if not np.isfinite(jacobian).all():
            return None
        size, moved = float(np.abs(f).max()), 0.0
        for _ in range(25):
            if size <= GOAL:
                break
            if abs(np.linalg.det(jacobian)) < 1e-13:
                return None
            step = -np.linalg.solve(jacobian, f)
            step *= min(1.0, 0.5 / float(np.abs(step).max()))
            new = np.array(self.violations(x + step[0], y + step[1], tight))
            if not np.isfinite(new).all() or np.abs(new).max() > 10 * size:
                return None
            jacobian += np.outer(new - f - jacobian @ step, step) / float(step @ step)
            x, y, f = x + float(step[0]), y + float(step[1]), new
            moved += float(np.abs(step).max())
            stalled = np.abs(f).max() > 0.3 * size and np.abs(f).max() < 1e-12
            size = float(np.abs(f).max())
            if stalled or moved > 3.0:
                break
        if not size <= ENOUGH:
            return None
        slope = jacobian[0, 0] - jacobian[0, 1] * jacobian[1, 0] / jacobian[1, 1] if jacobian[1, 1] else math.inf
        return self._root(math.exp(x), math.exp(y), bool(slope < 0.0 < jacobian[1, 1]))

    def _root(self, variance: float, c: float, stable: bool) -> Root:
        error, freedom = self.at(math.sqrt(variance), c)
        return Root(variance, c**self.power, error, freedom, stable)


def follow(equations: Equations, tolerance: float = 1e-13) -> tuple[int, float, float]:
    """Where message passing ends: ``(code, variance, c)``, codes as of :mod:`.compiled_solver`.

    The variance moves by what the iteration itself would move it, and a little more, until the equation has changed
    its sign; `tolerance` is that of the logarithm of the variance.
    """
    variance = equations.top
    c = equations.largest_threshold(math.sqrt(variance))
    if math.isnan(c):
        return NO_SOLUTION, variance, c
    excess = equations.noise_excess(variance, c)
    if abs(excess) <= 1e-15:
        return OK, variance, c
    rising = excess > 0.0
    while True:
        before, c_before = variance, c
        step = max(OVERSHOOT * abs(excess), LEAST_STEP)
        step = min(step, 1.0) if math.isfinite(step) else 1.0
        variance = variance * math.exp(step if rising else -step)
        if not rising:
            variance = max(variance, equations.bottom)
        if variance > LARGEST_GROWTH * equations.top:
            return DIVERGENT, variance, c
        c = equations.continued_threshold(math.sqrt(variance), c * math.sqrt(variance / before))
        if math.isnan(c):
            return NO_SOLUTION, variance, c
        excess = equations.noise_excess(variance, c)
        if excess == 0.0 or (excess > 0.0) != rising:
            return _bisected(equations, (before, c_before), (variance, c), tolerance)
        if variance <= equations.bottom:
            return (PERFECT, 0.0, 0.0) if equations.noise == 0.0 else (OK, variance, c)


def _bisected(
    equations: Equations, first: tuple[float, float], second: tuple[float, float], tolerance: float
) -> tuple[int, float, float]:
    """The solution between two variances; none where the equation jumps there."""
    (low, c_low), (high, c_high) = sorted((first, second))
    a, b = math.log(low), math.log(high)
    fa, fb = equations.noise_excess(low, c_low), equations.noise_excess(high, c_high)
    side = 0
    for _ in range(200):
        part = fa / (fa - fb) if math.isfinite(fa) and math.isfinite(fb) and fa != fb else 0.5
        part = min(max(part, 0.02), 0.98) if side < 2 else 0.5
        x = a + part * (b - a)
        variance = math.exp(x)
        nearest = c_low * math.exp(0.5 * (x - a)) if part < 0.5 else c_high * math.exp(0.5 * (x - b))
        c = equations.continued_threshold(math.sqrt(variance), nearest)
        if math.isnan(c):
            return NO_SOLUTION, variance, c
        excess = equations.noise_excess(variance, c)
        if abs(excess) <= tolerance:
            return OK, variance, c
        if (excess > 0.0) == (fa > 0.0):
            side = side + 1 if part < 0.5 else 0
            a, fa, c_low = x, excess, c
        else:
            side = side + 1 if part > 0.5 else 0
            b, fb, c_high = x, excess, c
        if b - a <= tolerance:
            return (OK if abs(excess) < 1e-6 else NO_SOLUTION), variance, c
    return NO_SOLUTION, variance, c


def followed_root(equations: Equations, coarse: Equations) -> tuple[int, Root | None]:
    """The solution that message passing ends at, found on a rough teacher and polished on the whole one."""
    if equations.strength == 0.0:
        code, root = _without_threshold(equations)
        if code is not None:
            return code, root
    code, variance, c = follow(coarse, 1e-4)
    if code == OK:
        root = equations.polished(variance, c)
        if root is not None and root.stable and abs(math.log(root.variance / variance)) < 0.3:
            return OK, root
    code, variance, c = follow(equations)
    if code != OK:
        return code, None
    root = equations.polished(variance, c)
    return OK, root if root is not None else equations._root(variance, c, True)


def _without_threshold(equations: Equations) -> tuple[int | None, Root | None]:
    """In the limit of no penalty, the solution at threshold zero, where parameters are left free; else ``None``."""
    free = equations.constraints - equations.at(math.sqrt(equations.top), 0.0)[1]
    if free < 0.0:
        return None, None
    variance = equations.top
    for _ in range(100):
        excess = equations.noise_excess(variance, 0.0)
        if excess <= 0.0:
            break
        variance *= 4.0
        if variance > LARGEST_GROWTH * equations.top:
            return DIVERGENT, None
    from scipy.optimize import brentq

    low, high = math.log(equations.bottom), math.log(variance)
    if equations.noise_excess(math.exp(low), 0.0) <= 0.0:
        return (PERFECT, None) if equations.noise == 0.0 else (OK, equations._root(math.exp(low), 0.0, True))
    found = brentq(lambda x: equations.noise_excess(math.exp(x), 0.0), low, high, xtol=1e-15, rtol=1e-15)
    return OK, equations._root(math.exp(float(found)), 0.0, True)


def all_roots(equations: Equations, coarse: Equations, known: Root | None) -> list[Root]:
    """Every solution that a grid over variances and thresholds tells apart, largest variance first.

    `known` is one that has been found already. The search begins, on the rough teacher, where the second equation
    changes sign along a threshold that solves the first, and in the cells of the grid in which both change sign.
    """
    found = [] if known is None else [known]
    for variance, c in chain(_crossings(coarse), _candidates(coarse)):
        start = coarse.polished(variance, c)
        if start is None:
            continue
        root = equations.polished(start.variance, start.threshold ** (1 / equations.power))
        if root is not None and equations.bottom <= root.variance and not any(root.is_near(other) for other in found):
            found.append(root)
    return sorted(found, key=lambda root: -root.variance)


def _crossings(equations: Equations) -> Iterator[tuple[float, float]]:
    """Solutions along the threshold that continues the largest one, from large variances to small."""
    low = max(equations.bottom, LEAST_VARIANCE * equations.top)
    before: tuple[float, float] | None = None
    excess = math.nan
    for variance in np.geomspace(HIGHEST * equations.top, low, SCAN).tolist():
        scale = math.sqrt(float(variance))
        if before is None:
            c = equations.largest_threshold(scale)
        else:
            c = equations.continued_threshold(scale, before[1] * math.sqrt(float(variance) / before[0]))
        if math.isnan(c):
            before = None
            continue
        here = equations.noise_excess(float(variance), c)
        if before is not None and (here > 0.0) != (excess > 0.0):
            code, crossing, at = _bisected(equations, before, (float(variance), c), 1e-6)
            if code == OK:
                yield crossing, at
        before, excess = (float(variance), c), here


def _candidates(equations: Equations) -> Iterator[tuple[float, float]]:
    """Centres of the cells that may hold a solution."""
    low = max(equations.bottom, LEAST_VARIANCE * equations.top)
    variances = np.geomspace(low, HIGHEST * equations.top, GRID)
    ceiling = equations.ceiling(math.sqrt(float(variances[-1])))
    ratios = np.geomspace(SMALLEST_RATIO, ceiling / math.sqrt(low), GRID)
    first, second = _surfaces(equations, variances, ratios)

    def changes(values: FloatArray) -> NDArray[np.bool_]:
        corners = np.stack([values[:-1, :-1], values[1:, :-1], values[:-1, 1:], values[1:, 1:]])
        return np.asarray((corners.min(axis=0) <= 0) & (corners.max(axis=0) >= 0))

    for i, j in np.argwhere(changes(first) & changes(second)):
        variance = math.sqrt(float(variances[i] * variances[i + 1]))
        yield variance, math.sqrt(float(ratios[j] * ratios[j + 1]) * variance)


def _surfaces(equations: Equations, variances: FloatArray, ratios: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Violations of the two equations on a grid."""
    first = np.empty((variances.size, ratios.size))
    second = np.empty_like(first)
    for i, variance in enumerate(variances):
        scale = math.sqrt(float(variance))
        for j, ratio in enumerate(ratios):
            c = float(ratio) * scale
            first[i, j] = equations.noise_excess(float(variance), c)
            second[i, j] = equations.penalty_excess(scale, c)
    return first, second
