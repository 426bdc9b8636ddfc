"""Training deep diagonal networks: ``|theta|^(2/L)``, which is not convex, from many starts (theory note, 14)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ..operators.devices import to_host
from .certificates import Certificate
from .lasso import solve_lasso
from .many_starts import ManyStartsTrainer, from_random
from .power_descent import descend, gradient_residual, power_certificate
from .trainer import GRADIENT_MODELS, TRAINERS, GradientModel, TensorProblem

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._types import FloatArray
    from ..networks import Diagonal
    from .task import Task, TrainSettings

#: Changes of fitted values in a sweep, over the labels' length: of every start, and of the best for a tolerance of one.
ROUGH, SWEEP_SHARE = 1e-5, 1e-3


@dataclass(frozen=True, eq=False)
class PowerObjective:
    """``1/2 ||y - X theta||^2 + bound sum |theta_j|^q`` of one data set.

    Attributes
    ----------
    task : Task
    bound, q : float
    """

    task: Task
    bound: float
    q: float

    @cached_property
    def columns(self) -> FloatArray:
        """The inputs on the host, column by column."""
        return np.asfortranarray(to_host(self.task.inputs))

    def certificate(self, theta: FloatArray, /) -> Certificate:
        """Value and stationarity of weights (d,)."""
        return power_certificate(self.task.operator, self.task.labels, theta, self.bound, self.q)

    def own_loss(self, flat: FloatArray) -> tuple[float, FloatArray]:
        """Loss in the network's own weights (L d,), over the labels' squared length, with its gradient."""
        task, root = self.task, np.sqrt(self.task.dim)
        decay, total = task.network.weight_decay_from_strength(self.bound, task.dim, None), self._total
        own = flat.reshape(-1, task.dim)
        product, others = products(own)
        residual = task.labels - self.columns @ (product / root)
        slope = -2 * (self.columns.T @ residual) / root
        value = float(residual @ residual) + decay * float(flat @ flat)
        return value / total, ((slope * others + 2 * decay * own) / total).ravel()

    @cached_property
    def _total(self) -> float:
        return float(self.task.labels @ self.task.labels) or 1.0


class DeepDiagonalTrainer(ManyStartsTrainer):
    """Each start is polished by coordinate descent with the exact proximal map; the convex one is a LASSO."""

    mix = 0.7
    rough_first = True
    convex_name = "lasso"

    def __init__(self, network: Diagonal) -> None:
        self.q = 2 / network.depth

    def objective(self, task: Task, strength: float) -> PowerObjective:
        return PowerObjective(task, strength, self.q)

    def polish(
        self, objective: PowerObjective, start: FloatArray, settings: TrainSettings, *, rough: bool
    ) -> tuple[FloatArray, int, bool]:
        limit = 500 if settings.max_iterations is None else settings.max_iterations
        tolerance = ROUGH if rough else SWEEP_SHARE * settings.tolerance
        labels, bound = objective.task.labels, objective.bound
        found = descend(objective.columns, labels, bound, self.q, start, tolerance=tolerance, most=limit)
        return found.theta, found.sweeps, found.settled

    def effective(self, weights: FloatArray) -> FloatArray:
        return weights

    def kept(self, messages: FloatArray) -> FloatArray:
        return messages

    def zero(self, task: Task) -> FloatArray:
        return np.zeros(task.dim)

    def convex_start(self, task: Task, objective: PowerObjective) -> FloatArray:
        size = float(np.mean(task.operator.squares))
        bound = float(size * (objective.bound / size) ** (1 / (2 - self.q)))
        return solve_lasso(task.operator, task.labels, bound, tolerance=1e-4).theta

    def random_start(self, task: Task, objective: PowerObjective, scale: float, seed: int) -> FloatArray:
        layers = len(task.network.parameter_names)
        own = from_random(task, objective.own_loss, layers * task.dim, scale, seed).reshape(layers, task.dim)
        theta = products(own)[0] / np.sqrt(task.dim)
        cut = float(task.network.cut(np.array(objective.bound / task.samples)))
        return np.where(np.abs(theta) > 1e-3 * cut, theta, 0.0)

    def features(self, weights: FloatArray) -> int:
        return int(np.count_nonzero(weights))

    def certificate(self, task: Task, weights: FloatArray, weight_decay: float, penalty: float | None) -> Certificate:
        return self.objective(task, task.network.strength(weight_decay, penalty, task.dim)).certificate(weights)


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
