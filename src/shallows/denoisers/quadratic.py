"""Rules for the quadratic network: eigenvalues of ``S* + delta GOE`` (theory note, sections 3, 4, 8, 10)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from .._arguments import check_number
from .._kernels import kernel
from ..errors import InvalidArgument
from ..freeprob.bands_and_edges import bands
from ..freeprob.contour import find_position, height, position, stieltjes
from ..state_evolution.bayes import bayes_error
from ..state_evolution.quadratic import quadratic_moments, quadratic_moments_at
from .base import RULES, Denoised, Denoiser, Rules, register
from .divergence import soft_divergence, spectral_divergence

if TYPE_CHECKING:
    from .._types import FloatArray
    from ..problems import Problem


@register
@dataclass(frozen=True)
class SpectralSoftThreshold(Denoiser):
    """``f(x) = max(x - threshold, 0)`` on the largest eigenvalues: the proximal map of the trace over ``S >= 0``.

    Parameters
    ----------
    threshold : float
        ``zeta >= 0``, in units of ``S``.
    rank_share : float
        ``p/d``, positive: at most this share of the eigenvalues is kept (1 or more: all).

    Raises
    ------
    InvalidArgument
        If the threshold is not a finite number ``>= 0``, or the share not a finite number ``> 0``.

    Examples
    --------
    >>> import numpy as np
    >>> from shallows.denoisers import SpectralSoftThreshold
    >>> SpectralSoftThreshold(0.5, rank_share=0.25).apply(np.array([-1.0, 0.2, 1.5, 3.0]), noise_scale=1.0).values
    array([0. , 0. , 0. , 2.5])
    """

    threshold: float
    rank_share: float = 1.0
    network: ClassVar[str] = "quadratic"
    proximal: ClassVar[bool] = True

    def __post_init__(self) -> None:
        check_number("threshold", self.threshold)
        check_number("rank_share", self.rank_share, strict=True)

    def apply(self, observed: FloatArray, noise_scale: float) -> Denoised:
        values = np.maximum(observed - self.threshold, 0.0)
        limit = largest_rank(self.rank_share, observed.size)
        if limit is not None:
            values[: observed.size - limit] = 0.0
        return Denoised(values, soft_divergence(observed, self.threshold, limit))

    def moments(self, problem: Problem, noise_scale: float) -> tuple[float, float]:
        self.check(problem)
        s, w = problem.spectrum.values, problem.spectrum.weights
        error, divergence = quadratic_moments_at(noise_scale, self.threshold, min(self.rank_share, 1.0), s, w)
        return float(error), float(divergence)

    @classmethod
    def default(cls, problem: Problem, noise_scale: float) -> SpectralSoftThreshold:
        return cls(noise_scale)


@register
@dataclass(frozen=True)
class SpectralHardThreshold(Denoiser):
    """``f(x) = (x - threshold) 1[x > cut]``: pruning of the bulk (theory note, section 10).

    Parameters
    ----------
    cut : float
        Eigenvalues up to this become zero, in units of ``S``; not negative.
    threshold : float
        ``zeta``, at most `cut`: what weight decay takes off the rest.

    Raises
    ------
    InvalidArgument
        If one of the two is not a finite number ``>= 0``, or the threshold is above the cut.

    Examples
    --------
    >>> import numpy as np
    >>> from shallows.denoisers import SpectralHardThreshold
    >>> SpectralHardThreshold(cut=2.0, threshold=0.5).apply(np.array([-1.0, 0.2, 1.5, 3.0]), noise_scale=1.0).values
    array([0. , 0. , 0. , 2.5])
    """

    cut: float
    threshold: float = 0.0
    network: ClassVar[str] = "quadratic"

    def __post_init__(self) -> None:
        check_number("cut", self.cut)
        if check_number("threshold", self.threshold) > self.cut:
            raise InvalidArgument("threshold", self.threshold, f"must be at most cut = {self.cut:g}")

    def apply(self, observed: FloatArray, noise_scale: float) -> Denoised:
        kept = observed > self.cut
        values = np.where(kept, observed - self.threshold, 0.0)
        return Denoised(values, spectral_divergence(observed, values, kept.astype(float)))

    def moments(self, problem: Problem, noise_scale: float) -> tuple[float, float]:
        self.check(problem)
        s, w = problem.spectrum.values, problem.spectrum.weights
        u = find_position(self.cut, noise_scale**2, s, w)
        error, divergence = quadratic_moments(u, self.threshold, noise_scale**2, s, w, True)
        return float(error), float(divergence)

    @classmethod
    def default(cls, problem: Problem, noise_scale: float) -> SpectralHardThreshold:
        return cls(2.2 * noise_scale, 0.5 * noise_scale)


@kernel
def _subordinate(
    x: FloatArray, variance: float, s: FloatArray, w: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """For each of the increasing `x`: ``u`` with ``x(u) = x``, height of the curve there, and ``du/dx`` along it."""
    u = np.empty_like(x)
    heights = np.empty_like(x)
    slopes = np.empty_like(x)
    for i in range(x.size):
        u[i] = find_position(x[i], variance, s, w)
        heights[i] = height(u[i], variance, s, w)
        _, _, re, im = stieltjes(u[i], heights[i], s, w)
        re = 1.0 - variance * re
        im = variance * im
        slopes[i] = re / (re * re + im * im)
    return u, heights, slopes


@register
@dataclass(frozen=True, eq=False, repr=False)
class RotationallyInvariant(Denoiser):
    """``f(x) = x - 2 delta^2 Re g(x)``: Bayes-optimal when the spectrum is known and the directions are not.

    Bun et al. 2016; theory note, section 8. The formula holds on the support, where the posterior lives. An outlier
    at finite `d` fluctuates about as far as its band reaches, and off the support the formula has infinite slope at
    the edge and leaves the range of the spectrum: there the rule goes in a straight line from band to band, and
    stays constant outside all of them.

    Parameters
    ----------
    atoms : ndarray, shape (m,)
        Teacher eigenvalues, decreasing.
    weights : ndarray, shape (m,)
        Their shares, adding up to 1.

    Examples
    --------
    >>> import numpy as np
    >>> from shallows.denoisers import RotationallyInvariant
    >>> rule = RotationallyInvariant(atoms=np.array([4.0, 0.0]), weights=np.array([0.1, 0.9]))
    >>> rule.apply(np.array([-1.0, 0.0, 4.2]), noise_scale=0.5).values.round(3)
    array([0.005, 0.006, 3.946])
    """

    atoms: FloatArray
    weights: FloatArray
    network: ClassVar[str] = "quadratic"

    def apply(self, observed: FloatArray, noise_scale: float) -> Denoised:
        variance = noise_scale**2
        # On the subordination curve Re g(x(u)) = (x - u)/delta^2, so f = 2u - x.
        u, heights, slopes = _subordinate(observed, variance, self.atoms, self.weights)
        values, slopes = 2 * u - observed, 2 * slopes - 1
        ends = bands(variance, self.atoms, self.weights)[::-1].ravel()  # in u, increasing
        edges = np.array([position(end, variance, self.atoms, self.weights)[0] for end in ends])
        images = 2 * ends - edges
        lines = np.concatenate([[0.0], np.diff(images) / np.maximum(np.diff(edges), 1e-300), [0.0]])
        off = heights == 0.0
        values[off] = np.interp(observed[off], edges, images)
        slopes[off] = lines[np.searchsorted(edges, observed[off])]
        return Denoised(values, spectral_divergence(observed, values, slopes))

    def moments(self, problem: Problem, noise_scale: float) -> tuple[float, float]:
        self.check(problem)
        error = bayes_error(problem, noise_scale)
        return error, error / noise_scale**2

    @classmethod
    def default(cls, problem: Problem, noise_scale: float) -> RotationallyInvariant:
        return cls(problem.spectrum.values, problem.spectrum.weights)


def threshold_for_penalty(
    values: FloatArray, alpha: float, penalty: float, limit: int | None = None
) -> tuple[float, float]:
    """The ``(zeta, A)`` with ``zeta (4 alpha - 2 A(zeta)) = pen`` on given eigenvalues (theory note, sections 3 and 9).

    The left side increases with ``zeta`` from where it becomes positive, so the root is unique. Where `A` stays below
    ``2 alpha`` down to ``zeta = 0`` and the penalty is zero, ``zeta = 0``.

    Parameters
    ----------
    values : ndarray, shape (d,)
        Eigenvalues of the observed matrix, increasing, in units of ``S``.
    alpha : float
        ``n/d^2``, positive.
    penalty : float
        ``pen``, not negative.
    limit : int, optional
        At most so many eigenvalues stay; default: all above the threshold.

    Returns
    -------
    threshold : float
        ``zeta``, in units of ``S``.
    divergence : float
        ``A``, at a jump the fraction of it that solves the equation.

    Examples
    --------
    >>> import numpy as np
    >>> from shallows.denoisers import threshold_for_penalty
    >>> zeta, freedom = threshold_for_penalty(np.array([-1.0, 0.0, 2.0, 5.0]), alpha=0.5, penalty=0.6)
    >>> round(zeta * (4 * 0.5 - 2 * freedom), 12)
    0.6
    """
    top = float(values[-1])
    if top <= 0 or top * 4 * alpha <= penalty:
        return (penalty / (4 * alpha), 0.0)
    low, high = 0.0, top

    def excess(zeta: float) -> tuple[float, float]:
        divergence = soft_divergence(values, zeta, limit)
        return zeta * (4 * alpha - 2 * divergence) - penalty, divergence

    at_low, divergence = excess(low)
    if penalty == 0.0 and divergence < 2 * alpha:
        return 0.0, divergence
    at_high = excess(high)[0]
    # Illinois regula falsi: the excess is piecewise smooth, and each evaluation costs rank x (d - rank).
    side, zeta = 0, high
    for _ in range(100):
        zeta = (low * at_high - high * at_low) / (at_high - at_low) if at_low < 0 < at_high else 0.5 * (low + high)
        value, divergence = excess(zeta)
        if high - low <= 1e-14 * high or abs(value) <= 1e-13 * max(penalty, 1e-300):
            break
        if value < 0:
            low, at_low = zeta, value
            if side == -1:
                at_high *= 0.5
            side = -1
        else:
            high, at_high = zeta, value
            if side == 1:
                at_low *= 0.5
            side = 1
    # At a jump of A the fraction of the jump that solves the equation: AMP then has its fixed point there.
    return zeta, 0.5 * (4 * alpha - penalty / zeta) if zeta > 0 else divergence


def largest_rank(rank_share: float, dim: int) -> int | None:
    """Number of modes that the `rank_share` is of `dim`; None where it limits nothing."""
    return round(rank_share * dim) if rank_share < 1 else None


class QuadraticRules(Rules):
    """The rules of the quadratic network."""

    def soft(self, threshold: float, rank_share: float = 1.0) -> SpectralSoftThreshold:
        return SpectralSoftThreshold(threshold, rank_share)

    def hard(self, cut: float, threshold: float = 0.0) -> SpectralHardThreshold:
        return SpectralHardThreshold(cut, threshold)

    def posterior(self, problem: Problem) -> RotationallyInvariant:
        return RotationallyInvariant(problem.spectrum.values, problem.spectrum.weights)

    def threshold_for(self, observed: FloatArray, samples: int, strength: float, rank_share: float = 1.0) -> float:
        limit = largest_rank(rank_share, observed.size)
        return threshold_for_penalty(observed, samples / observed.size**2, 2 * strength, limit)[0]


RULES.register("quadratic")(QuadraticRules())
