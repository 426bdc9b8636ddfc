"""Spectrum of what the quadratic network learns from inputs with a covariance (theory note, section 13).

The law is that of the whitened weights ``M = Sigma^(1/2) S Sigma^(1/2) = (M* + delta GOE - zeta C)_+``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from ..freeprob.bands_and_edges import edge_below, mode_positions, outer_edges
from ..freeprob.contour import (
    between_integrals,
    find_position,
    find_quantile,
    height,
    mass_above,
    mass_below,
    position,
)
from ..state_evolution import COVARIANCE_EVOLUTIONS
from ..state_evolution.covariance_quadratic import lost_energy, point_over_zero, shrunk_moments
from ..state_evolution.covariance_solver import START
from .decomposition import Decomposition
from .law import COVARIANCE_LAWS, LearnedLaw, Outlier

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


@COVARIANCE_LAWS.register("quadratic", "attention")
@dataclass(frozen=True, repr=False)
class QuadraticCovarianceLaw(LearnedLaw):
    """Law of the eigenvalues of the whitened learned matrix ``M`` of the quadratic network.

    Parameters
    ----------
    problem : Problem
    noise_scale, threshold : float
        ``delta`` and ``zeta``.

    Examples
    --------
    >>> from shallows import GaussianDesign, PowerLaw, Problem, predict
    >>> problem = Problem("quadratic", PowerLaw(100, 1.5), samples=5000, noise=0.1, design=GaussianDesign(0.5))
    >>> law = predict(problem, penalty=0.05).spectrum
    >>> type(law).__name__, round(law.mass_at_zero, 3), len(law.outliers)
    ('QuadraticCovarianceLaw', 0.492, 10)
    """

    @cached_property
    def _atoms(self) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
        return self._columns[0], self._columns[2], self.noise_scale**2

    @cached_property
    def _columns(self) -> tuple[NDArray[np.float64], ...]:
        """``D`` decreasing, with costs ``zeta C``, weights, energy between directions, and modes."""
        costed = COVARIANCE_EVOLUTIONS.of(self.problem.network).costed_at(self.problem, self.threshold)
        places = costed.modes - self.threshold * costed.costs
        spread = np.zeros_like(places) if costed.spread is None else costed.spread
        order = np.argsort(-places, kind="stable")
        found = (places, self.threshold * costed.costs, costed.counts, spread, costed.modes)
        return tuple(np.ascontiguousarray(array[order]) for array in found)

    @cached_property
    def _rank_share(self) -> float:
        return self.problem.effective_width / self.problem.dim

    @cached_property
    def cut(self) -> tuple[float, float]:
        """Point ``(u, v)`` of the subordination curve above which eigenvalues are kept."""
        s, w, variance = self._atoms
        u, v = point_over_zero(variance, s, w, START)
        if self._rank_share < float(w.sum()) * (1 - 1e-9):
            above = find_quantile(self._rank_share, variance, s, w)
            if above > u:
                return above, height(above, variance, s, w)
        return u, v

    @cached_property
    def _overlaps(self) -> NDArray[np.float64]:
        """Squared overlaps with the teacher of the leading atoms that stand out of the bulk that noise alone makes.

        Noise alone lies about ``-zeta C``: an atom stands out where ``delta^2 sum_j w_j/(D_k + e_j)^2`` is below one.
        """
        s, e, w, _, modes = self._columns
        if self.noise_scale == 0.0:
            return np.ones(int((s > 0).sum()))
        lowest, found = float(e.min()), []
        for place, mode in zip(s, modes, strict=True):
            if not (place > -lowest and mode > 0):
                break
            overlap = 1 - self.noise_scale**2 * float((w / np.square(place + e)).sum())
            if overlap <= 0:
                break
            found.append(overlap)
        return np.array(found)

    @property
    def _out(self) -> int:
        """How many leading atoms stand out."""
        return int(self._overlaps.size)

    @cached_property
    def bulk_cut(self) -> tuple[float, float] | None:
        """Point ``(u, v)`` of the subordination curve over the upper edge of the bulk; None without a bulk."""
        s, w, variance = self._atoms
        u, separated = edge_below(self._out, variance, s, w)
        if math.isnan(u):
            return None
        return u, 0.0 if separated else height(u, variance, s, w)

    @cached_property
    def mass_at_zero(self) -> float:
        s, w, variance = self._atoms
        if self.noise_scale == 0.0:
            return 1.0 - min(float(w[s > 0].sum()), self._rank_share)
        kept = mass_above(*self.cut, variance, s, w)
        return float(1 - kept if kept < 0.5 else mass_below(*self.cut, variance, s, w) + max(1 - float(w.sum()), 0.0))

    @cached_property
    def bulk(self) -> tuple[float, float] | None:
        if self.noise_scale == 0.0 or self.bulk_cut is None:
            return None
        s, w, variance = self._atoms
        top = position(self.bulk_cut[0], variance, s, w)[0]
        bottom = max(position(outer_edges(variance, s, w)[0], variance, s, w)[0], 0.0)
        if self._rank_share < 1:
            bottom = max(bottom, position(self.cut[0], variance, s, w)[0])
        return (float(bottom), float(top)) if top > bottom else None

    @cached_property
    def outliers(self) -> tuple[Outlier, ...]:
        s, _, w, _, modes = self._columns
        variance = self.noise_scale**2
        if self.noise_scale == 0.0:
            places, lowest = s[: self._out], 0.0
        else:
            places = mode_positions(self._out, variance, s, w)
            lowest = max(position(self.cut[0], variance, s, w)[0], 0.0)
        room = float(self.problem.effective_width)
        found = []
        for k in range(self._out):
            if places[k] <= lowest or room <= 0:
                break
            count = float(w[k]) * self.problem.dim
            found.append(Outlier(float(modes[k]), min(count, room), float(places[k]), float(self._overlaps[k])))
            room -= count
        return tuple(found)

    def density(self, x: ArrayLike) -> NDArray[np.float64]:
        s, w, variance = self._atoms
        points = np.asarray(x, dtype=float)
        out = np.zeros(points.size)
        if self.noise_scale > 0:
            for i, value in enumerate(points.ravel()):
                u = find_position(value, variance, s, w) if value > 0 else -math.inf
                if u >= self.cut[0]:
                    out[i] = height(u, variance, s, w) / (np.pi * variance)
        return out.reshape(points.shape)

    def rank_positions(self, ranks: NDArray[np.float64]) -> NDArray[np.float64]:
        if self.noise_scale > 0:
            return self._noisy_rank_positions(ranks)
        s, w, _ = self._atoms
        places = np.searchsorted(np.cumsum(w) * self.problem.dim, ranks - 0.5)
        kept = np.where(places < s.size, np.maximum(s[np.minimum(places, s.size - 1)], 0.0), 0.0)
        return np.where(ranks <= self.problem.effective_width, kept, 0.0)

    def _noisy_rank_positions(self, ranks: NDArray[np.float64]) -> NDArray[np.float64]:
        s, w, variance = self._atoms
        kept_count = self.problem.dim * (1 - self.mass_at_zero)
        out = np.zeros(ranks.size)
        for i, rank in enumerate(ranks):
            if rank - 0.5 < kept_count:
                u = find_quantile((rank - 0.5) / self.problem.dim, variance, s, w)
                out[i] = max(position(u, variance, s, w)[0], 0.0)
        return out

    def _noisy_decomposition(self) -> Decomposition:
        s, e, w, spread, modes = self._columns
        variance = self.noise_scale**2
        u, v = self.cut
        edge, edge_v = (s[-1] - self.noise_scale - abs(s[-1]), 0.0) if self.bulk_cut is None else self.bulk_cut
        floor = float(w @ spread)
        under = lost_energy(edge, edge_v, variance, s, np.square(modes) + spread, w)
        total = shrunk_moments(u, v, variance, s, e, modes, w, True)[0] + floor
        over = align = 0.0
        beyond = total
        if u < edge:
            beyond = shrunk_moments(edge, edge_v, variance, s, e, modes, w, True)[0] + floor
            over = between_integrals(u, v, edge, edge_v, 0.0, variance, s, w)[0]
            align = total - beyond - over
        unit = self.problem.architecture.risk_per_error
        return Decomposition(*(unit * float(term) for term in (over, under, beyond - under, align)))

    def own_spectrum(self, seed: int = 0) -> NDArray[np.float64]:
        """Eigenvalues of the learned ``S`` itself, decreasing, shape (d,): of one draw of the noise.

        They are not those of ``M``, and no closed form of their law is known.

        Parameters
        ----------
        seed : int
            Of the draw.

        Examples
        --------
        >>> from shallows import GaussianDesign, PowerLaw, Problem, predict
        >>> problem = Problem("quadratic", PowerLaw(50, 1.5), samples=2000, noise=0.1, design=GaussianDesign(0.5))
        >>> law = predict(problem, penalty=0.05).spectrum
        >>> law.own_spectrum()[0] < law.outliers[0].learned  # the leading direction has most variance
        np.True_
        """
        from ..designs import RotatedTeacher

        problem, network = self.problem, self.problem.architecture
        seen = problem.seen
        if isinstance(seen, RotatedTeacher):
            matrix, variances = seen.matrix, seen.variances
        else:
            everywhere = problem.design.gaussian_eigenvalues(problem.dim)
            variances = everywhere[everywhere > 0]
            matrix = np.diag(np.abs(problem.teacher.values(network.name))[everywhere > 0])
        draw = np.random.default_rng(seed).standard_normal(matrix.shape)
        noise = (draw + draw.T) / np.sqrt(2 * problem.dim)
        values, vectors = np.linalg.eigh(matrix + self.noise_scale * noise - np.diag(self.threshold / variances))
        values[: max(values.size - problem.effective_width, 0)] = 0.0
        factor = vectors * np.sqrt(np.maximum(values, 0.0)) / np.sqrt(variances)[:, None]
        out = np.zeros(problem.dim)
        out[: variances.size] = np.square(np.linalg.svd(factor, compute_uv=False))
        return out
