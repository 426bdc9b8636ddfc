"""Law of the learned weights of the diagonal network: ``eta(theta* + tau Z; zeta)`` (theory note, sections 2 and 6)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtr

from ..state_evolution.diagonal import excess_moments, soft_threshold_moments
from .decomposition import Decomposition
from .law import LAWS, LearnedLaw, Outlier

#: Steps of Newton's method that follow the grid in a search for quantiles.
POLISH = 4
#: Modes within this share of the noise scale are one, for quantiles.
GROUPED = 0.1

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


@LAWS.register("diagonal")
@dataclass(frozen=True, repr=False)
class DiagonalLaw(LearnedLaw):
    """Law of the learned weights of the diagonal network, each measured along the sign of its teacher.

    They are ``eta(theta* + tau Z; zeta)`` (theory note, section 2).

    Parameters
    ----------
    problem : Problem
        Only its network, teacher and width matter.
    noise_scale, threshold : float
        ``tau`` and ``zeta``, in units of ``theta``; both ``>= 0``.

    Examples
    --------
    >>> from shallows import PowerLaw, Problem
    >>> from shallows.spectra import learned_law
    >>> law = learned_law(Problem("diagonal", PowerLaw(dim=1000, gamma=1.0), samples=500), 0.03, 0.07)
    >>> type(law).__name__, round(law.mass_at_zero, 3), len(law.outliers)
    ('DiagonalLaw', 0.967, 11)
    """

    @cached_property
    def mass_at_zero(self) -> float:
        """Share of weights that are exactly zero."""
        spectrum = self.problem.spectrum
        if self.noise_scale == 0.0:
            return float(spectrum.multiplicities[spectrum.values <= self.threshold].sum()) / self.problem.dim
        upper = ndtr((self.threshold - spectrum.values) / self.noise_scale)
        lower = ndtr((-self.threshold - spectrum.values) / self.noise_scale)
        return float(min(spectrum.weights @ (upper - lower), 1.0))

    @cached_property
    def bulk(self) -> tuple[float, float] | None:
        """Interval of learned noise: the ``d`` noisy zeros reach ``tau sqrt(2 log d)``, less the threshold.

        None where the threshold is higher. Unlike the quadratic network's, this edge is not sharp: it moves
        by about ``tau / sqrt(2 log d)`` from one data set to the next.
        """
        edge = self.problem.architecture.noise_edge(self.noise_scale, self.problem.dim) - self.threshold
        return (-edge, edge) if edge > 0 else None

    @cached_property
    def outliers(self) -> tuple[Outlier, ...]:
        """Learned modes, largest first: teacher modes above noise scale and threshold."""
        spectrum = self.problem.spectrum
        found = []
        for value, count in zip(spectrum.values, spectrum.multiplicities, strict=True):
            if value <= max(self.noise_scale, self.threshold):
                break
            active = 1.0
            if self.noise_scale > 0:
                active = soft_threshold_moments(value, self.noise_scale, self.threshold)[1]
            found.append(Outlier(float(value), float(count), float(value) - self.threshold, float(active)))
        return tuple(found)

    def density(self, x: ArrayLike) -> NDArray[np.float64]:
        """Density at `x` of the learned weights other than zero; integrates to ``1 - mass_at_zero``."""
        points = np.asarray(x, dtype=float)
        spectrum = self.problem.spectrum
        if self.noise_scale == 0.0:
            return np.zeros_like(points)
        before = points.ravel() + np.sign(points.ravel()) * self.threshold
        z = (before[:, None] - spectrum.values[None, :]) / self.noise_scale
        out = np.exp(-0.5 * z**2) @ spectrum.weights / (self.noise_scale * math.sqrt(2 * math.pi))
        return np.where(points.ravel() == 0, 0.0, out).reshape(points.shape)

    @cached_property
    def _grouped(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Modes of the teacher and how many of each, neighbours within a small share of the noise taken together."""
        spectrum = self.problem.spectrum
        cells = np.floor(spectrum.values / (GROUPED * self.noise_scale))
        starts = np.flatnonzero(np.diff(cells, prepend=np.inf))
        counts = np.add.reduceat(spectrum.multiplicities, starts)
        energy = np.add.reduceat(spectrum.multiplicities * spectrum.values**2, starts)
        return np.sqrt(energy / counts), counts

    def _noisy_rank_positions(self, ranks: NDArray[np.float64]) -> NDArray[np.float64]:
        tau = self.noise_scale
        modes, multiplicities = self._grouped
        top = float(modes[0]) + 8 * tau

        def counts(sizes: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
            """Expected number of larger weights, and its slope."""
            down = -(sizes[:, None] + self.threshold)
            near, far = (down + modes) / tau, (down - modes) / tau
            density = (np.exp(-0.5 * near**2) + np.exp(-0.5 * far**2)) @ multiplicities
            return (ndtr(near) + ndtr(far)) @ multiplicities, -density / (tau * math.sqrt(2 * math.pi))

        sizes = np.unique(np.concatenate([np.linspace(0.0, 6 * tau, 60), np.linspace(0.0, top, 150)]))
        above = np.log(np.maximum(counts(sizes)[0], 1e-300))
        targets = np.log(ranks - 0.5)
        found = np.interp(-targets, -above, sizes)
        step = np.maximum(np.diff(sizes).max(), 1e-300)
        for _ in range(POLISH):  # Newton in the logarithm of the count, never further than the grid is fine
            number, slope = counts(found)
            change = (np.log(np.maximum(number, 1e-300)) - targets) * number / np.minimum(slope, -1e-300)
            found = np.clip(found - np.clip(change, -step, step), 0.0, top)
        return np.where(targets < above[0], found, 0.0)

    def _noisy_decomposition(self) -> Decomposition:
        tau, zeta = self.noise_scale, self.threshold
        over, under, approximation, align = [], [], [], []
        spectrum = self.problem.spectrum
        for mode, count in zip(spectrum.values, spectrum.multiplicities, strict=True):
            if mode > tau:
                approximation.append(count * soft_threshold_moments(mode, tau, zeta)[0])
            else:
                first, second, _ = excess_moments((zeta - mode) / tau)
                first_down, second_down, _ = excess_moments((zeta + mode) / tau)
                over.append(count * tau**2 * (second + second_down))
                under.append(count * mode**2)
                align.append(-2 * count * mode * tau * (first - first_down))
        return Decomposition(*(float(math.fsum(terms)) for terms in (over, under, approximation, align)))
