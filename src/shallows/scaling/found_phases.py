"""Phases of a grid of predictions: those of the theory note, section 7, and those found from the numbers alone."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, cast

import numpy as np

from ..phases import phase_at, predicted_exponents

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .._types import FloatArray
    from .plane import Plane, Predictions

#: Phases in the order of their codes.
NAMES = ("Ia", "Ib", "II", "III", "IV", "V", "peak", "VIa", "VIb")
#: Close to this ridge (in exponent of lam) is the peak.
_RIDGE = 0.35
_FITTED = 0.3
#: and within this factor of the effective samples of the highest risk.
_NEAR = 3.0


def analytic_phases(plane: Plane, weight_decay_per_penalty: float) -> NDArray[np.int8]:
    """Codes of the asymptotic phases, shape (samples, weight decays)."""
    out = np.empty((plane.samples.size, plane.weight_decays.size), dtype=np.int8)
    for i, n in enumerate(plane.effective_samples):
        for j, lam in enumerate(plane.weight_decays):
            nu, ell = math.log(n) / plane.log_dim, math.log(lam / weight_decay_per_penalty) / plane.log_dim
            out[i, j] = NAMES.index(phase_at(plane.problem.network, nu, ell, plane.gamma).name)
    return out


def interpolation_peak(found: Predictions) -> FloatArray:
    """Per weight decay, the effective samples of the interpolation peak; nan without one.

    The last local maximum of the risk along the samples at which the network still fits more than `_FITTED`
    of them: earlier ones are single modes, later ones the crossing of the noise line.
    """
    n_eff = found.plane.effective_samples
    out = np.full(found.plane.weight_decays.size, np.nan)
    fitted = 1 - found.slack
    for j, risks in enumerate(np.nan_to_num(found.data["excess_risk"].T, nan=-np.inf)):
        rise = 1 + 1e-6
        inner = np.flatnonzero((risks[1:-1] > risks[:-2] * rise) & (risks[1:-1] > risks[2:] * rise)) + 1
        inner = inner[(fitted[inner, j] > _FITTED) & (n_eff[inner] > 1)]
        if inner.size:
            out[j] = n_eff[inner[-1]]
    return out


def exponent_distances(plane: Plane, slope_n: FloatArray, slope_lam: FloatArray) -> dict[str, FloatArray]:
    """How far local exponents are from those of each phase, the larger of the two departures."""
    expected = predicted_exponents(plane.problem.network, plane.gamma)

    def away(name: str) -> FloatArray:
        first, second = expected[name]
        gap_n = np.zeros_like(slope_n) if first is None else np.abs(slope_n - first)
        if name == "V" and first is None:  # 1/log(d/n_eff): its own local exponent
            with np.errstate(divide="ignore", invalid="ignore"):
                own = 1 / np.log(plane.problem.dim / plane.effective_samples)[:, None]
            gap_n = np.where(own > 0, np.abs(slope_n - own), np.inf)
        gap_lam = np.abs(slope_lam - (second if second is not None else 0.0))
        return np.maximum(gap_n, gap_lam)

    return {name: away(name) for name in expected}


def numerical_phases(
    found: Predictions, slope_n: FloatArray, slope_lam: FloatArray
) -> tuple[NDArray[np.int8], FloatArray]:
    """Phase by computed spectrum and exponents alone, and how far the exponents are from the phase's own.

    Spectrum: is the bulk above the threshold, how many modes stand out of it, do training data get fitted to
    the last bit. Where the spectrum leaves a choice, the closer exponents decide.

    Parameters
    ----------
    found : Predictions
    slope_n, slope_lam : ndarray, shape (samples, weight decays)
        Local exponents of the risk in the effective samples and in the weight decay.

    Returns
    -------
    codes, distance : ndarray, shape (samples, weight decays)
        -1 and nan where there is no solution.
    """
    distances = exponent_distances(found.plane, slope_n, slope_lam)
    solved, bulk = np.isfinite(found.data["excess_risk"]), found.cut < found.bulk_edge
    out = np.full(solved.shape, -1, dtype=np.int8)
    _above_the_noise_line(out, solved & ~bulk, found, distances)
    _below_the_noise_line(out, solved & bulk, found, slope_n, slope_lam)
    distance = np.full(out.shape, np.nan)
    for name, gap in distances.items():
        here = out == NAMES.index(name)
        distance[here] = gap[here]
    return out, distance


def _put(out: NDArray[np.int8], mask: NDArray[np.bool_], name: str) -> None:
    out[mask] = NAMES.index(name)


def _modes_above(found: Predictions, level: FloatArray) -> FloatArray:
    """How many modes of the teacher are larger than `level`, none where it is nan."""
    modes = found.plane.problem.spectrum
    ranks = np.concatenate([[0.0], np.cumsum(modes.multiplicities)])
    return ranks[np.searchsorted(-modes.values, -np.nan_to_num(level, nan=np.inf), side="left")]


def _above_the_noise_line(
    out: NDArray[np.int8], where: NDArray[np.bool_], found: Predictions, distances: dict[str, FloatArray]
) -> None:
    """No bulk is left: nothing learned, some modes, or all of them."""
    problem = found.plane.problem
    level = problem.architecture.smallest_learnable(found.data["noise_scale"], found.data["threshold"])
    learned = _modes_above(found, level)
    silent = where & ((learned < 1) | (found.data["excess_risk"] > 0.9 * problem.architecture.risk_per_error))
    rest = where & ~silent
    third = rest & ((learned >= 0.5 * problem.dim) | (distances["III"] < distances["II"]))
    _put(out, silent, "Ib")
    _put(out, rest & ~third, "II")
    _put(out, third, "III")


def _below_the_noise_line(
    out: NDArray[np.int8], where: NDArray[np.bool_], found: Predictions, slope_n: FloatArray, slope_lam: FloatArray
) -> None:
    """Noise is learned: before, at and after the interpolation peak."""
    plane = found.plane
    out_of_noise = _modes_above(found, found.data["noise_scale"])
    everything = 0.5 * plane.problem.dim
    interpolating = found.slack < 0.5
    with np.errstate(invalid="ignore"):
        past = np.log(plane.effective_samples[:, None] / interpolation_peak(found)[None, :])  # nan without a peak
        near = np.abs(past) < math.log(_NEAR)
    steepness = cast("float", predicted_exponents(plane.problem.network, plane.gamma)["peak"][1])
    ridge = where & near & (np.abs(slope_lam - steepness) < _RIDGE)
    blank = where & ~ridge & (out_of_noise < 1)
    rest = where & ~ridge & ~blank
    with np.errstate(invalid="ignore"):
        before = rest & interpolating & ~(past > 0)
    after = rest & ~before
    _put(out, ridge, "peak")
    _put(out, blank, "Ia")
    _put(out, before, "V")
    expected = predicted_exponents(plane.problem.network, plane.gamma)
    if "IV" in expected:
        middle = 0.5 * (cast("float", expected["IV"][0]) + cast("float", expected["V"][0]))
        _put(out, before & ~near & (slope_n < middle), "IV")
    _put(out, after & (out_of_noise < everything), "VIa")
    _put(out, after & (out_of_noise >= everything), "VIb")
