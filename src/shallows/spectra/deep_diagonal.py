"""Law of the learned weights of deep diagonal networks: ``eta(theta* + tau Z)``, with a gap (theory note, 14)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtr

from ..freeprob.paths import FINE
from ..power_prox import jump_of, power_prox
from ..state_evolution.deep_diagonal import NOTHING, REACH, far_moments, near_moments, near_parts, panels_of
from .decomposition import Decomposition
from .diagonal import DiagonalLaw
from .law import LAWS, Outlier

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


@LAWS.register("deep_diagonal")
@dataclass(frozen=True, repr=False)
class DeepDiagonalLaw(DiagonalLaw):
    """Law of the learned weights of a deep diagonal network, each measured along the sign of its teacher.

    They are ``eta(theta* + tau Z)``, `eta` the proximal map of ``zeta |theta|^(2/L)``: none lies between zero and the
    height of its jump.

    Parameters
    ----------
    problem : Problem
        Only its network and teacher matter.
    noise_scale, threshold : float
        ``tau``, in units of ``theta``, and ``zeta``; both ``>= 0``.

    Examples
    --------
    >>> from shallows import PowerLaw, Problem
    >>> from shallows.spectra import learned_law
    >>> law = learned_law(Problem("diagonal:depth=3", PowerLaw(dim=1000, gamma=1.0), samples=500), 0.035, 0.0316)
    >>> type(law).__name__, round(law.mass_at_zero, 3), round(law.gap, 4), len(law.outliers)
    ('DeepDiagonalLaw', 0.991, 0.0553, 7)
    """

    @property
    def _q(self) -> float:
        return 2 / self.problem.architecture.depth  # type: ignore[attr-defined]

    @property
    def _c(self) -> float:
        return float(self.threshold ** (1 / (2 - self._q)))

    @property
    def cut(self) -> float:
        """Noisy weights up to this size become zero."""
        return float(jump_of(self._q)[0]) * self._c

    @property
    def gap(self) -> float:
        """Learned weights other than zero are at least this large."""
        return float(jump_of(self._q)[1]) * self._c

    @cached_property
    def mass_at_zero(self) -> float:
        """Share of weights that are exactly zero."""
        spectrum = self.problem.spectrum
        if self.noise_scale == 0.0:
            return float(spectrum.multiplicities[spectrum.values <= self.cut].sum()) / self.problem.dim
        upper = ndtr((self.cut - spectrum.values) / self.noise_scale)
        lower = ndtr((-self.cut - spectrum.values) / self.noise_scale)
        return float(min(spectrum.weights @ (upper - lower), 1.0))

    @cached_property
    def bulk(self) -> tuple[float, float] | None:
        """Interval of learned noise, empty below :attr:`gap`; None where the noisy zeros do not reach the jump."""
        edge = self.problem.architecture.noise_edge(self.noise_scale, self.problem.dim)
        if edge <= self.cut:
            return None
        learned = float(power_prox(np.array([edge]), self.threshold, self._q)[0])
        return -learned, learned

    @cached_property
    def outliers(self) -> tuple[Outlier, ...]:
        """Learned modes, largest first: teacher modes above noise scale and jump."""
        spectrum = self.problem.spectrum
        kept = spectrum.values > max(self.noise_scale, self.cut)
        values, counts = spectrum.values[kept], spectrum.multiplicities[kept]
        learned = power_prox(values, self.threshold, self._q)
        active = np.ones_like(values)
        if self.noise_scale > 0:
            near, far = (self.cut - values) / self.noise_scale, (self.cut + values) / self.noise_scale
            active = ndtr(-near) + ndtr(-far)
        rows = zip(values, counts, learned, active, strict=True)
        return tuple(Outlier(*(float(number) for number in row)) for row in rows)

    def density(self, x: ArrayLike) -> NDArray[np.float64]:
        """Density at `x` of the learned weights other than zero; integrates to ``1 - mass_at_zero``."""
        points = np.asarray(x, dtype=float)
        flat = points.ravel()
        spectrum, sizes = self.problem.spectrum, np.abs(flat)
        out = np.zeros_like(flat)
        learned = (sizes > 0) & (sizes >= self.gap)
        if self.noise_scale == 0.0 or not learned.any():
            return out.reshape(points.shape)
        power = self._q * self.threshold * sizes[learned] ** (self._q - 1)
        before = np.sign(flat[learned]) * (sizes[learned] + power)
        z = (before[:, None] - spectrum.values[None, :]) / self.noise_scale
        at = np.exp(-0.5 * z**2) @ spectrum.weights / (self.noise_scale * math.sqrt(2 * math.pi))
        out[learned] = at * (1 - (1 - self._q) * power / sizes[learned])
        return out.reshape(points.shape)

    def rank_positions(self, ranks: NDArray[np.float64]) -> NDArray[np.float64]:
        """Predicted size of the `ranks`-th largest learned weight, 0 where none is left, shape of `ranks`."""
        if self.noise_scale == 0.0:
            spectrum = self.problem.spectrum
            places = np.searchsorted(np.cumsum(spectrum.multiplicities), ranks - 0.5)
            noisy = spectrum.values[np.minimum(places, spectrum.values.size - 1)]
        else:  # the map keeps the order: positions of the noisy weights first
            plain = DiagonalLaw(self.problem, self.noise_scale, 0.0)
            noisy = plain.rank_positions(ranks)
        return power_prox(noisy, self.threshold, self._q)

    def _noisy_decomposition(self) -> Decomposition:
        tau, q, c = self.noise_scale, self._q, self._c
        a, cut = c / tau, self.cut / tau
        if a < NOTHING:
            return DiagonalLaw(self.problem, tau, 0.0)._noisy_decomposition()
        over, under, approximation, align = [], [], [], []
        spectrum = self.problem.spectrum
        modes = spectrum.values / tau
        t, u, w = panels_of(a, q, float(modes[modes <= cut + REACH].max(initial=0.0)) + REACH, FINE)
        for x, count in zip(modes, spectrum.multiplicities, strict=True):
            if cut - x > 38.0 and x > 1.0:
                approximation.append(count * tau**2 * x * x)
                continue
            if x > 1.0 and x - cut > REACH:
                approximation.append(count * tau**2 * far_moments(x, a, q, FINE)[0])
                continue
            if x > 1.0:
                approximation.append(count * tau**2 * near_moments(x, cut, t, u, w)[0])
                continue
            square, mean = near_parts(x, cut, t, u, w)
            over.append(count * tau**2 * square)
            under.append(count * (x * tau) ** 2)
            align.append(-2 * count * x * tau**2 * mean)
        return Decomposition(*(float(math.fsum(terms)) for terms in (over, under, approximation, align)))
