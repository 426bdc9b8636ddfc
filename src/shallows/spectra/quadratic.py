"""Spectrum of the learned weights of the quadratic network: ``max(S* + delta GOE - zeta, 0)``, rank at most `p`.

Theory note, sections 3 to 6.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from ..freeprob.bands_and_edges import bulk_edge, mode_positions, outer_edges
from ..freeprob.contour import (
    between_integrals,
    find_position,
    find_quantile,
    height,
    learned_error,
    mass_above,
    mass_below,
    path_integrals,
    position,
    unlearned,
)
from .decomposition import Decomposition
from .law import LAWS, LearnedLaw, Outlier

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


@LAWS.register("quadratic", "attention")
@dataclass(frozen=True, repr=False)
class QuadraticLaw(LearnedLaw):
    """Law of the eigenvalues of the learned matrix `S` of the quadratic network.

    It is ``max(S* + delta GOE - zeta, 0)``, of rank at most `p` (theory note, sections 3 to 5).

    Parameters
    ----------
    problem : Problem
        Only its network, teacher and width matter.
    noise_scale, threshold : float
        ``delta`` and ``zeta``, in units of ``S``; both ``>= 0``.

    Examples
    --------
    Noise alone, with a threshold of one noise scale: what is left of the semicircle is the upper quarter.

    >>> import numpy as np
    >>> from shallows import FromValues, Problem
    >>> from shallows.spectra import learned_law
    >>> law = learned_law(Problem("quadratic", FromValues(np.zeros(50)), samples=100), noise_scale=0.5, threshold=0.5)
    >>> type(law).__name__, [round(edge, 6) for edge in law.bulk], law.outliers
    ('QuadraticLaw', [0.0, 0.5], ())
    """

    @cached_property
    def _atoms(self) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
        spectrum = self.problem.spectrum
        return spectrum.values, spectrum.weights, self.noise_scale**2

    @property
    def _exact(self) -> bool:
        """Without noise the learned spectrum is the teacher's own, shifted."""
        return self.noise_scale == 0.0

    @property
    def _reach(self) -> float:
        """Noisy eigenvalues up to this are learned as zero."""
        return self.threshold

    def _kept(self, noisy: float) -> float:
        """Where a noisy eigenvalue above :attr:`_reach` shows in the learned spectrum."""
        return noisy - self.threshold

    def _noisy(self, kept: float) -> tuple[float, float]:
        """The noisy eigenvalue that shows at `kept`, and its derivative, zero where there is none."""
        return kept + self.threshold, 1.0

    @cached_property
    def cut(self) -> tuple[float, float]:
        """Point ``(u, v)`` of the subordination curve above which eigenvalues are kept."""
        s, w, variance = self._atoms
        u = find_position(self._reach, variance, s, w)
        share = self.problem.effective_width / self.problem.dim
        if share < 1:
            u = max(u, find_quantile(share, variance, s, w))
        return u, height(u, variance, s, w)

    @cached_property
    def bulk_cut(self) -> tuple[float, float] | None:
        """Point ``(u, v)`` of the subordination curve over the upper edge of the bulk; None without a bulk."""
        s, w, variance = self._atoms
        u, separated = bulk_edge(variance, s, w)
        if math.isnan(u):
            return None
        return u, 0.0 if separated else height(u, variance, s, w)

    @cached_property
    def mass_at_zero(self) -> float:
        """Share of eigenvalues that are exactly zero."""
        s, w, variance = self._atoms
        if self._exact:
            kept = min(float(w[s > self._reach].sum()), self.problem.effective_width / self.problem.dim)
            return 1.0 - kept
        kept = mass_above(*self.cut, variance, s, w)  # of the two, the smaller one is exact
        return float(1 - kept if kept < 0.5 else mass_below(*self.cut, variance, s, w))

    @cached_property
    def bulk(self) -> tuple[float, float] | None:
        """Interval of the learned bulk (eigenvalues that are noise), or None where nothing of it is left."""
        if self._exact or self.bulk_cut is None:
            return None
        s, w, variance = self._atoms
        top = position(self.bulk_cut[0], variance, s, w)[0]
        lowest = position(outer_edges(variance, s, w)[0], variance, s, w)[0]
        bottom = max(self._kept(lowest), 0.0)
        if self.problem.effective_width < self.problem.dim:
            bottom = max(bottom, self._kept(position(self.cut[0], variance, s, w)[0]))
        return (float(bottom), float(self._kept(top))) if self._kept(top) > bottom else None

    @cached_property
    def outliers(self) -> tuple[Outlier, ...]:
        """Learned modes, largest first: teacher modes above the noise scale that survive the threshold."""
        s, w, variance = self._atoms
        above = int((s > self.noise_scale).sum())
        if self._exact:
            places = s[:above]
            lowest = 0.0
        else:
            places = mode_positions(above, variance, s, w)
            lowest = position(self.cut[0], variance, s, w)[0]
        counts = self.problem.spectrum.multiplicities
        room = float(self.problem.effective_width)
        found = []
        for k in range(above):
            learned = self._kept(float(places[k]))
            if learned <= 0 or places[k] < lowest or room <= 0:
                break
            found.append(Outlier(float(s[k]), min(float(counts[k]), room), learned, float(1 - variance / s[k] ** 2)))
            room -= float(counts[k])
        return tuple(found)

    def density(self, x: ArrayLike) -> NDArray[np.float64]:
        """Density at `x` of the learned eigenvalues other than zero; integrates to ``1 - mass_at_zero``.

        Isolated learned modes show as narrow semicircles of mass ``1/d``.
        """
        s, w, variance = self._atoms
        points = np.asarray(x, dtype=float)
        if self._exact:
            return np.zeros_like(points)
        out = np.zeros(points.size)
        cut = self.cut[0]
        for i, value in enumerate(points.ravel()):
            if value > 0:
                noisy, slope = self._noisy(value)
                if slope == 0.0:
                    continue
                u = find_position(noisy, variance, s, w)
                if u >= cut:
                    out[i] = height(u, variance, s, w) / (np.pi * variance) * slope
        return out.reshape(points.shape)

    def _noisy_rank_positions(self, ranks: NDArray[np.float64]) -> NDArray[np.float64]:
        s, w, variance = self._atoms
        kept_count = self.problem.dim * (1 - self.mass_at_zero)
        out = np.zeros(ranks.size)
        for i, rank in enumerate(ranks):
            if rank - 0.5 < kept_count:
                u = find_quantile((rank - 0.5) / self.problem.dim, variance, s, w)
                out[i] = max(self._kept(position(u, variance, s, w)[0]), 0.0)
        return out

    def _noisy_decomposition(self) -> Decomposition:
        s, w, variance = self._atoms
        zeta = self.threshold
        u, v = self.cut
        if self.bulk_cut is None:
            edge, edge_v = s[-1] - self.noise_scale - abs(s[-1]), 0.0  # left of everything: all modes are out
        else:
            edge, edge_v = self.bulk_cut
        above_edge = path_integrals(edge, edge_v, zeta, variance, s, w, True)
        under = unlearned(edge, edge_v, variance, s, w, above_edge[3])
        if u < edge:
            inside = between_integrals(u, v, edge, edge_v, zeta, variance, s, w)
            over, align = inside[0], -2 * inside[1]
            approximation = learned_error(edge, edge_v, zeta, variance, s, w, above_edge)
        else:
            above = path_integrals(u, v, zeta, variance, s, w, True)
            over = align = 0.0
            lost = unlearned(u, v, variance, s, w, above[3]) - under
            approximation = lost + learned_error(u, v, zeta, variance, s, w, above)
        unit = self.problem.architecture.risk_per_error
        return Decomposition(*(unit * float(term) for term in (over, under, approximation, align)))
