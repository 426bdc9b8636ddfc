"""Training problems that are not convex: the best of the local minima that many starts lead to (theory note, 14)."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np

from ..amp import Iteration, ThresholdForPenalty
from ..errors import InvalidArgument
from .trainer import Solution, Trainer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .._types import FloatArray
    from .certificates import Certificate
    from .task import Task, TrainSettings

#: Iterations of message passing: near the jump a few weights never settle.
MESSAGES = 60
#: Scales of random own weights to start gradient training from, over those whose outputs are as large as the labels;
#: its iterations: what follows goes on from where it is.
SCALES, GRADIENT_ITERATIONS = (1.0, 0.3), 400


class Objective(Protocol):
    """What is minimised, on one data set."""

    def certificate(self, weights: FloatArray, /) -> Certificate:
        """Its value at weights, and how far they are from stationary."""
        ...


@dataclass(frozen=True, eq=False)
class Ended:
    """Where one start led.

    Attributes
    ----------
    start : str
    weights : ndarray
        As their network's trainer keeps them.
    proof : Certificate
    iterations : int
    settled : bool
    """

    start: str
    weights: FloatArray
    proof: Certificate
    iterations: int
    settled: bool


class ManyStartsTrainer(Trainer):
    """Starts from message passing, zero, a convex problem of about the same threshold and random own weights, polished.

    Neighbouring problems share their weights.
    """

    many_starts = True

    #: Share of each proposal of message passing that is mixed in.
    mix: ClassVar[float]
    #: Whether all starts are polished roughly, and only the best as far as is asked.
    rough_first: ClassVar[bool] = False
    #: What the convex start is called.
    convex_name: ClassVar[str]

    def solve(
        self,
        task: Task,
        weight_decay: float,
        penalty: float | None,
        settings: TrainSettings,
        neighbour: FloatArray | None = None,
    ) -> Solution:
        strength = task.network.strength(weight_decay, penalty, task.dim)
        if strength == 0.0:
            family = task.network.family
            allowed = f"must be positive for a deep {family} network: no solver finds the simplest interpolation"
            raise InvalidArgument("weight_decay", weight_decay, allowed)
        objective = self.objective(task, strength)
        ends: list[Ended] = []
        for name, start in self._starts(task, objective, strength, settings, neighbour):
            ends.append(self._polished(objective, name, start, settings))
            if settings.progress is not None:
                settings.progress(sum(end.iterations for end in ends), min(end.proof.objective for end in ends))
        best = min(ends, key=lambda end: end.proof.objective)
        if self.rough_first:
            best = self._polished(objective, best.start, best.weights, settings, rough=False)
        best.weights.setflags(write=False)
        return Solution(
            weights=self.effective(best.weights),
            objective=best.proof.objective,
            dual_objective=None,
            residual=best.proof.residual,
            train_error=best.proof.train_error,
            reached=best.settled,
            exhausted=not best.settled,
            iterations=sum(end.iterations for end in ends),
            solver=f"best of {len(ends)} starts: {best.start}" if len(ends) > 1 else best.start,
            details={"starts": [self._told(end) for end in ends]},
            neighbour=best.weights,
            local=True,
        )

    def _polished(
        self, objective: Any, name: str, start: FloatArray, settings: TrainSettings, *, rough: bool = True
    ) -> Ended:
        weights, iterations, settled = self.polish(objective, start, settings, rough=rough)
        return Ended(name, weights, objective.certificate(weights), iterations, settled)

    def _starts(
        self, task: Task, objective: Any, strength: float, settings: TrainSettings, neighbour: FloatArray | None
    ) -> Iterator[tuple[str, FloatArray]]:
        """Names and weights to start from."""
        yield "message passing", self.kept(_after_messages(task, strength, self.mix))
        if settings.solver == "amp":
            return
        if neighbour is not None:
            yield "neighbour", neighbour
        yield "zero", self.zero(task)
        yield self.convex_name, self.convex_start(task, objective)
        for scale in SCALES if self.is_small(task) else ():
            yield f"random weights times {scale:g}", self.random_start(task, objective, scale, settings.initial_seed)

    def _told(self, end: Ended) -> dict[str, Any]:
        """One start for people and files."""
        return {
            "start": end.start,
            "objective": end.proof.objective,
            "train_error": end.proof.train_error,
            "features": self.features(end.weights),
            "residual": end.proof.residual,
        }

    # -- what differs by network

    @abstractmethod
    def objective(self, task: Task, strength: float) -> Objective:
        """That of the task at a strength ``L``."""

    @abstractmethod
    def polish(
        self, objective: Any, start: FloatArray, settings: TrainSettings, *, rough: bool
    ) -> tuple[FloatArray, int, bool]:
        """Weights of a local minimum next to `start`, iterations, and whether they settled."""

    @abstractmethod
    def effective(self, weights: FloatArray) -> Any:
        """Effective weights as users get them."""

    @abstractmethod
    def kept(self, messages: FloatArray) -> FloatArray:
        """What message passing ended with, as this trainer keeps weights."""

    @abstractmethod
    def zero(self, task: Task) -> FloatArray:
        """Zero weights."""

    @abstractmethod
    def convex_start(self, task: Task, objective: Any) -> FloatArray:
        """The minimum of the convex penalty whose threshold is that of this one for what it just keeps."""

    @abstractmethod
    def random_start(self, task: Task, objective: Any, scale: float, seed: int) -> FloatArray:
        """Where gradient training from random own weights is (:func:`from_random`)."""

    @abstractmethod
    def features(self, weights: FloatArray) -> int:
        """How many are not zero."""

    def is_small(self, task: Task) -> bool:
        """Whether random starts cost no more than the others."""
        return True


def _after_messages(task: Task, strength: float, mix: float) -> FloatArray:
    """Where damped message passing is after a fixed number of iterations."""
    iteration = Iteration(task.network, task.operator, task.labels, ThresholdForPenalty(strength))
    for _ in range(MESSAGES):
        if iteration.scale == 0.0:
            break
        iteration.propose()
        iteration.mix(mix)
    return np.array(iteration.weights)


def from_random(
    task: Task, loss: Callable[[FloatArray], tuple[float, FloatArray]], size: int, scale: float, seed: int
) -> FloatArray:
    """Own weights, all `size` of them, after L-BFGS on `loss` from random ones of `scale`, on the host."""
    from scipy.optimize import minimize

    rng = np.random.default_rng([seed, round(1e6 * scale)])
    spread = scale * task.network.initial_spread(float(np.std(task.labels)) or 1.0, task.dim)
    options = {"maxiter": GRADIENT_ITERATIONS, "maxfun": 2 * GRADIENT_ITERATIONS}
    start = spread * rng.standard_normal(size)
    return np.asarray(minimize(loss, start, jac=True, method="L-BFGS-B", options=options).x)
