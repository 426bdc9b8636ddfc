"""Training deep quadratic networks: ``sum s^(1/k)``, not convex, from many starts (theory note, section 14)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..amp import Iteration, ThresholdForPenalty
from ..errors import InvalidArgument
from ..weights import LowRankPSD
from .certificates import Certificate
from .nuclear import solve_nuclear
from .quadratic import data_part
from .schatten_descent import SchattenProblem, descend, factor_of
from .trainer import GRADIENT_MODELS, TRAINERS, GradientModel, Solution, TensorProblem, Trainer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .._types import FloatArray
    from ..networks import Quadratic
    from .task import Task, TrainSettings

#: Iterations of message passing, and the share of each proposal that is mixed in.
MESSAGES, MIX = 60, 0.6
#: Scales of random own weights, over those whose outputs are as large as the labels, and their iterations of L-BFGS.
SCALES, GRADIENT_ITERATIONS = (1.0, 0.3), 400
#: Data of more numbers than this are not trained from random weights: what that costs is gradient training's business.
MOST_RANDOM = 2e8


@dataclass(frozen=True, eq=False)
class _Ended:
    """Where one start led."""

    start: str
    factor: FloatArray
    proof: Certificate
    iterations: int
    settled: bool


class DeepQuadraticTrainer(Trainer):
    """The best of several local minima: from message passing, the nuclear norm, zero and random weights."""

    many_starts = True

    def __init__(self, network: Quadratic) -> None:
        self.depth, self.power = network.depth, network.penalty_exponent

    def solve(
        self,
        task: Task,
        weight_decay: float,
        penalty: float | None,
        settings: TrainSettings,
        neighbour: FloatArray | None = None,
    ) -> Solution:
        problem = self._problem(task, penalty)
        ends: list[_Ended] = []
        for name, start in self._starts(task, problem, settings, neighbour):
            factor, iterations, settled = descend(problem, start, 1e-2 * settings.tolerance)
            ends.append(_Ended(name, factor, problem.certificate(factor), iterations, settled))
            if settings.progress is not None:
                done = sum(end.iterations for end in ends)
                settings.progress(done, min(end.proof.objective for end in ends))
        best = min(ends, key=lambda end: end.proof.objective)
        weights = LowRankPSD(best.factor)
        return Solution(
            weights=weights,
            objective=best.proof.objective,
            dual_objective=None,
            residual=best.proof.residual,
            train_error=best.proof.train_error,
            reached=best.settled,
            exhausted=not best.settled,
            iterations=sum(end.iterations for end in ends),
            solver=f"best of {len(ends)} starts: {best.start}" if len(ends) > 1 else best.start,
            details={"starts": [_told(end) for end in ends]},
            neighbour=weights.factor,
            local=True,
        )

    def _problem(self, task: Task, penalty: float | None) -> SchattenProblem:
        if not penalty:
            allowed = (
                "must be positive for a deep quadratic network: no solver finds the interpolation of smallest norm"
            )
            raise InvalidArgument("weight_decay", penalty, allowed)
        return SchattenProblem(task.operator, task.labels, penalty, self.depth)

    def _starts(
        self, task: Task, problem: SchattenProblem, settings: TrainSettings, neighbour: FloatArray | None
    ) -> Iterator[tuple[str, FloatArray]]:
        """Names and factors (d, r) to start from."""
        yield "message passing", _message_passing(task, problem.penalty)
        if settings.solver == "amp":
            return
        if neighbour is not None:
            yield "neighbour", neighbour
        yield "zero", np.zeros((task.dim, 0))
        # the nuclear norm whose threshold is that of this penalty for an eigenvalue as large as it jumps to
        unit = 4 * task.samples / task.dim**2
        bound = unit * (problem.penalty / unit) ** (1 / (2 - self.power))
        yield "nuclear norm", solve_nuclear(task.operator, task.labels, bound, tolerance=1e-4).best.factor
        if task.samples * task.dim**2 <= MOST_RANDOM:
            for scale in SCALES:
                yield f"random weights times {scale:g}", _random(task, problem, scale, settings.initial_seed)

    def certificate(self, task: Task, weights: LowRankPSD, weight_decay: float, penalty: float | None) -> Certificate:
        return self._problem(task, penalty).certificate(weights.factor)


def _told(end: _Ended) -> dict[str, Any]:
    """One start for people and files."""
    return {
        "start": end.start,
        "objective": end.proof.objective,
        "train_error": end.proof.train_error,
        "features": end.factor.shape[1],
        "residual": end.proof.residual,
    }


def _message_passing(task: Task, penalty: float) -> FloatArray:
    """The factor where damped message passing is after a fixed number of iterations."""
    iteration = Iteration(task.network, task.operator, task.labels, ThresholdForPenalty(penalty / 2))
    for _ in range(MESSAGES):
        if iteration.scale == 0.0:
            break
        iteration.propose()
        iteration.mix(MIX)
    values, vectors = np.linalg.eigh(iteration.weights)
    learned = values > 1e-12 * max(float(values[-1]), 1e-300)
    return np.asarray(vectors[:, learned] * np.sqrt(values[learned]))


def _random(task: Task, problem: SchattenProblem, scale: float, seed: int) -> FloatArray:
    """The factor where L-BFGS on all own weights is after a fixed number of iterations, from random ones."""
    from scipy.optimize import minimize

    d, depth = task.dim, problem.depth
    rng = np.random.default_rng([seed, round(1e6 * scale)])
    spread = scale * task.network.initial_spread(float(np.std(task.labels)) or 1.0, d)
    flat = spread * rng.standard_normal(depth * d * d)
    options = {"maxiter": GRADIENT_ITERATIONS, "maxfun": 2 * GRADIENT_ITERATIONS}
    found = minimize(problem.own_loss(d), flat, jac=True, method="L-BFGS-B", options=options)
    return factor_of(found.x, d, d, depth)


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
        assert penalty is not None
        depth = task.network.depth  # type: ignore[attr-defined]
        return SchattenProblem(task.operator, task.labels, penalty, depth).certificate(weights.factor).residual


@TRAINERS.register_for_each("deep_quadratic")
def _for(network: Quadratic) -> DeepQuadraticTrainer:
    return DeepQuadraticTrainer(network)


GRADIENT_MODELS.register("deep_quadratic")(DeepQuadraticGradient())
