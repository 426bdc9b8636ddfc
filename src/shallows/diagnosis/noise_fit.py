"""The bulk of independent entries: its scale, and whether it is one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .._distributions import chi_squared_sf
from ..freeprob import tracy_widom
from ..freeprob.marchenko_pastur import MarchenkoPastur

if TYPE_CHECKING:
    from .._types import FloatArray

#: Values so many Tracy-Widom scales above the centre are set aside while the scale is fitted: 5 % of largest of noise.
SET_ASIDE = 1.0
#: Cosine moments in the test of fit: the cube root of the size, within these.
FEWEST_MOMENTS, MOST_MOMENTS = 4, 12


@dataclass(frozen=True, eq=False)
class Reference:
    """How the measures of a fit are distributed where there is nothing but noise.

    Attributes
    ----------
    edge_mean, edge_spread : float
        Of the largest value on the Tracy-Widom scale.
    moment_means, moment_spreads : ndarray or float
        Of the cosine moments, each over its standard deviation.
    """

    edge_mean: float
    edge_spread: float
    moment_means: FloatArray | float
    moment_spreads: FloatArray | float

    def edge(self, score: float) -> float:
        """`score` as it would be under the Tracy-Widom law itself."""
        return tracy_widom.MEAN + (score - self.edge_mean) / self.edge_spread * tracy_widom.STANDARD_DEVIATION


#: As the laws say, without corrections.
AS_PREDICTED = Reference(tracy_widom.MEAN, tracy_widom.STANDARD_DEVIATION, 0.0, 1.0)


@dataclass(frozen=True, eq=False)
class NoiseFit:
    """Marchenko-Pastur law under `set_aside` largest values.

    Attributes
    ----------
    eigenvalues : ndarray, shape (min(shape),)
        Decreasing squared singular values.
    long : int
        Longer side of the matrix.
    kurtosis : float
        Excess kurtosis of the entries: it widens the bulk of a finite matrix.
    set_aside : int
    variance : float
        Of an entry.
    reference : Reference
    """

    eigenvalues: FloatArray
    long: int
    kurtosis: float
    set_aside: int
    variance: float
    reference: Reference = AS_PREDICTED

    @property
    def short(self) -> int:
        return self.eigenvalues.size

    @property
    def beta(self) -> float:
        return self.short / self.long

    @property
    def unit(self) -> float:
        """Singular value of strength 1 in the units of :mod:`shallows.freeprob.spiked`."""
        return float(np.sqrt(self.variance * self.long))

    @property
    def widening(self) -> float:
        """By which share excess kurtosis moves the edges apart: the Bai-Silverstein mean at the edge."""
        return self.kurtosis / float(np.sqrt(self.short * self.long))

    @property
    def edges(self) -> tuple[float, float]:
        """Smallest and largest singular value as the matrix grows."""
        root = np.sqrt(self.beta)
        return self.unit * float(1 - root), self.unit * float(1 + root)

    def strengths(self) -> FloatArray:
        """Planted strengths of the values set aside, in units of :attr:`unit`.

        Each is seen through the noise that the others leave.
        """
        return strengths_among(self.eigenvalues[: self.set_aside] / self.variance, self.short, self.long)

    def scale_interval(self) -> tuple[float, float]:
        """At 95 %, of the standard deviation of an entry: the energy of `m n` independent entries."""
        left = (self.short - self.set_aside) * (self.long - self.set_aside)
        relative = 0.5 * np.sqrt(max(2 + self.kurtosis, 0.0) / left)
        scale = np.sqrt(self.variance)
        return float(scale * (1 - 1.96 * relative)), float(scale * (1 + 1.96 * relative))

    def edge_fluctuation(self) -> float:
        """Standard deviation of the largest singular value of noise."""
        centre, width = tracy_widom.largest_of_noise(self.short, self.long)
        return float(0.5 * np.sqrt(self.variance) * width / np.sqrt(centre) * tracy_widom.STANDARD_DEVIATION)

    def _bulk(self) -> tuple[MarchenkoPastur, FloatArray]:
        """The law of what was not set aside, and its eigenvalues in the units of it."""
        short, long = self.short - self.set_aside, self.long - self.set_aside
        return MarchenkoPastur(short / long), self.eigenvalues[self.set_aside :] / (self.variance * long)

    def cosine_scores(self) -> FloatArray:
        """What the test of fit is made of: independent standard normal variables where the bulk is noise.

        In the angles of the Marchenko-Pastur law the sums of ``cos(k t)`` over the eigenvalues of noise are independent
        normal variables of variance ``k/2`` about known means (Bai and Silverstein 2004): eigenvalues repel, so that
        tables for independent values do not apply. The first is what the scale is fitted by; the next make the test. A
        value set aside takes half the inverse k-th power of its squared strength over the threshold's with it.
        """
        law, x = self._bulk()
        angles = law.angle(x)
        count = int(np.clip(round(self.short ** (1 / 3)), FEWEST_MOMENTS, MOST_MOMENTS))
        k = np.arange(1, count + 1)
        ratio = self.strengths() ** 2 / np.sqrt(self.beta)
        mean = x.size * law.cosine_means(count) + 0.5 * (k % 2 == 0) - 0.5 * np.sum(ratio[:, None] ** -k, axis=0)
        mean[1] += 0.5 * self.kurtosis
        sums = np.array([np.sum(np.cos(each * angles)) for each in k])
        return ((sums - mean) / np.sqrt(0.5 * k))[1:]

    def p_value(self) -> float:
        """That noise fits as badly or worse."""
        scores = (self.cosine_scores() - self.reference.moment_means) / self.reference.moment_spreads
        return float(chi_squared_sf(np.sum(scores**2), scores.size))

    def distance(self) -> float:
        """Largest distance between the distribution functions of the bulk and of its law."""
        law, x = self._bulk()
        expected = law.distribution(x)
        ranks = np.arange(x.size, 0, -1)
        return float(np.max(np.maximum(np.abs(ranks / x.size - expected), np.abs((ranks - 1) / x.size - expected))))


def strengths_among(planted: FloatArray, short: int, long: int) -> FloatArray:
    """Strengths, over the root of `long`, that show at the eigenvalues `planted` in noise of variance 1."""
    count = planted.size
    product = (short - count) * (long - count)
    excess = np.maximum(planted - (short + long - count), 2 * np.sqrt(product))
    return np.sqrt(0.5 * (excess + np.sqrt(np.maximum(excess**2 - 4 * product, 0))) / long)


def variance_below(eigenvalues: FloatArray, keep: FloatArray, long: int, strengths: FloatArray) -> float:
    """Variance of an entry from the energy of the values in `keep`, the others being planted with `strengths`."""
    gone = eigenvalues.size - keep.size
    entries = (eigenvalues.size - gone) * (long - gone) * (1 - float(np.sum(1 / strengths**2)) / long)
    return float(np.sum(keep)) / max(entries, 1.0)


def fit_noise(eigenvalues: FloatArray, long: int, kurtosis: float, reference: Reference = AS_PREDICTED) -> NoiseFit:
    """Noise under an unknown number of planted values.

    Starts from the median, sets aside what lies above the edge, fits the energy of the rest, and repeats: of all
    consistent answers, the one with the smallest scale.

    Parameters
    ----------
    eigenvalues : ndarray
        Decreasing.
    long : int
    kurtosis : float
        Excess kurtosis of the entries.
    reference : Reference
    """
    short = eigenvalues.size
    law = MarchenkoPastur(short / long)
    variance = float(np.median(eigenvalues)) / (long * law.median)
    fit = NoiseFit(eigenvalues, long, kurtosis, 0, variance, reference)
    aside = short
    for _ in range(50):
        if fit.variance <= 0:
            break
        centre, width = tracy_widom.largest_of_noise(short, long)
        edge = fit.variance * (centre * (1 + fit.widening) + SET_ASIDE * width)
        now = min(int(np.count_nonzero(eigenvalues > edge)), aside, short - 1)
        if now == aside:
            break
        aside = now
        for _ in range(4):
            fit = NoiseFit(eigenvalues, long, kurtosis, aside, fit.variance, reference)
            variance = variance_below(eigenvalues, eigenvalues[aside:], long, fit.strengths())
            fit = NoiseFit(eigenvalues, long, kurtosis, aside, variance, reference)
    return fit
