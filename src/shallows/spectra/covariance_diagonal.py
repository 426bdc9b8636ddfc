"""Law of what the diagonal network learns from inputs with a covariance (theory note, section 13).

The law is that of the whitened weights ``phi = sigma theta``, each thresholded at ``zeta/sigma``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtr

from ..state_evolution import COVARIANCE_EVOLUTIONS
from ..state_evolution.diagonal import excess_moments, soft_threshold_moments
from .decomposition import Decomposition
from .law import COVARIANCE_LAWS, LearnedLaw, Outlier

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


@COVARIANCE_LAWS.register("diagonal")
@dataclass(frozen=True, repr=False)
class DiagonalCovarianceLaw(LearnedLaw):
    """Law of the whitened learned weights ``phi = sigma theta``, each measured along the sign of its teacher.

    Parameters
    ----------
    problem : Problem
        With a covariance that is diagonal in the coordinates of the weights.
    noise_scale, threshold : float
        ``tau`` and ``zeta``.

    Examples
    --------
    >>> from shallows import GaussianDesign, PowerLaw, Problem, predict
    >>> problem = Problem("diagonal", PowerLaw(1000, 1.0), samples=500, noise=0.5, design=GaussianDesign(1.0))
    >>> law = predict(problem, weight_decay=1.0).spectrum
    >>> type(law).__name__, round(law.mass_at_zero, 3), len(law.outliers)
    ('DiagonalCovarianceLaw', 0.958, 23)
    """

    @cached_property
    def _atoms(self) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Modes, thresholds and multiplicities."""
        costed = COVARIANCE_EVOLUTIONS.of(self.problem.network).costed_at(self.problem, self.threshold)
        return costed.modes, self.threshold * costed.costs, costed.counts

    @cached_property
    def mass_at_zero(self) -> float:
        modes, thresholds, counts = self._atoms
        unseen = max(self.problem.dim - float(counts.sum()), 0.0)
        if self.noise_scale == 0.0:
            return (float(counts[modes <= thresholds].sum()) + unseen) / self.problem.dim
        inside = ndtr((thresholds - modes) / self.noise_scale) - ndtr((-thresholds - modes) / self.noise_scale)
        return float(min((counts @ inside + unseen) / self.problem.dim, 1.0))

    @cached_property
    def bulk(self) -> tuple[float, float] | None:
        """Interval of learned noise: the ``d`` noisy zeros reach ``tau sqrt(2 log d)``, less the smallest threshold."""
        _, thresholds, _ = self._atoms
        edge = self.problem.architecture.noise_edge(self.noise_scale, self.problem.dim) - float(thresholds.min())
        return (-edge, edge) if edge > 0 else None

    @cached_property
    def outliers(self) -> tuple[Outlier, ...]:
        modes, thresholds, counts = self._atoms
        tau = self.noise_scale
        found = []
        for mode, threshold, count in zip(modes, thresholds, counts, strict=True):
            if mode > max(tau, threshold):
                active = soft_threshold_moments(mode, tau, threshold)[1] if tau > 0 else 1.0
                found.append(Outlier(float(mode), float(count), float(mode - threshold), float(active)))
        return tuple(sorted(found, key=lambda outlier: -outlier.learned))

    def density(self, x: ArrayLike) -> NDArray[np.float64]:
        points = np.asarray(x, dtype=float)
        flat = points.ravel()
        if self.noise_scale == 0.0:
            return np.zeros_like(points)
        modes, thresholds, counts = self._atoms
        z = (flat[:, None] + np.sign(flat)[:, None] * thresholds - modes) / self.noise_scale
        scale = self.noise_scale * math.sqrt(2 * math.pi) * self.problem.dim
        out = np.exp(-0.5 * z**2) @ counts / scale
        return np.where(flat == 0, 0.0, out).reshape(points.shape)

    def rank_positions(self, ranks: NDArray[np.float64]) -> NDArray[np.float64]:
        if self.noise_scale > 0:
            return self._noisy_rank_positions(ranks)
        modes, thresholds, counts = self._atoms
        kept = np.maximum(modes - thresholds, 0.0)
        order = np.argsort(-kept)
        places = np.searchsorted(np.cumsum(counts[order]), ranks - 0.5)
        return np.where(places < kept.size, kept[order][np.minimum(places, kept.size - 1)], 0.0)

    def _noisy_rank_positions(self, ranks: NDArray[np.float64]) -> NDArray[np.float64]:
        (modes, thresholds, counts), tau = self._atoms, self.noise_scale
        top = float(modes[0]) + 8 * tau
        sizes = np.unique(np.concatenate([np.linspace(0.0, 6 * tau, 2000), np.linspace(0.0, top, 4000)]))
        down = -(sizes[:, None] + thresholds)
        larger = (ndtr((down + modes) / tau) + ndtr((down - modes) / tau)) @ counts
        found = np.interp(-(ranks - 0.5), -larger, sizes)
        return np.where(ranks - 0.5 < larger[0], found, 0.0)

    def _noisy_decomposition(self) -> Decomposition:
        tau = self.noise_scale
        over, under, approximation, align = [], [], [], []
        for mode, threshold, count in zip(*self._atoms, strict=True):
            if mode > tau:
                approximation.append(count * soft_threshold_moments(mode, tau, threshold)[0])
            else:
                first, second, _ = excess_moments((threshold - mode) / tau)
                first_down, second_down, _ = excess_moments((threshold + mode) / tau)
                over.append(count * tau**2 * (second + second_down))
                under.append(count * mode**2)
                align.append(-2 * count * mode * tau * (first - first_down))
        return Decomposition(*(float(math.fsum(terms)) for terms in (over, under, approximation, align)))
