"""Forecast: what more data would bring, from the training set at hand.

A power-law teacher and a noise variance are read off one fit (theory note, section 10); state evolution (sections 2
to 4) then gives the errors at any other number of samples. Bands carry the uncertainty of teacher, noise and test error
through the same equations, and theory's own drift at finite size.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import ndtri

from ._arguments import check_instance, check_number
from ._numbers import sentence_number
from .errors import EstimateUndefined, InvalidArgument
from .inference import (
    LEVEL,
    Estimate,
    Inference,
    PowerLawFit,
    estimated_problem,
    fit_power_law,
    tune,
)
from .phases import phase_of
from .problems import Problem
from .state_evolution import solve
from .teachers import PowerLaw

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ._types import FloatArray

#: Weight decays searched, as factors about the noise line's.
REACH = 200.0


@dataclass(frozen=True)
class ForecastPoint:
    """Errors at one number of samples.

    Attributes
    ----------
    samples : float
    weight_decay : float
        The best one there.
    excess_risk, test_error : Estimate
        At the best weight decay.
    excess_risk_present, test_error_present : Estimate
        At the weight decay of the fit that the forecast starts from.
    phase : str or None
        At the best weight decay; None where phases are not defined.
    """

    samples: float
    weight_decay: float
    excess_risk: Estimate
    test_error: Estimate
    excess_risk_present: Estimate
    test_error_present: Estimate
    phase: str | None

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "samples": self.samples,
            "weight_decay": self.weight_decay,
            "excess_risk": self.excess_risk.to_dict(),
            "test_error": self.test_error.to_dict(),
            "excess_risk_present": self.excess_risk_present.to_dict(),
            "test_error_present": self.test_error_present.to_dict(),
            "phase": self.phase,
        }


@dataclass(frozen=True, eq=False)
class Forecast:
    """A learning curve read off one training set.

    Attributes
    ----------
    present : ForecastPoint
        At the present number of samples.
    points : tuple of ForecastPoint
        In the order asked for.
    present_test_error : Estimate
        Read off the residuals, no teacher involved.
    present_phase : str or None
        Of the fit itself, at its own weight decay.
    teacher : PowerLawFit
    noise : float
        Variance of the label noise that goes with it.
    weight_decay : float
        Of the fit.
    network : str
    trusted : bool
        Whether the fitted teacher explains the fit that it came from; if not, ``caution`` says so.
    """

    present: ForecastPoint
    points: tuple[ForecastPoint, ...]
    present_test_error: Estimate
    present_phase: str | None
    teacher: PowerLawFit = field(repr=False)
    noise: float
    weight_decay: float
    network: str

    @property
    def trusted(self) -> bool:
        """Whether a power law explains the fit that the forecast starts from."""
        return abs(self.teacher.misfit) < 4

    @property
    def caution(self) -> str | None:
        """What speaks against the forecast."""
        if self.trusted:
            return None
        return (
            "the learned weights do not look like those of a power-law teacher (energy or degrees of freedom off by "
            f"{abs(self.teacher.misfit):.1f} standard errors): forecast numbers are a guess"
        )

    @property
    def sentences(self) -> tuple[str, ...]:
        """One sentence per number of samples, without numbers where the fitted teacher is not :attr:`trusted`."""
        return tuple(self._sentence(point) for point in self.points)

    def _sentence(self, point: ForecastPoint) -> str:
        ratio = point.samples / self.present.samples
        if abs(ratio / max(round(ratio), 1) - 1) < 0.02:  # the mean taken off the labels costs a sample
            ratio = float(round(ratio))
        if ratio == 2:
            amount = "twice the data"
        elif ratio >= 1.05:
            amount = f"{ratio:.3g} times the data"
        else:
            amount = f"{point.samples:.6g} samples"
        if not self.trusted:
            return f"{amount}: cannot tell, because no power-law teacher explains what was learned"
        now, best, same = self.present_test_error.value, point.test_error, point.test_error_present
        words = (
            f"{amount} would bring the test error from {sentence_number(now)} to {sentence_number(best.value)} "
            f"({sentence_number(best.low)} to {sentence_number(best.high)})"
        )
        if same.value > best.value * 1.005:
            words += f"; with the present weight decay only to {sentence_number(same.value)}"
        return words

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "network": self.network,
            "weight_decay": self.weight_decay,
            "noise": self.noise,
            "present_test_error": self.present_test_error.to_dict(),
            "present_phase": self.present_phase,
            "teacher": self.teacher.to_dict(),
            "present": self.present.to_dict(),
            "points": [point.to_dict() for point in self.points],
            "sentences": list(self.sentences),
            "trusted": self.trusted,
            "caution": self.caution,
        }


def forecast(
    inference: Inference,
    samples: Sequence[float],
    *,
    teacher: PowerLawFit | None = None,
    width: int | None = None,
    level: float = LEVEL,
) -> Forecast:
    """Errors, best weight decay and phase at other numbers of samples.

    Parameters
    ----------
    inference : Inference
        Of the fit at hand.
    samples : sequence of float
        Numbers of samples, not multiples, at least 2 each.
    teacher : PowerLawFit, optional
        Fitted with :func:`shallows.inference.fit_power_law` by default.
    width : int, optional
        Hidden units of the quadratic network.
    level : float
        Of the bands.

    Raises
    ------
    InvalidArgument
        For unusable numbers of samples.
    EstimateUndefined
        If no teacher can be fitted.
    """
    if isinstance(level, bool) or not isinstance(level, (int, float)) or not 0 < level < 1:
        raise InvalidArgument("level", level, "must be a number between 0 and 1, such as 0.9")
    check_instance("inference", inference, Inference)
    if not np.iterable(samples):
        raise InvalidArgument("samples", samples, "must be a sequence of numbers")
    counts = [check_number("samples", n, minimum=2) for n in samples]
    if not counts:
        raise InvalidArgument("samples", [], "must not be empty")
    fitted = fit_power_law(inference, level=level) if teacher is None else teacher
    root = 1.0 if width is None else float(np.sqrt(width / inference.dim))
    decay = inference.weight_decay if inference.penalty is None else inference.penalty / root
    here = _with_width(estimated_problem(inference, fitted.teacher, inference.samples), width)
    worlds = []
    for gamma, energy, scale in fitted.draws:
        ratio = (scale / inference.noise_scale) ** 2
        drawn = PowerLaw(inference.dim, float(gamma), float(energy))
        worlds.append(_with_width(estimated_problem(inference, drawn, inference.samples, ratio), width))
    points = [_point(here, worlds, n, decay, inference, level) for n in (float(inference.samples), *counts)]
    phase = phase_of(here, decay * root)
    return Forecast(
        present=points[0],
        points=tuple(points[1:]),
        present_test_error=inference.test_error,
        present_phase=None if phase is None else phase.name,
        teacher=fitted,
        noise=here.noise,
        weight_decay=decay,
        network=inference.network,
    )


def _with_width(problem: Problem, width: int | None) -> Problem:
    return problem if width is None else replace(problem, width=width)


def _risk(problem: Problem, decay: float) -> float:
    point = solve(problem, weight_decay=decay)
    if not point.status.ok:
        return np.nan
    return point.estimation_error * (1 if problem.network == "diagonal" else 2)


def best_weight_decay(problem: Problem) -> float:
    """Weight decay of least predicted risk, by a coarse scan about the noise line and a refinement."""
    centre = float(
        np.log(np.sqrt(problem.effective_samples / problem.dim * max(problem.noise + problem.energy, 1e-300)))
    )
    grid = np.linspace(centre - np.log(REACH), centre + np.log(REACH / 10), 15)
    risks = np.array([_risk(problem, float(np.exp(g))) for g in grid])
    if not np.isfinite(risks).any():
        raise EstimateUndefined("the state evolution of the fitted teacher could not be solved")
    best = int(np.nanargmin(risks))
    low, high = grid[max(best - 1, 0)], grid[min(best + 1, grid.size - 1)]

    def loss(log_decay: float) -> float:
        risk = _risk(problem, float(np.exp(log_decay)))
        return risk if np.isfinite(risk) else np.inf

    done = minimize_scalar(loss, bounds=(low, high), method="bounded", options={"xatol": 0.02})
    return float(np.exp(done.x if done.fun <= risks[best] else grid[best]))


def _point(
    here: Problem, worlds: list[Problem], samples: float, decay: float, inference: Inference, level: float
) -> ForecastPoint:
    there = replace(here, samples=samples)
    best = best_weight_decay(there)
    # Finite-size drift of theory, in the logarithm of the risk, as simulations show it.
    drift = 0.5 / np.sqrt(there.effective_samples) if here.network == "quadratic" else 0.0
    drift = float(np.hypot(drift, np.sqrt(2 / samples)))
    risks: dict[str, Estimate] = {}
    tests: dict[str, Estimate] = {}
    for name, strength in (("best", best), ("present", decay)):
        centre = _risk(there, strength)
        drawn = np.array([_risk(replace(world, samples=samples), strength) for world in worlds])
        noises = np.array([world.noise for world in worlds])
        good = np.isfinite(drawn)
        if not np.isfinite(centre) or good.sum() < 5:
            raise EstimateUndefined("the state evolution of the fitted teacher could not be solved")
        drawn, noises = drawn[good], noises[good]
        risk_error = float(np.hypot(np.std(np.log(np.maximum(drawn, 1e-300))), drift))
        total = drawn + noises
        test_error = float(np.hypot(np.std(np.log(total)), drift * centre / (centre + here.noise)))
        risks[name] = Estimate.positive(centre, risk_error, level=level)
        tests[name] = Estimate.positive(centre + here.noise, test_error, level=level)
    phase = phase_of(there, best * float(np.sqrt(there.effective_width / there.dim)))
    return ForecastPoint(
        samples,
        best,
        risks["best"],
        tests["best"],
        risks["present"],
        tests["present"],
        None if phase is None else phase.name,
    )


@dataclass(frozen=True, eq=False)
class NaiveExtrapolation:
    """A straight line through log test error against log samples: what one would do without theory.

    Attributes
    ----------
    samples, test_errors : ndarrays
        Of the subsets it was fitted to.
    exponent : float
        ``b`` in ``test error = a n^-b``.
    predicted : tuple of Estimate
        At the numbers of samples asked for.
    """

    samples: FloatArray
    test_errors: FloatArray
    exponent: float
    predicted: tuple[Estimate, ...]


def extrapolate_naively(
    data: Any,
    samples: Sequence[float],
    *,
    network: str,
    fractions: Sequence[float] = (0.25, 0.35, 0.5, 0.7, 1.0),
    centred: bool = False,
    seed: int = 0,
    level: float = LEVEL,
) -> NaiveExtrapolation:
    """Fit a power law to the learning curve over subsets of the data and continue it.

    Every subset chooses its own weight decay and estimates its own test error, so this uses the same information as
    :func:`forecast`, less the theory.
    """
    inputs, labels = np.asarray(data[0], dtype=float), np.asarray(data[1], dtype=float)
    order = np.random.default_rng(seed).permutation(labels.size)
    sizes, errors, weights = [], [], []
    for fraction in fractions:
        rows = order[: max(int(round(fraction * labels.size)), 3)]
        try:
            found = tune((inputs[rows], labels[rows]), network=network, centred=centred, tolerance=1e-4)[1]
        except EstimateUndefined:
            continue
        sizes.append(float(rows.size))
        errors.append(found.test_error.value)
        weights.append(1 / max(found.relative_error, 1e-6))
    if len(sizes) < 3:
        raise EstimateUndefined("too few subsets gave an estimate to extrapolate from")
    x, y = np.log(sizes), np.log(errors)
    (slope, offset), covariance = np.polyfit(x, y, 1, w=weights, cov="unscaled")
    reach = float(ndtri(0.5 + level / 2))
    predicted = []
    for n in samples:
        point = np.array([np.log(n), 1.0])
        spread = float(np.sqrt(point @ covariance @ point))
        centre = float(np.exp(slope * point[0] + offset))
        predicted.append(
            Estimate(centre, centre * spread, centre * np.exp(-reach * spread), centre * np.exp(reach * spread), level)
        )
    return NaiveExtrapolation(np.array(sizes), np.array(errors), -float(slope), tuple(predicted))
