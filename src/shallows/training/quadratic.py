"""Training the quadratic network: the nuclear norm, and gradients of its own weights ``W``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..weights import LowRankPSD
from .certificates import Certificate, nuclear_certificate
from .nuclear import solve_limit, solve_nuclear
from .trainer import GRADIENT_MODELS, TRAINERS, GradientModel, Solution, TensorProblem, Trainer

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._types import FloatArray
    from .task import Task, TrainSettings

#: Iterations where no number is asked for.
ITERATIONS = 2000
#: Columns of scales that differ by more than this are named where training does not converge.
WIDE = 100.0


class QuadraticTrainer(Trainer):
    """Neighbouring problems share the factor of the weights."""

    def solve(
        self,
        task: Task,
        weight_decay: float,
        penalty: float | None,
        settings: TrainSettings,
        neighbour: FloatArray | None = None,
    ) -> Solution:
        assert penalty is not None
        limit = ITERATIONS if settings.max_iterations is None else settings.max_iterations
        options: dict[str, Any] = {
            "tolerance": settings.tolerance,
            "max_iterations": limit,
            "method": settings.solver,
            "progress": settings.progress,
        }
        if penalty > 0:
            found = solve_nuclear(task.operator, task.labels, penalty, start=neighbour, **options)
            proof = found.best.certificate
            objective, dual = proof.objective, proof.dual
        else:
            found = solve_limit(task.operator, task.labels, **options)
            proof = found.best.certificate
            objective, dual = proof.train_error * task.labels.size / task.dim**2, None
        weights = LowRankPSD(found.best.factor)
        return Solution(
            weights=weights,
            objective=objective,
            dual_objective=dual,
            residual=proof.residual,
            train_error=proof.train_error,
            reached=proof.gap <= settings.tolerance,
            exhausted=found.iterations >= limit,
            iterations=found.iterations,
            solver=found.best.stage,
            details=found.details,
            neighbour=weights.factor,
        )

    def certificate(self, task: Task, weights: LowRankPSD, weight_decay: float, penalty: float | None) -> Certificate:
        assert penalty is not None
        return nuclear_certificate(task.operator, task.labels, weights.factor, penalty)

    def advice(self, task: Task) -> str | None:
        """Columns of very different scales are a likely reason; the LASSO is free of it."""
        sizes = np.array([float(abs(column).max()) for column in task.inputs.T])
        spread = float(sizes.max() / max(sizes[sizes > 0].min(initial=np.inf), 1e-300)) if sizes.any() else 1.0
        if spread < WIDE:
            return None
        return f"the columns' scales differ by a factor of {spread:.1g}, and outputs by its square: scale them alike"


@dataclass(frozen=True, eq=False)
class DataPart:
    """What the data say at weights ``W``: tensors, and how the gradient is completed.

    Attributes
    ----------
    loss : tensor
        ``sum (y - f)^2``.
    gradient : tensor, shape (p, d)
        Its gradient in ``W``, less ``4 shift/root`` times `seen`.
    shift : tensor
        Sum of the residuals.
    seen : tensor, shape (p, d)
        ``W Sigma``, ``W`` itself for white inputs.
    norm : tensor
        ``||W||_F^2``.
    root : float
        ``d sqrt(p)``.
    """

    loss: Any
    gradient: Any
    shift: Any
    seen: Any
    norm: Any
    root: float


def data_part(problem: TensorProblem, w: Any) -> DataPart:
    """The loss on the data at weights `w`, (p, d), in blocks of rows: never ``n x p`` numbers at once."""
    x, y, covariance = problem.inputs, problem.labels, problem.covariance
    (n, d), p = x.shape, w.shape[0]
    rows = max(1, min(n, problem.block_numbers // max(p, d)))
    root = float(np.sqrt(p * d) * np.sqrt(d))
    norm = (w * w).sum()
    seen = w if covariance is None else w @ covariance
    mean = norm if covariance is None else (w * seen).sum()
    gradient, loss, shift = w.new_zeros(w.shape), w.new_zeros(()), w.new_zeros(())
    for start in range(0, n, rows):
        block = x[start : start + rows]
        hidden = block @ w.T
        residual = y[start : start + rows] - ((hidden * hidden).sum(1) - mean) / root
        loss = loss + residual @ residual
        shift = shift + residual.sum()
        gradient.addmm_((hidden * residual[:, None]).T, block, alpha=-4 / root)
    return DataPart(loss, gradient, shift, seen, norm, root)


class QuadraticGradient(GradientModel):
    """``sum (y - f)^2 + lam ||W||_F^2``."""

    def loss(self, problem: TensorProblem) -> Callable[[], Any]:
        (w,), total, weight_decay = problem.parameters, problem.total, problem.weight_decay

        def closure() -> Any:
            part = data_part(problem, w)
            gradient, slope = part.gradient, 4 * part.shift / part.root
            if problem.covariance is None:
                gradient.add_(w, alpha=float(slope + 2 * weight_decay))
            else:
                gradient.add_(part.seen, alpha=float(slope)).add_(w, alpha=2 * weight_decay)
            w.grad = gradient / total
            return (part.loss + weight_decay * part.norm) / total

        return closure

    def stationarity(self, task: Task, weights: LowRankPSD, weight_decay: float, penalty: float | None) -> float:
        """Relative norm of the gradient in the factor."""
        assert penalty is not None
        operator, factor = task.operator, weights.factor
        residual = task.labels - operator.forward_factor(factor)
        bound = penalty * operator.dim / 2
        slope = bound * factor - operator.adjoint_times(residual, factor)
        size = bound * float(np.linalg.norm(factor))
        return float(np.linalg.norm(slope)) / size if size > 0 else 0.0


TRAINERS.register("quadratic", "attention")(QuadraticTrainer())
GRADIENT_MODELS.register("quadratic")(QuadraticGradient())
