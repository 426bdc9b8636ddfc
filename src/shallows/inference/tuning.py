"""Weight decay without a validation set: a warm-started path, and the minimum of its estimated test error."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import minimize_scalar

from ..errors import EstimateUndefined, InvalidArgument, SolveFailed
from ..networks import network_named
from ..operators import as_pair, check_data, operator_for
from ..problems import Problem
from ..state_evolution import solve
from ..training import Dataset, Fit, train, train_path
from .estimates import Inference, infer
from .power_law import estimated_problem, fit_teacher

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .._types import FloatArray

#: Ratio of neighbouring weight decays on the path.
STEP = {"diagonal": 1.25, "quadratic": 1.4}
#: The path ends at this share of the weight decay that makes every weight zero.
SHORTEST = 1e-4
#: It also ends once the estimated test error has been this many times its minimum for :data:`PATIENCE` steps.
RISEN, PATIENCE = 1.1, 3
#: Or has not been lower for this many steps (a factor of five to six in weight decay).
STALE = {"diagonal": 8, "quadratic": 5}
#: Nor is anything closer to interpolation than this looked at: the estimate is unstable there.
LEAST_SLACK = 0.1
#: Relative duality gap on the way; the chosen weight decay is trained to the one asked for.
PATH_TOLERANCE = 1e-4
#: A fitted teacher further off than this (see :class:`PowerLawFit`) is not used to choose the weight decay.
MOST_MISFIT = 4.0


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
    best : int
        Place of the least estimated test error.
    seconds : float
        Wall time of the whole search.
    method : {"estimate", "theory"}
        Whether the least estimate was taken, or the minimum that theory predicts for the teacher seen in it.
    """

    weight_decay: FloatArray
    test_error: FloatArray
    test_error_stderr: FloatArray
    train_error: FloatArray
    degrees_of_freedom: FloatArray
    learned_features: NDArray[np.int64]
    best: int
    seconds: float
    method: str = "estimate"

    @property
    def chosen(self) -> float:
        """The weight decay of least estimated test error."""
        return float(self.weight_decay[self.best])

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready, None where there is no estimate."""

        def plain(values: NDArray[Any]) -> list[Any]:
            return [v.item() if np.isfinite(v) else None for v in values]

        return {
            "weight_decay": plain(self.weight_decay),
            "test_error": plain(self.test_error),
            "test_error_stderr": plain(self.test_error_stderr),
            "train_error": plain(self.train_error),
            "degrees_of_freedom": plain(self.degrees_of_freedom),
            "learned_features": plain(self.learned_features),
            "best": self.best,
            "chosen": self.chosen,
            "seconds": self.seconds,
            "method": self.method,
        }


class _Enough(Exception):
    """Ends a path from inside."""


def largest_weight_decay(inputs: FloatArray, labels: FloatArray, network: str, width: int | None = None) -> float:
    """The least weight decay at which every weight is zero."""
    d = inputs.shape[1]
    return operator_for(network, inputs).silencing_strength(labels) * float(np.sqrt(d / (d if width is None else width)))


def tune(
    data: Any,
    *,
    network: str,
    width: int | None = None,
    centred: bool = False,
    tolerance: float = 1e-6,
    weight_decays: Any = None,
) -> tuple[Fit, Inference, WeightDecayPath]:
    """Weight decay of least estimated test error, from the training data alone.

    Walks from the weight decay that silences the network downwards, every fit started from its neighbour, until the
    estimate has clearly turned, then refines the minimum by a parabola in the logarithms. For the diagonal network,
    whose estimate is the noisier one, a power-law teacher is then fitted to the unbiased weights and the minimum of its
    predicted risk taken instead, unless the estimate speaks against it.

    Parameters
    ----------
    data : Dataset or pair (X, y)
        Shapes (n, d) and (n,).
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

    Returns
    -------
    fit : Fit
    inference : Inference
    path : WeightDecayPath

    Raises
    ------
    InvalidArgument
        For unusable data.
    EstimateUndefined
        If no point of the path leaves anything to estimate from.
    """
    import time

    started = time.perf_counter()
    network_named(network)
    if isinstance(data, Dataset) and data.problem.network != network:
        raise InvalidArgument("network", network, f"the data are of the {data.problem.network} network")
    inputs, labels = check_data(*as_pair(data), device=None)
    n, d = inputs.shape
    limited = network == "quadratic" and width is not None and width < d
    top = largest_weight_decay(inputs, labels, network, width)
    if weight_decays is None:
        top = top if top > 0 else 1.0
        count = int(np.ceil(np.log(1 / SHORTEST) / np.log(STEP[network])))
        grid = list(top * 0.999 * STEP[network] ** -np.arange(count + 1.0))
    else:
        grid = sorted((float(v) for v in weight_decays), reverse=True)
    root = float(np.sqrt(width / d)) if width is not None else 1.0
    rows: list[tuple[float, float, float, float, float, int]] = []

    def record(fit: Fit, decay: float) -> float:
        try:
            found = infer((inputs, labels), fit, centred=centred)
        except EstimateUndefined:
            rows.append((decay, np.inf, np.inf, fit.train_error, float(n), d))
            return np.inf
        usable = not (limited and width is not None and found.learned_features > width)
        error = found.test_error.value if usable else np.inf
        rows.append(
            (
                decay,
                error,
                found.test_error.standard_error,
                fit.train_error,
                found.degrees_of_freedom,
                found.learned_features,
            )
        )
        if found.slack < LEAST_SLACK or not usable:
            raise _Enough
        return error

    def watch(_: int, fit: Fit) -> None:
        error = record(fit, fit.weight_decay / root)
        errors = [row[1] for row in rows]
        low = int(np.argmin(errors))
        since = len(rows) - 1 - low
        turned = error == np.inf or (since >= PATIENCE and error > RISEN * errors[low]) or since >= STALE[network]
        if weight_decays is None and turned:
            raise _Enough

    # The path is walked at full width, where the problem is convex: the penalty is then the weight decay.
    scaled = [decay * root for decay in grid]
    options: dict[str, Any] = {"network": network, "tolerance": max(PATH_TOLERANCE, tolerance), "throw": False}
    with suppress(_Enough):
        train_path((inputs, labels), weight_decays=scaled, progress=watch, **options)
    errors = np.array([row[1] for row in rows])
    if not np.isfinite(errors).any():
        raise EstimateUndefined("the network interpolates its data at every weight decay tried")
    best = int(np.argmin(errors))
    if weight_decays is None and 0 < best < len(rows) - 1 and np.isfinite(errors[best - 1 : best + 2]).all():
        decay = _vertex(np.log([row[0] for row in rows[best - 1 : best + 2]]), np.log(errors[best - 1 : best + 2]))
    else:
        decay = rows[best][0]
    method = "estimate"
    if network == "diagonal" and weight_decays is None:
        guided = _guided(inputs, labels, decay, float(errors[best]), rows[best][2], centred)
        if guided is not None:
            decay, method = guided, "theory"
    fit = train((inputs, labels), network=network, weight_decay=decay * root, tolerance=tolerance, throw=False)
    if not fit.status.ok and (fit.gap is None or fit.gap > 1e-3):
        raise SolveFailed(f"training ended with status {fit.status.value}: {fit.status.advice}", fit)
    inference = infer((inputs, labels), fit, centred=centred)
    if limited and inference.learned_features > (width or d):  # the refinement went past what the width allows
        decay = rows[best][0]
        fit = train((inputs, labels), network=network, weight_decay=decay * root, tolerance=tolerance, throw=False)
        inference = infer((inputs, labels), fit, centred=centred)
    rows = [row for row in rows if row[0] != decay]
    rows.append(
        (
            decay,
            inference.test_error.value,
            inference.test_error.standard_error,
            fit.train_error,
            inference.degrees_of_freedom,
            inference.learned_features,
        )
    )
    rows.sort(key=lambda row: -row[0])
    table = np.array(rows, dtype=float)
    path = WeightDecayPath(
        weight_decay=table[:, 0],
        test_error=table[:, 1],
        test_error_stderr=table[:, 2],
        train_error=table[:, 3],
        degrees_of_freedom=table[:, 4],
        learned_features=table[:, 5].astype(np.int64),
        best=next(i for i, row in enumerate(rows) if row[0] == decay),
        seconds=time.perf_counter() - started,
        method=method,
    )
    return fit, inference, path


def _guided(
    inputs: FloatArray, labels: FloatArray, decay: float, least: float, error: float, centred: bool
) -> float | None:
    """Where theory puts the least risk for the teacher seen in the data; None where the data disagree with it.

    The estimated test error has one noise for the whole path and a flat minimum, so its place is uncertain; the fitted
    teacher uses the same data once more and has only two parameters. Simulations: the risk's excess over the best of
    the path falls three- to tenfold.
    """
    for _ in range(2):
        try:
            fit = train((inputs, labels), network="diagonal", weight_decay=decay, tolerance=PATH_TOLERANCE, throw=False)
            found = infer((inputs, labels), fit, centred=centred)
            if found.test_error.value > least + error:
                return None
            teacher, misfit = fit_teacher(found)
        except EstimateUndefined:
            return None
        if abs(misfit) > MOST_MISFIT:
            return None
        problem = estimated_problem(found, teacher, found.samples)
        reach = np.log(8.0)

        def risk(log_decay: float, problem: Problem = problem) -> float:
            point = solve(problem, weight_decay=float(np.exp(log_decay)))
            return float(np.log(point.estimation_error)) if point.status.ok and point.estimation_error > 0 else np.inf

        centre = float(np.log(decay))
        done = minimize_scalar(risk, bounds=(centre - reach, centre + reach), method="bounded", options={"xatol": 0.02})
        if not np.isfinite(done.fun):
            return None
        decay = float(np.exp(done.x))
    return decay


def _vertex(x: FloatArray, y: FloatArray) -> float:
    """Where the parabola through three points is least (the middle one if nowhere), back from the logarithm."""
    x, y = np.asarray(x), np.asarray(y)
    curvature, slope, _ = np.polyfit(x - x[1], y, 2)
    if curvature <= 0:
        return float(np.exp(x[1]))
    return float(np.exp(np.clip(x[1] - slope / (2 * curvature), min(x), max(x))))
