"""Weight decay without a validation set: a warm-started path, and the minimum of its estimated test error."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import minimize_scalar

from .._arguments import check_number
from ..errors import EstimateUndefined, InvalidArgument, SolveFailed
from ..networks import Capability, network_named
from ..operators import as_pair, check_data, operator_for
from ..problems import Problem
from ..state_evolution import solve
from ..training import Dataset, Fit, train, train_path
from .power_law import LARGEST_MISFIT, estimated_problem, fit_teacher
from .residuals import infer
from .result import Inference

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from .._types import FloatArray
    from ..networks import Network

#: The path ends at this share of the weight decay that makes every weight zero.
SHORTEST = 1e-4
#: It also ends once the estimated test error has been this many times its minimum for :data:`PATIENCE` steps.
RISEN, PATIENCE = 1.1, 3
#: Nor is anything closer to interpolation than this tried: the estimate is unstable there.
SMALLEST_SLACK = 0.1
#: Relative duality gap on the way; the chosen weight decay is trained to the one asked for.
PATH_TOLERANCE = 1e-4
#: Theory's minimum is searched within this factor of the weight decay that it corrects.
REACH = 8.0


@dataclass(frozen=True)
class Search:
    """How a network's path of weight decays is walked.

    Attributes
    ----------
    step : float
        Ratio of neighbouring weight decays.
    patience : int
        The path ends where the estimate has not been lower for so many steps (a factor of five to six).
    theory_chooses : bool
        Whether the estimate is so noisy that the minimum predicted for a fitted teacher is taken where they agree.
    """

    step: float
    patience: int
    theory_chooses: bool


#: For each network, its :class:`Search`.
SEARCHES: Capability[Search] = Capability("search of the weight decay")


@dataclass(frozen=True, eq=False)
class WeightDecayPath:
    """Fits along decreasing weight decays with what they say of themselves; every array has shape (steps,).

    Attributes
    ----------
    weight_decay : ndarray
        Decreasing.
    test_error, test_error_stderr : ndarray
        Estimated from the training data alone; infinite where the network interpolates.
    train_error, degrees_of_freedom : ndarray
    learned_features : ndarray of int
        Active weights, or rank of ``S``.
    chosen_at : int
        Place of the weight decay that was chosen; at ``method="theory"`` its estimate need not be the smallest.
    seconds : float
        Wall time of the whole search.
    method : {"estimate", "theory"}
        Whether the smallest estimate was taken, or the minimum that theory predicts for the teacher seen in the data.

    Examples
    --------
    >>> from shallows import PowerLaw, Problem, sample, tune
    >>> data = sample(Problem("diagonal", PowerLaw(50, 1.0), samples=200, noise=0.5), seed=0)
    >>> path = tune(data, network="diagonal", weight_decays=[4.0, 2.0, 1.0])[2]
    >>> path.weight_decay
    array([4., 2., 1.])
    >>> path.chosen, path.chosen_at
    (1.0, 2)
    """

    weight_decay: FloatArray
    test_error: FloatArray
    test_error_stderr: FloatArray
    train_error: FloatArray
    degrees_of_freedom: FloatArray
    learned_features: NDArray[np.int64]
    chosen_at: int
    seconds: float
    method: str = "estimate"

    @property
    def chosen(self) -> float:
        """The weight decay that was chosen."""
        return float(self.weight_decay[self.chosen_at])

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready, None where there is no estimate."""
        return {
            "weight_decay": _or_none(self.weight_decay),
            "test_error": _or_none(self.test_error),
            "test_error_stderr": _or_none(self.test_error_stderr),
            "train_error": _or_none(self.train_error),
            "degrees_of_freedom": _or_none(self.degrees_of_freedom),
            "learned_features": _or_none(self.learned_features),
            "best": self.chosen_at,
            "chosen": self.chosen,
            "seconds": self.seconds,
            "method": self.method,
        }


def _or_none(values: NDArray[Any]) -> list[Any]:
    """The numbers as a list, None for those that are not finite."""
    return [value.item() if np.isfinite(value) else None for value in values]


def silencing_weight_decay(inputs: Any, labels: FloatArray, network: str, width: int | None = None) -> float:
    """The smallest weight decay at which every weight is zero.

    Parameters
    ----------
    inputs : ndarray or torch.Tensor, shape (n, d)
    labels : ndarray, shape (n,)
    network : {"diagonal", "quadratic"}
    width : int, optional
        Hidden units of the quadratic network.

    Returns
    -------
    float

    Examples
    --------
    >>> import numpy as np
    >>> from shallows.inference import silencing_weight_decay
    >>> silencing_weight_decay(np.eye(4), np.array([1.0, -3.0, 2.0, 0.0]), "diagonal")
    1.5
    """
    architecture = network_named(network)
    strength = float(operator_for(architecture, inputs).silencing_strength(labels))
    if not architecture.has_width:
        return strength
    return float(architecture.weight_decay_from_penalty(strength, inputs.shape[1], width))


def tune(
    data: Any,
    *,
    network: str,
    width: int | None = None,
    centred: bool = False,
    tolerance: float = 1e-6,
    weight_decays: Sequence[float] | None = None,
    throw: bool = True,
) -> tuple[Fit, Inference, WeightDecayPath]:
    """Weight decay of smallest estimated test error, from the training data alone.

    Walks from the weight decay that silences the network downwards, every fit started from its neighbour, until the
    estimate has clearly turned, then refines the minimum by a parabola in the logarithms. For the diagonal network,
    whose estimate is the noisier one, a power-law teacher is then fitted to the unbiased weights and the minimum of its
    predicted risk taken instead, unless the estimate speaks against it.

    Parameters
    ----------
    data : Dataset or pair (X, y)
        Shapes (n, d) and (n,); inputs on a GPU stay there.
    network : {"diagonal", "quadratic"}
    width : int, optional
        Hidden units of the quadratic network. Below `d` only minima of rank at most `width` are considered: there
        the network, though not convex, has the same global minimum as the convex problem.
    centred : bool
        Whether the mean was taken off the labels.
    tolerance : float
        Relative duality gap of the final fit.
    weight_decays : sequence of float, optional
        Walk these instead (decreasing order is imposed; no refinement).
    throw : bool
        Raise when the final fit missed the tolerance; otherwise return it with its status.

    Returns
    -------
    fit : Fit
        At full width, whatever the width: there ``fit.penalty`` is the one that was chosen.
    inference : Inference
    path : WeightDecayPath

    Raises
    ------
    InvalidArgument
        For unusable data or settings.
    EstimateUndefined
        If no point of the path leaves anything to estimate from.
    SolveFailed
        If the final fit missed the tolerance; its ``result`` is what would have been returned.

    Examples
    --------
    >>> from shallows import PowerLaw, Problem, sample, tune
    >>> data = sample(Problem("quadratic", PowerLaw(20, 1.25), samples=600, noise=0.1), seed=0)
    >>> fit, found, path = tune(data, network="quadratic")
    >>> found.test_error.covers(0.1 + fit.excess_risk(data))
    True
    >>> fit.weight_decay == path.chosen, path.method
    (True, 'estimate')
    """
    started = time.perf_counter()
    given = _Data.of(data, network, width, centred, check_number("tolerance", tolerance, strict=True))
    steps = _Steps()
    if weight_decays is None:
        _walk(given, steps, _decreasing(given), stop=True)
        decay, method = _choose(given, steps)
    else:
        _walk(given, steps, _sorted(weight_decays), stop=False)
        decay, method = steps.best.weight_decay, "estimate"
    fit, inference = given.fit(decay)
    if not given.fits_width(inference):  # the refinement went past what the width allows
        decay = steps.best.weight_decay
        fit, inference = given.fit(decay)
    path = steps.path(_Step.of(decay, fit, inference), method, time.perf_counter() - started)
    if throw and not fit.status.ok:
        words = f"training ended with status {fit.status.value}: {fit.status.advice}"
        raise SolveFailed(words, (fit, inference, path))
    return fit, inference, path


@dataclass(frozen=True, eq=False)
class _Data:
    """A checked training set, and how it is fitted."""

    inputs: Any
    labels: FloatArray
    network: Network
    width: int | None
    centred: bool
    tolerance: float

    @classmethod
    def of(cls, data: Any, network: str, width: int | None, centred: bool, tolerance: float) -> _Data:
        """Check everything that was given to :func:`tune`."""
        architecture = network_named(network)
        if isinstance(data, Dataset) and data.problem.network != architecture.name:
            raise InvalidArgument("network", network, f"the data are of the {data.problem.network} network")
        inputs, labels = check_data(*as_pair(data), device=None)
        return cls(inputs, labels, architecture, architecture.check_width(width), centred, tolerance)

    @property
    def pair(self) -> tuple[Any, FloatArray]:
        return self.inputs, self.labels

    @property
    def dim(self) -> int:
        return int(self.inputs.shape[1])

    @property
    def search(self) -> Search:
        return SEARCHES.of(self.network)

    @property
    def unit(self) -> float:
        """What a weight decay is multiplied by at full width, where the problem is convex, for the same minimum."""
        return self.network.penalty_per_weight_decay(self.dim, self.width)

    def fits_width(self, inference: Inference) -> bool:
        """Whether a network of the width asked for has these weights."""
        return self.width is None or self.width >= self.dim or inference.learned_features <= self.width

    def infer(self, fit: Fit) -> Inference:
        return infer(self.pair, fit, centred=self.centred)

    def train(self, decay: float, tolerance: float) -> Fit:
        scaled = decay * self.unit
        return train(self.pair, network=self.network.name, weight_decay=scaled, tolerance=tolerance, throw=False)

    def fit(self, decay: float) -> tuple[Fit, Inference]:
        """To the tolerance asked for."""
        fit = self.train(decay, self.tolerance)
        return fit, self.infer(fit)


@dataclass(frozen=True)
class _Step:
    """One weight decay of a path, with what its fit says of itself; infinite errors where that is nothing."""

    weight_decay: float
    test_error: float
    standard_error: float
    train_error: float
    degrees_of_freedom: float
    learned_features: int

    @classmethod
    def of(cls, decay: float, fit: Fit, inference: Inference) -> _Step:
        error = inference.test_error
        freedom, features = inference.degrees_of_freedom, inference.learned_features
        return cls(decay, error.value, error.standard_error, fit.train_error, freedom, features)


class _Steps:
    """The steps of a path so far."""

    def __init__(self) -> None:
        self.steps: list[_Step] = []

    @property
    def errors(self) -> FloatArray:
        return np.array([step.test_error for step in self.steps])

    @property
    def best_at(self) -> int:
        return int(np.argmin(self.errors))

    @property
    def best(self) -> _Step:
        """Of smallest estimated test error."""
        return self.steps[self.best_at]

    def turned(self, patience: int) -> bool:
        """Whether the estimate has risen from its minimum, or stayed above it for long."""
        last, since = self.steps[-1].test_error, len(self.steps) - 1 - self.best_at
        risen = since >= PATIENCE and last > RISEN * self.best.test_error
        return last == np.inf or risen or since >= patience

    def vertex(self) -> float:
        """Minimum of the parabola through the best step and its neighbours, or the best step where there is none."""
        at, errors = self.best_at, self.errors
        if not 0 < at < len(self.steps) - 1 or not np.isfinite(errors[at - 1 : at + 2]).all():
            return self.best.weight_decay
        decays = np.log([step.weight_decay for step in self.steps[at - 1 : at + 2]])
        return _vertex(decays, np.log(errors[at - 1 : at + 2]))

    def path(self, chosen: _Step, method: str, seconds: float) -> WeightDecayPath:
        """All of them with the chosen one among them, by decreasing weight decay."""
        rows = [step for step in self.steps if step.weight_decay != chosen.weight_decay] + [chosen]
        rows.sort(key=lambda step: -step.weight_decay)
        return WeightDecayPath(
            weight_decay=np.array([step.weight_decay for step in rows]),
            test_error=np.array([step.test_error for step in rows]),
            test_error_stderr=np.array([step.standard_error for step in rows]),
            train_error=np.array([step.train_error for step in rows]),
            degrees_of_freedom=np.array([step.degrees_of_freedom for step in rows]),
            learned_features=np.array([step.learned_features for step in rows], dtype=np.int64),
            chosen_at=rows.index(chosen),
            seconds=seconds,
            method=method,
        )


class _StopWalking(Exception):
    """Ends a path from inside."""


def _decreasing(data: _Data) -> list[float]:
    """Weight decays from just below the one that silences the network down to a small share of it."""
    top = silencing_weight_decay(data.inputs, data.labels, data.network.name, data.width) or 1.0
    step = data.search.step
    count = int(np.ceil(np.log(1 / SHORTEST) / np.log(step)))
    return list(top * 0.999 * step ** -np.arange(count + 1.0))


def _sorted(weight_decays: Any) -> list[float]:
    """The weight decays that a user gave, in decreasing order."""
    if not np.iterable(weight_decays):
        raise InvalidArgument("weight_decays", weight_decays, "must be a sequence of numbers")
    return sorted((check_number("weight_decays", decay) for decay in weight_decays), reverse=True)


def _walk(data: _Data, steps: _Steps, decays: list[float], *, stop: bool) -> None:
    """Fit at each of the decreasing `decays`, started from its neighbour, and note what it says of itself.

    Ends where little is left to estimate from or the width is exceeded, and if it may `stop` where the estimate turned.
    """

    def note(_: int, fit: Fit) -> None:
        step, last = _noted(data, fit)
        steps.steps.append(step)
        if last or (stop and steps.turned(data.search.patience)):
            raise _StopWalking

    scaled = [decay * data.unit for decay in decays]
    tolerance = max(PATH_TOLERANCE, data.tolerance)
    with suppress(_StopWalking):
        options: dict[str, Any] = {"network": data.network.name, "tolerance": tolerance, "throw": False}
        train_path(data.pair, weight_decays=scaled, progress=note, **options)
    if not np.isfinite(steps.errors).any():
        raise EstimateUndefined("the network interpolates its data at every weight decay tried")


def _noted(data: _Data, fit: Fit) -> tuple[_Step, bool]:
    """What a fit on the way says of itself, and whether it has to be the last one."""
    decay = fit.weight_decay / data.unit
    try:
        found = data.infer(fit)
    except EstimateUndefined:
        return _Step(decay, np.inf, np.inf, fit.train_error, float(data.labels.size), data.dim), False
    step = _Step.of(decay, fit, found)
    if not data.fits_width(found):
        return replace(step, test_error=np.inf), True
    return step, found.slack < SMALLEST_SLACK


def _choose(data: _Data, steps: _Steps) -> tuple[float, str]:
    """The weight decay to take after a walk, and whether by the ``"estimate"`` or by ``"theory"``."""
    decay = steps.vertex()
    if data.search.theory_chooses:
        by_theory = _chosen_by_theory(data, decay, steps.best)
        if by_theory is not None:
            return by_theory, "theory"
    return decay, "estimate"


def _chosen_by_theory(data: _Data, decay: float, best: _Step) -> float | None:
    """Where theory puts the smallest risk for the teacher seen in the data; None where the data disagree with it.

    The estimated test error has one noise for the whole path and a flat minimum, so its place is uncertain; the fitted
    teacher uses the same data once more and has only two parameters. Simulations: the risk's excess over the best of
    the path falls three- to tenfold.
    """
    for _ in range(2):
        try:
            found = data.infer(data.train(decay, PATH_TOLERANCE))
            if found.test_error.value > best.test_error + best.standard_error:
                return None
            teacher, misfit = fit_teacher(found)
        except EstimateUndefined:
            return None
        if abs(misfit) > LARGEST_MISFIT:
            return None
        problem = estimated_problem(found, teacher, found.samples)
        decay, risk = _minimum_about(problem, decay)
        if not np.isfinite(risk):
            return None
    return decay


def _minimum_about(problem: Problem, decay: float) -> tuple[float, float]:
    """Weight decay near `decay` of smallest predicted error, and its logarithm; infinite where nothing is solved."""

    def risk(log_decay: float) -> float:
        point = solve(problem, weight_decay=float(np.exp(log_decay)))
        return float(np.log(point.estimation_error)) if point.status.ok and point.estimation_error > 0 else np.inf

    centre, reach = float(np.log(decay)), np.log(REACH)
    done = minimize_scalar(risk, bounds=(centre - reach, centre + reach), method="bounded", options={"xatol": 0.02})
    return float(np.exp(done.x)), float(done.fun)


def _vertex(x: FloatArray, y: FloatArray) -> float:
    """Minimum of the parabola through three points (the middle one if it has none), back from the logarithm."""
    x, y = np.asarray(x), np.asarray(y)
    curvature, slope, _ = np.polyfit(x - x[1], y, 2)
    if curvature <= 0:
        return float(np.exp(x[1]))
    return float(np.exp(np.clip(x[1] - slope / (2 * curvature), min(x), max(x))))
