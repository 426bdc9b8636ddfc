"""`train`: from data or a problem to a certified fit."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np

from .._arguments import exactly_one
from ..errors import InvalidArgument, SolveFailed
from .fit import Fit, FitStatus
from .gradient import train_gradient
from .task import SMALLEST_TOLERANCE, SOLVERS, Task, TrainSettings, task_of
from .trainer import TRAINERS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..problems import Problem
    from .sampling import Dataset
    from .task import Progress
    from .trainer import Solution

__all__ = ["SMALLEST_TOLERANCE", "SOLVERS", "train", "train_path"]


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
    init_scale: float = 1.0,
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
        training error the one of smallest norm.
    solver : {"auto", "convex", "amp", "gradient"}
        ``"auto"``: message passing (coordinate descent where that is faster), then a certified finish (theory note,
        sections 1 and 9); ``"convex"``: the equivalent convex problem without message passing; ``"amp"``: message
        passing alone; ``"gradient"``: L-BFGS on ``(a, w)`` or ``W`` itself, in PyTorch. A width below dim is not
        convex: ``"auto"`` is ``"gradient"`` there. Neither is a deep network's problem: ``"auto"`` is the best of many
        starts there, ``"amp"`` message passing and a polish of where it ends.
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
    init_scale : float
        Of the initial weights of gradient training, over those whose outputs have about the size of the labels. Where
        the problem is not convex, training from small weights ends elsewhere (:func:`shallows.verify` maps it).
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

    Examples
    --------
    >>> from shallows import PowerLaw, Problem, train
    >>> problem = Problem("quadratic", PowerLaw(dim=20, gamma=1.25), samples=400, noise=0.1)
    >>> fit = train(problem, seed=0, penalty=0.1)
    >>> fit.status.value, fit.gap < 1e-6, fit.weights.rank
    ('converged', True, 15)
    """
    task = task_of(data, network, seed, width, device)
    regularisation = task.network.regularisation(weight_decay, penalty, task.dim, task.width)
    settings = TrainSettings(solver, tolerance, max_iterations, precision, initial_seed, progress, init_scale)
    settings = settings.for_task(task, many_starts=_many_starts(task))
    if settings.solver == "gradient":
        fit = train_gradient(task, *regularisation, settings)
    else:
        fit, _ = _solve(task, regularisation, settings, None)
    return _deliver(fit, throw, task)


def _many_starts(task: Task) -> bool:
    return TRAINERS.has(task.network) and TRAINERS.of(task.network).many_starts


def _solve(
    task: Task, regularisation: tuple[float, float | None], settings: TrainSettings, neighbour: Any
) -> tuple[Fit, Any]:
    """The minimum of the equivalent convex problem, and what a neighbouring problem can start from."""
    started = time.perf_counter()
    weight_decay, penalty = regularisation
    found = TRAINERS.of(task.network).solve(task, weight_decay, penalty, settings, neighbour)
    fit = Fit(
        network=task.network.name,
        weights=found.weights,
        weight_decay=weight_decay,
        penalty=penalty,
        objective=found.objective,
        dual_objective=found.dual_objective,
        residual=found.residual,
        status=_status(found),
        iterations=found.iterations,
        seconds=time.perf_counter() - started,
        train_error=found.train_error,
        solver=found.solver,
        width=task.width,
        tolerance=settings.tolerance,
        details={**found.details, "device": task.device},
    )
    return fit, found.neighbour


def _status(found: Solution) -> FitStatus:
    if not np.isfinite(found.objective):
        return FitStatus.NOT_FINITE
    if found.reached:
        return FitStatus.LOCAL_MINIMUM if found.local else FitStatus.CONVERGED
    return FitStatus.MAX_ITERATIONS if found.exhausted else FitStatus.STALLED


def _deliver(fit: Fit, throw: bool, task: Task) -> Fit:
    if throw and not fit.status.ok:
        gap = "" if fit.gap is None else f", relative duality gap {fit.gap:.3g}"
        advice = TRAINERS.of(task.network).advice(task) or fit.status.advice
        raise SolveFailed(f"training ended with status {fit.status.value}{gap}: {advice}", fit)
    return fit


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

    Raises
    ------
    InvalidArgument
        For unusable data or settings, before any work.
    MissingDependency
        If a GPU is asked for without PyTorch.
    SolveFailed
        At the first fit that does not reach the tolerance; its ``result`` is that fit.

    Examples
    --------
    >>> from shallows import PowerLaw, Problem
    >>> from shallows.training import train_path
    >>> problem = Problem("diagonal", PowerLaw(dim=50, gamma=1.0), samples=80, noise=0.1)
    >>> fits = train_path(problem, seed=0, weight_decays=[1.0, 4.0])
    >>> [int((fit.weights != 0).sum()) for fit in fits]
    [11, 2]
    """
    task = task_of(data, network, seed, width, device)
    given = exactly_one({"weight_decays": weight_decays, "penalties": penalties})
    if solver not in ("auto", "convex") or not task.convex:
        raise InvalidArgument("solver", solver, 'paths take "auto" or "convex", and a problem that is convex')
    settings = TrainSettings(solver, tolerance)
    grid = weight_decays if penalties is None else penalties
    if not np.iterable(grid):
        raise InvalidArgument(given, grid, "must be a sequence of numbers")
    pairs = [
        task.network.regularisation(
            value if penalties is None else None, None if penalties is None else value, task.dim, task.width
        )
        for value in grid
    ]
    if not pairs:
        raise InvalidArgument(given, list(grid), "needs at least one value")
    fits: dict[int, Fit] = {}
    neighbour: Any = None
    for index in sorted(range(len(pairs)), key=lambda i: -pairs[i][0]):
        fit, neighbour = _solve(task, pairs[index], settings, neighbour)
        fits[index] = _deliver(fit, throw, task)
        if progress is not None:
            progress(index, fit)
    return [fits[i] for i in range(len(pairs))]
