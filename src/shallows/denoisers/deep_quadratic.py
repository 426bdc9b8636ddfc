"""Rules for the deep quadratic network: the eigenvalue threshold of ``zeta x^(1/k)`` (theory note, section 14)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .._arguments import check_integer, check_number
from .._kernels import kernel
from ..freeprob.paths import FINE
from ..freeprob.power_threshold import shrunk, unit_of_threshold
from ..power_prox import jump_of
from ..state_evolution import threshold_for_strength
from ..state_evolution.deep_quadratic import power_moments_at
from .base import RULES, Denoised, Denoiser, Rules, register
from .quadratic import RotationallyInvariant

if TYPE_CHECKING:
    from .._types import FloatArray
    from ..networks import Quadratic
    from ..problems import Problem

#: Thresholds tried from the largest one down, before one is bisected, and the ratio of the first to the last.
SCAN, SCAN_RATIO = 60, 1e6


@kernel
def power_denoised(values: FloatArray, unit: float, power: float) -> tuple[FloatArray, float]:
    """``(f, A)``: images of the increasing eigenvalues `values`, and the ``A`` of their divided differences."""
    d = values.size
    images = np.zeros(d)
    slopes = np.zeros(d)
    for i in range(d):
        images[i], slopes[i] = shrunk(values[i], unit, power)
    total = 0.0
    close = 1e-10 * max(abs(values[0]), abs(values[-1]), 1e-300)
    for i in range(d - 1, -1, -1):
        if images[i] == 0.0:
            break
        total += 2.0 * slopes[i]
        for j in range(i):
            gap = values[i] - values[j]
            if gap <= close:
                total += slopes[i] + slopes[j]
            else:
                total += 2.0 * (images[i] - images[j]) / gap
    return images, total / d**2


@register
@dataclass(frozen=True)
class SpectralPowerThreshold(Denoiser):
    """``f(x) = argmin_(t >= 0) (x - t)^2/2 + zeta t^(1/k)`` on eigenvalues: that of weight decay on `k` layers.

    Parameters
    ----------
    threshold : float
        ``zeta >= 0``, in units of ``S`` to the power ``2 - 1/k``.
    depth : int
        ``k >= 1``.

    Raises
    ------
    InvalidArgument
        If the threshold is not a finite number ``>= 0``, or the depth no integer ``>= 1``.

    Examples
    --------
    At depth 2 and ``zeta = 1`` the map jumps from 0 to 1 at 1.5.

    >>> import numpy as np
    >>> from shallows.denoisers import SpectralPowerThreshold
    >>> SpectralPowerThreshold(1.0, depth=2).apply(np.array([-1.0, 1.4, 1.6, 3.0]), noise_scale=1.0).values.round(4)
    array([0.    , 0.    , 1.1295, 2.6955])
    """

    threshold: float
    depth: int = 2
    network = "quadratic:depth=2"
    proximal = True

    def __post_init__(self) -> None:
        check_number("threshold", self.threshold)
        depth = check_integer("depth", self.depth, minimum=1)
        object.__setattr__(self, "network", "quadratic" if depth == 1 else f"quadratic:depth={depth}")

    def apply(self, observed: FloatArray, noise_scale: float) -> Denoised:
        power = 1 / self.depth
        images, divergence = power_denoised(np.ascontiguousarray(observed), self._unit, power)
        return Denoised(images, float(divergence))

    @property
    def _unit(self) -> float:
        return float(unit_of_threshold(self.threshold, 1 / self.depth))

    def moments(self, problem: Problem, noise_scale: float) -> tuple[float, float]:
        self.check(problem)
        s, w = problem.spectrum.values, problem.spectrum.weights
        error, divergence = power_moments_at(noise_scale, self._unit, 1 / self.depth, s, w, FINE)
        return float(error), float(divergence)

    @classmethod
    def default(cls, problem: Problem, noise_scale: float) -> SpectralPowerThreshold:
        network: Any = problem.architecture
        return cls(noise_scale ** (2 - 1 / network.depth), network.depth)


def power_threshold_for_penalty(values: FloatArray, alpha: float, penalty: float, depth: int) -> tuple[float, float]:
    """The largest ``(zeta, A)`` with ``zeta (4 alpha - 2 A(zeta)) = pen`` on given eigenvalues.

    Theory note, sections 9 and 14.
    `A` jumps wherever an eigenvalue passes the jump of the map, not always downwards, so that there can be several
    roots; message passing comes from large noise, and meets the largest one first.

    Parameters
    ----------
    values : ndarray, shape (d,)
        Eigenvalues of the observed matrix, increasing, in units of ``S``.
    alpha : float
        ``n/d^2``, positive.
    penalty : float
        ``pen``, not negative.
    depth : int
        ``k``.

    Returns
    -------
    threshold : float
        ``zeta``, in units of ``S`` to the power ``2 - 1/k``.
    divergence : float
        ``A``, at a jump the fraction of it that solves the equation.

    Examples
    --------
    >>> import numpy as np
    >>> from shallows.denoisers import power_threshold_for_penalty
    >>> zeta, freedom = power_threshold_for_penalty(np.array([-1.0, 0.0, 2.0, 5.0]), alpha=0.5, penalty=0.6, depth=2)
    >>> round(zeta * (4 * 0.5 - 2 * freedom), 12)
    0.6
    """
    power = 1 / depth
    values = np.ascontiguousarray(values, dtype=float)
    silent = penalty / (4 * alpha)
    if values[-1] <= 0:
        return silent, 0.0
    top = float((values[-1] / jump_of(power)[0]) ** (2 - power))
    if top <= silent:
        return silent, 0.0

    def excess(zeta: float) -> tuple[float, float]:
        divergence = float(power_denoised(values, unit_of_threshold(zeta, power), power)[1])
        return zeta * (4 * alpha - 2 * divergence) - penalty, divergence

    high = top
    for zeta in top * np.geomspace(1.0, 1 / SCAN_RATIO, SCAN)[1:]:
        value, divergence = excess(float(zeta))
        if value <= 0:
            low = float(zeta)
            break
        high = float(zeta)
    else:
        low = 0.0
        divergence = excess(0.0)[1]
        if penalty == 0.0 and divergence < 2 * alpha:
            return 0.0, divergence
    for _ in range(100):
        zeta = 0.5 * (low + high)
        if high - low <= 1e-14 * high:
            break
        value, divergence = excess(zeta)
        if value < 0:
            low = zeta
        else:
            high = zeta
    return zeta, 0.5 * (4 * alpha - penalty / zeta) if zeta > 0 else divergence


class DeepQuadraticRules(Rules):
    """The rules of a deep quadratic network."""

    def __init__(self, network: Quadratic) -> None:
        self.depth = network.depth

    def soft(self, threshold: float, rank_share: float = 1.0) -> SpectralPowerThreshold:
        return SpectralPowerThreshold(threshold, self.depth)

    def posterior(self, problem: Problem) -> RotationallyInvariant:
        return RotationallyInvariant(problem.spectrum.values, problem.spectrum.weights)

    def threshold_for(self, observed: FloatArray, samples: int, strength: float, rank_share: float = 1.0) -> float:
        alpha = samples / observed.size**2
        return power_threshold_for_penalty(observed, alpha, 2 * strength, self.depth)[0]

    def predicted_threshold(self, problem: Problem, noise_scale: float, strength: float) -> float:
        return threshold_for_strength(problem, noise_scale, strength)


RULES.register_for_each("deep_quadratic")(DeepQuadraticRules)
