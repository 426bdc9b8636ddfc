"""State evolution of deep diagonal networks: Gaussian averages of a map that jumps (theory note, section 14).

With ``q = 2/L`` the integrals run over the estimates beyond the jump, ``u(t) = t + q zeta t^(q-1)``, so that the map is
inverted nowhere but far from its jump, where a Gauss-Hermite rule serves.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from .._kernels import kernel
from ..freeprob.contour import FASTMATH
from ..freeprob.paths import FINE, ROUGH, USUAL, nodes_of
from ..power_prox import beyond_jump, jump_of
from .diagonal import DiagonalStateEvolution, normal_density
from .protocol import STATE_EVOLUTIONS

if TYPE_CHECKING:
    from .._types import FloatArray
    from ..networks import Diagonal

#: What compiled kernels call this network.
DEEP_DIAGONAL = 2
#: Standard deviations beyond which the normal density is nothing.
REACH = 8.8
#: Panels over the estimates: the first is so many times the jump wide, none wider than so many standard deviations.
_FIRST, _WIDEST = 4.0, 5.0
_HERMITE, _HERMITE_WEIGHTS = np.polynomial.hermite_e.hermegauss(20)
_HERMITE_WEIGHTS = _HERMITE_WEIGHTS / math.sqrt(2 * math.pi)
#: Fewer for modes so many standard deviations and more away, where the map is nearly straight.
_FAR = 30.0
_FEW, _FEW_WEIGHTS = np.polynomial.hermite_e.hermegauss(8)
_FEW_WEIGHTS = _FEW_WEIGHTS / math.sqrt(2 * math.pi)


@kernel
def panels_of(a, q, top, fineness):
    """Estimates ``t``, observations ``u(t)`` and weights ``du`` from the jump until ``u`` passes `top`.

    In units of the noise scale, in which ``c`` is `a`.
    """
    nodes, weights = nodes_of(min(fineness, USUAL))
    _, jump = jump_of(q)
    ends = np.empty(400)
    ends[0] = a * jump
    count = 0
    width = _FIRST * ends[0] if q < 1.0 else _WIDEST
    strength = q * a ** (2.0 - q)
    while count < 399 and ends[count] + strength * max(ends[count], 1e-300) ** (q - 1.0) < top:
        ends[count + 1] = ends[count] + min(width, _WIDEST)
        width = _FIRST * ends[count + 1]
        count += 1
    t = np.empty(count * nodes.size)
    u = np.empty(t.size)
    w = np.empty(t.size)
    k = 0
    for i in range(count):
        length = ends[i + 1] - ends[i]
        for j in range(nodes.size):
            t[k] = ends[i] + length * nodes[j]
            power = strength * t[k] ** (q - 1.0)
            u[k] = t[k] + power
            w[k] = length * weights[j] * (1.0 - (1.0 - q) * power / t[k])
            k += 1
    return t, u, w


@kernel
def inside(lower, upper):
    """``P(lower < Z < upper)`` for a standard normal `Z`, without cancellation."""
    root = math.sqrt(0.5)
    if lower > 0.0:
        return 0.5 * (math.erfc(lower * root) - math.erfc(upper * root))
    if upper < 0.0:
        return 0.5 * (math.erfc(-upper * root) - math.erfc(-lower * root))
    return 1.0 - 0.5 * (math.erfc(-lower * root) + math.erfc(upper * root))


@kernel
def far_moments(x, a, q, fineness):
    """As :func:`near_moments` where the jump is out of reach below."""
    nodes, weights = _HERMITE, _HERMITE_WEIGHTS
    if fineness == ROUGH or x > _FAR + a:
        nodes, weights = _FEW, _FEW_WEIGHTS
    risk = 0.0
    dof = 0.0
    for j in range(nodes.size):
        off = nodes[j] - a * q * beyond_jump((x + nodes[j]) / a, q) ** (q - 1.0)  # without cancellation
        risk += weights[j] * off * off
        dof += weights[j] * nodes[j] * off
    return risk, dof


@kernel(fastmath=FASTMATH, error_model="numpy")
def near_moments(x, cut, t, u, w):
    """``(E[(eta(x + Z) - x)^2], E[Z eta(x + Z)])`` from the panels of :func:`panels_of`, for a jump at `cut`."""
    risk = 0.0
    dof = 0.0
    for k in range(t.size):
        up = u[k] - x
        if up < -REACH:
            continue
        if up > REACH:
            break
        weight = w[k] * normal_density(up)
        risk += weight * (t[k] - x) * (t[k] - x)
        dof += weight * up * t[k]
    for k in range(t.size):
        down = u[k] + x
        if down > REACH:
            break
        weight = w[k] * normal_density(down)
        risk += weight * (t[k] + x) * (t[k] + x)
        dof += weight * down * t[k]
    return risk + x * x * inside(-cut - x, cut - x), dof


@kernel(fastmath=FASTMATH, error_model="numpy")
def small_moments(x, t, u, w):
    """``(E[(eta - x)^2] - x^2, E[Z eta])`` as :func:`near_moments`, for modes `x` of at most a noise scale."""
    change = 0.0
    dof = 0.0
    for k in range(t.size):
        up = u[k] - x
        if up > REACH:
            break
        plus = w[k] * normal_density(up)
        minus = w[k] * normal_density(up + 2.0 * x)
        change += t[k] * (plus * (t[k] - 2.0 * x) + minus * (t[k] + 2.0 * x))
        dof += t[k] * (plus * up + minus * (up + 2.0 * x))
    return change, dof


#: Chebyshev points on [0, 1] and their barycentric weights: what noise does to smaller modes is smooth in them.
_POINTS = 0.5 - 0.5 * np.cos(np.pi * np.arange(13) / 12)
_SIGNS = np.where(np.arange(13) % 12 == 0, 0.5, 1.0) * (-1.0) ** np.arange(13)
#: From so many such modes on they are interpolated.
_MANY = 20


@kernel(fastmath=FASTMATH, error_model="numpy")
def _small_sums(x, counts, t, u, w):
    """Sums of :func:`small_moments` over modes `x` (m,), interpolated between a few."""
    size = _POINTS.size
    change = np.empty(size)
    dof = np.empty(size)
    for j in range(size):
        change[j], dof[j] = small_moments(_POINTS[j], t, u, w)
    shares = np.zeros(size)  # how often each point is counted
    terms = np.empty(size)
    for k in range(x.size):
        total = 0.0
        at = -1
        for j in range(size):
            off = x[k] - _POINTS[j]
            if off == 0.0:
                at = j
                break
            terms[j] = _SIGNS[j] / off
            total += terms[j]
        if at >= 0:
            shares[at] += counts[k]
            continue
        scale = counts[k] / total
        for j in range(size):
            shares[j] += scale * terms[j]
    return (shares * change).sum(), (shares * dof).sum()


@kernel(fastmath=FASTMATH, error_model="numpy")
def near_parts(x, cut, t, u, w):
    """``(E[eta^2], E[eta])`` of ``eta(x + Z)``, as :func:`near_moments`."""
    square = 0.0
    mean = 0.0
    for k in range(t.size):
        up = u[k] - x
        down = u[k] + x
        plus = normal_density(up) if abs(up) < REACH else 0.0
        minus = normal_density(down) if down < REACH else 0.0
        square += w[k] * (plus + minus) * t[k] * t[k]
        mean += w[k] * (plus - minus) * t[k]
    return square, mean


#: Thresholds over the noise scale below which the map does nothing.
NOTHING = 1e-9


@kernel
def deep_diagonal_moments(q, c, tau, s, counts, fineness):
    """``(R, D)``: sums over modes `s` with multiplicities `counts`, for the map of ``zeta = c^(2-q)``."""
    a = c / tau
    edge, _ = jump_of(q)
    cut = a * edge
    if a < NOTHING:
        total = counts.sum()
        return tau * tau * total, total
    near = 0.0
    for k in range(s.size):
        if s[k] / tau <= cut + REACH:
            near = s[k] / tau
            break
    t, u, w = panels_of(a, q, near + REACH, fineness)
    risk = 0.0
    dof = 0.0
    first = s.size
    while first > 0 and s[first - 1] <= tau:
        first -= 1
    if s.size - first < _MANY or cut > 37.0:
        first = s.size
    else:
        x = s[first:] / tau
        risk, dof = _small_sums(x, counts[first:], t, u, w)
        risk += (counts[first:] * x * x).sum()
    for k in range(first):
        x = s[k] / tau
        if cut - x > 38.0:
            r, d = x * x, 0.0
        elif x - cut > REACH:
            r, d = far_moments(x, a, q, fineness)
        else:
            r, d = near_moments(x, cut, t, u, w)
        risk += counts[k] * r
        dof += counts[k] * d
    return tau * tau * risk, dof


class DeepDiagonalStateEvolution(DiagonalStateEvolution):
    """Sums over the entries of ``theta*``, each through the proximal map of ``zeta |theta|^(2/L)``."""

    code = DEEP_DIAGONAL
    has_several = True

    def __init__(self, depth: int) -> None:
        self.q = 2 / depth
        self.threshold_power = 2 - self.q
        self.edge, self.jump = (float(part) for part in jump_of(self.q))

    def moments(
        self, noise_scale: float, threshold: float, rank_share: float, values: FloatArray, weights: FloatArray
    ) -> tuple[float, float]:
        c = threshold ** (1 / self.threshold_power)
        return deep_diagonal_moments(self.q, c, noise_scale, values, weights, FINE)

    def silencing_threshold(self, largest_mode: float, noise_scale: float) -> float:
        return float(((largest_mode + 9 * noise_scale) / self.edge) ** self.threshold_power)


@STATE_EVOLUTIONS.register_for_each("deep_diagonal")
def _for(network: Diagonal) -> DeepDiagonalStateEvolution:
    return DeepDiagonalStateEvolution(network.depth)
