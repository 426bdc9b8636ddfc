"""State evolution of the quadratic network: contour integrals of the free convolution, any width.

Theory note, sections 3, 4 and 8; arXiv 2509.24882, 2505.17958 (full width), 2606.28242 (finite width) and
2408.03733 (Bayes-optimal).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

from .._kernels import kernel
from ..freeprob.bands_and_edges import bands
from ..freeprob.contour import (
    FASTMATH,
    find_position,
    find_quantile,
    height,
    learned_error,
    path_integrals,
    unlearned,
)
from .protocol import STATE_EVOLUTIONS, StateEvolution

if TYPE_CHECKING:
    from .._types import FloatArray
    from ..problems import Problem
    from ..teachers import Spectrum

#: What compiled kernels call this network.
QUADRATIC = 1
#: Up to this dimension the posterior sees every mode, not groups of them.
_UNGROUPED = 1024


@kernel
def energy_of(s, w):
    """``sum w s^2``."""
    total = 0.0
    for k in range(s.size):
        total += w[k] * s[k] * s[k]
    return total


@kernel
def quadratic_moments(u, zeta, variance, s, w, fine):
    """``(E, A)`` of the estimator ``max(x - zeta, 0)`` kept above ``x(u)`` only."""
    v = height(u, variance, s, w)
    energy = energy_of(s, w)
    if u >= s[0] and v == 0.0:
        return energy, 0.0
    integrals = path_integrals(u, v, zeta, variance, s, w, fine)
    error = energy + integrals[0] - 2.0 * integrals[1]
    # Where much is learned that difference cancels: build the same number from small terms.
    if error < 0.2 * energy:
        error = unlearned(u, v, variance, s, w, integrals[3]) + learned_error(u, v, zeta, variance, s, w, integrals)
    return error, integrals[2]


@kernel
def quadratic_moments_at(noise_scale, threshold, rank_share, s, w):
    """``(E, A)`` at any noise scale and threshold; `rank_share` is ``p/d`` (1 or more: no limit on the rank)."""
    variance = noise_scale * noise_scale
    u = find_position(threshold, variance, s, w)
    if rank_share < 1.0:
        u = max(u, find_quantile(rank_share, variance, s, w))
    return quadratic_moments(u, threshold, variance, s, w, True)


@kernel(fastmath=FASTMATH, error_model="numpy")
def _posterior_spread(u, variance, s, w):
    """``rho(x) x'(u) Var(s|x)`` at ``x = x(u)``, all as sums of positive terms."""
    v = height(u, variance, s, w)
    if v == 0.0:
        return 0.0
    mean = 0.0
    p = 0.0
    q = 0.0
    for k in range(s.size):
        t = 1.0 / ((u - s[k]) * (u - s[k]) + v * v)
        mean += w[k] * t * s[k]
        p += w[k] * t * t
        q += w[k] * t * t * (u - s[k])
    mean *= variance
    spread = 0.0
    for k in range(s.size):
        t = 1.0 / ((u - s[k]) * (u - s[k]) + v * v)
        spread += w[k] * t * (s[k] - mean) * (s[k] - mean)
    slope = 2.0 * variance * (v * v * p + q * q / p)
    return v / math.pi * slope * spread


@kernel
def quadratic_mmse(variance, s, w):
    """``(1/d) E ||S* - E[S*|S* + delta GOE]||_F^2``: the spread of the posterior, integrated over the bands."""
    support = bands(variance, s, w)
    total = 0.0
    for i in range(support.shape[0] - 1, -1, -1):  # from the bulk up, so that narrow bands know the total
        middle = 0.5 * (support[i, 0] + support[i, 1])
        half = 0.5 * (support[i, 1] - support[i, 0])
        if not half > 0.0:
            continue
        # Chebyshev nodes of the second kind, doubled until the sum settles: the edges are square roots.
        nodes = 3
        raw = 0.0
        for j in range(1, nodes + 1):
            angle = math.pi * j / (nodes + 1)
            raw += math.sin(angle) * _posterior_spread(middle - half * math.cos(angle), variance, s, w)
        value = raw * half * math.pi / (nodes + 1)
        while nodes < 4000:
            for j in range(nodes + 1):
                angle = math.pi * (2 * j + 1) / (2 * nodes + 2)
                raw += math.sin(angle) * _posterior_spread(middle - half * math.cos(angle), variance, s, w)
            nodes = 2 * nodes + 1
            previous, value = value, raw * half * math.pi / (nodes + 1)
            if nodes >= 7 and abs(value - previous) <= 1e-9 * (total + value):
                break
        total += value
    return total


class QuadraticStateEvolution(StateEvolution):
    """Integrals over the spectrum of ``S* + delta GOE``."""

    code: ClassVar[int | None] = QUADRATIC
    has_posterior = True

    def moments(
        self, noise_scale: float, threshold: float, rank_share: float, values: FloatArray, weights: FloatArray
    ) -> tuple[float, float]:
        return quadratic_moments_at(noise_scale, threshold, rank_share, values, weights)

    def silencing_threshold(self, largest_mode: float, noise_scale: float) -> float:
        above = noise_scale / largest_mode if largest_mode > 0 else 1.0
        return largest_mode + noise_scale * max(1.0, above) + 2 * noise_scale

    def posterior_error(self, variance: float, values: FloatArray, weights: FloatArray) -> float:
        return quadratic_mmse(variance, values, weights)

    def recovery_constraints(self, coincidence: float) -> float:
        # As the noise vanishes each distinct mode has a semicircle of its own, of mass w: the posterior error over the
        # variance of the noise tends to 1 - sum w^2, rotations among equal modes being free.
        return 1 - coincidence

    def posterior_spectrum(self, problem: Problem, smallest_noise_scale: float) -> Spectrum:
        if problem.dim > _UNGROUPED:
            return problem.spectrum
        return problem.teacher.resolved(problem.network, 0.0)


STATE_EVOLUTIONS.register("quadratic", "attention")(QuadraticStateEvolution())
