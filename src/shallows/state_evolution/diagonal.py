"""State evolution of the diagonal network: closed Gaussian averages (theory note, sections 2 and 8)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

from .._kernels import kernel
from ..freeprob.contour import FASTMATH
from ..freeprob.paths import legendre_nodes
from .protocol import STATE_EVOLUTIONS, StateEvolution

if TYPE_CHECKING:
    from .._types import FloatArray
    from ..problems import Problem
    from ..teachers import Spectrum

#: What compiled kernels call this network.
DIAGONAL = 0

_ROOT2 = math.sqrt(2.0)
_DENSITY = 1.0 / math.sqrt(2.0 * math.pi)


@kernel
def tail(x):
    """``P(Z > x)`` for a standard normal `Z`."""
    return 0.5 * math.erfc(x / _ROOT2)


@kernel
def normal_density(x):
    """Density of the standard normal."""
    return _DENSITY * math.exp(-0.5 * x * x)


@kernel
def excess_moments(x):
    """``E[(Z-x)_+]``, ``E[(Z-x)_+^2]`` and ``P(Z > x)`` without cancellation for large `x`."""
    p = tail(x)
    phi = normal_density(x)
    if x < 12.0:
        return phi - x * p, max((1.0 + x * x) * p - x * phi, 0.0), p
    t = 1.0 / (x * x)
    return phi * t * (1.0 - t * (3.0 - 15.0 * t)), 2.0 * phi * t / x * (1.0 - t * (6.0 - 45.0 * t)), p


@kernel
def soft_threshold_moments(mode, tau, zeta):
    """``(E[(eta(mode + tau Z) - mode)^2], P(eta != 0))`` of the soft threshold `eta` at `zeta`, `mode` ``>= 0``."""
    x = mode / tau
    c = zeta / tau
    if x - c > 38.0:
        return tau * tau + zeta * zeta, 1.0
    if c - x > 38.0:
        return mode * mode, 0.0
    lower = c - x
    upper = c + x
    if lower < 0.0:
        p_up = tail(lower)
        p_down = tail(upper)
        inside = max(tail(-lower) - p_down, 0.0)
        risk = (
            (1.0 + c * c) * (p_up + p_down)
            + x * x * inside
            - upper * normal_density(lower)
            - lower * normal_density(upper)
        )
        return tau * tau * risk, p_up + p_down
    first, second, p_up = excess_moments(lower)
    first_down, second_down, p_down = excess_moments(upper)
    return tau * tau * (second + second_down + x * (x - 2.0 * (first - first_down))), p_up + p_down


@kernel(fastmath=FASTMATH, error_model="numpy")
def diagonal_moments(zeta, tau, s, counts):
    """``(R, D)``: sums over modes `s` with multiplicities `counts` of :func:`soft_threshold_moments`."""
    risk = 0.0
    dof = 0.0
    for k in range(s.size):
        r, p = soft_threshold_moments(s[k], tau, zeta)
        risk += counts[k] * r
        dof += counts[k] * p
    return risk, dof


_PANEL_NODES, _PANEL_WEIGHTS = legendre_nodes(10)


@kernel(fastmath=FASTMATH, error_model="numpy")
def diagonal_mmse(variance, s, counts):
    """Sum over weights of the posterior variance under the mixture prior on ``+-s``.

    Panels of half a noise scale over every place where two atoms compete; elsewhere the posterior is certain.
    """
    tau = math.sqrt(variance)
    reach = 9.0 * tau
    width = 0.5 * tau
    total = 0.0
    top = s[0] + reach
    panels = int(math.ceil(top / width))
    first = s.size  # atoms first..last-1 lie within reach of the panel
    last = s.size
    following = 0
    while following < panels:
        i = following
        following = i + 1
        low = i * width
        high = low + width
        while first > 0 and s[first - 1] <= high + reach:
            first -= 1
        while last > first and s[last - 1] < low - reach:
            last -= 1
        mirrored = low < reach
        if last == first or (last - first == 1 and not (mirrored and s[first] > 0.0)):
            if first == 0:
                break
            # Nothing competes before the next atom comes within reach.
            following = max(following, int(math.floor((s[first - 1] - reach) / width)) - 1)
            continue
        for j in range(_PANEL_NODES.size):
            y = low + width * _PANEL_NODES[j]
            mass = 0.0
            mean = 0.0
            for k in range(first, last):
                z = (y - s[k]) / tau
                a = counts[k] * math.exp(-0.5 * z * z)
                mass += a
                mean += a * s[k]
                if mirrored:
                    z = (y + s[k]) / tau
                    a = counts[k] * math.exp(-0.5 * z * z)
                    mass += a
                    mean -= a * s[k]
            if mass < 1e-280:
                continue
            mean /= mass
            spread = 0.0
            for k in range(first, last):
                z = (y - s[k]) / tau
                spread += counts[k] * math.exp(-0.5 * z * z) * (s[k] - mean) * (s[k] - mean)
                if mirrored:
                    z = (y + s[k]) / tau
                    spread += counts[k] * math.exp(-0.5 * z * z) * (s[k] + mean) * (s[k] + mean)
            total += 0.5 * _PANEL_WEIGHTS[j] * spread
    return total / math.sqrt(2.0 * math.pi)


class DiagonalStateEvolution(StateEvolution):
    """Sums over the entries of ``theta*``, each seen through independent Gaussian noise."""

    code: ClassVar[int | None] = DIAGONAL
    has_posterior = True

    def moments(
        self, noise_scale: float, threshold: float, rank_share: float, values: FloatArray, weights: FloatArray
    ) -> tuple[float, float]:
        return diagonal_moments(threshold, noise_scale, values, weights)

    def is_determined(self, constraints: float, dim: int) -> bool:
        return constraints >= dim  # an invertible linear system

    def silencing_threshold(self, largest_mode: float, noise_scale: float) -> float:
        return largest_mode + 9 * noise_scale

    def posterior_error(self, variance: float, values: FloatArray, weights: FloatArray) -> float:
        return diagonal_mmse(variance, values, weights)

    def posterior_spectrum(self, problem: Problem, smallest_noise_scale: float) -> Spectrum:
        return problem.teacher.resolved(problem.network, smallest_noise_scale)


STATE_EVOLUTIONS.register("diagonal")(DiagonalStateEvolution())
