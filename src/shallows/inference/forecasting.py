"""Forecast: what more data would bring, from the training set at hand.

The law of the teacher's weights and a noise variance are read off one fit (:mod:`.teacher_law`; theory note,
section 10); state evolution (sections 2 to 4) then gives the errors at any other number of samples. Bands carry the
uncertainty of law, noise and test error through the same equations, and theory's own drift at finite size.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from .._arguments import check_instance, check_level
from .._display import Displayed, Summary, frame_of
from .._numbers import sentence_number, span
from .._numbers import terminal_number as number
from ..errors import EstimateUndefined, SolveFailed
from ..optimum import minimum_between, risk_at
from ..phases import phase_of
from ..prediction import predict
from ..problems import Problem
from ..teachers import PowerLaw
from .error_and_noise import READERS
from .estimate import LEVEL, Estimate
from .extrapolation import check_counts
from .power_law import LARGEST_MISFIT, LIKELIER, estimated_problem, fit_teacher
from .result import Inference
from .teacher_law import TeacherLaw, fit_teacher_law

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas
    from matplotlib.axes import Axes

#: Weight decays searched, as factors about the noise line's.
REACH = 200.0
#: Draws of the teacher that must be solved for a band.
FEWEST_DRAWS = 5
#: Largest ratio of the ends of a forecast's interval of the excess risk; beyond it says nothing.
WIDEST = 12.0
#: By how much forecasts of the test error varied more in simulations than the draws make them.
WIDER = 1.25
#: Columns of the table of a forecast, and whether they hold numbers.
FORECAST_HEAD = tuple(
    (name, name != "phase")
    for name in ("samples", "test error", "at present decay", "excess risk", "best decay", "phase")
)
UNSOLVED = "the state evolution of the fitted law could not be solved"


@dataclass(frozen=True, repr=False)
class ForecastPoint(Displayed):
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
        At the best weight decay; None where phases are not defined, which they are for power laws.

    Examples
    --------
    >>> from shallows import PowerLaw, Problem, forecast, infer, sample, train
    >>> data = sample(Problem("diagonal", PowerLaw(50, 1.0), samples=200, noise=0.5), seed=0)
    >>> point = forecast(infer(data, train(data, weight_decay=1.0)), [400]).points[0]
    >>> point.samples, point.test_error.value > point.excess_risk.value
    (400.0, True)
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


@dataclass(frozen=True, eq=False, repr=False)
class Forecast(Displayed):
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
        Of the fit itself, at its own weight decay, where the teacher is a power law.
    law : TeacherLaw
        Of the teacher's weights.
    noise : float
        Variance of the label noise that goes with it.
    weight_decay : float
        Of the fit.
    network : str
    caution : str or None
        What speaks against the forecast.
    trusted : bool
        Whether nothing does.

    Examples
    --------
    >>> from shallows import PowerLaw, Problem, forecast, infer, sample, train
    >>> data = sample(Problem("diagonal", PowerLaw(50, 1.0), samples=200, noise=0.5), seed=0)
    >>> found = forecast(infer(data, train(data, weight_decay=1.0)), [400])
    >>> found.trusted, found.present.samples
    (True, 200.0)
    """

    present: ForecastPoint
    points: tuple[ForecastPoint, ...]
    present_test_error: Estimate
    present_phase: str | None
    law: TeacherLaw
    noise: float
    weight_decay: float
    network: str
    caution: str | None = None

    @property
    def trusted(self) -> bool:
        """Whether nothing speaks against the forecast."""
        return self.caution is None

    def _summary(self) -> Summary:
        title = f"Forecast for a {self.network} network, from {number(self.present.samples)} samples"
        if not self.trusted:
            return Summary(title, notes=self.sentences)
        level = f"{100 * self.present_test_error.level:g} % intervals"
        rows: list[tuple[str, ...]] = [("test error now", self.present_test_error.in_words, level)]
        if self.present_phase is not None:
            rows.append(("phase now", self.present_phase))
        rows.append(("label noise", number(self.noise), "no network does better"))
        table = [forecast_row(point.to_dict()) for point in self.points]
        return Summary(title, rows, FORECAST_HEAD, table, self.sentences)

    def to_frame(self) -> pandas.DataFrame:
        """The curve as a data frame, the present number of samples first.

        Columns: ``samples``; ``weight_decay``, the best one there; ``test_error``, ``excess_risk`` at it and
        ``test_error_present``, ``excess_risk_present`` at the present one, each with ``_low`` and ``_high``, the ends
        of its interval, in squared units of the labels; ``phase``.

        Raises
        ------
        EstimateUndefined
            If the forecast is not :attr:`trusted`.
        """
        self._believed()
        points = [self.present, *self.points]
        columns: dict[str, Any] = {name: [getattr(p, name) for p in points] for name in ("samples", "weight_decay")}
        for name in ("test_error", "excess_risk", "test_error_present", "excess_risk_present"):
            for end, suffix in (("value", ""), ("low", "_low"), ("high", "_high")):
                columns[name + suffix] = [getattr(getattr(point, name), end) for point in points]
        return frame_of(columns | {"phase": [point.phase for point in points]})

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the test error against samples, with bands.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            To draw on; new ones of pyplot by default. Nothing is shown, and no setting is changed.

        Returns
        -------
        matplotlib.axes.Axes

        Raises
        ------
        EstimateUndefined
            If the forecast is not :attr:`trusted`.
        """
        from ..plotting.fits import draw_forecast
        from ..plotting.style import axes_or_new

        self._believed()
        with axes_or_new(ax) as axes:
            draw_forecast(axes, self.to_dict())
        return axes

    def _believed(self) -> None:
        if self.caution is not None:
            raise EstimateUndefined(self.caution)

    @property
    def sentences(self) -> tuple[str, ...]:
        """One sentence per number of samples; where the forecast is not :attr:`trusted` one, without numbers."""
        if not self.trusted:
            return (f"cannot tell, because {self.caution}",)
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
        now, best, same = self.present_test_error.value, point.test_error, point.test_error_present
        words = (
            f"{amount} would bring the test error from {sentence_number(now)} to {sentence_number(best.value)} "
            f"({sentence_number(best.low)} to {sentence_number(best.high)})"
        )
        if ratio >= 1.05 and same.value > best.value * 1.005:
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
            "present": self.present.to_dict(),
            "points": [point.to_dict() for point in self.points],
            "sentences": list(self.sentences),
            "trusted": self.trusted,
            "caution": self.caution,
        }


def forecast_row(point: dict[str, Any]) -> tuple[str, ...]:
    """One point, as a dictionary, in words under :data:`FORECAST_HEAD`."""
    return (
        f"{point['samples']:.6g}",
        span(point["test_error"]),
        span(point["test_error_present"]),
        span(point["excess_risk"]),
        number(point["weight_decay"]),
        point["phase"] or "-",
    )


def forecast(
    inference: Inference,
    samples: Sequence[float],
    *,
    law: TeacherLaw | None = None,
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
    law : TeacherLaw, optional
        Fitted with :func:`shallows.inference.fit_teacher_law` by default.
    width : int, optional
        Hidden units of the quadratic network.
    level : float
        Of the bands.

    Returns
    -------
    Forecast

    Raises
    ------
    InvalidArgument
        For unusable numbers of samples or settings.
    EstimateUndefined
        If no law can be fitted.
    SolveFailed
        If the state evolution of the fitted law cannot be solved; there is no result to carry.

    Examples
    --------
    >>> from shallows import PowerLaw, Problem, forecast, infer, sample, train
    >>> data = sample(Problem("diagonal", PowerLaw(50, 1.0), samples=200, noise=0.5), seed=0)
    >>> found = forecast(infer(data, train(data, weight_decay=1.0)), [400])
    >>> found.sentences[0].split(" from ")[0]
    'twice the data would bring the test error'
    """
    check_level(level)
    check_instance("inference", inference, Inference)
    counts = check_counts(samples)
    law = fit_teacher_law(inference) if law is None else law
    width = inference.architecture.check_width(width)
    unit = inference.architecture.penalty_per_weight_decay(inference.dim, width)
    decay = inference.weight_decay if inference.penalty is None else inference.penalty / unit
    here = _with_width(estimated_problem(inference, law.teacher(), inference.samples), width)
    worlds = [_with_width(world, width) for world in _drawn(inference, law)]
    power_law = _power_law(inference, law)
    points = [_point(here, worlds, power_law, n, decay, inference, level) for n in (float(inference.samples), *counts)]
    return Forecast(
        present=points[0],
        points=tuple(points[1:]),
        present_test_error=inference.test_error,
        present_phase=None if power_law is None else _phase(here, power_law, decay * unit),
        law=law,
        noise=here.noise,
        weight_decay=decay,
        network=inference.network,
        caution=_caution(inference, law, points),
    )


def _drawn(inference: Inference, law: TeacherLaw) -> list[Problem]:
    """Problems that the data do not tell from the estimated one: laws drawn, each with a test error of its own."""
    generator = np.random.default_rng(0)
    out = []
    for parameters in law.draws:
        ratio = float(np.exp(inference.relative_error * generator.standard_normal()))
        out.append(estimated_problem(inference, law.teacher(parameters), inference.samples, ratio))
    return out


def _power_law(inference: Inference, law: TeacherLaw) -> PowerLaw | None:
    """The teacher as a power law, for its phases; None where it is none."""
    teacher, misfit = fit_teacher(inference)
    rejected = abs(misfit) >= LARGEST_MISFIT or law.improvement_on(inference, teacher) > LIKELIER
    return None if rejected else teacher


def _phase(problem: Problem, teacher: PowerLaw, regularisation: float) -> str | None:
    phase = phase_of(replace(problem, teacher=teacher), regularisation)
    return None if phase is None else phase.name


def _caution(inference: Inference, law: TeacherLaw, points: list[ForecastPoint]) -> str | None:
    """What speaks against the forecast."""
    if law.caution is not None:
        return law.caution
    columns, samples = READERS.of(inference.network).forecasts_from
    if inference.dim < columns:
        return f"forecasts for the {inference.network} network were tested on {columns} columns and more"
    if inference.effective_samples < samples:
        symbol = inference.architecture.words.effective_samples
        return f"{symbol} = {inference.effective_samples:.3g} is too little to tell the law ({samples:g} are needed)"
    widest = max(point.excess_risk.high / max(point.excess_risk.low, 1e-300) for point in points)
    if widest > WIDEST:
        return f"laws that the data do not tell apart differ by a factor of {widest:.0f} in what they forecast"
    return None


def _with_width(problem: Problem, width: int | None) -> Problem:
    return problem if width is None else replace(problem, width=width)


def _best_weight_decay(problem: Problem) -> float:
    """Weight decay of smallest predicted risk, over a wide range about the noise line."""
    level = max(problem.noise + problem.energy, 1e-300)
    centre = float(np.sqrt(problem.effective_samples / problem.dim * level))
    weight_decay, risk = minimum_between(problem, centre / REACH, centre * REACH / 10, points=15, tolerance=0.02)
    if not np.isfinite(risk):
        raise SolveFailed(UNSOLVED)
    return weight_decay


def _point(
    here: Problem,
    worlds: list[Problem],
    power_law: PowerLaw | None,
    samples: float,
    decay: float,
    inference: Inference,
    level: float,
) -> ForecastPoint:
    """Errors at one number of samples for the fitted law `here`, with bands over the drawn `worlds`."""
    there, drawn = replace(here, samples=samples), [replace(world, samples=samples) for world in worlds]
    best = _best_weight_decay(there)
    # Finite-size drift of theory, in the logarithm of the risk, as simulations show it.
    drift = READERS.of(inference.network).risk_drift / np.sqrt(there.effective_samples)
    drift = float(np.linalg.norm([drift, np.sqrt(2 / samples), _of_one_data_set(there, best)]))
    risk, test = _errors(drawn, best, drift, level)
    risk_present, test_present = _errors(drawn, decay, drift, level)
    unit = float(np.sqrt(there.effective_width / there.dim))
    return ForecastPoint(
        samples=samples,
        weight_decay=best,
        excess_risk=risk,
        test_error=test,
        excess_risk_present=risk_present,
        test_error_present=test_present,
        phase=None if power_law is None else _phase(there, power_law, best * unit),
    )


def _of_one_data_set(problem: Problem, decay: float) -> float:
    """Standard deviation of the excess risk over data sets, relative: each degree of freedom has the noise's square."""
    found = predict(problem, weight_decay=decay, throw=False)
    if not found.status.ok or found.excess_risk <= 0:
        return 0.0
    network = problem.architecture
    each = network.risk_per_error * found.noise_scale**2 / network.freedom_unit(problem.dim)
    return float(np.sqrt(2 * found.degrees_of_freedom) * each / found.excess_risk)


def _errors(drawn: list[Problem], decay: float, drift: float, level: float) -> tuple[Estimate, Estimate]:
    """Excess risk and test error at a weight decay: median and spread over the `drawn` problems."""
    risks = np.array([risk_at(world, decay) for world in drawn])
    noises = np.array([world.noise for world in drawn])
    good = np.isfinite(risks)
    if good.sum() < FEWEST_DRAWS:
        raise SolveFailed(UNSOLVED)
    risks = np.maximum(risks[good], 1e-300)
    total = risks + noises[good]
    # The median: the most likely law is one of many, and not in their middle.
    risk, test = float(np.median(risks)), float(np.median(total))
    risk_error = float(np.hypot(np.std(np.log(risks)), drift))
    test_error = float(np.hypot(WIDER * np.std(np.log(total)), drift * risk / test))
    return Estimate.positive(risk, risk_error, level=level), Estimate.positive(test, test_error, level=level)
