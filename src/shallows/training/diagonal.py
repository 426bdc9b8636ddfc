"""Training the diagonal network: the LASSO, and gradients of its own weights ``(a, w)``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .certificates import Certificate, lasso_certificate
from .lasso import solve_lasso
from .trainer import GRADIENT_MODELS, TRAINERS, GradientModel, Solution, TensorProblem, Trainer

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._types import FloatArray
    from .task import Task, TrainSettings


class DiagonalTrainer(Trainer):
    """Neighbouring problems share weights and their subgradient."""

    def solve(
        self,
        task: Task,
        weight_decay: float,
        penalty: float | None,
        settings: TrainSettings,
        neighbour: tuple[FloatArray, FloatArray] | None = None,
    ) -> Solution:
        largest = 2000 + 20 * (task.samples + task.dim)
        result = solve_lasso(
            task.operator,
            task.labels,
            min(task.network.strength(weight_decay, penalty, task.dim), float(np.finfo(float).max)),
            tolerance=settings.tolerance,
            max_iterations=settings.max_iterations,
            start=neighbour,
            method=settings.solver,
            progress=settings.progress,
        )
        proof, details = result.certificate, result.details
        finish = {stage: details[f"{stage}_steps"] for stage in ("newton", "interior", "path")}
        weights = result.theta
        weights.setflags(write=False)
        limit = largest if settings.max_iterations is None else settings.max_iterations
        return Solution(
            weights=weights,
            objective=proof.objective,
            dual_objective=proof.dual,
            residual=proof.residual,
            train_error=proof.train_error,
            reached=details.get("limit_gap", proof.gap) <= settings.tolerance,
            exhausted=result.iterations >= limit,
            iterations=result.iterations,
            solver=" + ".join([details["start"], *(stage for stage, took in finish.items() if took)]),
            details=details,
            neighbour=(result.theta, result.subgradient),
        )

    def certificate(self, task: Task, weights: FloatArray, weight_decay: float, penalty: float | None) -> Certificate:
        bound = task.network.strength(weight_decay, penalty, task.dim)
        return lasso_certificate(task.operator, task.labels, weights, bound)


class DiagonalGradient(GradientModel):
    """``sum (y - X (a w)/sqrt(d))^2 + lam (||a||^2 + ||w||^2)``."""

    def loss(self, problem: TensorProblem) -> Callable[[], Any]:
        x, y, (a, w), total = problem.inputs, problem.labels, problem.parameters, problem.total
        weight_decay, root = problem.weight_decay, float(np.sqrt(x.shape[1]))

        def closure() -> Any:
            residual = y - x @ (a * w / root)
            slope = -2 * (x.T @ residual) / root
            a.grad = (slope * w + 2 * weight_decay * a) / total
            w.grad = (slope * a + 2 * weight_decay * w) / total
            return (residual @ residual + weight_decay * (a @ a + w @ w)) / total

        return closure


TRAINERS.register("diagonal")(DiagonalTrainer())
GRADIENT_MODELS.register("diagonal")(DiagonalGradient())
