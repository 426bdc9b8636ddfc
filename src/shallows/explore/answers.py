"""What theory says of a view, as the page draws it: JSON-ready, and no number where the solve failed."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import SolveFailed
from ..prediction import predict
from ..scaling.diagram import best_along
from ..scaling.plane import Plane, solve_here
from ..spectra import has_law
from ..state_evolution import bayes_optimal
from .boundaries import phase_map
from .views import ELL, NU

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._types import FloatArray
    from ..prediction import Prediction
    from ..problems import Problem
    from ..spectra import LearnedLaw
    from ..state_evolution import BayesPoint

#: Numbers of samples along the learning curve.
CURVE_POINTS = 33
#: Bends of the curve that are looked at more closely, and the change of slope (of logarithms) that is none.
MOST_BENDS, STRAIGHT = 6, 0.05
#: Points of a density, learned modes that are drawn.
DENSITY_POINTS, MOST_SPIKES = 160, 60
#: Cells of the diagram, samples and weight decays: first a rough one, then the one that stays.
GRIDS = {"rough": (14, 11), "fine": (37, 31)}
#: Samples at which the best and the Bayes-optimal risk are computed.
FLOORS = 19
#: A best weight decay is drawn where it lowers the risk by more than this share, against next to none.
WORTHWHILE = 0.01


def sight(problem: Problem) -> tuple[tuple[float, float], tuple[float, float]]:
    """Numbers of samples and weight decays that the diagram of a problem shows.

    Examples
    --------
    >>> from shallows import PowerLaw, Problem
    >>> from shallows.explore.answers import sight
    >>> samples, decays = sight(Problem("quadratic", PowerLaw(100, 1.25), samples=1))
    >>> [f"{value:.3g}" for value in (*samples, *decays)]
    ['63.1', '3.16e+07', '0.00316', '316']
    """
    network, dim = problem.architecture, problem.dim
    per_sample = network.samples_per_effective(dim)
    per_penalty = problem.weight_decay_from_penalty(1.0) if network.has_width else 1.0
    samples = tuple(max(1.0, per_sample * dim**nu) for nu in NU)
    return (samples[0], samples[1]), (per_penalty * dim ** ELL[0], per_penalty * dim ** ELL[1])


def point(problem: Problem, weight_decay: float, bayes: Callable[[], BayesPoint] | None = None) -> dict[str, Any]:
    """Numbers, spectrum and decomposition of a problem at one weight decay.

    Parameters
    ----------
    problem : Problem
    weight_decay : float
    bayes : callable, optional
        Gives the Bayes-optimal point, which does not depend on the weight decay; by default it is computed.

    Returns
    -------
    dict
        ``status`` says whether there are numbers, and what to do where there are none.

    Examples
    --------
    >>> from shallows import PowerLaw, Problem
    >>> from shallows.explore.answers import point
    >>> found = point(Problem("diagonal", PowerLaw(50, 1.0), samples=200, noise=0.5), 1.0)
    >>> found["status"]["ok"], round(found["numbers"]["excess_risk"], 4)
    (True, 0.0936)
    >>> failed = point(Problem("diagonal", PowerLaw(50, 1.0), samples=50, noise=0.5), 0.0)
    >>> failed["status"]["name"], "numbers" in failed
    ('divergent', False)
    """
    prediction = predict(problem, weight_decay=weight_decay, throw=False)
    samples, decays = sight(problem)
    out: dict[str, Any] = {
        "status": {
            "ok": prediction.status.ok,
            "name": prediction.status.value.replace("_", " "),
            "advice": prediction.status.advice,
        },
        "trust": {"comfortable": prediction.quantitative, "statement": prediction.finite_size},
        "sight": {"samples": samples, "weight_decay": decays},
        "dim": problem.dim,
        "null_risk": problem.null_risk,
        "effective_samples": problem.effective_samples,
    }
    if not prediction.status.ok:
        out["trust"] = None
        return out
    phase = prediction.phase
    out["phase"] = None if phase is None else {"name": phase.name, "rate": phase.rate, "spectrum": phase.spectrum}
    out["numbers"] = {
        name: getattr(prediction, name)
        for name in ("excess_risk", "test_error", "train_error", "noise_scale", "threshold", "degrees_of_freedom")
    }
    best = prediction.bayes if bayes is None else bayes()
    out["numbers"]["bayes_risk"] = best.excess_risk if best.status.ok else None
    out["bayes_reachable"] = best.reachable if best.status.ok else None
    return out | _learned(prediction)


def _learned(prediction: Prediction) -> dict[str, Any]:
    """Spectrum and decomposition, None where they are not known."""
    if not has_law(prediction.problem):
        return {"spectrum": None, "decomposition": None}
    try:
        law = prediction.spectrum
        return {"spectrum": spectrum(law), "decomposition": prediction.decomposition.to_dict()}
    except SolveFailed:
        return {"spectrum": None, "decomposition": None}


def spectrum(law: LearnedLaw) -> dict[str, Any]:
    """The law of the learned weights by size: density of their logarithm, and the modes that stand out.

    Examples
    --------
    >>> from shallows import PowerLaw, Problem, predict
    >>> from shallows.explore.answers import spectrum
    >>> law = predict(Problem("quadratic", PowerLaw(100, 1.25), samples=5000, noise=0.1), weight_decay=0.05).spectrum
    >>> drawn = spectrum(law)
    >>> len(drawn["size"]) == len(drawn["density"]), drawn["spikes"][0]["overlap"] > 0.99
    (True, True)
    """
    modes = law.outliers
    top = max([modes[0].learned if modes else 0.0, law.bulk[1] if law.bulk else 0.0, 2 * law.noise_scale])
    size, density = np.zeros(0), np.zeros(0)
    end = (law.bulk[1] if law.bulk else 0.0) if law.has_sharp_bulk else 1.25 * top
    if end > 0 and law.mass_at_zero < 1 - 1e-12:
        size = np.geomspace(2e-3 * top, end, DENSITY_POINTS)
        density = density_by_size(law, size)
    return {
        "mass_at_zero": law.mass_at_zero,
        "bulk": None if law.bulk is None else list(law.bulk),
        "sharp": law.has_sharp_bulk,
        "low": 2e-3 * top,
        "size": size.tolist(),
        "density": density.tolist(),
        "spikes": [outlier.to_dict() for outlier in modes[:MOST_SPIKES]],
        "count": law.outlier_count,
        "teacher": law.problem.spectrum.values[:MOST_SPIKES].tolist(),
    }


def density_by_size(law: LearnedLaw, size: FloatArray) -> FloatArray:
    """Density of the logarithm of the size of the learned weights; of a law with a sharp bulk, of its bulk."""
    density = size * law.density(size)
    if not law.problem.architecture.is_matrix:  # weights of either sign
        density = density + size * law.density(-size)
    if law.has_sharp_bulk:  # beyond it every mode is seen by itself
        density = np.where(size <= (law.bulk[1] if law.bulk else 0.0), density, 0.0)
    return density


def curve(problem: Problem, weight_decay: float) -> dict[str, Any]:
    """Predicted excess risk over the number of samples, None where there is no solution.

    Examples
    --------
    >>> from shallows import PowerLaw, Problem
    >>> from shallows.explore.answers import curve
    >>> found = curve(Problem("diagonal", PowerLaw(50, 1.0), samples=200, noise=0.5), 1.0)
    >>> found["excess_risk"][0] > found["excess_risk"][-1]
    True
    """
    known: dict[float, float | None] = {}

    def add(samples: FloatArray) -> None:
        for n in samples:
            prediction = predict(replace(problem, samples=n), weight_decay=weight_decay, throw=False)
            known[float(n)] = prediction.excess_risk if prediction.status.ok else None

    add(_samples(problem, CURVE_POINTS))
    add(_bends(known))
    ordered = sorted(known)
    return {"samples": ordered, "excess_risk": [known[n] for n in ordered]}


def _bends(known: dict[float, float | None]) -> FloatArray:
    """Numbers of samples on both sides of where a curve bends most, such as at a peak."""
    x = np.array(sorted(known))
    with np.errstate(divide="ignore"):
        y = np.log([known[n] or math.nan for n in x])
    bend = np.abs(np.nan_to_num(np.diff(y, 2)))
    sharpest = np.sort(np.argsort(-bend)[:MOST_BENDS]) + 1
    sharpest = sharpest[bend[sharpest - 1] > STRAIGHT]
    middles = [np.sqrt(x[k] * x[k + side]) for k in sharpest for side in (-1, 1)]
    return np.unique(np.rint(middles)) if middles else np.zeros(0)


def _samples(problem: Problem, count: int) -> FloatArray:
    """Whole numbers of samples across the sight, in about equal ratios."""
    low, high = sight(problem)[0]
    return np.unique(np.maximum(np.rint(np.geomspace(low, high, count)), 1))


def diagram(problem: Problem, grid: str = "fine", progress: Callable[[int, int], None] | None = None) -> dict[str, Any]:
    """Risk over samples and weight decay, with phases, the best weight decay and the Bayes-optimal risk.

    Parameters
    ----------
    problem : Problem
        Its number of samples plays no part.
    grid : {"rough", "fine"}
    progress : callable, optional
        Told how many points are done, of how many; may raise to end the computation.

    Examples
    --------
    >>> from shallows import PowerLaw, Problem
    >>> from shallows.explore.answers import diagram
    >>> found = diagram(Problem("diagonal", PowerLaw(50, 1.0), samples=200, noise=0.5), "rough")
    >>> len(found["excess_risk"]), len(found["excess_risk"][0]), [label["name"] for label in found["phases"]["labels"]]
    (14, 11, ['II', 'III', 'Ib', 'V', 'VIa', 'VIb'])
    """
    rows, columns = GRIDS[grid]
    decays = np.geomspace(*sight(problem)[1], columns)
    plane = Plane(problem, _samples(problem, rows), decays)
    found = solve_here(plane, progress)
    out = {
        "samples": plane.samples.tolist(),
        "weight_decay": decays.tolist(),
        "excess_risk": _listed(found.data["excess_risk"]),
        "phases": _drawn(phase_map(problem, *sight(problem))),
        "floors": None,
    }
    return out if grid == "rough" else out | {"floors": floors(problem, decays, progress)}


def _drawn(phases: dict[str, Any] | None) -> dict[str, Any] | None:
    """What of a map of phases is drawn."""
    return None if phases is None else {name: phases[name] for name in ("segments", "labels")}


def floors(problem: Problem, decays: FloatArray, progress: Callable[[int, int], None] | None) -> dict[str, Any]:
    """Over the number of samples: the best weight decay, the risk there, and the Bayes-optimal risk."""
    plane = Plane(problem, _samples(problem, FLOORS), decays[::2])
    found = solve_here(plane, progress)
    best, risk = best_along(found)
    best[~(found.data["excess_risk"][:, 0] > (1 + WORTHWHILE) * risk)] = math.nan
    bayes = []
    for done, n in enumerate(plane.samples):
        if progress is not None:
            progress(done, plane.samples.size)
        there = bayes_optimal(plane.at(n), throw=False)
        bayes.append(there.excess_risk if there.status.ok else math.nan)
    return {
        "samples": plane.samples.tolist(),
        "weight_decay": _listed(best),
        "excess_risk": _listed(risk),
        "bayes_risk": _listed(np.array(bayes)),
    }


def _listed(values: FloatArray) -> list[Any]:
    """As JSON has it: None where there is no number."""
    if values.ndim > 1:
        return [_listed(row) for row in values]
    return [float(value) if math.isfinite(value) else None for value in values]
