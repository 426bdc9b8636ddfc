"""The phase diagram from state evolution: risk, local exponents, phases found numerically and analytically.

Theory note, section 7; arXiv 2509.24882, figure 1.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from .._arguments import check_number
from ..errors import InvalidArgument
from ..networks import network_named
from ..optimum import minimum_between
from ..phases_with_depth import noise_line as line_at
from ..problems import Problem
from ..teachers import PowerLaw
from .found_phases import NAMES, analytic_phases, interpolation_peak, numerical_phases
from .plane import FIELDS, Plane, Predictions, solve_here, solve_through_store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import xarray

    from .._types import FloatArray

#: Departure of the local exponents from those of the phase found beyond which finite `d` blurs it.
BLUR = 0.15
#: Gains smaller than this (relative) make no optimum.
FLAT = 1e-6


def _counts(points: object) -> tuple[int, int]:
    try:
        rows, columns = (points, points) if isinstance(points, int) else tuple(cast("Any", points))
        good = all(isinstance(c, int) and not isinstance(c, bool) and c >= 3 for c in (rows, columns))
    except (TypeError, ValueError):
        good = False
    if not good:
        raise InvalidArgument("points", points, "must be one or two integers >= 3")
    return rows, columns


def _range(name: str, given: tuple[float, float] | None, default: tuple[float, float]) -> tuple[float, float]:
    if given is None:
        return default
    low, high = (check_number(name, v, minimum=-math.inf) for v in given)
    if not low < high:
        raise InvalidArgument(name, given, "must be two numbers, the lower one first")
    return low, high


def phase_diagram(
    network: str,
    dim: float,
    gamma: float,
    noise: float,
    *,
    width: int | None = None,
    points: int | tuple[int, int] = 100,
    nu: tuple[float, float] | None = None,
    ell: tuple[float, float] | None = None,
    store: str | Path | None = None,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> xarray.Dataset:
    """State evolution over effective samples and weight decay, and what it says about phases.

    Parameters
    ----------
    network : {"diagonal", "quadratic"}
    dim : int
        Dimension `d`.
    gamma, noise : float
        Exponent of the power-law teacher (energy 1), variance of the label noise (positive: without noise there
        are no phases).
    width : int, optional
        Hidden units of the quadratic network.
    points : int or (int, int)
        Values of the effective samples and of the weight decay.
    nu, ell : (float, float), optional
        Ranges of ``log_d n_eff`` and ``log_d lam``; by default they show every phase.
    store : path, optional
        Folder of a sweep store: the grid then runs through the sweep engine, in parallel, and resumes.
    workers : int, optional
        Processes, with a store.
    progress : callable, optional
        Told how many points are done, of how many; without a store.

    Returns
    -------
    xarray.Dataset
        Dimensions ``effective_samples`` and ``weight_decay``. Variables: those of a prediction; ``exponent_samples``
        and ``exponent_weight_decay``, derivatives of ``log R``; ``analytic_phase`` and ``numerical_phase``, codes
        into the attribute ``phases`` (-1: not solved); ``blurred``; per effective samples ``optimal_weight_decay``,
        ``optimal_risk`` (nan where the best lies at the border or is no better than zero weights), ``noise_line`` and
        ``threshold_line``, where the computed threshold meets the computed bulk edge; per weight decay ``peak``, the
        effective samples of the interpolation peak.

    Raises
    ------
    InvalidArgument
        For unusable arguments.
    StoreError, WorkersFailed
        With a store, as for :func:`shallows.sweeps.run`.

    Examples
    --------
    >>> from shallows.scaling import phase_diagram
    >>> diagram = phase_diagram("diagonal", 10**6, 1.25, 0.1, points=(8, 6), nu=(0.5, 2.5), ell=(-0.5, 0.5))
    >>> names = diagram.attrs["phases"]
    >>> [names[code] for code in diagram["analytic_phase"].values[:, 0]]
    ['V', 'V', 'VIa', 'VIa', 'VIa', 'VIa', 'VIa', 'VIb']
    """
    plane = _plane(network_named(network).name, PowerLaw(dim, gamma), noise, width, points, nu, ell)  # type: ignore[arg-type]
    if store is None:
        return _dataset(solve_here(plane, progress))
    return _dataset(solve_through_store(plane, store, workers))


def _plane(
    network: str,
    teacher: PowerLaw,
    noise: float,
    width: int | None,
    points: int | tuple[int, int],
    nu: tuple[float, float] | None,
    ell: tuple[float, float] | None,
) -> Plane:
    """All checks before any work, and the grid."""
    per_sample = network_named(network).samples_per_effective(teacher.dim)
    noise = check_number("noise", noise, strict=True)
    rows, columns = _counts(points)
    log_d = math.log(teacher.dim)
    floor = 0.0 - math.log(per_sample) / log_d
    low, high = _range("nu", nu, (max(floor, -0.5), max(2.5, 2 * teacher.gamma + 0.75)))
    if low < floor:
        raise InvalidArgument("nu", low, f"must be >= {floor:g}: there is at least one sample")
    smallest, largest = _range("ell", ell, (-1.0, 1.5))
    samples = np.exp(np.linspace(low, high, rows) * log_d) * per_sample
    samples = np.unique(np.where(samples < 1e15, np.maximum(np.rint(samples), 1), samples))
    if samples.size < 3:
        raise InvalidArgument("nu", (low, high), "leaves fewer than three different numbers of samples")
    decays = np.array([float(f"{v:.12g}") for v in np.exp(np.linspace(smallest, largest, columns) * log_d)])
    return Plane(Problem(network, teacher, float(samples[0]), noise, width), samples, decays)


def _dataset(found: Predictions) -> xarray.Dataset:
    """Everything that is read from the predictions, labelled."""
    import xarray

    plane, problem = found.plane, found.plane.problem
    slope_n, slope_lam = np.gradient(
        np.log(found.data["excess_risk"]), np.log(plane.effective_samples), np.log(plane.weight_decays)
    )
    per_penalty = problem.weight_decay_from_penalty(1.0) if problem.architecture.has_penalty else 1.0
    numerical, distance = numerical_phases(found, slope_n, slope_lam)
    best, best_risk = best_along(found)
    dims = ("effective_samples", "weight_decay")
    codes = {"units": "1", "flag_values": list(range(len(NAMES))), "flag_meanings": " ".join(NAMES)}
    row, column = (dims[0],), (dims[1],)
    q = problem.architecture.penalty_exponent
    noise_line = np.sqrt(plane.effective_samples / problem.dim) * per_penalty  # section 7 has it in the penalty
    if q < 1:
        nu = np.log(plane.effective_samples) / plane.log_dim
        noise_line = np.exp([line_at(q, float(at), plane.gamma) * plane.log_dim for at in nu]) * per_penalty
    variables: dict[str, Any] = {
        name: (dims, found.data[name], {"units": units, "long_name": meaning})
        for name, (units, meaning) in FIELDS.items()
    }
    variables |= {
        "status": (dims, found.status.astype(str), {"long_name": "outcome of the solve"}),
        "exponent_samples": (dims, slope_n, {"units": "1", "long_name": "d log R / d log n_eff"}),
        "exponent_weight_decay": (dims, slope_lam, {"units": "1", "long_name": "d log R / d log lam"}),
        "analytic_phase": (dims, analytic_phases(plane, per_penalty), {**codes, "long_name": "phase of section 7"}),
        "numerical_phase": (dims, numerical, {**codes, "long_name": "phase from exponents and spectrum"}),
        "exponent_distance": (dims, distance, {"long_name": "exponents, away from those of the phase"}),
        "blurred": (dims, ~(distance <= BLUR), {"long_name": f"no asymptotic exponents within {BLUR}"}),
        "noise_line": (row, noise_line, {"long_name": "noise line, in units of the weight decay"}),
        "threshold_line": (row, _threshold_line(found), {"long_name": "where zeta meets the bulk edge"}),
        "optimal_weight_decay": (row, best, {"long_name": "weight decay of smallest risk"}),
        "optimal_risk": (row, best_risk, {"units": "label^2", "long_name": "risk there"}),
        "peak": (column, interpolation_peak(found), {"long_name": "effective samples of the interpolation peak"}),
    }
    attributes = {
        "network": problem.network,
        "dim": float(problem.dim),
        "gamma": plane.gamma,
        "noise": problem.noise,
        "width": problem.width if problem.width is not None else "full",
        "phases": list(NAMES),
    }
    coordinates = {
        "effective_samples": ("effective_samples", plane.effective_samples, {"long_name": "n_eff"}),
        "weight_decay": ("weight_decay", plane.weight_decays, {"long_name": "lam"}),
        "samples": ("effective_samples", plane.samples, {"long_name": "n"}),
    }
    return xarray.Dataset(variables, coords=coordinates, attrs=attributes)


def _threshold_line(found: Predictions) -> FloatArray:
    """Per row, the weight decay where the computed threshold crosses the computed bulk edge; nan if outside."""
    ratio = np.log(found.cut / found.bulk_edge)
    line = np.full(found.plane.samples.size, np.nan)
    x = np.log(found.plane.weight_decays)
    for i, values in enumerate(ratio):
        crossing = np.flatnonzero((values[:-1] < 0) & (values[1:] >= 0))
        if crossing.size:
            j = int(crossing[-1])
            t = values[j] / (values[j] - values[j + 1])
            line[i] = math.exp(x[j] + t * (x[j + 1] - x[j]))
    return line


def best_along(found: Predictions) -> tuple[FloatArray, FloatArray]:
    """Per row, weight decay and risk of the minimum, refined between grid points; nan at the border."""
    plane = found.plane
    best, value = np.full(plane.samples.size, np.nan), np.full(plane.samples.size, np.nan)
    for i, (n, risks) in enumerate(zip(plane.samples, found.data["excess_risk"], strict=True)):
        if np.isnan(risks).all():
            continue
        j = int(np.nanargmin(risks))
        if j in (0, plane.weight_decays.size - 1):
            continue
        low, high = float(plane.weight_decays[j - 1]), float(plane.weight_decays[j + 1])
        problem = plane.at(n)
        place, smallest = minimum_between(problem, low, high, tolerance=1e-3)
        # As good as the risk at the weakest or of no weights at all: any weight decay on that side does as well.
        if not smallest >= min(risks[0], problem.null_risk) * (1 - FLAT):
            best[i], value[i] = place, smallest
    return best, value
