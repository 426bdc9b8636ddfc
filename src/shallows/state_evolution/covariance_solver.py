"""The two equations for inputs with a covariance, solved by nested bracketing, compiled.

    zeta (N - D) = L,      N variance = error + Delta'

as in :mod:`.compiled_solver`, with a cost per mode: the threshold of mode ``k`` is ``zeta C_k``. The threshold is
searched for in its logarithm, at fixed variance; what remains of the second equation in that of the variance.
"""

from __future__ import annotations

import math

from .._kernels import kernel
from ..freeprob.bracketing import chandrupatla
from ..freeprob.contour import FASTMATH
from .compiled_solver import DIVERGENT, NO_SOLUTION, OK, PERFECT
from .covariance_quadratic import covariance_moments
from .diagonal import DIAGONAL, soft_threshold_moments

#: Where the search for the point over zero starts: above it, the half-circle of an empty spectrum.
START = 0.1 + 0.9j
#: Thresholds below this share of the noise scale over the largest cost are zero.
_SMALLEST = 1e-16


@kernel(fastmath=FASTMATH, error_model="numpy")
def weighted_moments(threshold, noise_scale, modes, costs, counts):
    """``(R, D)`` of soft thresholds ``threshold costs``, one for each mode."""
    risk = 0.0
    freedom = 0.0
    for k in range(modes.size):
        r, p = soft_threshold_moments(modes[k], noise_scale, threshold * costs[k])
        risk += counts[k] * r
        freedom += counts[k] * p
    return risk, freedom


@kernel
def moments_at(network, threshold, variance, rank_share, modes, costs, counts, ordered, start, fine):
    """``(error, D, start)`` of either network."""
    if network == DIAGONAL:
        error, freedom = weighted_moments(threshold, math.sqrt(variance), modes, costs, counts)
        return error, freedom, start
    return covariance_moments(threshold, variance, rank_share, modes, costs, counts, ordered, start, fine)


@kernel
def silencing_threshold(network, noise_scale, modes, costs):
    """A threshold that sets all weights to zero, to far below rounding."""
    reach = 40.0 if network == DIAGONAL else 2.5
    largest = 0.0
    for k in range(modes.size):
        largest = max(largest, (modes[k] + reach * noise_scale) / costs[k])
    return largest


@kernel
def _next(a, fa, b, fb, c, fc, distance):
    """Where in the bracket to look next; its middle where two values are the same, as on a plateau."""
    if fc == fb or c == b:
        return 0.5
    return chandrupatla(a, fa, b, fb, c, fc, min(distance / abs(b - a), 0.5))


@kernel
def _excess(threshold, freedom, samples, penalty, scale):
    """Violation of the penalty equation: negative below its solution, continuous through ``D = N``."""
    free = samples - freedom
    return (free * scale if free <= 0.0 else threshold * free) - penalty


@kernel
def threshold_at(network, variance, guess, rank_share, samples, penalty, atoms, ordered, start, tolerance):
    """``(zeta, error, D, start)`` that solve the penalty equation at this variance; nan where none is found."""
    modes, costs, counts = atoms
    scale = math.sqrt(variance)
    ceiling = max(silencing_threshold(network, scale, modes, costs), penalty / samples) * (1.0 + 1e-9)
    floor = penalty / samples * (1.0 - 1e-9)
    if penalty == 0.0:
        error, freedom, start = moments_at(
            network, 0.0, variance, rank_share, modes, costs, counts, ordered, start, False
        )
        if freedom <= samples:
            return 0.0, error, freedom, start
        floor = _SMALLEST * min(scale / costs.max(), ceiling)
    if not floor <= guess <= ceiling:
        guess = min(max(scale, floor), ceiling)
    a = math.log(guess)
    error, freedom, start = moments_at(
        network, guess, variance, rank_share, modes, costs, counts, ordered, start, False
    )
    fa = _excess(guess, freedom, samples, penalty, scale)
    bottom, top, step = math.log(floor), math.log(ceiling), 0.05
    while True:
        if fa == 0.0:
            return math.exp(a), error, freedom, start
        if (fa < 0.0 and a >= top) or (fa > 0.0 and a <= bottom):
            if fa > 0.0 and penalty == 0.0:
                return 0.0, error, freedom, start
            return math.nan, math.nan, math.nan, start
        b = min(a + step, top) if fa < 0.0 else max(a - step, bottom)
        error, freedom, start = moments_at(
            network, math.exp(b), variance, rank_share, modes, costs, counts, ordered, start, False
        )
        fb = _excess(math.exp(b), freedom, samples, penalty, scale)
        if (fb < 0.0) != (fa < 0.0) or fb == 0.0:
            break
        a, fa = b, fb
        step *= 3.0
    # From here `a` is the last point, whose moments are known.
    a, fa, b, fb = b, fb, a, fa
    c, fc = b, fb
    t = fa / (fa - fb)
    for _ in range(120):
        if fa == 0.0 or abs(b - a) <= tolerance:
            break
        x = a + t * (b - a)
        error, freedom, start = moments_at(
            network, math.exp(x), variance, rank_share, modes, costs, counts, ordered, start, False
        )
        fx = _excess(math.exp(x), freedom, samples, penalty, scale)
        if (fx < 0.0) == (fa < 0.0):
            c, fc = a, fa
        else:
            c, fc = b, fb
            b, fb = a, fa
        a, fa = x, fx
        if b != a:
            t = _next(a, fa, b, fb, c, fc, 0.2 * tolerance)
    return math.exp(a), error, freedom, start


@kernel
def _balance(error, noise, samples, variance):
    """Logarithm of the right-hand side of the noise equation over the left-hand one."""
    total = error + noise
    return math.log(total / (samples * variance)) if total > 0.0 else -math.inf


@kernel
def nested(network, rank_share, samples, noise, penalty, atoms, ordered, tolerance):
    """Fixed point for data scaled so that energy and noise add up to one: ``(code, variance, zeta, error, D)``."""
    start = START
    inner = 0.01 * tolerance
    first = 1.0 / samples
    high = first
    zeta, error, freedom, start = threshold_at(
        network, high, math.nan, rank_share, samples, penalty, atoms, ordered, start, inner
    )
    if math.isnan(zeta):
        return NO_SOLUTION, high, zeta, error, freedom
    f_high = _balance(error, noise, samples, high)
    low, f_low = high, f_high
    smallest = 1e-26 * first if noise == 0.0 else noise / samples * (1.0 - 1e-12)
    pull = 0.5
    while f_high > 0.0 or f_low < 0.0:
        if f_high > 0.0:
            low, f_low = high, f_high
            high *= 4.0
            if high > 1e12 * first:
                return DIVERGENT, high, zeta, error, freedom
            at = high
        else:
            if low <= smallest:
                if noise == 0.0:
                    return PERFECT, 0.0, 0.0, 0.0, freedom
                break
            high, f_high = low, f_low
            # The right-hand side itself is a point above the root; go past it until the sign turns.
            low = max(pull * low * math.exp(f_low), smallest)
            pull *= 0.7
            at = low
        zeta, error, freedom, start = threshold_at(
            network, at, zeta, rank_share, samples, penalty, atoms, ordered, start, inner
        )
        if math.isnan(zeta):
            return NO_SOLUTION, at, zeta, error, freedom
        if at == high:
            f_high = _balance(error, noise, samples, at)
        else:
            f_low = _balance(error, noise, samples, at)
    a, fa, b, fb = math.log(low), f_low, math.log(high), f_high
    if fa == 0.0 or a == b:
        zeta, error, freedom, start = threshold_at(
            network, low, zeta, rank_share, samples, penalty, atoms, ordered, start, inner
        )
        return OK, low, zeta, error, freedom
    c, fc = a, fa
    t = min(max(fa / (fa - fb), 1e-3), 1.0 - 1e-3)
    x = a
    for _ in range(100):
        x = a + t * (b - a)
        variance = math.exp(x)
        zeta, error, freedom, start = threshold_at(
            network, variance, zeta, rank_share, samples, penalty, atoms, ordered, start, inner
        )
        if math.isnan(zeta):
            return NO_SOLUTION, variance, zeta, error, freedom
        fx = _balance(error, noise, samples, variance)
        if (fx < 0.0) == (fa < 0.0):
            c, fc = a, fa
        else:
            c, fc = b, fb
            b, fb = a, fa
        a, fa = x, fx
        if abs(fx) <= 0.2 * tolerance or abs(b - a) <= 0.1 * tolerance:
            break
        t = _next(a, fa, b, fb, c, fc, 0.05 * tolerance)
    return OK, math.exp(x), zeta, error, freedom


@kernel
def _violations(network, x, y, rank_share, samples, noise, penalty, atoms, ordered, start, fine):
    """Both equations at ``variance = exp(x)``, ``zeta = exp(y)``, as logarithms where they have one."""
    modes, costs, counts = atoms
    variance, zeta = math.exp(x), math.exp(y)
    error, freedom, start = moments_at(network, zeta, variance, rank_share, modes, costs, counts, ordered, start, fine)
    free = samples - freedom
    second = free / samples
    if penalty > 0.0:
        second = math.log(zeta * free / penalty) if free > 0.0 else math.nan
    return _balance(error, noise, samples, variance), second, error, freedom, start


@kernel
def polish(network, variance, zeta, rank_share, samples, noise, penalty, atoms, ordered, fine):
    """Broyden iteration on both equations from a point with ``zeta > 0``: ``(success, variance, zeta, error, D)``.

    Succeeds only at a physical root: positive error and free parameters.
    """
    x, y = math.log(variance), math.log(zeta)
    f, g, error, freedom, start = _violations(
        network, x, y, rank_share, samples, noise, penalty, atoms, ordered, START, fine
    )
    if not (abs(f) < 1.0 and abs(g) < 3.0):
        return False, variance, zeta, error, freedom
    h = 1e-6
    f1, g1, _, _, _ = _violations(network, x + h, y, rank_share, samples, noise, penalty, atoms, ordered, start, fine)
    f2, g2, _, _, _ = _violations(network, x, y + h, rank_share, samples, noise, penalty, atoms, ordered, start, fine)
    j00, j10, j01, j11 = (f1 - f) / h, (g1 - g) / h, (f2 - f) / h, (g2 - g) / h
    size = max(abs(f), abs(g))
    for _ in range(14):
        if size <= 2e-14:
            break
        det = j00 * j11 - j01 * j10
        if not abs(det) > 1e-14:
            return False, variance, zeta, error, freedom
        dx = -(j11 * f - j01 * g) / det
        dy = -(j00 * g - j10 * f) / det
        shrink = min(1.0, 0.7 / max(abs(dx), 1e-300), 0.7 / max(abs(dy), 1e-300))
        dx *= shrink
        dy *= shrink
        new_f, new_g, error, freedom, start = _violations(
            network, x + dx, y + dy, rank_share, samples, noise, penalty, atoms, ordered, start, fine
        )
        new_size = max(abs(new_f), abs(new_g))
        norm = dx * dx + dy * dy
        if math.isnan(new_f) or math.isnan(new_g) or norm == 0.0 or not new_size < 10.0 * size:
            return False, variance, zeta, error, freedom
        r0 = (new_f - f - (j00 * dx + j01 * dy)) / norm
        r1 = (new_g - g - (j10 * dx + j11 * dy)) / norm
        j00 += r0 * dx
        j01 += r0 * dy
        j10 += r1 * dx
        j11 += r1 * dy
        x += dx
        y += dy
        stalled = new_size > 0.3 * size and new_size < 1e-12
        f, g, size = new_f, new_g, new_size
        if stalled:
            break
    return size <= 1e-11 and error >= 0.0, math.exp(x), math.exp(y), error, freedom


@kernel
def solve_with_costs(network, rank_share, samples, noise, penalty, atoms, coarse, ordered):
    """Fixed point for scaled data: brackets on the `coarse` atoms and polishes on all, or brackets on all."""
    if coarse[0].size < atoms[0].size:
        code, variance, zeta, error, freedom = nested(
            network, rank_share, samples, noise, penalty, coarse, ordered, 1e-4
        )
        if code == OK and zeta > 0.0:
            good, variance, zeta, error, freedom = polish(
                network, variance, zeta, rank_share, samples, noise, penalty, atoms, ordered, False
            )
            if good:
                return OK, variance, zeta, error, freedom
    return nested(network, rank_share, samples, noise, penalty, atoms, ordered, 1e-13)
