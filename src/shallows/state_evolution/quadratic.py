"""State evolution of the quadratic network, any width (theory note, sections 3 and 4).

At fixed noise scale `delta` the penalty equation is solved for the point `u` of the subordination
curve under which the threshold lies (no inversion of the free convolution is needed inside the
iteration), then the noise equation for ``log delta^2``; both by bracketing.
Sources: arXiv 2505.17958 (full width), arXiv 2606.28242 (finite width), arXiv 2509.24882.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numba import njit

from ..freeprob.contour import (
    find_position,
    find_quantile,
    height,
    learned_error,
    path_integrals,
    position,
    unlearned,
)
from .result import FixedPoint, Status

if TYPE_CHECKING:
    from ..problems import Problem

#: Largest relative residual a prediction may carry.
TOLERANCE = 1e-8

_OK, _PERFECT, _NO_SOLUTION, _DIVERGENT = 0, 1, 2, 3


@njit(cache=True)
def _moments(u, zeta, variance, s, w, fine):
    """``(E, A)`` of the estimator ``max(x - zeta, 0)`` kept above ``x(u)`` only."""
    v = height(u, variance, s, w)
    integrals = path_integrals(u, v, zeta, variance, s, w, fine)
    energy = 0.0
    for k in range(s.size):
        energy += w[k] * s[k] * s[k]
    error = energy + integrals[0] - 2.0 * integrals[1]
    # Where almost everything is learned that difference cancels: build the same number from small terms.
    if error < 0.2 * energy:
        error = unlearned(u, v, variance, s, w, integrals[3]) + learned_error(
            u, v, zeta, variance, s, w, integrals
        )
    return error, integrals[2]


@njit(cache=True)
def _penalty_excess(u, u_rank, alpha, penalty, variance, s, w):
    """Violation of the penalty equation at the threshold over `u`: negative below the solution."""
    zeta, v = position(u, variance, s, w)
    if u >= s[0] and v == 0.0:
        a = 0.0
    else:
        cut = max(u, u_rank)
        if cut > u:
            v = height(cut, variance, s, w)
        a = path_integrals(cut, v, zeta, variance, s, w, False)[2]
    free = 4.0 * alpha - 2.0 * a
    if free <= 0.0:
        return free * math.sqrt(variance) - penalty
    return zeta * free - penalty


@njit(cache=True)
def _solve_threshold(guess, u_rank, alpha, penalty, variance, s, w, tolerance):
    """`u` that solves the penalty equation at fixed noise, or nan if it has no solution."""
    delta = math.sqrt(variance)
    floor = -delta
    ceiling = max(s[0] + delta, penalty / (4.0 * alpha)) * (1.0 + 1e-9)
    low, high = floor, ceiling
    step = 0.02 * delta
    if math.isnan(guess):
        guess = delta
        step = delta
    guess = min(max(guess, floor), ceiling)
    value = _penalty_excess(guess, u_rank, alpha, penalty, variance, s, w)
    f_low = math.nan
    f_high = math.nan
    if value < 0.0:
        low, f_low = guess, value
        while True:
            trial = min(low + step, ceiling)
            value = _penalty_excess(trial, u_rank, alpha, penalty, variance, s, w)
            if value >= 0.0:
                high, f_high = trial, value
                break
            if trial >= ceiling:
                return math.nan
            low, f_low = trial, value
            step *= 3.0
    else:
        high, f_high = guess, value
        while True:
            trial = max(high - step, floor)
            value = _penalty_excess(trial, u_rank, alpha, penalty, variance, s, w)
            if value < 0.0:
                low, f_low = trial, value
                break
            if trial <= floor:
                return math.nan
            high, f_high = trial, value
            step *= 3.0
    # Chandrupatla's bracketing: inverse quadratic steps, bisection where they are not safe.
    a, fa, b, fb = low, f_low, high, f_high
    c, fc = a, fa
    t = 0.5
    for i in range(120):
        if i == 0:
            t = fa / (fa - fb)
        x = a + t * (b - a)
        fx = _penalty_excess(x, u_rank, alpha, penalty, variance, s, w)
        if (fx < 0.0) == (fa < 0.0):
            c, fc = a, fa
        else:
            c, fc = b, fb
            b, fb = a, fa
        a, fa = x, fx
        best = a if abs(fa) < abs(fb) else b
        if fa == 0.0 or abs(b - a) <= tolerance * (delta + abs(best)):
            return best
        limit = 0.2 * tolerance * (abs(best) + delta) / abs(b - a)
        xi = (a - b) / (c - b)
        phi = (fa - fb) / (fc - fb)
        if phi * phi < xi and (1.0 - phi) * (1.0 - phi) < 1.0 - xi:
            t = fa / (fb - fa) * fc / (fb - fc) + (c - a) / (b - a) * fa / (fc - fa) * fb / (fc - fb)
        else:
            t = 0.5
        t = min(max(t, limit), 1.0 - limit)
    return a if abs(fa) < abs(fb) else b


@njit(cache=True)
def _at_noise(variance, guess, rank_share, alpha, noise, penalty, s, w, tolerance):
    """Solve the penalty equation at `variance`; ``(excess of the noise equation, u, zeta, E, A)``."""
    u_rank = -math.inf
    if rank_share < 1.0:
        u_rank = find_quantile(rank_share, variance, s, w)
    u = _solve_threshold(guess, u_rank, alpha, penalty, variance, s, w, 0.01 * tolerance)
    if math.isnan(u):
        return math.nan, u, u, u, u
    zeta, v = position(u, variance, s, w)
    if penalty == 0.0 and zeta < 1e-14 * math.sqrt(variance):
        zeta = 0.0
    if u >= s[0] and v == 0.0:
        energy = 0.0
        for k in range(s.size):
            energy += w[k] * s[k] * s[k]
        error, a = energy, 0.0
    else:
        error, a = _moments(max(u, u_rank), zeta, variance, s, w, False)
    scale = error + 0.5 * noise
    if scale <= 0.0:
        return -math.inf, u, zeta, error, a
    return math.log(scale / (2.0 * alpha * variance)), u, zeta, error, a


@njit(cache=True)
def _solve(alpha, noise, penalty, rank_share, s, w, tolerance):
    """Fixed point for data scaled so that ``Q0 + noise/2 = 1``: ``(code, variance, u, zeta, E, A)``."""
    top = 1.0 / (2.0 * alpha)
    guess = math.nan
    high = top
    f_high, u, zeta, error, a = _at_noise(high, guess, rank_share, alpha, noise, penalty, s, w, tolerance)
    if math.isnan(f_high):
        return _NO_SOLUTION, high, u, zeta, error, a
    if abs(f_high) <= 1e-15:
        return _OK, high, u, zeta, error, a
    if f_high > 0.0:
        low, f_low = high, f_high
        while True:
            previous = high
            high *= 4.0
            f_high, u, zeta, error, a = _at_noise(high, u * 2.0, rank_share, alpha, noise, penalty, s, w, tolerance)
            if math.isnan(f_high):
                return _NO_SOLUTION, previous, u, zeta, error, a
            if f_high <= 0.0:
                break
            if high > 1e14 * top:
                return _DIVERGENT, high, u, zeta, error, a
            low, f_low = high, f_high
    else:
        least = 1e-26 * top if noise == 0.0 else 0.5 * noise / (2.0 * alpha) * (1.0 - 1e-12)
        pull = 0.5
        while True:
            # The right-hand side itself is a point above the root; go past it until the sign turns.
            low = max(pull * high * math.exp(f_high), least)
            f_low, u, zeta, error, a = _at_noise(
                low, u * math.sqrt(low / high), rank_share, alpha, noise, penalty, s, w, tolerance
            )
            if math.isnan(f_low):
                return _NO_SOLUTION, high, u, zeta, error, a
            if f_low >= 0.0:
                break
            if low <= least:
                if noise == 0.0:
                    return _PERFECT, 0.0, 0.0, 0.0, 0.0, a
                break
            high, f_high = low, f_low
            pull *= 0.7
    x_a, f_a, x_b, f_b = math.log(low), f_low, math.log(high), f_high
    x_c, f_c = x_a, f_a
    t = 0.5
    x = x_a
    if f_a == 0.0:
        return _OK, low, u, zeta, error, a
    for i in range(100):
        if i == 0:
            t = f_a / (f_a - f_b)
            t = min(max(t, 1e-3), 1.0 - 1e-3)
        last = x
        x = x_a + t * (x_b - x_a)
        value, u, zeta, error, a = _at_noise(
            math.exp(x), u * math.exp(0.5 * (x - last)), rank_share, alpha, noise, penalty, s, w, tolerance
        )
        if math.isnan(value):
            return _NO_SOLUTION, math.exp(x), u, zeta, error, a
        if (value < 0.0) == (f_a < 0.0):
            x_c, f_c = x_a, f_a
        else:
            x_c, f_c = x_b, f_b
            x_b, f_b = x_a, f_a
        x_a, f_a = x, value
        if abs(value) <= 0.2 * tolerance or abs(x_b - x_a) <= 0.1 * tolerance:
            break
        limit = 0.05 * tolerance / abs(x_b - x_a)
        xi = (x_a - x_b) / (x_c - x_b)
        phi = (f_a - f_b) / (f_c - f_b)
        if phi * phi < xi and (1.0 - phi) * (1.0 - phi) < 1.0 - xi:
            t = f_a / (f_b - f_a) * f_c / (f_b - f_c) + (x_c - x_a) / (x_b - x_a) * f_a / (f_c - f_a) * f_b / (
                f_c - f_b
            )
        else:
            t = 0.5
        t = min(max(t, limit), 1.0 - limit)
    return _OK, math.exp(x), u, zeta, error, a


@njit(cache=True)
def _violations(x, c, kind, rank_share, alpha, noise, penalty, s, w):
    """Both equations at ``variance = exp(x)``, ``u = c delta``: ``(noise, penalty, zeta, E, A)``."""
    variance = math.exp(x)
    delta = math.sqrt(variance)
    u = c * delta
    zeta, v = position(u, variance, s, w)
    cut = u
    if rank_share < 1.0:
        cut = max(u, find_quantile(rank_share, variance, s, w))
    error, a = _moments(cut, zeta, variance, s, w, False)
    free = 4.0 * alpha - 2.0 * a
    first = math.nan
    if error + 0.5 * noise > 0.0:
        first = math.log((error + 0.5 * noise) / (2.0 * alpha * variance))
    second = math.nan
    if kind == 0:
        if zeta > 0.0 and free > 0.0:
            second = math.log(zeta * free / penalty)
    elif kind == 1:
        second = free / (4.0 * alpha)
    else:
        second = zeta / delta
    return first, second, zeta, error, a


@njit(cache=True)
def _polish(variance, u, rank_share, alpha, noise, penalty, s, w, start_a):
    """Broyden iteration on both equations from a nearby point; ``(success, variance, zeta, E, A)``.

    Every accepted point is checked to be physical (positive threshold, free parameters and error).
    """
    kind = 0
    if penalty == 0.0:
        kind = 1 if 4.0 * alpha - 2.0 * start_a < 1e-2 * alpha else 2
    x = math.log(variance)
    c = u / math.sqrt(variance)
    f, g, zeta, error, a = _violations(x, c, kind, rank_share, alpha, noise, penalty, s, w)
    if not (abs(f) < 1.0 and abs(g) < 3.0):
        return False, variance, zeta, error, a
    h = 1e-6
    f1, g1, _, _, _ = _violations(x + h, c, kind, rank_share, alpha, noise, penalty, s, w)
    f2, g2, _, _, _ = _violations(x, c + h, kind, rank_share, alpha, noise, penalty, s, w)
    j00, j10, j01, j11 = (f1 - f) / h, (g1 - g) / h, (f2 - f) / h, (g2 - g) / h
    size = max(abs(f), abs(g))
    for _ in range(14):
        if size <= 2e-14:
            break
        det = j00 * j11 - j01 * j10
        if not abs(det) > 1e-14:
            return False, variance, zeta, error, a
        dx = -(j11 * f - j01 * g) / det
        dc = -(j00 * g - j10 * f) / det
        shrink = min(1.0, 0.7 / max(abs(dx), 1e-300), 0.5 * (1.0 + abs(c)) / max(abs(dc), 1e-300))
        dx *= shrink
        dc *= shrink
        new_f, new_g, zeta, error, a = _violations(x + dx, c + dc, kind, rank_share, alpha, noise, penalty, s, w)
        new_size = max(abs(new_f), abs(new_g))
        if not new_size < 10.0 * size + 1e-300:
            return False, variance, zeta, error, a
        norm = dx * dx + dc * dc
        if norm == 0.0:
            break
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
    physical = error >= 0.0 and (kind != 1 or zeta > 0.0) and (kind != 2 or 4.0 * alpha - 2.0 * a > 0.0)
    return size <= 1e-11 and physical, math.exp(x), zeta, error, a


@njit(cache=True)
def _solve_two_grid(alpha, noise, penalty, rank_share, s, w, coarse_s, coarse_w):
    """:func:`_solve` by way of a coarse teacher: bracket on that, polish on the whole one."""
    if coarse_s.size < s.size:
        code, variance, u, zeta, error, a = _solve(alpha, noise, penalty, rank_share, coarse_s, coarse_w, 1e-4)
        if code == _OK:
            good, variance, zeta, error, a = _polish(variance, u, rank_share, alpha, noise, penalty, s, w, a)
            if good:
                return _OK, variance, zeta, error, a
    code, variance, u, zeta, error, a = _solve(alpha, noise, penalty, rank_share, s, w, 1e-13)
    return code, variance, zeta, error, a


@njit(cache=True)
def moments(noise_scale, threshold, rank_share, s, w):
    """``(E, A)`` of the spectral soft threshold at any noise scale and threshold, not only at a fixed point.

    `rank_share` is ``p/d`` (1 or more: no limit on the rank). `s` decreasing atoms, `w` their shares.
    """
    variance = noise_scale * noise_scale
    u = find_position(threshold, variance, s, w)
    if rank_share < 1.0:
        u = max(u, find_quantile(rank_share, variance, s, w))
    return _moments(u, threshold, variance, s, w, True)


def solve(problem: Problem, penalty: float) -> FixedPoint:
    """Fixed point of the state evolution of `problem` (a quadratic network) at reduced penalty `penalty`.

    Parameters
    ----------
    problem : Problem
        With ``network == "quadratic"``.
    penalty : float
        ``pen >= 0``; 0 means the limit ``0+``.

    Returns
    -------
    FixedPoint
        Never raises for a failed solve: look at ``status``.
    """
    alpha, dim = problem.alpha, problem.dim
    atoms, weights = problem.spectrum.values, problem.spectrum.weights
    energy = float(weights @ atoms**2)
    unit = math.sqrt(energy + problem.noise / 2)
    if unit == 0.0:  # nothing to learn and nothing to fit
        return FixedPoint(0.0, 0.0, 0.0, 0.0, 1.0, 0.0, Status.PERFECT_RECOVERY)
    s, w = np.ascontiguousarray(atoms / unit), np.ascontiguousarray(weights)
    noise, pen = problem.noise / unit**2, penalty / unit
    share = min(1.0, problem.effective_width / dim)
    coarse = problem.spectrum.coarse
    code, variance, zeta, error, a = _solve_two_grid(
        alpha, noise, pen, share, s, w, np.ascontiguousarray(coarse.values / unit), np.ascontiguousarray(coarse.weights)
    )
    if code in (_NO_SOLUTION, _DIVERGENT):
        status = Status.NO_SOLUTION if code == _NO_SOLUTION else Status.DIVERGENT
        return FixedPoint(math.nan, math.nan, math.nan, math.nan, math.nan, math.inf, status)
    if code == _PERFECT:
        return FixedPoint(0.0, 0.0, 0.0, 0.5 * min(a, 2 * alpha) * dim**2, max(0.0, 1 - a / (2 * alpha)), 0.0, Status.PERFECT_RECOVERY)
    delta = math.sqrt(variance)
    free = 4 * alpha - 2 * a
    if pen > 0 and zeta < 1e-3 * delta:  # a small threshold is known better from the penalty than from the curve
        zeta = pen / free if free > alpha else zeta
    elif pen == 0 and free > 1e-9 * alpha:
        zeta = 0.0
    # Evaluated afresh from the two reported numbers, with a finer quadrature.
    error, a = moments(delta, zeta, share, s, w)
    free = 4 * alpha - 2 * a
    if pen > 0:
        slack = pen / (4 * alpha * zeta)
    else:
        slack = free / (4 * alpha) if zeta == 0.0 else 0.0
    noise_residual = abs(2 * alpha * variance - (error + noise / 2)) / (2 * alpha * variance)
    if pen == 0 and zeta == 0.0:
        penalty_residual = 0.0
    else:
        penalty_residual = abs(zeta * free - pen) / (pen + 4 * alpha * zeta)
    residual = max(noise_residual, penalty_residual)
    good = residual <= TOLERANCE and error >= 0 and 0 <= slack <= 1 + TOLERANCE
    return FixedPoint(
        noise_scale=delta * unit,
        threshold=zeta * unit,
        estimation_error=error * unit**2,
        degrees_of_freedom=0.5 * a * dim**2,
        slack=min(slack, 1.0),
        residual=residual,
        status=Status.CONVERGED if good else Status.INACCURATE,
    )
