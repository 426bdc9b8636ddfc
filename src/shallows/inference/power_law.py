"""A power-law teacher fitted to the unbiased weights, with draws that carry its uncertainty.

The unbiased weights are teacher plus Gaussian noise of known size, so fitting needs no training: for the diagonal
network a mixture likelihood of the entries, for the quadratic one least squares on the trace, the energy and the
outliers of ``U``, whose fluctuations random-matrix theory gives. Draws repeat the fit on synthetic ``U``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import least_squares, minimize
from scipy.special import ndtri

from ..errors import EstimateUndefined, InvalidArgument
from ..problems import Problem
from ..state_evolution import moments
from ..teachers import PowerLaw
from .estimates import LEVEL, Estimate

if TYPE_CHECKING:
    from .._types import FloatArray
    from .estimates import Inference

#: Exponents searched.
LEAST_GAMMA, MOST_GAMMA = 0.51, 6.0
#: Entries of the unbiased weights are grouped into at most this many cells for the likelihood.
CELLS = 120
#: Refits on synthetic weights spread less than refits on new data: simulations of training show this much less.
CALIBRATION = {"diagonal": 1.35, "quadratic": 1.6}


@dataclass(frozen=True, eq=False)
class PowerLawFit:
    """Power-law teacher ``c k^-gamma`` of energy ``Q0`` that explains the unbiased weights.

    Attributes
    ----------
    gamma, energy : Estimate
    draws : ndarray, shape (draws, 3)
        ``(gamma, energy, noise scale)`` of repeated fits.
    misfit : float
        By how many standard errors the degrees of freedom or the energy of the fitted teacher, whichever is worse,
        differ from the ones found; beyond about 4 the teacher is no power law.
    dim : int
    """

    gamma: Estimate
    energy: Estimate
    draws: FloatArray = field(repr=False)
    misfit: float
    dim: int

    @property
    def teacher(self) -> PowerLaw:
        """The fitted teacher."""
        return PowerLaw(self.dim, self.gamma.value, self.energy.value)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {"gamma": self.gamma.to_dict(), "energy": self.energy.to_dict(), "misfit": self.misfit}


def fit_power_law(inference: Inference, *, draws: int = 40, seed: int = 0, level: float = LEVEL) -> PowerLawFit:
    """Fit ``gamma`` and the energy of a power-law teacher.

    Parameters
    ----------
    inference : Inference
    draws : int
        Synthetic repetitions behind the intervals, at least 8.
    seed : int
        Of those.
    level : float
        Of the intervals.

    Raises
    ------
    EstimateUndefined
        If the weights hold no more energy than noise would.
    """
    if draws < 8:
        raise InvalidArgument("draws", draws, "must be at least 8")
    _check(inference)
    rng = np.random.default_rng(seed)
    fitter = _fit_diagonal if inference.network == "diagonal" else _fit_quadratic
    start = np.array([1.0, inference.energy.value])
    best = fitter(_observe(inference), inference.noise_scale, inference.dim, start)
    found = []
    for _ in range(draws):
        # The noise scale enters twice: the truth may differ from its estimate, and a repetition would use its own.
        scale = inference.noise_scale * float(np.exp(0.5 * inference.relative_error * rng.standard_normal()))
        synthetic = _simulate(inference.network, best, scale, inference.dim, rng)
        gamma, q0 = fitter(synthetic, inference.noise_scale, inference.dim, best)
        found.append((gamma, q0, inference.noise_scale**2 / scale))
    table = np.array(found)
    stretch = CALIBRATION[inference.network]
    # Stretched about the fit, in the coordinates log(gamma - 1/2) and log Q0.
    table[:, 0] = 0.5 + (best[0] - 0.5) * ((table[:, 0] - 0.5) / (best[0] - 0.5)) ** stretch
    table[:, 1] = best[1] * (table[:, 1] / best[1]) ** stretch
    table[:, 0] = np.clip(table[:, 0], LEAST_GAMMA, 3 * MOST_GAMMA)
    reach = float(ndtri(0.5 + level / 2))
    gamma_error = _spread(np.log(table[:, 0] - 0.5))
    slope = best[0] - 0.5
    log_energy = _spread(np.log(table[:, 1]))
    gamma = Estimate(
        float(best[0]),
        float(slope * gamma_error),
        float(0.5 + slope * np.exp(-reach * gamma_error)),
        float(0.5 + slope * np.exp(reach * gamma_error)),
        level,
    )
    return PowerLawFit(
        gamma,
        Estimate.positive(float(best[1]), log_energy, level=level),
        table,
        _misfit(inference, best),
        inference.dim,
    )


def fit_teacher(inference: Inference) -> tuple[PowerLaw, float]:
    """The fitted teacher and its misfit alone, without draws: cheap.

    Raises
    ------
    EstimateUndefined
        As :func:`fit_power_law`.
    """
    _check(inference)
    fitter = _fit_diagonal if inference.network == "diagonal" else _fit_quadratic
    start = np.array([1.0, inference.energy.value])
    best = fitter(_observe(inference), inference.noise_scale, inference.dim, start)
    return PowerLaw(inference.dim, float(best[0]), float(best[1])), _misfit(inference, best)


def estimated_problem(inference: Inference, teacher: PowerLaw, samples: float, scale: float = 1.0) -> Problem:
    """A problem with `teacher` whose noise makes theory's test error at the present data the estimated one.

    `scale` multiplies the estimated test error (for draws).
    """
    here = Problem(inference.network, teacher, inference.samples, width=inference.width)
    risk = moments(here, inference.noise_scale * np.sqrt(scale), inference.threshold)[0]
    risk *= 1 if inference.network == "diagonal" else 2
    error = inference.test_error.value * scale
    return Problem(inference.network, teacher, samples, noise=max(error - risk, 1e-3 * error))


def _check(inference: Inference) -> None:
    if inference.dim < 2:
        raise EstimateUndefined("a power law needs at least two weights")
    energy = inference.energy
    if energy.value <= max(1.0 * energy.standard_error, 1e-300) or inference.noise_scale <= 0:
        raise EstimateUndefined(
            "the unbiased weights hold no more energy than noise would: nothing to fit a teacher to"
        )


def _spread(values: FloatArray) -> float:
    """Standard deviation that a single runaway fit does not spoil."""
    low, high = np.quantile(values, [0.1, 0.9])
    return float((high - low) / (2 * ndtri(0.9)))


def _observe(inference: Inference) -> FloatArray:
    return inference.unbiased if inference.eigenvalues is None else inference.eigenvalues


def _simulate(network: str, parameters: FloatArray, scale: float, dim: int, rng: np.random.Generator) -> FloatArray:
    """Unbiased weights (diagonal) or the eigenvalues of an unbiased matrix (quadratic), from a power-law teacher."""
    values = PowerLaw(dim, float(parameters[0]), float(parameters[1])).values(network)
    if network == "diagonal":
        return values + scale * rng.standard_normal(dim)
    noise = rng.standard_normal((dim, dim))
    return np.linalg.eigvalsh(np.diag(values) + scale * (noise + noise.T) / np.sqrt(2 * dim))[::-1].copy()


def _fit_diagonal(observed: FloatArray, tau: float, dim: int, start: FloatArray) -> FloatArray:
    """Maximum likelihood of the entries as a mixture of ``+-theta_k + tau Z`` over all `k`."""
    sizes = np.sort(np.abs(observed) / tau)
    if sizes.size > CELLS:  # the largest one by one, the rest in cells of equal count
        top, rest = sizes[-CELLS // 3 :], sizes[: -CELLS // 3]
        groups = np.array_split(rest, CELLS - top.size)
        points = np.concatenate([[g.mean() for g in groups], top])
        counts = np.concatenate([[float(g.size) for g in groups], np.ones(top.size)])
    else:
        points, counts = sizes, np.ones(sizes.size)
    unit = PowerLaw(dim, 1.0).spectrum("diagonal")
    ranks = unit.values[0] / unit.values
    weights = unit.multiplicities

    def loss(parameters: FloatArray) -> float:
        gamma, log_energy = 0.5 + np.exp(parameters[0]), parameters[1]
        if not LEAST_GAMMA <= gamma <= MOST_GAMMA or abs(log_energy) > 100:
            return 1e30
        shape = ranks**-gamma
        modes = shape * np.sqrt(np.exp(log_energy) / (weights @ shape**2)) / tau
        density = np.exp(-0.5 * (points[:, None] - modes) ** 2)
        density += np.exp(-0.5 * (points[:, None] + modes) ** 2)
        return -float(counts @ np.log(density @ weights + 1e-300))

    first = np.array([np.log(start[0] - 0.5), np.log(start[1])])
    done = minimize(loss, first, method="Nelder-Mead", options={"xatol": 5e-3, "fatol": 2e-3, "maxiter": 120})
    return np.array([0.5 + np.exp(done.x[0]), np.exp(done.x[1])])


def _fit_quadratic(observed: FloatArray, delta: float, dim: int, start: FloatArray) -> FloatArray:
    """Least squares on trace, energy and outliers of ``U``, each over its own fluctuation."""
    edge = 2 * delta * (1 + 1.5 * dim ** (-2 / 3))
    outliers = observed[observed > edge][:40]
    trace = float(observed.sum()) / dim
    energy = float(np.square(observed).sum()) / dim - delta**2 * (1 + 1 / dim)
    ranks = np.arange(1.0, dim + 1)
    k = outliers.size
    trace_error = np.sqrt(2) * delta / dim
    energy_error = np.sqrt(4 * delta**4 + 8 * delta**2 * max(energy, delta**2)) / dim

    def misses(parameters: FloatArray) -> FloatArray:
        gamma, q0 = 0.5 + np.exp(min(parameters[0], 3.0)), np.exp(min(max(parameters[1], -200.0), 200.0))
        shape = ranks**-gamma
        modes = shape * np.sqrt(q0 * dim / (shape @ shape))
        top = np.maximum(modes[:k], 1.0001 * delta)
        positions = top + _repulsion(top, modes, delta, dim)
        fluctuation = np.sqrt(2 * delta**2 / dim * np.maximum(1 - (delta / top) ** 2, dim ** (-1 / 3)))
        return np.concatenate(
            [
                [(float(modes.mean()) - trace) / trace_error, (q0 - energy) / energy_error],
                (positions - outliers) / fluctuation,
            ]
        )

    first = np.array([np.log(start[0] - 0.5), np.log(start[1])])
    done = least_squares(misses, first, method="trf", x_scale="jac", loss="soft_l1", f_scale=3.0, max_nfev=60)
    gamma = min(max(0.5 + np.exp(min(done.x[0], 3.0)), LEAST_GAMMA), MOST_GAMMA)
    return np.array([gamma, np.exp(min(max(done.x[1], -200.0), 200.0))])


def _repulsion(top: FloatArray, modes: FloatArray, delta: float, dim: int) -> FloatArray:
    gaps = top[:, None] - modes[None, :]
    soft = 2 * delta**2 / dim
    return delta**2 / dim * (gaps / (gaps**2 + soft)).sum(axis=1)


def _misfit(inference: Inference, parameters: FloatArray) -> float:
    """Degrees of freedom and energy of the fitted teacher against those found, in rough standard errors; the worse."""
    teacher = PowerLaw(inference.dim, float(parameters[0]), float(parameters[1]))
    problem = Problem(inference.network, teacher, inference.samples, width=inference.width)
    dof = moments(problem, inference.noise_scale, inference.threshold)[1]
    if inference.network == "quadratic":
        dof *= inference.dim**2 / 2
        error = 0.05 * inference.degrees_of_freedom + inference.dim
    else:
        error = np.sqrt(max(min(dof, inference.dim - dof), 1.0)) + 0.02 * dof
    energy = inference.energy
    by_freedom = float((inference.degrees_of_freedom - dof) / error)
    by_energy = float((energy.value - parameters[1]) / (energy.standard_error + 0.05 * energy.value))
    return max(by_freedom, by_energy, key=abs)
