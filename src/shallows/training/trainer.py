"""What training needs of a network: protocols, one file per network."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from .._display import Displayed
from ..networks import Capability

if TYPE_CHECKING:
    from .certificates import Certificate
    from .task import Task, TrainSettings


@dataclass(frozen=True, eq=False, repr=False)
class Solution(Displayed):
    """What the solver of a convex problem ended with.

    Attributes
    ----------
    weights : object
        Effective weights.
    objective, residual, train_error : float
    dual_objective : float or None
        See :class:`shallows.training.Fit`.
    reached : bool
        Whether the tolerance was.
    exhausted : bool
        Whether the iterations were used up.
    iterations : int
    solver : str
        The stages that made the weights.
    details : dict
    neighbour : object
        Where a problem of another weight decay can start from; only its network's trainer looks into it.
    local : bool
        Whether it is a local minimum, the best one found, of a problem that is not convex.

    Examples
    --------
    >>> import numpy as np
    >>> from shallows.networks import Diagonal
    >>> from shallows.training import TRAINERS, Task, TrainSettings
    >>> task = Task(Diagonal(), np.eye(3), np.array([3.0, -1.0, 0.2]), width=None)
    >>> solution = TRAINERS.of("diagonal").solve(task, 0.5 / np.sqrt(3), None, TrainSettings())
    >>> solution.reached, solution.weights.round(4)
    (True, array([ 2.5, -0.5,  0. ]))
    """

    weights: Any
    objective: float
    dual_objective: float | None
    residual: float
    train_error: float
    reached: bool
    exhausted: bool
    iterations: int
    solver: str
    details: dict[str, Any]
    neighbour: Any
    local: bool = False


class Trainer(ABC):
    """The equivalent convex problem of one network, solved with a certificate.

    Examples
    --------
    >>> import numpy as np
    >>> from shallows.networks import Diagonal
    >>> from shallows.training import TRAINERS, Task
    >>> task = Task(Diagonal(), np.eye(3), np.array([3.0, -1.0, 0.2]), width=None)
    >>> proof = TRAINERS.of("diagonal").certificate(task, np.array([2.5, -0.5, 0.0]), 0.5 / np.sqrt(3), None)
    >>> proof.gap < 1e-12
    True
    """

    #: Whether it solves problems that are not convex, from many starts.
    many_starts: ClassVar[bool] = False

    @abstractmethod
    def solve(
        self, task: Task, weight_decay: float, penalty: float | None, settings: TrainSettings, neighbour: Any = None
    ) -> Solution:
        """The minimum, from that of a neighbouring problem where there is one."""

    @abstractmethod
    def certificate(self, task: Task, weights: Any, weight_decay: float, penalty: float | None) -> Certificate:
        """How far given effective weights are from the minimum, for a positive weight decay."""

    def advice(self, task: Task) -> str | None:
        """What to do where training failed and the data show why; None where they do not."""
        return None


@dataclass(frozen=True, eq=False, repr=False)
class TensorProblem(Displayed):
    """A network's own weights and the data, as tensors.

    Attributes
    ----------
    inputs, labels : tensor, shape (n, d) and (n,)
    parameters : tuple of tensor
        In the order of :attr:`shallows.networks.Network.parameter_names`; gradients are left in their ``grad``.
    weight_decay : float
    total : float
        What loss and gradients are divided by: the sum of squares of the labels.
    block_numbers : int
        Numbers in one block of rows.
    covariance : tensor of shape (d, d), or None
        As of :class:`Task`.

    Examples
    --------
    >>> from shallows.training import TensorProblem
    >>> problem = TensorProblem(None, None, (), weight_decay=0.1, total=1.0, block_numbers=1 << 16)
    >>> problem.weight_decay
    0.1
    """

    inputs: Any
    labels: Any
    parameters: tuple[Any, ...]
    weight_decay: float
    total: float
    block_numbers: int
    covariance: Any = None


class GradientModel(ABC):
    """The loss of one network in its own weights, ``sum (y - f)^2 + lam (sum of their squares)``.

    Examples
    --------
    >>> from shallows.training import GRADIENT_MODELS, GradientModel
    >>> isinstance(GRADIENT_MODELS.of("quadratic"), GradientModel)
    True
    """

    @abstractmethod
    def loss(self, problem: TensorProblem) -> Callable[[], Any]:
        """What computes the loss at the present parameters and leaves its gradient in them."""

    def stationarity(self, task: Task, weights: Any, weight_decay: float, penalty: float | None) -> float:
        """Relative norm of the gradient, all that can be asked where the problem is not convex."""
        raise AssertionError("this network's problem is convex")


#: For each network, its :class:`Trainer`.
TRAINERS: Capability[Trainer] = Capability("training")
#: For each network, its :class:`GradientModel`.
GRADIENT_MODELS: Capability[GradientModel] = Capability("gradient training")
