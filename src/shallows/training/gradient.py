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
from ..networks import network_named
from ..operators import operator_for
from ..operators.devices import is_tensor, place, require_torch
from ..operators.quadratic_torch import device_block_numbers
from ..weights import LowRankPSD
from .certificates import Certificate, lasso_certificate, nuclear_certificate
from .fit import Fit, FitStatus

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._types import FloatArray

#: Iterations between two looks at convergence.
CHUNK = 25
#: Steps that L-BFGS remembers: each costs two copies of the weights, and more of them save few iterations.
HISTORY = 3
#: Numbers in one block of rows on the CPU.
CACHE_NUMBERS = 1 << 16
#: Training has converged when a chunk lowers the objective by less than this share of the tolerance.
SHARE = 0.02


def train_gradient(
    inputs: Any,
    labels: FloatArray,
    network: str,
    weight_decay: float,
    penalty: float | None,
    *,
    width: int | None = None,
    seed: int = 0,
    tolerance: float = 1e-6,
    max_iterations: int = 5000,
    precision: str = "float64",
    scale: float = 1.0,
    progress: Callable[[int, float], None] | None = None,
) -> Fit:
    """Train ``(a, w)`` or ``W`` until the objective no longer moves, or the duality gap is closed.

    Parameters
    ----------
    inputs : ndarray or tensor of float64, shape (n, d)
        The network is trained where they are.
    labels : ndarray, shape (n,)
    network : {"diagonal", "quadratic"}
    weight_decay, penalty : float
        `lam` and `pen`; `weight_decay` must be positive.
    width : int, optional
        Hidden units of the quadratic network (default `d`).
    seed : int
        Of the initialisation: independent normal weights whose outputs have about the labels' size at ``scale=1``.
    tolerance : float
        Relative, on the objective: the run converges when the duality gap falls below it (``width >= d``), or when 25
        iterations lower the objective by less than a fiftieth of it.
    max_iterations : int
    precision : {"float64", "float32"}
        Of the training; the certificate is always computed in float64.
    scale : float
        Multiplies the initial weights.
    progress : callable, optional
        Called with the iteration and the objective.

    Returns
    -------
    Fit
        With ``.parameters`` ``{"a", "w"}`` or ``{"W"}``.
    """
    torch = require_torch("gradient training", 'use solver="convex", which reaches the same minimum')
    if weight_decay <= 0:
        raise InvalidArgument(
            "weight_decay",
            weight_decay,
            'gradient training needs a value > 0; the limit 0+ is solved by solver="convex"',
        )
    if precision not in ("float64", "float32"):
        raise InvalidArgument("precision", precision, 'must be "float64" or "float32"')
    started = time.perf_counter()
    n, d = inputs.shape
    p = d if width is None else width
    dtype = torch.float64 if precision == "float64" else torch.float32
    rng = np.random.default_rng(seed)
    spread = scale * np.sqrt(float(np.std(labels)) or 1.0)
    architecture = network_named(network)
    shapes = architecture.parameter_shapes(d, width)
    device = inputs.device if is_tensor(inputs) else torch.device("cpu")
    parameters = [torch.from_numpy(spread * rng.standard_normal(s)).to(device, dtype) for s in shapes]
    x, y = (place(array, device).to(dtype) for array in (inputs, labels))
    numbers = CACHE_NUMBERS if device.type == "cpu" else device_block_numbers(n * d)
    rows = max(1, min(n, numbers // max(p, d))) if network == "quadratic" else n
    total = float(labels @ labels) or 1.0
    root = float(np.sqrt(d)) if network == "diagonal" else float(np.sqrt(p * d) * np.sqrt(d))

    def loss_diagonal() -> Any:
        a, w = parameters
        residual = y - x @ (a * w / root)
        slope = -2 * (x.T @ residual) / root
        a.grad = (slope * w + 2 * weight_decay * a) / total
        w.grad = (slope * a + 2 * weight_decay * w) / total
        return (residual @ residual + weight_decay * (a @ a + w @ w)) / total

    def loss_quadratic() -> Any:
        (w,) = parameters
        norm = (w * w).sum()
        gradient, loss, shift = torch.zeros_like(w), w.new_zeros(()), w.new_zeros(())
        for start in range(0, n, rows):
            block = x[start : start + rows]
            hidden = block @ w.T
            residual = y[start : start + rows] - ((hidden * hidden).sum(1) - norm) / root
            loss = loss + residual @ residual
            shift = shift + residual.sum()
            gradient.addmm_((hidden * residual[:, None]).T, block, alpha=-4 / root)
        gradient.add_(w, alpha=float(4 * shift / root + 2 * weight_decay))
        w.grad = gradient / total
        return (loss + weight_decay * norm) / total

    closure = loss_diagonal if network == "diagonal" else loss_quadratic
    for tensor in parameters:
        tensor.requires_grad_(False)
    optimiser = torch.optim.LBFGS(
        parameters,
        lr=1.0,
        max_iter=CHUNK,
        max_eval=4 * CHUNK,
        history_size=HISTORY,
        tolerance_grad=0.0,
        tolerance_change=0.0,
        line_search_fn="strong_wolfe",
    )

    def certificate() -> tuple[FloatArray | LowRankPSD, Certificate]:
        weights = architecture.effective_weights(own_weights())
        if network == "diagonal":
            bound = weight_decay * np.sqrt(d)
            return weights, lasso_certificate(operator_for("diagonal", inputs), labels, weights, bound)
        pen = weight_decay * np.sqrt(p / d) if penalty is None else penalty
        return weights, nuclear_certificate(operator_for("quadratic", inputs), labels, weights.factor, pen)

    def own_weights() -> dict[str, FloatArray]:
        names = architecture.parameter_names
        return {name: t.numpy(force=True).copy() for name, t in zip(names, parameters, strict=True)}

    convex = network == "diagonal" or p >= d
    previous, iterations, status = np.inf, 0, FitStatus.MAX_ITERATIONS
    criterion = "none"
    while iterations < max_iterations:
        optimiser.step(closure)
        iterations = int(optimiser.state[parameters[0]]["n_iter"]) if optimiser.state else iterations + CHUNK
        objective = float(closure())
        if progress is not None:
            progress(iterations, objective)
        if not np.isfinite(objective):
            status = FitStatus.NOT_FINITE
            break
        drop = (previous - objective) / objective if objective > 0 else 0.0
        previous = objective
        if abs(drop) <= SHARE * tolerance:
            status, criterion = FitStatus.CONVERGED, "objective change"
            break
        # The certificate costs as much as a few iterations: look only once the end is near.
        if convex and drop <= 100 * tolerance and certificate()[1].gap <= tolerance:
            status, criterion = FitStatus.CONVERGED, "duality gap"
            break
    weights, proof = certificate()
    if not np.isfinite(proof.objective):
        status = FitStatus.NOT_FINITE
    return Fit(
        network=network,
        weights=weights,
        weight_decay=weight_decay,
        penalty=penalty,
        objective=proof.objective,
        dual_objective=proof.dual if convex else None,
        residual=proof.residual if convex else _stationarity(weights, inputs, labels, penalty),
        status=status,
        iterations=iterations,
        seconds=time.perf_counter() - started,
        train_error=proof.train_error,
        solver=f"gradient-{precision}",
        width=p if network == "quadratic" else None,
        tolerance=tolerance,
        parameters=own_weights(),
        details={"criterion": criterion, "seed": seed, "device": str(device)},
    )


def _stationarity(weights: FloatArray | LowRankPSD, inputs: Any, labels: FloatArray, penalty: float | None) -> float:
    """Relative norm of the gradient in the factor, all that can be asked where the problem is not convex."""
    assert isinstance(weights, LowRankPSD) and penalty is not None
    operator, factor = operator_for("quadratic", inputs), weights.factor
    residual = labels - operator.forward_factor(factor)
    bound = penalty * operator.dim / 2
    slope = bound * factor - operator.adjoint_times(residual, factor)
    size = bound * float(np.linalg.norm(factor))
    return float(np.linalg.norm(slope)) / size if size > 0 else 0.0
