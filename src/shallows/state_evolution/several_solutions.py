"""The two equations where they can have several solutions: training problems that are not convex (theory note, 14).

    zeta (N - D) = L,      N variance = error + Delta'

What message passing does from zero weights is followed: the variance starts at that of zero weights, at each variance
the threshold is the one that continues the last (the largest at the start), and the first variance that gives itself
back is the end. :func:`all_roots` looks over the whole plane of variances and thresholds instead.

Units, and the thresholds at one variance, are those of :mod:`.equations`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from .compiled_solver import DIVERGENT, NO_SOLUTION, OK, PERFECT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from .._types import FloatArray
    from .equations import Equations

#: Step in the logarithm of the variance at least, and what the iteration's own is lengthened by.
LEAST_STEP, OVERSHOOT = 0.02, 1.3
#: Variance over that of zero weights beyond which it diverges.
LARGEST_GROWTH = 1e12
#: Tolerance of the logarithm of the variance on a rough teacher.
ROUGHLY = 1e-4
#: Relative violation of the equations to reach, and to be content with.
GOAL, ENOUGH = 3e-14, 1e-10
#: Rounding of the penalty equation, over the share of constraints left free; steps from which slopes can be learned.
ROUNDING, SEEN = 2e-15, 1e-9
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


def polished(equations: Equations, variance: float, c: float, like: Equations | None = None) -> Root | None:
    """The solution next to a point, by Broyden's method; None if it does not settle nearby.

    Slopes at the beginning are those of `like`, a rough stand-in that costs less.
    """
    if not (variance > 0.0 and c > 0.0):
        return None
    x, y = math.log(variance), math.log(c)
    share = abs(1.0 - equations.at(math.sqrt(variance), c)[1] / equations.constraints)
    tight = share < 5e-3 or equations.strength == 0.0
    goal = GOAL if tight else max(GOAL, ROUNDING / share)
    f, g = equations.violations(x, y, tight)
    slopes = _slopes(like or equations, x, y, tight)
    if slopes is None or not (math.isfinite(f) and math.isfinite(g)):
        return None
    j00, j01, j10, j11 = slopes
    size, moved = max(abs(f), abs(g)), 0.0
    for _ in range(25):
        if size <= goal:
            break
        determinant = j00 * j11 - j01 * j10
        if abs(determinant) < 1e-13:
            return None
        dx, dy = (j01 * g - j11 * f) / determinant, (j10 * f - j00 * g) / determinant
        shrink = min(1.0, 0.5 / max(abs(dx), abs(dy), 1e-300))
        dx, dy = shrink * dx, shrink * dy
        f_new, g_new = equations.violations(x + dx, y + dy, tight)
        new_size = max(abs(f_new), abs(g_new))
        norm = dx * dx + dy * dy
        if not (math.isfinite(f_new) and math.isfinite(g_new)) or new_size > 10 * size or norm == 0.0:
            return None
        if max(abs(dx), abs(dy)) > SEEN:
            missed_f, missed_g = (f_new - f - j00 * dx - j01 * dy) / norm, (g_new - g - j10 * dx - j11 * dy) / norm
            j00, j01, j10, j11 = j00 + missed_f * dx, j01 + missed_f * dy, j10 + missed_g * dx, j11 + missed_g * dy
        x, y, f, g = x + dx, y + dy, f_new, g_new
        moved += max(abs(dx), abs(dy))
        stalled = new_size > 0.3 * size and new_size < 1e-12
        size = new_size
        if stalled or moved > 3.0:
            break
    if not size <= ENOUGH:
        return None
    slope = j00 - j01 * j10 / j11 if j11 else math.inf
    return root_at(equations, math.exp(x), math.exp(y), bool(slope < 0.0 < j11))


def _slopes(equations: Equations, x: float, y: float, tight: bool) -> tuple[float, float, float, float] | None:
    """Of both violations in the logarithms of variance and threshold, row by row; None if one is not finite."""
    h = 1e-6
    f, g = equations.violations(x, y, tight)
    f_x, g_x = equations.violations(x + h, y, tight)
    f_y, g_y = equations.violations(x, y + h, tight)
    slopes = (f_x - f) / h, (f_y - f) / h, (g_x - g) / h, (g_y - g) / h
    return slopes if all(map(math.isfinite, slopes)) else None


def root_at(equations: Equations, variance: float, c: float, stable: bool) -> Root:
    """A solution with the moments there."""
    error, freedom = equations.at(math.sqrt(variance), c)
    return Root(variance, c**equations.power, error, freedom, stable)


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
    code, variance, c = follow(coarse, ROUGHLY)
    if code == OK:
        root = polished(equations, variance, c, coarse)
        if root is not None and root.stable and abs(math.log(root.variance / variance)) < 0.3:
            return OK, root
    code, variance, c = follow(equations)
    if code != OK:
        return code, None
    root = polished(equations, variance, c)
    return OK, root if root is not None else root_at(equations, variance, c, True)


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
        return (PERFECT, None) if equations.noise == 0.0 else (OK, root_at(equations, math.exp(low), 0.0, True))
    found = brentq(lambda x: equations.noise_excess(math.exp(x), 0.0), low, high, xtol=1e-15, rtol=1e-15)
    return OK, root_at(equations, math.exp(float(found)), 0.0, True)


def all_roots(equations: Equations, coarse: Equations, known: Root | None) -> list[Root]:
    """Every solution that a grid over variances and thresholds tells apart, largest variance first.

    `known` is one that has been found already. The search begins, on the rough teacher, where the second equation
    changes sign along a threshold that solves the first, and in the cells of the grid in which both change sign.
    """
    found = [] if known is None else [known]
    for variance, c in chain(_crossings(coarse), _candidates(coarse)):
        start = polished(coarse, variance, c)
        if start is None:
            continue
        root = polished(equations, start.variance, start.threshold ** (1 / equations.power), coarse)
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
    first, second = equations.surfaces(variances, ratios)

    def changes(values: FloatArray) -> NDArray[np.bool_]:
        corners = np.stack([values[:-1, :-1], values[1:, :-1], values[:-1, 1:], values[1:, 1:]])
        return np.asarray((corners.min(axis=0) <= 0) & (corners.max(axis=0) >= 0))

    for i, j in np.argwhere(changes(first) & changes(second)):
        variance = math.sqrt(float(variances[i] * variances[i + 1]))
        yield variance, math.sqrt(float(ratios[j] * ratios[j + 1]) * variance)
