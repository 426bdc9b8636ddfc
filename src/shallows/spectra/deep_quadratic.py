"""Spectrum of the learned weights of the deep quadratic network: ``S* + delta GOE``, thresholded by ``zeta x^(1/k)``.

Theory note, sections 5, 6 and 14.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ..freeprob.bands_and_edges import outer_edges
from ..freeprob.contour import position, unlearned
from ..freeprob.paths import FINE
from ..freeprob.power_contour import power_integrals, power_integrals_between, power_learned_error
from ..freeprob.power_threshold import shrunk, unit_of_threshold
from ..power_prox import jump_of
from .decomposition import Decomposition
from .law import LAWS
from .quadratic import QuadraticLaw

if TYPE_CHECKING:
    from numpy.typing import NDArray


@LAWS.register("deep_quadratic")
@dataclass(frozen=True, repr=False)
class DeepQuadraticLaw(QuadraticLaw):
    """Law of the eigenvalues of the learned matrix ``S = W^T W/d``, ``W`` being a product of ``k`` square layers.

    Between zero and the smallest learned eigenvalue there is a gap: the threshold jumps (theory note, section 14).

    Parameters
    ----------
    problem : Problem
        Only its network and teacher matter.
    noise_scale, threshold : float
        ``delta``, in units of ``S``, and ``zeta``, in their power ``2 - 1/k``; both ``>= 0``.

    Examples
    --------
    Noise alone: the semicircle of radius 1 is cut at the jump, and what is left of it begins above zero.

    >>> import numpy as np
    >>> from shallows import FromValues, Problem
    >>> from shallows.spectra import learned_law
    >>> problem = Problem("quadratic:depth=2", FromValues(np.zeros(50)), samples=100)
    >>> law = learned_law(problem, noise_scale=0.5, threshold=0.3)
    >>> [round(edge, 4) for edge in law.bulk], round(law.mass_at_zero, 4)
    ([0.4481, 0.8359], 0.8931)
    """

    @property
    def _power(self) -> float:
        return float(self.problem.architecture.penalty_exponent)

    @cached_property
    def _unit(self) -> float:
        """``c = zeta^(1/(2-q))``."""
        return float(unit_of_threshold(self.threshold, self._power))

    @property
    def _reach(self) -> float:
        return float(self._unit * jump_of(self._power)[0])

    @property
    def smallest(self) -> float:
        """Smallest eigenvalue that can be learned: where the threshold jumps to."""
        return float(self._unit * jump_of(self._power)[1])

    def _kept(self, noisy: float) -> float:
        return float(shrunk(noisy, self._unit, self._power)[0])

    def _noisy(self, kept: float) -> tuple[float, float]:
        if kept < self.smallest:
            return -np.inf, 0.0
        pull = self.threshold * self._power * kept ** (self._power - 1)
        return kept + pull, 1 - (1 - self._power) * pull / kept

    @cached_property
    def bulk(self) -> tuple[float, float] | None:
        if self._exact or self.bulk_cut is None:
            return None
        s, w, variance = self._atoms
        top = position(self.bulk_cut[0], variance, s, w)[0]
        if top <= self._reach:
            return None
        lowest = position(outer_edges(variance, s, w)[0], variance, s, w)[0]
        return max(self._kept(lowest), self.smallest), self._kept(top)

    def rank_positions(self, ranks: NDArray[Any]) -> NDArray[Any]:
        if not self._exact:
            return self._noisy_rank_positions(ranks)
        spectrum = self.problem.spectrum
        tops = np.cumsum(spectrum.multiplicities)
        modes = spectrum.values[np.minimum(np.searchsorted(tops, ranks - 0.5), tops.size - 1)]
        return np.array([self._kept(mode) for mode in modes])

    def _noisy_decomposition(self) -> Decomposition:
        s, w, variance = self._atoms
        how = (self._unit, self._power, variance, s, w)
        u, v = self.cut
        if self.bulk_cut is None:
            edge, edge_v = s[-1] - self.noise_scale - abs(s[-1]), 0.0  # left of everything: all modes are out
        else:
            edge, edge_v = self.bulk_cut
        if u < edge:
            above = power_integrals(edge, edge_v, *how, FINE)
            under = unlearned(edge, edge_v, variance, s, w, above[3])
            if edge_v == 0.0 and edge >= s[0]:  # the bulk is all there is
                inside = power_integrals(u, v, *how, FINE)
            else:
                inside = power_integrals_between(u, v, edge, edge_v, *how)
            over, align = inside[0], -2 * inside[1]
            approximation = power_learned_error(edge, edge_v, variance, s, w, above[4])
        else:
            above = power_integrals(u, v, *how, FINE)
            over = align = 0.0
            # What lies between the bulk and the cut is lost; no threshold is on the way to the edge of the bulk.
            below = power_integrals(edge, edge_v, 0.0, self._power, variance, s, w, FINE)
            under = unlearned(edge, edge_v, variance, s, w, below[3])
            lost = unlearned(u, v, variance, s, w, above[3]) - under
            approximation = lost + power_learned_error(u, v, variance, s, w, above[4])
        unit = self.problem.architecture.risk_per_error
        return Decomposition(*(unit * float(term) for term in (over, under, approximation, align)))
