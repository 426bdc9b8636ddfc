"""A power-law teacher fitted to the unbiased weights, with draws that carry its uncertainty.

The unbiased weights are teacher plus Gaussian noise of known size, so fitting needs no training: how a teacher is
fitted to them is for a :class:`TeacherFit` of the network to say. Draws repeat the fit on synthetic weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import ndtri

from .._arguments import check_instance, check_integer, check_level
from .._display import Displayed, Summary
from ..errors import EstimateUndefined
from ..problems import Problem
from ..state_evolution import moments
from ..teachers import PowerLaw
from .estimate import LEVEL, Estimate, reach
from .result import Inference
from .teacher_fits import LARGEST_GAMMA, SMALLEST_GAMMA, TEACHER_FITS
from .teacher_law import TeacherLaw, fit_teacher_law

if TYPE_CHECKING:
    from .._types import FloatArray
    from ..teachers import Teacher

#: A teacher further off than this (see :attr:`PowerLawFit.misfit`) does not explain what was learned.
LARGEST_MISFIT = 4.0
#: Twice the log-likelihood ratio from which a power law is rejected: one chance in a hundred at two parameters more.
LIKELIER = 9.2


@dataclass(frozen=True, eq=False, repr=False)
class PowerLawFit(Displayed):
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
    improvement : float
        Twice the logarithm of by how much a law with two parameters more makes the weights likelier
        (:class:`TeacherLaw`); beyond about 9 the teacher is no power law.

    Examples
    --------
    >>> from shallows import PowerLaw, Problem, infer, sample, train
    >>> from shallows.inference import fit_power_law_teacher
    >>> data = sample(Problem("diagonal", PowerLaw(100, 1.0), samples=300, noise=0.5), seed=0)
    >>> law = fit_power_law_teacher(infer(data, train(data, weight_decay=1.0)), draws=8)
    >>> law.draws.shape, law.teacher.dim
    ((8, 3), 100)
    """

    gamma: Estimate
    energy: Estimate
    draws: FloatArray
    misfit: float
    dim: int
    improvement: float = 0.0

    @property
    def teacher(self) -> PowerLaw:
        """The fitted teacher."""
        return PowerLaw(self.dim, self.gamma.value, self.energy.value)

    @property
    def caution(self) -> str | None:
        """Why the teacher is rejected, if it is: :attr:`misfit` or :attr:`improvement` is larger than by chance."""
        if self.improvement > LIKELIER:
            return (
                "the learned weights do not look like those of a power-law teacher (another law makes them "
                f"{np.exp(min(self.improvement / 2, 50.0)):.0g} times likelier)"
            )
        if abs(self.misfit) < LARGEST_MISFIT:
            return None
        return (
            "the learned weights do not look like those of a power-law teacher (energy or degrees of freedom off by "
            f"{abs(self.misfit):.1f} standard errors)"
        )

    def _summary(self) -> Summary:
        title = "Power-law teacher read off the learned weights"
        if self.caution is not None:
            return Summary(title, notes=[f"cannot tell: {self.caution}"])
        level = f"{100 * self.gamma.level:g} % interval"
        rows = [("gamma", self.gamma.in_words, level), ("energy", self.energy.in_words, level)]
        return Summary(title, [*rows, ("dimension", str(self.dim))])

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {"gamma": self.gamma.to_dict(), "energy": self.energy.to_dict(), "misfit": self.misfit}


def fit_power_law_teacher(
    inference: Inference, *, draws: int = 40, seed: int = 0, level: float = LEVEL, law: TeacherLaw | None = None
) -> PowerLawFit:
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
    law : TeacherLaw, optional
        That the power law is held against; fitted (:func:`fit_teacher_law`) by default.

    Returns
    -------
    PowerLawFit

    Raises
    ------
    InvalidArgument
        For unusable settings; a network without such a fit is a :class:`shallows.errors.NotSupported`.
    EstimateUndefined
        If the weights hold no more energy than noise would, or there is only one.

    Examples
    --------
    >>> from shallows import PowerLaw, Problem, infer, sample, train
    >>> from shallows.inference import fit_power_law_teacher
    >>> data = sample(Problem("diagonal", PowerLaw(100, 1.0), samples=300, noise=0.5), seed=0)
    >>> law = fit_power_law_teacher(infer(data, train(data, weight_decay=1.0)), draws=8)
    >>> law.gamma.covers(1.0), law.energy.covers(1.0)
    (True, True)
    """
    check_level(level)
    draws = check_integer("draws", draws, minimum=8)
    best = _best_parameters(inference)
    table = _calibrated(_repeated(inference, best, draws, seed), best, TEACHER_FITS.of(inference.network).calibration)
    far = reach(level)
    gamma_error = _spread(np.log(table[:, 0] - 0.5))
    slope = best[0] - 0.5
    log_energy = _spread(np.log(table[:, 1]))
    gamma = Estimate(
        float(best[0]),
        float(slope * gamma_error),
        float(0.5 + slope * np.exp(-far * gamma_error)),
        float(0.5 + slope * np.exp(far * gamma_error)),
        level,
    )
    energy = Estimate.positive(float(best[1]), log_energy, level=level)
    law = fit_teacher_law(inference, draws=8) if law is None else law
    improvement = law.improvement_on(inference, PowerLaw(inference.dim, float(best[0]), float(best[1])))
    return PowerLawFit(gamma, energy, table, _misfit(inference, best), inference.dim, improvement)


def fit_teacher(inference: Inference) -> tuple[PowerLaw, float]:
    """The teacher of :func:`fit_power_law_teacher` and its misfit alone, without draws: cheap.

    Parameters
    ----------
    inference : Inference
        Of the fit at hand; its unbiased weights are what the teacher is fitted to (theory note, section 10).

    Returns
    -------
    teacher : PowerLaw
    misfit : float
        In standard errors (:attr:`PowerLawFit.misfit`).

    Raises
    ------
    InvalidArgument
        If `inference` is not an Inference; a network without such a fit is a :class:`shallows.errors.NotSupported`.
    EstimateUndefined
        If the weights hold no more energy than noise would, or there is only one.

    Examples
    --------
    >>> from shallows import PowerLaw, Problem, infer, sample, train
    >>> from shallows.inference import fit_teacher
    >>> data = sample(Problem("diagonal", PowerLaw(100, 1.0), samples=300, noise=0.5), seed=0)
    >>> teacher, misfit = fit_teacher(infer(data, train(data, weight_decay=1.0)))
    >>> abs(teacher.gamma - 1) < 0.2, abs(misfit) < 4
    (True, True)
    """
    best = _best_parameters(inference)
    return PowerLaw(inference.dim, float(best[0]), float(best[1])), _misfit(inference, best)


def estimated_problem(inference: Inference, teacher: Teacher, samples: float, scale: float = 1.0) -> Problem:
    """A problem with `teacher` whose noise makes theory's test error at the present data the estimated one.

    Parameters
    ----------
    inference : Inference
    teacher : Teacher
    samples : float
        Of the problem.
    scale : float
        Multiplies the estimated test error (for draws).

    Returns
    -------
    Problem

    Raises
    ------
    InvalidArgument
        For unusable samples, or a teacher that the network cannot have; a network without state evolution is a
        :class:`shallows.errors.NotSupported`.

    Examples
    --------
    >>> from shallows import PowerLaw, Problem, infer, sample, train
    >>> from shallows.inference import estimated_problem
    >>> data = sample(Problem("diagonal", PowerLaw(100, 1.0), samples=300, noise=0.5), seed=0)
    >>> found = infer(data, train(data, weight_decay=1.0))
    >>> problem = estimated_problem(found, PowerLaw(100, 1.0), samples=600)
    >>> abs(problem.noise - 0.5) < 0.1
    True
    """
    here = Problem(inference.network, teacher, inference.samples, width=inference.width)
    risk = moments(here, inference.noise_scale * np.sqrt(scale), inference.threshold)[0]
    risk *= here.architecture.risk_per_error
    error = inference.test_error.value * scale
    return Problem(inference.network, teacher, samples, noise=max(error - risk, 1e-3 * error))


def _best_parameters(inference: Inference) -> FloatArray:
    """``(gamma, energy)`` of the fitted teacher."""
    check_instance("inference", inference, Inference)
    if inference.dim < 2:
        raise EstimateUndefined("a power law needs at least two weights")
    energy = inference.energy
    if energy.value <= max(1.0 * energy.standard_error, 1e-300) or inference.noise_scale <= 0:
        raise EstimateUndefined(
            "the unbiased weights hold no more energy than noise would: nothing to fit a teacher to"
        )
    start = np.array([1.0, energy.value])
    return TEACHER_FITS.of(inference.network)().fit(inference.observed, inference.noise_scale, inference.dim, start)


def _repeated(inference: Inference, best: FloatArray, draws: int, seed: int) -> FloatArray:
    """``(gamma, energy, noise scale)`` of fits to synthetic unbiased weights, shape (draws, 3)."""
    generator, fitter = np.random.default_rng(seed), TEACHER_FITS.of(inference.network)()
    teacher = PowerLaw(inference.dim, float(best[0]), float(best[1]))
    found = []
    for _ in range(draws):
        # The noise scale enters twice: the truth may differ from its estimate, and a repetition would use its own.
        scale = inference.noise_scale * float(np.exp(0.5 * inference.relative_error * generator.standard_normal()))
        synthetic = fitter.simulate(teacher, scale, generator)
        gamma, q0 = fitter.fit(synthetic, inference.noise_scale, inference.dim, best)
        found.append((gamma, q0, inference.noise_scale**2 / scale))
    return np.array(found)


def _calibrated(table: FloatArray, best: FloatArray, stretch: float) -> FloatArray:
    """The draws stretched about the fit, in the coordinates ``log(gamma - 1/2)`` and ``log Q0``."""
    table = table.copy()
    table[:, 0] = 0.5 + (best[0] - 0.5) * ((table[:, 0] - 0.5) / (best[0] - 0.5)) ** stretch
    table[:, 1] = best[1] * (table[:, 1] / best[1]) ** stretch
    table[:, 0] = np.clip(table[:, 0], SMALLEST_GAMMA, 3 * LARGEST_GAMMA)
    return table


def _spread(values: FloatArray) -> float:
    """Standard deviation that a single runaway fit does not spoil."""
    low, high = np.quantile(values, [0.1, 0.9])
    return float((high - low) / (2 * ndtri(0.9)))


def _misfit(inference: Inference, parameters: FloatArray) -> float:
    """Degrees of freedom and energy of the fitted teacher against those found, in rough standard errors; the worse."""
    teacher = PowerLaw(inference.dim, float(parameters[0]), float(parameters[1]))
    problem = Problem(inference.network, teacher, inference.samples, width=inference.width)
    freedom = moments(problem, inference.noise_scale, inference.threshold)[1]
    freedom *= inference.architecture.freedom_unit(inference.dim)
    found = inference.degrees_of_freedom
    error = TEACHER_FITS.of(inference.network)().freedom_error(found, freedom, inference.dim)
    energy = inference.energy
    by_freedom = float((found - freedom) / error)
    by_energy = float((energy.value - parameters[1]) / (energy.standard_error + 0.05 * energy.value))
    return max(by_freedom, by_energy, key=abs)
