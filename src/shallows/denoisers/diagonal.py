"""Rules for the diagonal network: each weight on its own, ``u = theta* + tau Z`` (theory note, sections 2, 8, 10)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from scipy.special import ndtr

from .._arguments import check_number
from ..errors import InvalidArgument
from ..state_evolution.bayes import bayes_error
from ..state_evolution.fixed_point import moments as soft_moments
from .base import RULES, Denoised, Denoiser, Rules, register

if TYPE_CHECKING:
    from .._types import FloatArray
    from ..problems import Problem


@register
@dataclass(frozen=True)
class SoftThreshold(Denoiser):
    """``eta(u) = sign(u) max(|u| - threshold, 0)``: the proximal map of the l1 norm (Donoho, Maleki, Montanari 2009).

    Parameters
    ----------
    threshold : float
        ``zeta >= 0``, in units of ``theta``.

    Raises
    ------
    InvalidArgument
        If the threshold is not a finite number ``>= 0``.

    Examples
    --------
    >>> import numpy as np
    >>> from shallows.denoisers import SoftThreshold
    >>> SoftThreshold(1.0).apply(np.array([3.0, -0.5, -2.0]), noise_scale=0.5).values
    array([ 2.,  0., -1.])
    """

    threshold: float
    network: ClassVar[str] = "diagonal"
    proximal: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_number("threshold", self.threshold)

    def apply(self, observed: FloatArray, noise_scale: float) -> Denoised:
        sizes = np.abs(observed) - self.threshold
        values = np.where(sizes > 0, np.sign(observed) * sizes, 0.0)
        return Denoised(values, float(np.count_nonzero(values)))

    def moments(self, problem: Problem, noise_scale: float) -> tuple[float, float]:
        self.check(problem)
        return soft_moments(problem, noise_scale, self.threshold)

    @classmethod
    def default(cls, problem: Problem, noise_scale: float) -> SoftThreshold:
        return cls(1.2 * noise_scale)


@register
@dataclass(frozen=True)
class HardThreshold(Denoiser):
    """``eta(u) = sign(u) (|u| - threshold) 1[|u| > cut]``: pruning, ``threshold = 0`` being the plain hard threshold.

    Parameters
    ----------
    cut : float
        Observations up to this size become zero, in units of ``theta``; not negative.
    threshold : float
        ``zeta``, at most `cut`: what weight decay takes off the rest (theory note, section 10).

    Raises
    ------
    InvalidArgument
        If one of the two is not a finite number ``>= 0``, or the threshold is above the cut.

    Examples
    --------
    >>> import numpy as np
    >>> from shallows.denoisers import HardThreshold
    >>> HardThreshold(cut=2.5, threshold=1.0).apply(np.array([3.0, -0.5, -2.0]), noise_scale=0.5).values
    array([2., 0., 0.])
    """

    cut: float
    threshold: float = 0.0
    network: ClassVar[str] = "diagonal"

    def __post_init__(self) -> None:
        check_number("cut", self.cut)
        if check_number("threshold", self.threshold) > self.cut:
            raise InvalidArgument("threshold", self.threshold, f"must be at most cut = {self.cut:g}")

    def apply(self, observed: FloatArray, noise_scale: float) -> Denoised:
        sizes = np.abs(observed)
        kept = sizes > self.cut
        values = np.where(kept, np.sign(observed) * (sizes - self.threshold), 0.0)
        jump = self.cut - self.threshold
        divergence = float(np.count_nonzero(kept))
        if jump > 0:  # the jump's share of the divergence: its height times the density of observations there
            width = noise_scale * observed.size**-0.2
            scaled = (sizes - self.cut) / width
            divergence += jump * float(np.exp(-0.5 * scaled**2).sum()) / (width * np.sqrt(2 * np.pi))
        return Denoised(values, divergence)

    def moments(self, problem: Problem, noise_scale: float) -> tuple[float, float]:
        self.check(problem)
        t, counts, tau, zeta = problem.spectrum.values, problem.spectrum.multiplicities, noise_scale, self.threshold
        error, divergence = np.zeros_like(t), np.zeros_like(t)
        hidden = np.ones_like(t)
        for sign in (1, -1):
            a = (self.cut - sign * t) / tau
            above, density = ndtr(-a), np.exp(-0.5 * a * a) / np.sqrt(2 * np.pi)
            error += tau**2 * (above + a * density) - 2 * tau * zeta * density + zeta**2 * above
            divergence += above + (self.cut - zeta) * density / tau
            hidden -= above
        error += t**2 * np.maximum(hidden, 0.0)
        return float(counts @ error), float(counts @ divergence)

    @classmethod
    def default(cls, problem: Problem, noise_scale: float) -> HardThreshold:
        return cls(2.5 * noise_scale, noise_scale)


@register
@dataclass(frozen=True, eq=False, repr=False)
class PosteriorMean(Denoiser):
    """Posterior mean of one weight under the mixture prior on ``+-theta*_i``: order and signs unknown (section 8).

    Parameters
    ----------
    atoms : ndarray, shape (m,)
        Sizes ``|theta*_i|``.
    multiplicities : ndarray, shape (m,)
        How many weights have each size.

    Examples
    --------
    >>> import numpy as np
    >>> from shallows.denoisers import PosteriorMean
    >>> rule = PosteriorMean(atoms=np.array([1.0, 0.0]), multiplicities=np.array([1.0, 9.0]))
    >>> rule.apply(np.array([0.1, 1.0, -1.0]), noise_scale=0.3).values.round(3)
    array([ 0.001,  0.935, -0.935])
    """

    atoms: FloatArray
    multiplicities: FloatArray
    network: ClassVar[str] = "diagonal"

    def apply(self, observed: FloatArray, noise_scale: float) -> Denoised:
        centres = np.concatenate([self.atoms, -self.atoms])
        weights = np.concatenate([self.multiplicities, self.multiplicities])
        values = np.empty_like(observed)
        variance = 0.0
        for start in range(0, observed.size, 256):
            part = observed[start : start + 256]
            exponents = -0.5 * ((part[:, None] - centres) / noise_scale) ** 2
            exponents -= exponents.max(axis=1, keepdims=True)
            posterior = np.exp(exponents) * weights
            posterior /= posterior.sum(axis=1, keepdims=True)
            mean = posterior @ centres
            values[start : start + 256] = mean
            variance += float(np.einsum("ij,ij->", posterior, (centres - mean[:, None]) ** 2))
        return Denoised(values, variance / noise_scale**2)

    def moments(self, problem: Problem, noise_scale: float) -> tuple[float, float]:
        self.check(problem)
        error = bayes_error(problem, noise_scale)
        return error, error / noise_scale**2

    @classmethod
    def default(cls, problem: Problem, noise_scale: float) -> PosteriorMean:
        return cls(problem.spectrum.values, problem.spectrum.multiplicities)


def threshold_for_weight_decay(observed: FloatArray, samples: int, bound: float) -> float:
    """The ``zeta`` with ``zeta (n - D(zeta)) = bound``, ``D`` the number of entries of `observed` larger than ``zeta``.

    The left side increases with ``zeta``; at its jumps the jump itself is the answer. At most ``n - 1`` entries stay
    active (theory note, sections 2 and 9).

    Parameters
    ----------
    observed : ndarray, shape (d,)
        Teacher plus noise, in units of ``theta``; only sizes count.
    samples : int
        ``n``.
    bound : float
        ``lam sqrt(d)``, not negative.

    Returns
    -------
    float
        ``zeta``, in units of ``theta``.

    Examples
    --------
    >>> import numpy as np
    >>> from shallows.denoisers import threshold_for_weight_decay
    >>> threshold_for_weight_decay(np.array([3.0, -0.1, 0.2, 2.0]), samples=4, bound=1.0)
    0.5
    """
    sizes = np.sort(np.abs(observed))[::-1]
    count = np.arange(min(sizes.size, samples - 1) + 1)
    wanted = bound / (samples - count)
    below = np.append(sizes, 0.0)[count]
    feasible = np.flatnonzero(wanted >= below)
    if feasible.size == 0:
        return float(below[-1])
    k = int(feasible[0])
    return float(wanted[k]) if k == 0 else float(min(wanted[k], sizes[k - 1]))


class DiagonalRules(Rules):
    """The rules of the diagonal network; its rank is never limited."""

    def soft(self, threshold: float, rank_share: float = 1.0) -> SoftThreshold:
        return SoftThreshold(threshold)

    def hard(self, cut: float, threshold: float = 0.0) -> HardThreshold:
        return HardThreshold(cut, threshold)

    def posterior(self, problem: Problem) -> PosteriorMean:
        return PosteriorMean(problem.spectrum.values, problem.spectrum.multiplicities)

    def threshold_for(self, observed: FloatArray, samples: int, strength: float, rank_share: float = 1.0) -> float:
        return threshold_for_weight_decay(observed, samples, strength)


RULES.register("diagonal")(DiagonalRules())
