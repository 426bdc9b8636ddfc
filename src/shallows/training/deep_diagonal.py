"""Training deep diagonal networks: ``|theta|^(2/L)``, which is not convex, from many starts (theory note, 14)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..amp import Iteration, ThresholdForPenalty
from ..errors import InvalidArgument
from ..operators.devices import to_host
from .certificates import Certificate
from .lasso import solve_lasso
from .power_descent import descend, gradient_residual, power_certificate
from .trainer import GRADIENT_MODELS, TRAINERS, GradientModel, Solution, TensorProblem, Trainer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .._types import FloatArray
    from ..networks import Diagonal
    from .task import Task, TrainSettings

#: Iterations of message passing, and the share of each proposal that is mixed in.
MESSAGES, MIX = 60, 0.7
#: Scales of random own weights to start gradient training from, over those whose outputs are as large as the labels.
SCALES = (1.0, 0.3)
#: Iterations of it; coordinate descent goes on from where it is.
GRADIENT_ITERATIONS = 400
#: Changes of fitted values in a sweep, over the labels' length: of every start, and of the best for a tolerance of one.
ROUGH, SWEEP_SHARE = 1e-5, 1e-3


@dataclass(frozen=True, eq=False)
class _Ended:
    """Where one start led."""

    start: str
    theta: FloatArray
    proof: Certificate
    sweeps: int
    settled: bool


class DeepDiagonalTrainer(Trainer):
    """The best of many local minima: from message passing, the LASSO, zero and random weights.

    Each is polished by coordinate descent with the exact proximal map. Neighbouring problems share their weights.
    """

    many_starts = True

    def __init__(self, network: Diagonal) -> None:
        self.q = 2 / network.depth

    def solve(
        self,
        task: Task,
        weight_decay: float,
        penalty: float | None,
        settings: TrainSettings,
        neighbour: FloatArray | None = None,
    ) -> Solution:
        bound = task.network.strength(weight_decay, penalty, task.dim)
        if bound == 0.0:
            allowed = "must be positive for a deep diagonal network: no solver finds the sparsest interpolating weights"
            raise InvalidArgument("weight_decay", weight_decay, allowed)
        columns = np.asfortranarray(to_host(task.inputs))
        limit = 500 if settings.max_iterations is None else settings.max_iterations
        ends = []
        for name, start in self._starts(task, columns, bound, settings, neighbour):
            ends.append(self._polished(task, columns, bound, name, start, ROUGH, limit))
            if settings.progress is not None:
                settings.progress(sum(end.sweeps for end in ends), min(end.proof.objective for end in ends))
        best = min(ends, key=lambda end: end.proof.objective)
        best = self._polished(task, columns, bound, best.start, best.theta, SWEEP_SHARE * settings.tolerance, limit)
        best.theta.setflags(write=False)
        return Solution(
            weights=best.theta,
            objective=best.proof.objective,
            dual_objective=None,
            residual=best.proof.residual,
            train_error=best.proof.train_error,
            reached=best.settled,
            exhausted=not best.settled,
            iterations=sum(end.sweeps for end in ends),
            solver=f"best of {len(ends)} starts: {best.start}" if len(ends) > 1 else best.start,
            details={"starts": [_told(end) for end in ends]},
            neighbour=best.theta,
            local=True,
        )

    def _polished(
        self, task: Task, columns: Any, bound: float, name: str, start: FloatArray, tolerance: float, limit: int
    ) -> _Ended:
        found = descend(columns, task.labels, bound, self.q, start, tolerance=tolerance, most=limit)
        proof = power_certificate(task.operator, task.labels, found.theta, bound, self.q)
        return _Ended(name, found.theta, proof, found.sweeps, found.settled)

    def _starts(
        self, task: Task, columns: FloatArray, bound: float, settings: TrainSettings, neighbour: FloatArray | None
    ) -> Iterator[tuple[str, FloatArray]]:
        """Names and weights (d,) to start from."""
        strength = ThresholdForPenalty(bound)
        yield "message passing", _message_passing(task, strength)
        if settings.solver == "amp":
            return
        if neighbour is not None:
            yield "neighbour", neighbour
        yield "zero", np.zeros(task.dim)
        # the LASSO whose threshold is that of this penalty for a weight as large as it jumps to
        yield "lasso", solve_lasso(task.operator, task.labels, self._lasso_bound(task, bound), tolerance=1e-4).theta
        for scale in SCALES:
            name = f"random weights times {scale:g}"
            yield name, _gradient(task, columns, bound, self.q, scale, settings.initial_seed)

    def _lasso_bound(self, task: Task, bound: float) -> float:
        size = float(np.mean(task.operator.squares))
        return float(size * (bound / size) ** (1 / (2 - self.q)))

    def certificate(self, task: Task, weights: FloatArray, weight_decay: float, penalty: float | None) -> Certificate:
        bound = task.network.strength(weight_decay, penalty, task.dim)
        return power_certificate(task.operator, task.labels, weights, bound, self.q)


def _told(end: _Ended) -> dict[str, Any]:
    """One start for people and files."""
    return {
        "start": end.start,
        "objective": end.proof.objective,
        "train_error": end.proof.train_error,
        "features": int(np.count_nonzero(end.theta)),
        "residual": end.proof.residual,
    }


def _message_passing(task: Task, policy: ThresholdForPenalty) -> FloatArray:
    """Where damped message passing is after a fixed number of iterations: near the jump a few weights never settle."""
    iteration = Iteration(task.network, task.operator, task.labels, policy)
    for _ in range(MESSAGES):
        if iteration.scale == 0.0:
            break
        iteration.propose()
        iteration.mix(MIX)
    return np.array(iteration.weights)


def _gradient(task: Task, columns: FloatArray, bound: float, q: float, scale: float, seed: int) -> FloatArray:
    """L-BFGS on the network's own weights from random ones, on the host."""
    from scipy.optimize import minimize

    network, labels, (n, d) = task.network, task.labels, columns.shape
    rng = np.random.default_rng([seed, round(1e6 * scale)])
    spread = scale * network.initial_spread(float(np.std(labels)) or 1.0, d)
    layers = len(network.parameter_names)
    root, decay = np.sqrt(d), network.weight_decay_from_strength(bound, d, None)
    total = float(labels @ labels) or 1.0

    def loss(flat: FloatArray) -> tuple[float, FloatArray]:
        own = flat.reshape(layers, d)
        product, others = products(own)
        residual = labels - columns @ (product / root)
        slope = -2 * (columns.T @ residual) / root
        value = float(residual @ residual) + decay * float(flat @ flat)
        return value / total, ((slope * others + 2 * decay * own) / total).ravel()

    start = spread * rng.standard_normal(layers * d)
    options = {"maxiter": GRADIENT_ITERATIONS, "maxfun": 2 * GRADIENT_ITERATIONS}
    own = minimize(loss, start, jac=True, method="L-BFGS-B", options=options).x.reshape(layers, d)
    theta = products(own)[0] / root
    cut = float(network.cut(np.array(bound / n)))
    return np.where(np.abs(theta) > 1e-3 * cut, theta, 0.0)


def products(own: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Product over the layers of own weights (L, d), shape (d,), and for each layer that of the others, (L, d)."""
    layers = own.shape[0]
    before, after = np.ones_like(own), np.ones_like(own)
    for layer in range(1, layers):
        before[layer] = before[layer - 1] * own[layer - 1]
        after[layers - 1 - layer] = after[layers - layer] * own[layers - layer]
    return before[-1] * own[-1], before * after


class DeepDiagonalGradient(GradientModel):
    """``sum (y - X (w_1 ... w_L)/sqrt(d))^2 + lam sum_l ||w_l||^2``."""

    def loss(self, problem: TensorProblem) -> Callable[[], Any]:
        x, y, own, total = problem.inputs, problem.labels, problem.parameters, problem.total
        weight_decay, root = problem.weight_decay, float(np.sqrt(x.shape[1]))

        def closure() -> Any:
            before = [own[0].new_ones(own[0].shape)]
            for tensor in own:
                before.append(before[-1] * tensor)
            residual = y - x @ (before[-1] / root)
            slope = -2 * (x.T @ residual) / root
            loss, after = residual @ residual, own[0].new_ones(own[0].shape)
            for tensor, product in zip(reversed(own), reversed(before[:-1]), strict=True):
                tensor.grad = (slope * product * after + 2 * weight_decay * tensor) / total
                loss = loss + weight_decay * (tensor @ tensor)
                after = after * tensor
            return loss / total

        return closure

    def stationarity(self, task: Task, weights: FloatArray, weight_decay: float, penalty: float | None) -> float:
        bound = task.network.strength(weight_decay, penalty, task.dim)
        q = 2 / task.network.depth  # type: ignore[attr-defined]
        return gradient_residual(task.operator, task.labels, weights, bound, q)


@TRAINERS.register_for_each("deep_diagonal")
def _for(network: Diagonal) -> DeepDiagonalTrainer:
    return DeepDiagonalTrainer(network)


GRADIENT_MODELS.register("deep_diagonal")(DeepDiagonalGradient())
