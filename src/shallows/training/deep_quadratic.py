"""Training deep quadratic networks: ``sum s^(1/k)``, not convex, from many starts (theory note, section 14)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..weights import LowRankPSD
from .certificates import Certificate
from .many_starts import ManyStartsTrainer, from_random
from .nuclear import solve_nuclear
from .quadratic import data_part
from .schatten_descent import SchattenProblem, descend, factor_of
from .trainer import GRADIENT_MODELS, TRAINERS, GradientModel, TensorProblem

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._types import FloatArray
    from ..networks import Quadratic
    from .task import Task, TrainSettings

#: Data of more numbers than this are not trained from random weights: what that costs is gradient training's business.
MOST_RANDOM = 2e8


class DeepQuadraticTrainer(ManyStartsTrainer):
    """Weights are kept as factors (d, r); the convex start is a nuclear norm."""

    mix = 0.6
    convex_name = "nuclear norm"

    def __init__(self, network: Quadratic) -> None:
        self.depth, self.power = network.depth, network.penalty_exponent

    def objective(self, task: Task, strength: float) -> SchattenProblem:
        return SchattenProblem(task.operator, task.labels, 2 * strength, self.depth)

    def polish(
        self, objective: SchattenProblem, start: FloatArray, settings: TrainSettings, *, rough: bool
    ) -> tuple[FloatArray, int, bool]:
        return descend(objective, start, 1e-2 * settings.tolerance)

    def effective(self, weights: FloatArray) -> LowRankPSD:
        return LowRankPSD(weights)

    def kept(self, messages: FloatArray) -> FloatArray:
        values, vectors = np.linalg.eigh(messages)
        learned = values > 1e-12 * max(float(values[-1]), 1e-300)
        return np.asarray(vectors[:, learned] * np.sqrt(values[learned]))

    def zero(self, task: Task) -> FloatArray:
        return np.zeros((task.dim, 0))

    def convex_start(self, task: Task, objective: SchattenProblem) -> FloatArray:
        unit = 4 * task.samples / task.dim**2
        bound = unit * (objective.penalty / unit) ** (1 / (2 - self.power))
        return solve_nuclear(task.operator, task.labels, bound, tolerance=1e-4).best.factor

    def is_small(self, task: Task) -> bool:
        return task.samples * task.dim**2 <= MOST_RANDOM

    def random_start(self, task: Task, objective: SchattenProblem, scale: float, seed: int) -> FloatArray:
        d, depth = task.dim, self.depth
        return factor_of(from_random(task, objective.own_loss(d), depth * d * d, scale, seed), d, d, depth)

    def features(self, weights: FloatArray) -> int:
        return int(weights.shape[1])

    def certificate(self, task: Task, weights: LowRankPSD, weight_decay: float, penalty: float | None) -> Certificate:
        return self.objective(task, task.network.strength(weight_decay, penalty, task.dim)).certificate(weights.factor)


class DeepQuadraticGradient(GradientModel):
    """``sum (y - f)^2 + lam sum_j ||W_j||_F^2`` with ``W = W_k ... W_1`` in the place of the quadratic network's."""

    def loss(self, problem: TensorProblem) -> Callable[[], Any]:
        layers, total, weight_decay = problem.parameters, problem.total, problem.weight_decay

        def closure() -> Any:
            products = [layers[0]]
            for layer in layers[1:]:
                products.append(layer @ products[-1])
            part = data_part(problem, products[-1])
            loss, slope = part.loss, part.gradient
            slope.add_(part.seen, alpha=float(4 * part.shift / part.root))
            for place in range(len(layers) - 1, -1, -1):
                layer = layers[place]
                own = slope if place == 0 else slope @ products[place - 1].T
                slope = layer.T @ slope
                layer.grad = (own + 2 * weight_decay * layer) / total
                loss = loss + weight_decay * (layer * layer).sum()
            return loss / total

        return closure

    def stationarity(self, task: Task, weights: LowRankPSD, weight_decay: float, penalty: float | None) -> float:
        return TRAINERS.of(task.network).certificate(task, weights, weight_decay, penalty).residual


@TRAINERS.register_for_each("deep_quadratic")
def _for(network: Quadratic) -> DeepQuadraticTrainer:
    return DeepQuadraticTrainer(network)


GRADIENT_MODELS.register("deep_quadratic")(DeepQuadraticGradient())
