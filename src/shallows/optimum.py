"""The weight decay that minimises the predicted risk (theory note, section 7; arXiv 2509.24882, Corollary on rates)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ._arguments import check_instance, check_number
from ._display import Displayed, Summary
from ._status import StatusEnum
from .errors import SolveFailed, when_read
from .phases import are_known
from .prediction import Prediction, predict
from .problems import Problem
from .state_evolution import bayes_optimal, silencing_threshold, solve

if TYPE_CHECKING:
    from ._types import FloatArray

#: Points per factor of ten in the scan that separates local minima (``benchmarks/scaling.py`` holds it against a
#: grid of 400 points).
SCAN_DENSITY = 8
#: Local minima that are refined: the best of the scan, in order.
CANDIDATES = 4
#: Risks closer than this (relative) count as equal: below it differences are noise of the solver.
FLAT = 1e-9
#: Refinement stops at this distance in log lam: at a smooth minimum the risk is then right to about its square.
REFINED = 1e-5
#: Risks below this have no logarithm of their own.
_TINY = 1e-300


class OptimumStatus(StatusEnum):
    """Where the best weight decay lies.

    Examples
    --------
    >>> from shallows.optimum import OptimumStatus
    >>> OptimumStatus.VANISHING.ok, OptimumStatus("interior").advice
    (True, 'the risk is smallest at this weight decay')
    """

    INTERIOR = "interior", True, "the risk is smallest at this weight decay"
    VANISHING = "vanishing", True, "the risk falls all the way to vanishing weight decay: take as little as trains"
    UNBOUNDED = (
        "unbounded",
        True,
        (
            "no weight decay does better than predicting zero: any one at least as strong as the one named sets all "
            "weights to zero"
        ),
    )
    INDIFFERENT = "indifferent", True, "there is nothing to learn or to fit: every weight decay has the same risk"
    FAILED = "failed", False, "the state evolution could not be solved where the optimum has to be; no answer"


@dataclass(frozen=True, repr=False)
class OptimalWeightDecay(Displayed):
    """The best weight decay of a problem, and what it costs to miss it.

    Attributes
    ----------
    problem : Problem
    weight_decay : float
        ``lam`` of smallest predicted risk; 0 means the limit ``0+``. Where nothing can be learned, the smallest
        one that sets all weights to zero.
    penalty : float or None
        The same as reduced penalty ``pen`` of the quadratic network.
    excess_risk : float
        Predicted risk there.
    price_of_half, price_of_double : float
        Predicted risk at half and at twice the best weight decay, over the risk at the best (so ``>= 1``; 1 where
        the best is 0).
    local_minima : tuple of (float, float)
        Weight decay and risk of every local minimum found, best first.
    failed : int
        Points of the scan where the state evolution could not be solved; they were passed over.
    status : OptimumStatus

    Examples
    --------
    >>> from shallows import PowerLaw, Problem, optimal_weight_decay
    >>> best = optimal_weight_decay(Problem("diagonal", PowerLaw(200, 1.0), samples=300, noise=0.5))
    >>> best.status.value, len(best.local_minima), best.gap_to_bayes > 1
    ('interior', 1, True)
    """

    problem: Problem
    weight_decay: float
    penalty: float | None
    excess_risk: float
    price_of_half: float
    price_of_double: float
    local_minima: tuple[tuple[float, float], ...]
    failed: int
    status: OptimumStatus

    @cached_property
    def bayes_risk(self) -> float | None:
        """Excess risk of the Bayes-optimal estimator (theory note, section 8); None where it could not be solved."""
        with when_read():
            point = bayes_optimal(self.problem, throw=False)
        return point.excess_risk if point.status.ok else None

    @property
    def gap_to_bayes(self) -> float | None:
        """Excess risk over the Bayes-optimal one; None where that is zero or unknown."""
        return self.excess_risk / self.bayes_risk if self.bayes_risk else None

    @property
    def noise_line(self) -> float:
        """``sqrt(n_eff/d)``: where the optimum lies for power-law teachers, up to logarithms (section 7).

        With depth ``(n_eff/d)^(q/2)`` of the penalty, ``q`` being its power, as a weight decay.
        """
        network, share = self.problem.architecture, self.problem.effective_samples / self.problem.dim
        if network.penalty_exponent == 1.0:
            return math.sqrt(share)
        line = float(share ** (network.penalty_exponent / 2))
        return self.problem.weight_decay_from_penalty(line) if network.has_penalty else line

    @cached_property
    def prediction(self) -> Prediction:
        """Everything predicted at the best weight decay."""
        with when_read():
            return predict(self.problem, weight_decay=self.weight_decay)

    def _summary(self) -> Summary:
        from .problem_rows import problem_rows
        from .result_rows import optimum_notes, optimum_rows, summary_rows

        title = f"Best weight decay of {self.problem.architecture.phrase}"
        content = self._content(bayes="bayes_risk" in vars(self))
        if not self.status.ok:
            return Summary(title, [("status", self.status.value)], notes=[self.status.advice])
        reading = [("Optimum", optimum_rows(content)), ("Reading", optimum_notes(content))]
        return Summary(title, summary_rows([*reading, ("Problem", problem_rows(self.problem.to_dict()))]))

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready: every number that ``shallows optimal --json`` prints."""
        return self._content(bayes=True)

    def _content(self, *, bayes: bool) -> dict[str, Any]:
        """JSON-ready, with the Bayes-optimal risk, which is computed when it is read, if asked for."""
        out: dict[str, Any] = self.problem.to_dict() | {"status": self.status.value, "advice": self.status.advice}
        if not self.status.ok:
            return out
        told = self.problem.design.is_white and are_known(self.problem.architecture)
        lines = {"noise_line": self.noise_line} if told else {}
        return out | {
            "weight_decay": self.weight_decay,
            "penalty": self.penalty,
            "excess_risk": self.excess_risk,
            **({"bayes_risk": self.bayes_risk, "gap_to_bayes": self.gap_to_bayes} if bayes else {}),
            "price_of_half": self.price_of_half,
            "price_of_double": self.price_of_double,
            **lines,
            "local_minima": [{"weight_decay": lam, "excess_risk": risk} for lam, risk in self.local_minima],
            "failed_points": self.failed,
        }


def risk_at(problem: Problem, weight_decay: float) -> float:
    """Predicted excess risk; nan where the state evolution could not be solved.

    Examples
    --------
    >>> from shallows import PowerLaw, Problem
    >>> from shallows.optimum import risk_at
    >>> round(risk_at(Problem("diagonal", PowerLaw(1000, 1.0), samples=500, noise=0.5), 1.0), 4)
    0.1209
    """
    point = solve(problem, weight_decay=weight_decay)
    return problem.architecture.risk_per_error * point.estimation_error if point.status.ok else math.nan


def silencing_bound(problem: Problem) -> float:
    """A weight decay from which on all learned weights are zero, to far below rounding of the risk.

    From ``zeta (N - D) = L`` at ``D = 0`` (theory note, sections 2 and 3), with a threshold beyond everything: the
    largest teacher mode plus many noise scales. :func:`predicted_silencing_weight_decay` is the smallest one.

    Examples
    --------
    >>> from shallows import PowerLaw, Problem, predict
    >>> from shallows.optimum import silencing_bound
    >>> problem = Problem("quadratic", PowerLaw(dim=100, gamma=1.0), samples=500, noise=0.5)
    >>> predict(problem, weight_decay=silencing_bound(problem)).spectrum.mass_at_zero
    1.0
    """
    network, samples = problem.architecture, problem.samples
    constraints = network.constraints(samples, problem.dim)
    noise_scale = math.sqrt((network.noise_per_error(problem.noise) + problem.energy) / constraints)
    threshold = silencing_threshold(problem, noise_scale)
    return float(network.weight_decay_from_strength(threshold * constraints, problem.dim, problem.width))


def predicted_silencing_weight_decay(problem: Problem) -> float:
    """The smallest weight decay at which theory sets all weights to zero, to 1e-9 of the risk and 1e-3 of itself.

    Raises
    ------
    InvalidArgument
        If `problem` is not a Problem.

    Examples
    --------
    So much noise that nothing can be learned: at half of it weights appear, and with them more risk than of zero.

    >>> from shallows import LowRank, Problem
    >>> from shallows.optimum import risk_at, predicted_silencing_weight_decay
    >>> problem = Problem("quadratic", LowRank(dim=100, rank=100), samples=300, noise=10.0)
    >>> silent = predicted_silencing_weight_decay(problem)
    >>> [round(risk_at(problem, factor * silent), 6) for factor in (0.5, 1.0)]
    [2.165031, 2.0]
    """
    check_instance("problem", problem, Problem)
    null = problem.null_risk
    bottom, top = _search_range(problem)
    for _ in range(60):
        middle = 0.5 * (bottom + top)
        risk = risk_at(problem, math.exp(middle))
        if abs(risk - null) > null * FLAT:  # false for NaN
            bottom = middle
        else:
            top = middle
        if top - bottom < 1e-3:
            break
    return math.exp(top)


def _search_range(problem: Problem) -> tuple[float, float]:
    """Logarithms of the weight decays between which an optimum can lie."""
    ceiling = silencing_bound(problem)
    bottom = math.log(ceiling) - math.log(10.0) * 4
    lowest = math.log(min(1.0, problem.effective_samples / problem.dim)) - math.log(1e4)
    return min(bottom, lowest), math.log(ceiling)


def minimum_between(
    problem: Problem, low: float, high: float, *, points: int = 0, tolerance: float = REFINED
) -> tuple[float, float]:
    """Weight decay of smallest predicted excess risk between `low` and `high`, where the risk has one minimum.

    Bounded minimisation (Brent) of the logarithm of the risk over that of the weight decay. Where the state evolution
    has no solution the risk counts as infinite; of equal risks the one at the smaller weight decay is taken.

    Parameters
    ----------
    problem : Problem
    low, high : float
        ``0 < low < high``. The ends themselves are not tried, unless `points` are.
    points : int
        Weight decays tried first, from `low` to `high` in equal ratios, for a range with more than one minimum: the
        search then goes on between the neighbours of the best of them.
    tolerance : float
        Distance in ``log lam`` at which the search stops.

    Returns
    -------
    weight_decay, excess_risk : float
        The risk is nan where nothing tried has a solution.

    Raises
    ------
    InvalidArgument
        Unless ``0 < low < high`` are finite.

    Examples
    --------
    >>> from shallows import PowerLaw, Problem
    >>> from shallows.optimum import minimum_between
    >>> problem = Problem("diagonal", PowerLaw(dim=1000, gamma=1.0), samples=500, noise=0.5)
    >>> weight_decay, risk = minimum_between(problem, 0.1, 10.0)
    >>> round(weight_decay, 4), round(risk, 6)
    (0.9193, 0.120058)
    """
    from scipy.optimize import minimize_scalar

    check_number("low", low, strict=True)
    check_number("high", high, minimum=low, strict=True)
    decays, risks = np.array([low, high]), np.full(2, np.inf)
    if points:
        decays = np.geomspace(low, high, points)
        risks = np.array([_or_infinite(risk_at(problem, float(lam))) for lam in decays])
    best = int(np.argmin(risks))
    left, right = float(decays[max(best - 1, 0)]), float(decays[min(best + 1, decays.size - 1)])

    def loss(log_decay: float) -> float:
        """Logarithm of the risk, with a slope that matters only where all weights are zero and all risks equal."""
        risk = _or_infinite(risk_at(problem, math.exp(log_decay)))
        return math.log(max(risk, _TINY)) + FLAT * log_decay

    with np.errstate(invalid="ignore"):  # differences of infinite values, from which the search falls back on sections
        done = minimize_scalar(
            loss, bounds=(math.log(left), math.log(right)), method="bounded", options={"xatol": tolerance}
        )
    weight_decay = math.exp(done.x)
    risk = risk_at(problem, weight_decay)
    if risks[best] < _or_infinite(risk):
        return float(decays[best]), float(risks[best])
    return weight_decay, risk


def _or_infinite(risk: float) -> float:
    return math.inf if math.isnan(risk) else risk


def optimal_weight_decay(problem: Problem, *, throw: bool = True) -> OptimalWeightDecay:
    """Weight decay of smallest predicted excess risk (theory note, section 7).

    The risk as a function of ``log lam`` can have several local minima (modes enter one by one): a scan over the
    whole range finds them, the best few are refined, and both ends, ``lam -> 0+`` and all weights
    zero, compete.

    Parameters
    ----------
    problem : Problem
    throw : bool
        Whether a failure raises (default) or is returned with its status.

    Returns
    -------
    OptimalWeightDecay

    Raises
    ------
    InvalidArgument
        If `problem` is not a Problem.
    SolveFailed
        If the state evolution cannot be solved anywhere, or fails next to the best point found; carries the result.

    Examples
    --------
    >>> from shallows import PowerLaw, Problem, optimal_weight_decay
    >>> best = optimal_weight_decay(Problem("quadratic", PowerLaw(dim=400, gamma=1.25), samples=8000, noise=0.1))
    >>> round(best.weight_decay, 3), round(best.excess_risk, 4), round(best.noise_line, 3)
    (0.131, 0.1656, 0.224)
    """
    check_instance("problem", problem, Problem)
    null = problem.null_risk
    if null == 0.0:
        return _nothing_to_learn(problem)
    scan = _Scan.of(problem)
    if scan.failed == scan.risks.size:
        return _failed(problem, scan.failed, throw)
    minima = scan.local_minima()
    lam, best = minima[0]
    minima = [pair for pair in minima if pair[1] < null * (1 - FLAT)] or minima[:1]  # not the plateau of zero weights
    at_zero = risk_at(problem, 0.0)
    status = OptimumStatus.INTERIOR
    if at_zero <= best * (1 + FLAT) or best == 0.0:  # false for NaN
        lam, best, status = 0.0, min(at_zero, best), OptimumStatus.VANISHING
    elif null <= best * (1 + FLAT):
        lam, best, status = predicted_silencing_weight_decay(problem), null, OptimumStatus.UNBOUNDED
    elif scan.fails_near(lam):
        return _failed(problem, scan.failed, throw)
    half, double = (risk_at(problem, factor * lam) if lam > 0 else best for factor in (0.5, 2.0))
    if math.isnan(half) or math.isnan(double):
        return _failed(problem, scan.failed, throw)
    return OptimalWeightDecay(
        problem=problem,
        weight_decay=lam,
        penalty=problem.penalty_from_weight_decay(lam),
        excess_risk=best,
        price_of_half=half / best if best > 0 else 1.0,
        price_of_double=double / best if best > 0 else 1.0,
        local_minima=tuple(minima),
        failed=scan.failed,
        status=status,
    )


@dataclass(frozen=True)
class _Scan:
    """Predicted risks over the whole range of weight decays, nan where the state evolution could not be solved."""

    problem: Problem
    log_decays: FloatArray
    risks: FloatArray

    @classmethod
    def of(cls, problem: Problem) -> _Scan:
        bottom, top = _search_range(problem)
        log_decays = np.linspace(bottom, top, int(SCAN_DENSITY * (top - bottom) / math.log(10.0)) + 2)
        return cls(problem, log_decays, np.array([risk_at(problem, math.exp(x)) for x in log_decays]))

    @property
    def failed(self) -> int:
        """Points without a solution."""
        return int(np.isnan(self.risks).sum())

    def fails_near(self, weight_decay: float) -> bool:
        """Whether a point next to this weight decay has no solution."""
        spacing = self.log_decays[1] - self.log_decays[0]
        near = np.abs(self.log_decays - math.log(weight_decay)) < 1.5 * spacing
        return bool(np.isnan(self.risks[near]).any())

    def local_minima(self) -> list[tuple[float, float]]:
        """Weight decay and risk of the best few local minima, refined between the points of the scan, best first."""
        filled = np.where(np.isnan(self.risks), np.inf, self.risks)
        padded = np.concatenate([[np.inf], filled, [np.inf]])
        inner = np.flatnonzero((padded[1:-1] <= padded[:-2]) & (padded[1:-1] <= padded[2:]) & np.isfinite(filled))
        inner = inner[np.argsort(filled[inner], kind="stable")][:CANDIDATES]
        minima = []
        for i in inner:
            left, right = max(int(i) - 1, 0), min(int(i) + 1, filled.size - 1)
            low, high = math.exp(self.log_decays[left]), math.exp(self.log_decays[right])
            weight_decay, value = minimum_between(self.problem, low, high)
            if not value <= filled[i]:
                weight_decay, value = math.exp(self.log_decays[i]), float(filled[i])
            minima.append((weight_decay, value))
        return sorted(minima, key=lambda pair: pair[1])


def _nothing_to_learn(problem: Problem) -> OptimalWeightDecay:
    """A teacher without energy: only zero weights are right."""
    lam, status = 0.0, OptimumStatus.INDIFFERENT
    if problem.noise > 0.0:
        lam, status = silencing_bound(problem), OptimumStatus.UNBOUNDED
    pen = problem.penalty_from_weight_decay(lam)
    return OptimalWeightDecay(problem, lam, pen, 0.0, 1.0, 1.0, ((lam, 0.0),), 0, status)


def _failed(problem: Problem, failed: int, throw: bool) -> OptimalWeightDecay:
    nan = math.nan
    result = OptimalWeightDecay(problem, nan, None, nan, nan, nan, (), failed, OptimumStatus.FAILED)
    if throw:
        raise SolveFailed(f"{result.status.value}: {result.status.advice}", result)
    return result
