"""A power law among the values beyond the noise: its exponent, how sure, and whether it is one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_ndtr, ndtr

from .._distributions import chi_squared_sf
from ..spectra.power_law_tails import closest_tails
from .spectrum import WeightTail

if TYPE_CHECKING:
    from .._types import FloatArray

#: A tail is looked for among no fewer values, and has no fewer.
FEWEST_VALUES, FEWEST_IN_TAIL = 30, 20
#: Samples of the bootstrap, and how many values are tried as the start of the tail.
SAMPLES, PLACES = 300, 40
#: A power law that fits worse than one in a hundred of its own samples is none.
REJECTED = 0.01
ROOT_TWO_PI = float(np.sqrt(2 * np.pi))


def tail_of(eigenvalues: FloatArray, seed: int) -> tuple[WeightTail | None, str]:
    """The tail of values beyond the noise, or why there is none (Clauset, Shalizi and Newman 2009).

    Parameters
    ----------
    eigenvalues : ndarray
        Decreasing.
    seed : int
        Of the bootstrap: values below the start are drawn from those seen, those above from the power law, and the
        start is chosen anew in each sample.
    """
    x = eigenvalues[eigenvalues > 0]
    if x.size < FEWEST_VALUES:
        return None, f"{x.size} values beyond the noise: a tail takes {FEWEST_VALUES}"
    places = np.unique(np.round(np.geomspace(FEWEST_IN_TAIL, x.size, PLACES)).astype(int)) - 1
    ones = np.ones(x.size)
    start, hill, distance = (each[0] for each in closest_tails(x[None], ones, FEWEST_IN_TAIL, places))
    if not np.isfinite(distance):
        return None, "the values beyond the noise are all the same"
    count, slope = int(start) + 1, float(1 / hill)
    drawn = resampled(x, count, slope, np.random.default_rng(seed))
    _, hills, distances = closest_tails(drawn, ones, FEWEST_IN_TAIL, places)
    p_value = float((1 + np.sum(distances >= distance)) / (1 + SAMPLES))
    if p_value <= REJECTED:
        return None, "no power law fits the values beyond the noise"
    low, high = np.quantile(-np.log(hills * slope), [0.025, 0.975])
    interval = (1 + slope * float(np.exp(-high)), 1 + slope * float(np.exp(-low)))
    tail = x[:count] / x[count - 1]
    return WeightTail(
        1 + slope, interval, float(np.sqrt(x[count - 1])), count, p_value, likelihood_ratios(tail, slope)
    ), ""


def resampled(x: FloatArray, count: int, slope: float, rng: np.random.Generator) -> FloatArray:
    """Samples of the size of `x`, each value from the tail with the share that it has, shape (SAMPLES, x.size)."""
    in_tail = rng.random((SAMPLES, x.size)) < count / x.size
    drawn = x[count - 1] * np.exp(rng.exponential(1 / slope, in_tail.shape))
    if count < x.size:
        drawn = np.where(in_tail, drawn, rng.choice(x[count:], in_tail.shape))
    return -np.sort(-drawn, axis=1)


def likelihood_ratios(tail: FloatArray, slope: float) -> dict[str, float]:
    """p-values in favour of other laws of `tail`, its values over the start (Vuong 1989)."""
    logs = np.log(tail)
    own = np.log(slope) - (1 + slope) * logs
    others = {"lognormal": _lognormal(logs), "exponential": _exponential(tail)}
    found = {}
    for name, other in others.items():
        ratio = own - other
        spread = float(np.std(ratio)) * np.sqrt(ratio.size)
        found[name] = float(ndtr(np.sum(ratio) / spread)) if spread > 0 else 0.5
    gain = 2 * max(_truncated(tail, slope) - float(own.sum()), 0.0)  # nested, its parameter at the end of its range
    return found | {"truncated": float(0.5 * chi_squared_sf(gain, 1))}


def _exponential(tail: FloatArray) -> FloatArray:
    """Log density of the best exponential law above 1."""
    rate = 1 / np.mean(tail - 1)
    return np.log(rate) - rate * (tail - 1)


def _lognormal(logs: FloatArray) -> FloatArray:
    """Log density of the best lognormal law above 1."""

    def density(point: FloatArray) -> FloatArray:
        middle, width = point[0], np.exp(np.clip(point[1], -10, 5))
        scores = (logs - middle) / width
        return -0.5 * scores**2 - np.log(width * ROOT_TWO_PI) - log_ndtr(middle / width) - logs

    begin = np.array([float(np.mean(logs)), float(np.log(np.std(logs) + 1e-12))])
    best = minimize(lambda point: -np.sum(density(point)), begin, method="Nelder-Mead", options={"maxiter": 300})
    return density(best.x)


def _truncated(tail: FloatArray, slope: float) -> float:
    """Log likelihood of the best power law with an exponential cutoff, above 1."""
    logs, total, energy = np.log(tail), float(np.log(tail).sum()), float(tail.sum())
    grid = np.linspace(0, 1, 400)

    def loss(point: FloatArray) -> float:
        power, rate = point[0], np.exp(np.clip(point[1], -30, 10))
        reach = np.log1p(60 / rate)
        at = reach * grid
        norm_of = np.trapezoid(np.exp((1 - power) * at - rate * np.exp(at)), at)
        return power * total + rate * energy + logs.size * np.log(max(float(norm_of), 1e-300))

    begin = np.array([1 + slope, np.log(0.1 / np.mean(tail))])
    return -float(minimize(loss, begin, method="Nelder-Mead", options={"maxiter": 300}).fun)
