"""Gradient training of the real network, ``(a, w)`` or ``W``, with L-BFGS in PyTorch (extra ``train``).

The loss is ``sum (y - f)^2 + lam (||a||^2 + ||w||^2)`` or ``sum (y - f)^2 + lam ||W||_F^2`` (theory note,
section 1), from a random initialisation. Gradients are written out and accumulated over row blocks: memory beyond the
data is that of the block and of the optimiser's history, never ``n x p``.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InvalidArgument
from ..operators.devices import is_tensor, place, require_torch
from ..operators.quadratic_torch import device_block_numbers
from .fit import Fit, FitStatus
from .trainer import GRADIENT_MODELS, TRAINERS, TensorProblem

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._types import FloatArray
    from .certificates import Certificate
    from .task import Task, TrainSettings

#: Iterations, where no number is asked for, and between two looks at convergence.
ITERATIONS, CHUNK = 5000, 25
#: Steps that L-BFGS remembers: each costs two copies of the weights, and more of them save few iterations.
HISTORY = 3
#: Numbers in one block of rows on the CPU.
CACHE_NUMBERS = 1 << 16
#: Training has converged when a chunk lowers the objective by less than this share of the tolerance.
SHARE = 0.02


def train_gradient(task: Task, weight_decay: float, penalty: float | None, settings: TrainSettings) -> Fit:
    """Train ``(a, w)`` or ``W`` until the objective no longer moves, or the duality gap is closed.

    Parameters
    ----------
    task : Task
        The network is trained where its inputs are.
    weight_decay, penalty : float
        `lam`, which must be positive, and `pen`.
    settings : TrainSettings
        The tolerance is relative, on the objective: the run converges when the duality gap falls below it (where the
        problem is convex), or when 25 iterations lower the objective by less than a fiftieth of it. Weights start
        from independent normal numbers, of the seed asked for, whose outputs have about the labels' size, times the
        scale asked for. The precision is that of the training; the certificate is always computed in float64.

    Returns
    -------
    Fit
        With the network's own weights as its ``parameters``.
    """
    torch = require_torch("gradient training", 'use solver="convex", which reaches the same minimum')
    if weight_decay <= 0:
        allowed = 'gradient training needs a value > 0; the limit 0+ is solved by solver="convex"'
        raise InvalidArgument("weight_decay", weight_decay, allowed)
    if settings.precision not in ("float64", "float32"):
        raise InvalidArgument("precision", settings.precision, 'must be "float64" or "float32"')
    started = time.perf_counter()
    problem, device = _tensors(torch, task, weight_decay, settings)

    def certify() -> tuple[Any, Certificate]:
        weights = task.network.effective_weights(_own_weights(task, problem))
        return weights, TRAINERS.of(task.network).certificate(task, weights, weight_decay, penalty)

    iterations, status, criterion = _descend(torch, task, problem, settings, lambda: certify()[1].gap)
    weights, proof = certify()
    if not np.isfinite(proof.objective):
        status = FitStatus.NOT_FINITE
    stationarity = GRADIENT_MODELS.of(task.network).stationarity
    return Fit(
        network=task.network.name,
        weights=weights,
        weight_decay=weight_decay,
        penalty=penalty,
        objective=proof.objective,
        dual_objective=proof.dual if task.convex else None,
        residual=proof.residual if task.convex else stationarity(task, weights, weight_decay, penalty),
        status=status,
        iterations=iterations,
        seconds=time.perf_counter() - started,
        train_error=proof.train_error,
        solver=f"gradient-{settings.precision}",
        width=task.width,
        tolerance=settings.tolerance,
        parameters=_own_weights(task, problem),
        details={
            "criterion": criterion,
            "seed": settings.initial_seed,
            "init_scale": settings.init_scale,
            "device": str(device),
        },
    )


def _tensors(torch: Any, task: Task, weight_decay: float, settings: TrainSettings) -> tuple[TensorProblem, Any]:
    """Data and initial weights on the device of the inputs, and the device."""
    dtype = torch.float64 if settings.precision == "float64" else torch.float32
    device = task.inputs.device if is_tensor(task.inputs) else torch.device("cpu")
    rng = np.random.default_rng(settings.initial_seed)
    size = float(np.std(task.labels)) or 1.0
    spread = settings.init_scale * task.network.initial_spread(size, task.dim)
    shapes = task.network.parameter_shapes(task.dim, task.width)
    parameters = [torch.from_numpy(spread * rng.standard_normal(shape)).to(device, dtype) for shape in shapes]
    inputs, labels = (place(array, device).to(dtype) for array in (task.inputs, task.labels))
    covariance = None
    if task.covariance is not None:
        matrix = np.diag(task.covariance) if task.covariance.ndim == 1 else task.covariance
        covariance = torch.from_numpy(np.ascontiguousarray(matrix)).to(device, dtype)
    problem = TensorProblem(
        inputs=inputs,
        labels=labels,
        parameters=tuple(parameters),
        weight_decay=weight_decay,
        total=float(task.labels @ task.labels) or 1.0,
        block_numbers=CACHE_NUMBERS if device.type == "cpu" else device_block_numbers(task.samples * task.dim),
        covariance=covariance,
    )
    return problem, device


def _own_weights(task: Task, problem: TensorProblem) -> dict[str, FloatArray]:
    """Copies of the network's own weights on the host, by name."""
    named = zip(task.network.parameter_names, problem.parameters, strict=True)
    return {name: tensor.numpy(force=True).copy() for name, tensor in named}


def _descend(
    torch: Any, task: Task, problem: TensorProblem, settings: TrainSettings, gap: Callable[[], float]
) -> tuple[int, FitStatus, str]:
    """L-BFGS from the present parameters: iterations, how it ended, and by which criterion it converged."""
    loss = GRADIENT_MODELS.of(task.network).loss(problem)
    for tensor in problem.parameters:
        tensor.requires_grad_(False)
    optimiser = torch.optim.LBFGS(
        list(problem.parameters),
        lr=1.0,
        max_iter=CHUNK,
        max_eval=4 * CHUNK,
        history_size=HISTORY,
        tolerance_grad=0.0,
        tolerance_change=0.0,
        line_search_fn="strong_wolfe",
    )
    limit = ITERATIONS if settings.max_iterations is None else settings.max_iterations
    tolerance, previous, iterations = settings.tolerance, np.inf, 0
    while iterations < limit:
        optimiser.step(loss)
        state = optimiser.state
        iterations = int(state[problem.parameters[0]]["n_iter"]) if state else iterations + CHUNK
        objective = float(loss())
        if settings.progress is not None:
            settings.progress(iterations, objective)
        if not np.isfinite(objective):
            return iterations, FitStatus.NOT_FINITE, "none"
        drop = (previous - objective) / objective if objective > 0 else 0.0
        previous = objective
        if abs(drop) <= SHARE * tolerance:
            return iterations, FitStatus.CONVERGED, "objective change"
        # The certificate costs as much as a few iterations: look only once the end is near.
        if task.convex and drop <= 100 * tolerance and gap() <= tolerance:
            return iterations, FitStatus.CONVERGED, "duality gap"
    return iterations, FitStatus.MAX_ITERATIONS, "none"
