"""`train`: from data or a problem to a certified fit."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .._arguments import check_number
from ..errors import InvalidArgument, SolveFailed
from ..networks import network_named
from ..operators import check_data, operator_for
from ..operators.devices import find_device, is_tensor, place
from ..problems import Problem
from ..weights import LowRankPSD
from .data import Dataset, sample
from .fit import Fit, FitStatus
from .gradient import train_gradient
from .lasso import solve_lasso
from .nuclear import solve_limit, solve_nuclear

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .._types import FloatArray
    from ..operators.diagonal import DiagonalOperator

    Progress = Callable[[int, float], None]

#: Ways to train: the fastest certified one, without message passing, message passing alone, the network itself.
SOLVERS = ("auto", "convex", "amp", "gradient")
#: No duality gap below this can be told from rounding.
LEAST_TOLERANCE = 1e-15
#: Columns of scales that differ by more than this are named where the quadratic network does not converge.
WIDE = 100.0


@dataclass(frozen=True, eq=False)
class Task:
    """Checked data and settings; the inputs are a tensor where they are on a GPU."""

    inputs: Any
    labels: FloatArray
    network: str
    width: int

    @property
    def convex(self) -> bool:
        """Whether the minimum is that of a convex problem."""
        return self.network == "diagonal" or self.width >= self.inputs.shape[1]

    @property
    def device(self) -> str:
        """Name of the device that the inputs are on."""
        return str(self.inputs.device) if is_tensor(self.inputs) else "cpu"

    def regularisation(self, weight_decay: float | None, penalty: float | None) -> tuple[float, float | None]:
        """``(lam, pen)``; see :meth:`shallows.Problem.regularisation`."""
        dim = self.inputs.shape[1]
        return network_named(self.network).regularisation(weight_decay, penalty, dim, self.width)


def _task(data: Any, network: str | None, seed: Any, width: int | None, device: Any) -> Task:
    where = find_device(device)  # refused before anything is sampled
    if isinstance(data, Problem):
        if seed is None:
            raise InvalidArgument("seed", seed, "a problem is sampled first: give the seed of its data")
        data = sample(data, seed)
    if isinstance(data, Dataset):
        if network not in (None, data.problem.network):
            raise InvalidArgument("network", network, f"the data are of the {data.problem.network} network")
        if width is None:
            width = data.problem.width
        network, labels = data.problem.network, data.labels
        inputs = place(data.inputs, where)
    else:
        network_named(network)
        if not isinstance(data, (tuple, list)) or len(data) != 2:
            raise InvalidArgument("data", type(data).__name__, "must be a pair (X, y), a Dataset or a Problem")
        inputs, labels = check_data(data[0], data[1], device)
    if width is not None:
        if network == "diagonal":
            raise InvalidArgument("width", width, "applies to the quadratic network only")
        number = check_number("width", width, minimum=1)
        if number != int(number):
            raise InvalidArgument("width", width, "must be an integer >= 1")
    return Task(inputs, labels, str(network), int(width) if width is not None else inputs.shape[1])


def _check(solver: str, tolerance: float, max_iterations: int | None, task: Task) -> tuple[str, float]:
    if solver not in SOLVERS:
        raise InvalidArgument("solver", solver, f"must be one of {', '.join(SOLVERS)}")
    tolerance = check_number("tolerance", tolerance, strict=True)
    if not LEAST_TOLERANCE <= tolerance < 1:
        raise InvalidArgument("tolerance", tolerance, f"a relative duality gap is from {LEAST_TOLERANCE:g} to below 1")
    if max_iterations is not None and check_number("max_iterations", max_iterations, minimum=1) != int(max_iterations):
        raise InvalidArgument("max_iterations", max_iterations, "must be an integer >= 1")
    if not task.convex:
        if solver in ("convex", "amp"):
            raise InvalidArgument(
                "solver",
                solver,
                f'width {task.width} < dim {task.inputs.shape[1]} is not a convex problem: use solver="gradient"',
            )
        solver = "gradient"
    return solver, tolerance


def train(
    data: Problem | Dataset | tuple[Any, Any],
    *,
    network: str | None = None,
    weight_decay: float | None = None,
    penalty: float | None = None,
    solver: str = "auto",
    tolerance: float = 1e-6,
    seed: int | np.random.SeedSequence | None = None,
    width: int | None = None,
    max_iterations: int | None = None,
    precision: str = "float64",
    initial_seed: int = 0,
    device: Any = None,
    throw: bool = True,
    progress: Progress | None = None,
) -> Fit:
    """Reach the training minimum of a diagonal or quadratic network.

    Parameters
    ----------
    data : Problem, Dataset, or pair (X, y)
        Inputs of shape (n, d) and labels of shape (n,), arrays or PyTorch tensors; a problem is sampled with `seed`.
        Never modified; those in float64 that are C- or Fortran-contiguous are used as they are, anything else is
        copied once. The LASSO makes a copy in single precision, or in Fortran order where it needs coordinate descent.
    network : {"diagonal", "quadratic"}
        Needed with arrays.
    weight_decay, penalty : float
        `lam`, or `pen` (quadratic only); exactly one, ``>= 0``; 0 means the limit ``0+``: of all minima of the
        training error the one of least norm.
    solver : {"auto", "convex", "amp", "gradient"}
        ``"auto"``: message passing (coordinate descent where that is faster), then a certified finish (theory note,
        sections 1 and 9); ``"convex"``: the equivalent convex problem without message passing; ``"amp"``: message
        passing alone; ``"gradient"``: L-BFGS on ``(a, w)`` or ``W`` itself, in PyTorch. A width below dim is not
        convex: ``"auto"`` is ``"gradient"`` there.
    tolerance : float
        Relative duality gap; for gradient training see :func:`shallows.training.gradient.train_gradient`.
    seed : int or SeedSequence
        Of the data, when a problem is given.
    width : int, optional
        Hidden units of the quadratic network (default: `d`, or the problem's).
    max_iterations : int, optional
    precision : {"float64", "float32"}
        Of gradient training.
    initial_seed : int
        Of the initialisation of gradient training.
    device : {"cpu", "cuda", "cuda:N"} or torch.device, optional
        Where everything of the size of the data lives and is worked on; default: where `X` is. On a GPU (needs
        PyTorch) in float64, with blocks of rows beside the data; the diagonal network keeps a copy in float32 there
        as it does here, and coordinate descent (``"convex"``, or where message passing leaves its path) brings one to
        the host. The fit is in NumPy in any case; its ``details["device"]`` says where the data were.
    throw : bool
        Raise when the tolerance is not reached; otherwise return the fit with its status.
    progress : callable, optional
        Called with the iteration and the objective.

    Returns
    -------
    Fit

    Raises
    ------
    InvalidArgument
        For unusable data or settings, before any work; a GPU that is not there is one.
    MissingDependency
        If gradient training or a GPU is asked for without PyTorch.
    SolveFailed
        If the tolerance was not reached; its ``result`` is the fit.
    """
    task = _task(data, network, seed, width, device)
    lam, pen = task.regularisation(weight_decay, penalty)
    solver, tolerance = _check(solver, tolerance, max_iterations, task)
    if solver == "gradient":
        fit = train_gradient(
            task.inputs,
            task.labels,
            task.network,
            lam,
            pen,
            width=task.width if task.network == "quadratic" else None,
            seed=initial_seed,
            tolerance=tolerance,
            max_iterations=5000 if max_iterations is None else int(max_iterations),
            precision=precision,
            progress=progress,
        )
    elif task.network == "diagonal":
        fit = _diagonal(
            task, operator_for("diagonal", task.inputs), lam, solver, tolerance, max_iterations, None, progress
        )[0]
    else:
        assert pen is not None
        fit = _quadratic(task, lam, pen, solver, tolerance, max_iterations, None, progress)
    return _deliver(fit, throw, task)


def _deliver(fit: Fit, throw: bool, task: Task) -> Fit:
    if throw and not fit.status.ok:
        gap = "" if fit.gap is None else f", relative duality gap {fit.gap:.3g}"
        advice = _scale_advice(task) or fit.status.advice
        raise SolveFailed(f"training ended with status {fit.status.value}{gap}: {advice}", fit)
    return fit


def _scale_advice(task: Task) -> str | None:
    """What to do where columns of very different scales are the likely reason; the LASSO is free of it."""
    if task.network == "diagonal":
        return None
    sizes = np.array([float(abs(column).max()) for column in task.inputs.T])
    spread = float(sizes.max() / max(sizes[sizes > 0].min(initial=np.inf), 1e-300)) if sizes.any() else 1.0
    if spread < WIDE:
        return None
    return f"the columns' scales differ by a factor of {spread:.1g}, and outputs by its square: scale them alike"


def _status(reached: bool, finite: bool, exhausted: bool) -> FitStatus:
    if not finite:
        return FitStatus.NOT_FINITE
    if reached:
        return FitStatus.CONVERGED
    return FitStatus.MAX_ITERATIONS if exhausted else FitStatus.STALLED


def _diagonal(
    task: Task,
    operator: DiagonalOperator,
    lam: float,
    solver: str,
    tolerance: float,
    max_iterations: int | None,
    start: tuple[FloatArray, FloatArray] | None,
    progress: Progress | None,
) -> tuple[Fit, tuple[FloatArray, FloatArray]]:
    started = time.perf_counter()
    n, d = task.inputs.shape
    result = solve_lasso(
        operator,
        task.labels,
        min(lam * float(np.sqrt(d)), float(np.finfo(float).max)),
        tolerance=tolerance,
        max_iterations=None if max_iterations is None else int(max_iterations),
        start=start,
        method=solver,
        progress=progress,
    )
    proof, details = result.certificate, {**result.details, "device": task.device}
    gap = details.get("limit_gap", proof.gap)
    limit = 2000 + 20 * (n + d) if max_iterations is None else max_iterations
    finish = {"newton": details["newton_steps"], "path": details["path_steps"]}
    weights = result.theta
    weights.setflags(write=False)
    fit = Fit(
        network="diagonal",
        weights=weights,
        weight_decay=lam,
        penalty=None,
        objective=proof.objective,
        dual_objective=proof.dual,
        residual=proof.residual,
        status=_status(gap <= tolerance, np.isfinite(proof.objective), result.iterations >= limit),
        iterations=result.iterations,
        seconds=time.perf_counter() - started,
        train_error=proof.train_error,
        solver=" + ".join([details["start"], *(stage for stage, took in finish.items() if took)]),
        tolerance=tolerance,
        details=details,
    )
    return fit, (result.theta, result.subgradient)


def _quadratic(
    task: Task,
    lam: float,
    pen: float,
    solver: str,
    tolerance: float,
    max_iterations: int | None,
    start: FloatArray | None,
    progress: Progress | None,
) -> Fit:
    started = time.perf_counter()
    limit = 2000 if max_iterations is None else int(max_iterations)
    method = {"convex": "proximal"}.get(solver, solver)
    options: dict[str, Any] = {"tolerance": tolerance, "max_iterations": limit, "method": method, "progress": progress}
    operator = operator_for("quadratic", task.inputs)
    if pen > 0:
        best, details = solve_nuclear(operator, task.labels, pen, start=start, **options)
        reached = best.certificate.gap <= tolerance
        proof = best.certificate
        objective, dual, residual = proof.objective, proof.dual, proof.residual
    else:
        best, details, _ = solve_limit(operator, task.labels, **options)
        proof = best.certificate
        reached = proof.gap <= tolerance
        objective, dual, residual = (
            proof.train_error * task.labels.size / task.inputs.shape[1] ** 2,
            None,
            proof.residual,
        )
    return Fit(
        network="quadratic",
        weights=LowRankPSD(best.factor),
        weight_decay=lam,
        penalty=pen,
        objective=objective,
        dual_objective=dual,
        residual=residual,
        status=_status(reached, np.isfinite(objective), best.iterations >= limit),
        iterations=best.iterations,
        seconds=time.perf_counter() - started,
        train_error=proof.train_error,
        solver=best.solver,
        width=task.width,
        tolerance=tolerance,
        details={**details, "device": task.device},
    )


def train_path(
    data: Problem | Dataset | tuple[Any, Any],
    *,
    network: str | None = None,
    weight_decays: Sequence[float] | None = None,
    penalties: Sequence[float] | None = None,
    solver: str = "auto",
    tolerance: float = 1e-6,
    seed: int | np.random.SeedSequence | None = None,
    width: int | None = None,
    device: Any = None,
    throw: bool = True,
    progress: Callable[[int, Fit], None] | None = None,
) -> list[Fit]:
    """Training minima on one data set over a grid of weight decays, each started from its stronger neighbour.

    Parameters
    ----------
    data, network, solver, tolerance, seed, width, device, throw
        As in :func:`train`; ``solver`` is ``"auto"`` or ``"convex"``, and a width below dim is not supported.
    weight_decays, penalties : sequence of floats
        Exactly one of the two.
    progress : callable, optional
        Called with the place in the grid and its fit.

    Returns
    -------
    list of Fit
        In the order given.
    """
    task = _task(data, network, seed, width, device)
    if (weight_decays is None) == (penalties is None):
        given = "neither" if penalties is None else "both"
        raise InvalidArgument("weight_decays / penalties", given, "give exactly one of the two")
    if solver not in ("auto", "convex") or not task.convex:
        raise InvalidArgument("solver", solver, 'paths take "auto" or "convex", and a width of at least dim')
    solver, tolerance = _check(solver, tolerance, None, task)
    grid = weight_decays if weight_decays is not None else penalties
    if not np.iterable(grid):
        raise InvalidArgument("weight_decays / penalties", grid, "must be a sequence of numbers")
    pairs = [task.regularisation(v, None) if penalties is None else task.regularisation(None, v) for v in grid]
    if not pairs:
        raise InvalidArgument("weight_decays / penalties", list(grid), "needs at least one value")
    fits: dict[int, Fit] = {}
    warm: tuple[FloatArray, FloatArray] | None = None
    columns = operator_for("diagonal", task.inputs)
    factor: FloatArray | None = None
    for index in sorted(range(len(pairs)), key=lambda i: -pairs[i][0]):
        lam, pen = pairs[index]
        if task.network == "diagonal":
            fit, warm = _diagonal(task, columns, lam, solver, tolerance, None, warm, None)
        else:
            assert pen is not None
            fit = _quadratic(task, lam, pen, solver, tolerance, None, factor, None)
            assert isinstance(fit.weights, LowRankPSD)
            factor = fit.weights.factor
        fits[index] = _deliver(fit, throw, task)
        if progress is not None:
            progress(index, fit)
    return [fits[i] for i in range(len(pairs))]
