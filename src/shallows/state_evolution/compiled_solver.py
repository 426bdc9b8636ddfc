"""The nested bracketing solver of the state evolution, compiled, for every network.

All state evolutions have the form

    zeta (N - D) = L,      variance = (error + Delta') / N

with ``N = n``, ``L = lam sqrt(d)``, ``Delta' = Delta`` for the diagonal network and ``N = 2 alpha``,
``D = A``, ``L = pen/2``, ``Delta' = Delta/2`` for the quadratic one. At fixed variance the first equation
increases in the threshold (from where it becomes positive); what remains of the second has one root in
``log variance``. The threshold is represented by `u`: itself for the diagonal network, the point of the
subordination curve over it for the quadratic one, so that no free convolution is inverted on the way.
"""

from __future__ import annotations

import math

from .._kernels import kernel
from ..freeprob.bracketing import chandrupatla
from ..freeprob.contour import find_quantile, position
from .diagonal import DIAGONAL, diagonal_moments
from .quadratic import quadratic_moments

#: How a solve ends.
OK, PERFECT, NO_SOLUTION, DIVERGENT = 0, 1, 2, 3
#: Forms of the penalty equation near its root: both sides positive; without penalty no parameter is left free, or no
#: threshold; a threshold too small to have a logarithm.
_BALANCED, _NONE_FREE, _NO_THRESHOLD, _TINY_THRESHOLD = 0, 1, 2, 3


@kernel
def _rank_cut(rank_share, variance, s, w):
    """Point above which the largest modes make up `rank_share`; a network without a limit on the rank has share 1."""
    if rank_share < 1.0:
        return find_quantile(rank_share, variance, s, w)
    return -math.inf


@kernel
def _threshold_range(network, scale):
    """Lowest point `u`, and how far beyond the largest mode the highest one lies."""
    if network == DIAGONAL:
        return 0.0, 40.0 * scale
    return -scale, scale


@kernel
def _moments(network, u, cut, variance, s, w):
    """``(zeta, error, D)`` at the point `u`, keeping only what lies above `cut` as well."""
    if network == DIAGONAL:
        error, dof = diagonal_moments(u, math.sqrt(variance), s, w)
        return u, error, dof
    zeta, _ = position(u, variance, s, w)
    error, dof = quadratic_moments(max(u, cut), zeta, variance, s, w, False)
    return zeta, error, dof


@kernel
def _penalty_excess(network, u, cut, samples, penalty, variance, s, w):
    """Violation of the penalty equation: negative below the solution, continuous through ``D = N``."""
    zeta, _, dof = _moments(network, u, cut, variance, s, w)
    free = samples - dof
    if free <= 0.0:
        return free * math.sqrt(variance) - penalty
    return zeta * free - penalty


@kernel
def _solve_threshold(network, guess, cut, samples, penalty, variance, s, w, tolerance):
    """`u` that solves the penalty equation at fixed variance, or nan if there is none."""
    scale = math.sqrt(variance)
    floor, margin = _threshold_range(network, scale)
    ceiling = max(s[0] + margin, penalty / samples) * (1.0 + 1e-9)
    step = 0.02 * scale
    if math.isnan(guess):
        guess, step = scale, scale
    guess = min(max(guess, floor), ceiling)
    value = _penalty_excess(network, guess, cut, samples, penalty, variance, s, w)
    a, fa = guess, value
    while True:
        if value == 0.0:
            return a
        if value < 0.0:
            if a >= ceiling:
                return math.nan
            b = min(a + step, ceiling)
        else:
            if a <= floor:
                return math.nan
            b = max(a - step, floor)
        fb = _penalty_excess(network, b, cut, samples, penalty, variance, s, w)
        if (fb < 0.0) != (fa < 0.0) or fb == 0.0:
            break
        a, fa, value = b, fb, fb
        step *= 3.0
    c, fc = a, fa
    t = fa / (fa - fb)
    for _ in range(120):
        x = a + t * (b - a)
        fx = _penalty_excess(network, x, cut, samples, penalty, variance, s, w)
        if (fx < 0.0) == (fa < 0.0):
            c, fc = a, fa
        else:
            c, fc = b, fb
            b, fb = a, fa
        a, fa = x, fx
        best = a if abs(fa) < abs(fb) else b
        if fa == 0.0 or abs(b - a) <= tolerance * (scale + abs(best)):
            return best
        t = chandrupatla(a, fa, b, fb, c, fc, min(0.2 * tolerance * (abs(best) + scale) / abs(b - a), 0.5))
    return a if abs(fa) < abs(fb) else b


@kernel
def at_noise(network, variance, guess, rank_share, samples, noise, penalty, s, w, tolerance):
    """Solve the penalty equation at `variance`; ``(log excess of the noise equation, u, zeta, error, D)``."""
    cut = _rank_cut(rank_share, variance, s, w)
    u = _solve_threshold(network, guess, cut, samples, penalty, variance, s, w, 0.01 * tolerance)
    if math.isnan(u):
        return math.nan, u, u, u, u
    zeta, error, dof = _moments(network, u, cut, variance, s, w)
    if penalty == 0.0 and zeta < 1e-14 * math.sqrt(variance):
        zeta = 0.0
    scale = error + noise
    if scale <= 0.0:
        return -math.inf, u, zeta, error, dof
    return math.log(scale / (samples * variance)), u, zeta, error, dof


@kernel
def _nested(network, rank_share, samples, noise, penalty, s, w, tolerance):
    """Fixed point for data scaled so that energy + noise = 1: ``(code, variance, u, zeta, error, D)``."""
    top = 1.0 / samples
    high = top
    f_high, u, zeta, error, dof = at_noise(
        network, high, math.nan, rank_share, samples, noise, penalty, s, w, tolerance
    )
    if math.isnan(f_high):
        return NO_SOLUTION, high, u, zeta, error, dof
    if abs(f_high) <= 1e-15:
        return OK, high, u, zeta, error, dof
    if f_high > 0.0:
        low, f_low = high, f_high
        while True:
            high *= 4.0
            f_high, u, zeta, error, dof = at_noise(
                network, high, u * 2.0, rank_share, samples, noise, penalty, s, w, tolerance
            )
            if math.isnan(f_high):
                return NO_SOLUTION, high, u, zeta, error, dof
            if high > 1e12 * top:
                return DIVERGENT, high, u, zeta, error, dof
            if f_high <= 0.0:
                break
            low, f_low = high, f_high
    else:
        smallest = 1e-26 * top if noise == 0.0 else noise / samples * (1.0 - 1e-12)
        pull = 0.5
        while True:
            # The right-hand side itself is a point above the root; go past it until the sign turns.
            low = max(pull * high * math.exp(f_high), smallest)
            guess = u * math.sqrt(low / high)
            f_low, u, zeta, error, dof = at_noise(
                network, low, guess, rank_share, samples, noise, penalty, s, w, tolerance
            )
            if math.isnan(f_low):
                return NO_SOLUTION, high, u, zeta, error, dof
            if f_low >= 0.0:
                break
            if low <= smallest:
                if noise == 0.0:
                    return PERFECT, 0.0, 0.0, 0.0, 0.0, dof
                break
            high, f_high = low, f_low
            pull *= 0.7
    a, fa, b, fb = math.log(low), f_low, math.log(high), f_high
    if fa == 0.0:
        return OK, low, u, zeta, error, dof
    c, fc = a, fa
    t = min(max(fa / (fa - fb), 1e-3), 1.0 - 1e-3)
    x = a
    for _ in range(100):
        last = x
        x = a + t * (b - a)
        guess = u * math.exp(0.5 * (x - last))
        fx, u, zeta, error, dof = at_noise(
            network, math.exp(x), guess, rank_share, samples, noise, penalty, s, w, tolerance
        )
        if math.isnan(fx):
            return NO_SOLUTION, math.exp(x), u, zeta, error, dof
        if (fx < 0.0) == (fa < 0.0):
            c, fc = a, fa
        else:
            c, fc = b, fb
            b, fb = a, fa
        a, fa = x, fx
        if abs(fx) <= 0.2 * tolerance or abs(b - a) <= 0.1 * tolerance:
            break
        t = chandrupatla(a, fa, b, fb, c, fc, min(0.05 * tolerance / abs(b - a), 0.5))
    return OK, math.exp(x), u, zeta, error, dof


@kernel
def _violations(network, kind, x, c, rank_share, samples, noise, penalty, s, w):
    """Both equations at ``variance = exp(x)``, ``u = c sqrt(variance)``: ``(noise, penalty, zeta, error, D)``."""
    variance = math.exp(x)
    scale = math.sqrt(variance)
    cut = _rank_cut(rank_share, variance, s, w)
    zeta, error, dof = _moments(network, c * scale, cut, variance, s, w)
    free = samples - dof
    first = math.nan
    if error + noise > 0.0:
        first = math.log((error + noise) / (samples * variance))
    second = math.nan
    if kind == _BALANCED:
        if zeta > 0.0 and free > 0.0:
            second = math.log(zeta * free / penalty)
    elif kind == _NONE_FREE:
        second = free / samples
    elif kind == _TINY_THRESHOLD:
        if free > 0.0:
            second = (zeta - penalty / free) / scale
    else:
        second = zeta / scale
    return first, second, zeta, error, dof


@kernel
def _polish(network, variance, u, rank_share, samples, noise, penalty, s, w, start_dof):
    """Broyden iteration on both equations from a nearby point; ``(success, variance, zeta, error, D)``.

    Succeeds only at a physical root: positive threshold, free parameters and error.
    """
    kind = _BALANCED
    if penalty == 0.0:
        kind = _NONE_FREE if samples - start_dof < 5e-3 * samples else _NO_THRESHOLD
    elif penalty < 1e-3 * math.sqrt(variance) * (samples - start_dof):
        kind = _TINY_THRESHOLD
    x = math.log(variance)
    c = u / math.sqrt(variance)
    f, g, zeta, error, dof = _violations(network, kind, x, c, rank_share, samples, noise, penalty, s, w)
    if not (abs(f) < 1.0 and abs(g) < 3.0):
        return False, variance, zeta, error, dof
    h = 1e-6
    f1, g1, _, _, _ = _violations(network, kind, x + h, c, rank_share, samples, noise, penalty, s, w)
    f2, g2, _, _, _ = _violations(network, kind, x, c + h, rank_share, samples, noise, penalty, s, w)
    j00, j10, j01, j11 = (f1 - f) / h, (g1 - g) / h, (f2 - f) / h, (g2 - g) / h
    size = max(abs(f), abs(g))
    for _ in range(14):
        if size <= 2e-14:
            break
        det = j00 * j11 - j01 * j10
        if not abs(det) > 1e-14:
            return False, variance, zeta, error, dof
        dx = -(j11 * f - j01 * g) / det
        dc = -(j00 * g - j10 * f) / det
        shrink = min(1.0, 0.7 / max(abs(dx), 1e-300), 0.5 * (1.0 + abs(c)) / max(abs(dc), 1e-300))
        dx *= shrink
        dc *= shrink
        new_f, new_g, zeta, error, dof = _violations(
            network, kind, x + dx, c + dc, rank_share, samples, noise, penalty, s, w
        )
        if math.isnan(new_f) or math.isnan(new_g):
            return False, variance, zeta, error, dof
        new_size = max(abs(new_f), abs(new_g))
        norm = dx * dx + dc * dc
        if norm == 0.0 or not new_size < 10.0 * size:
            return False, variance, zeta, error, dof
        r0 = (new_f - f - (j00 * dx + j01 * dc)) / norm
        r1 = (new_g - g - (j10 * dx + j11 * dc)) / norm
        j00 += r0 * dx
        j01 += r0 * dc
        j10 += r1 * dx
        j11 += r1 * dc
        x += dx
        c += dc
        stalled = new_size > 0.3 * size and new_size < 1e-12
        f, g, size = new_f, new_g, new_size
        if stalled:
            break
    physical = error >= 0.0 and (kind != _NONE_FREE or zeta > 0.0) and (kind != _NO_THRESHOLD or samples > dof)
    return size <= 1e-11 and physical, math.exp(x), zeta, error, dof


@kernel
def solve_scaled(network, rank_share, samples, noise, penalty, s, w, coarse_s, coarse_w):
    """Fixed point for data scaled so that energy + noise = 1: ``(code, variance, zeta, error, D)``.

    Brackets on a coarse teacher and polishes on the whole one; brackets on the whole one if that fails.
    """
    if coarse_s.size < s.size:
        code, variance, u, zeta, error, dof = _nested(
            network, rank_share, samples, noise, penalty, coarse_s, coarse_w, 1e-4
        )
        if code == OK:
            good, variance, zeta, error, dof = _polish(
                network, variance, u, rank_share, samples, noise, penalty, s, w, dof
            )
            if good:
                return OK, variance, zeta, error, dof
    code, variance, u, zeta, error, dof = _nested(network, rank_share, samples, noise, penalty, s, w, 1e-13)
    return code, variance, zeta, error, dof
