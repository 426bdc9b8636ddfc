"""Singular values beyond the noise: which, how strong, and how sure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import log_ndtr

from ..freeprob import spiked, tracy_widom
from .noise_fit import strengths_among, variance_below
from .spectrum import WeightOutlier

if TYPE_CHECKING:
    from .._types import FloatArray
    from .noise_fit import NoiseFit

#: Beyond this many scales above the edge a value's own energy is left out of the scale that it is tested with.
CLEARLY_BEYOND = 4.0


def beyond_noise(fit: NoiseFit, rank: int) -> float:
    """Where the value number `rank` (from 0) lies on the Tracy-Widom scale, the larger ones being planted."""
    eigenvalues, long = fit.eigenvalues, fit.long
    centre, width = tracy_widom.largest_of_noise(fit.short - rank, long - rank)
    centre *= 1 + fit.widening
    score = float((eigenvalues[rank] / fit.variance - centre) / width)
    if fit.reference.edge(score) > CLEARLY_BEYOND:
        return fit.reference.edge(score)
    # Its energy belongs to the noise if it is noise; the energy then is what the largest is divided by.
    if rank < fit.set_aside:
        keep = np.append(eigenvalues[rank], eigenvalues[fit.set_aside :])
        others = np.delete(fit.strengths(), rank)
    else:
        keep = eigenvalues[rank:]
        others = strengths_among(eigenvalues[:rank] / fit.variance, fit.short, long)
    variance = variance_below(eigenvalues, keep, long, others)
    score = float((eigenvalues[rank] / variance - centre) / width)
    # Energy is independent of the largest over the energy: their variances add up to that of Tracy and Widom.
    energy = 2 / ((fit.short - rank) * (long - rank)) * (centre / width) ** 2
    narrower = np.sqrt(max(1 - energy / tracy_widom.STANDARD_DEVIATION**2, 0.25))
    return fit.reference.edge(float(tracy_widom.MEAN + (score - tracy_widom.MEAN) / narrower))


def outlier_p_values(fit: NoiseFit, level: float) -> list[float]:
    """p-values of the largest values in turn, up to and with the first that is above `level`.

    Each is that of the largest of noise of what is left: looking at all of them is in it. The next is looked at only
    after the one before has passed, so that the chance of any false one is `level`; and none is below the one before.
    """
    found: list[float] = []
    for rank in range(fit.short - 1):
        p_value = float(tracy_widom.survival(beyond_noise(fit, rank)))
        found.append(max(p_value, found[-1] if found else 0.0))
        if p_value > level:
            break
    return found


class Strengths:
    """Intervals of planted strengths from what they show at.

    Parameters
    ----------
    fit : NoiseFit
    level : float
        At which they were called outliers: the intervals hold among those that are.
    count : int
        How many there are.
    """

    def __init__(self, fit: NoiseFit, level: float, count: int) -> None:
        self.fit = fit
        lowest = spiked.threshold(fit.beta)
        highest = 2 * float(np.sqrt(fit.eigenvalues[0])) / fit.unit + 2 * lowest
        self.grid = lowest * (1 + 1e-3) * np.geomspace(1, highest / lowest, 2000)
        self.shown = spiked.shown(self.grid, fit.beta)
        own = spiked.Fluctuation(fit.short, fit.long)(self.grid)
        own = np.maximum(own, fit.edge_fluctuation() / fit.unit)  # what is at the threshold moves as the edge does
        low, high = fit.scale_interval()
        scale = (high - low) / (2 * 1.96 * np.sqrt(fit.variance))
        self.spread = np.hypot(own, self.shown * scale)
        centre, width = tracy_widom.largest_of_noise(fit.short, fit.long)
        cut = np.sqrt((centre * (1 + fit.widening) + tracy_widom.upper_quantile(level) * width) / fit.long)
        cut = min(cut, np.sqrt(fit.eigenvalues[count - 1]) / fit.unit * (1 - 1e-6))
        self.passed = log_ndtr((self.shown - cut) / self.spread)

    def interval(self, singular_value: float, level: float = 0.95) -> tuple[float, float]:
        """In the units of the matrix; from 0 where the strength may be below the threshold."""
        score = (singular_value / self.fit.unit - self.shown) / self.spread
        above = np.exp(np.minimum(log_ndtr(-score) - self.passed, 0.0))  # given that it was called an outlier
        inside = np.flatnonzero((above > 0.5 * (1 - level)) & (above < 0.5 * (1 + level)))
        if not inside.size:
            middle = float(spiked.strength_of(singular_value / self.fit.unit, self.fit.beta)) * self.fit.unit
            return 0.0, middle
        low = 0.0 if inside[0] == 0 else float(self.grid[inside[0]])
        return low * self.fit.unit, float(self.grid[inside[-1]]) * self.fit.unit


def weight_outlier(fit: NoiseFit, strengths: Strengths, rank: int, p_value: float, transposed: bool) -> WeightOutlier:
    """What is known of the value number `rank`."""
    value = float(np.sqrt(fit.eigenvalues[rank]))
    strength = float(spiked.strength_of(value / fit.unit, fit.beta))
    short, long = (float(each) for each in spiked.overlaps(strength, fit.beta))
    left, right = (long, short) if transposed else (short, long)
    return WeightOutlier(value, p_value, strength * fit.unit, strengths.interval(value), left, right)


def localised(vector: FloatArray) -> bool:
    """Whether a singular vector is about one coordinate: no vector of noise is, and no direction shared by many."""
    size = vector.size
    return float(np.max(vector**2)) > max(0.25, 4 * np.log(size) / size)
