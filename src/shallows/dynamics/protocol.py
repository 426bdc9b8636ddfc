"""What training over time needs of a network: its flow on the population loss, and its gradient on a batch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .._display import Displayed
from ..errors import InvalidArgument
from ..networks import Capability

if TYPE_CHECKING:
    import numpy as np

    from .._types import FloatArray
    from ..problems import Problem

#: How the network's own weights may start.
STARTS = ("normal", "balanced")


@dataclass(frozen=True, repr=False)
class FlowSetting(Displayed):
    """A network, where its weights start, and how strongly they decay.

    Attributes
    ----------
    problem : Problem
        Its teacher, noise and width; its samples only through `decay`.
    init_scale : float
        Standard deviation of the initial weights, ``> 0``.
    decay : float
        Weight decay of the loss per sample, ``lam/n``, ``>= 0``.
    start : {"normal", "balanced"}
        Independent normal entries; or, for networks that have it, layers of equal size along the teacher's signs.

    Examples
    --------
    >>> from shallows import PowerLaw, Problem
    >>> from shallows.dynamics import FlowSetting
    >>> FlowSetting(Problem("quadratic", PowerLaw(10, 1.0), samples=100), init_scale=0.1, decay=0.0).start
    'normal'
    """

    problem: Problem
    init_scale: float
    decay: float
    start: str = "normal"


@dataclass(frozen=True, repr=False)
class StartPower(Displayed):
    """What the initial weights do to the stability of stochastic gradient descent.

    Attributes
    ----------
    power : float
        ``T = E||grad f||^2`` there, squared labels per squared weight.
    strongest : float
        The strongest direction's part of it.
    sharpness : float
        Largest eigenvalue of the loss's Hessian there, from above.

    Examples
    --------
    >>> from shallows.dynamics import StartPower
    >>> StartPower(power=2.0, strongest=0.5, sharpness=0.1).runaway
    3.0
    """

    power: float
    strongest: float
    sharpness: float

    @property
    def runaway(self) -> float:
        """The power that decides on stability, as at the teacher."""
        return self.power + 2 * self.strongest


@dataclass(frozen=True, eq=False, repr=False)
class FlowState(Displayed):
    """Means over initial weights of what the flow has learned, time by time.

    Attributes
    ----------
    values, multiplicities : ndarray, shape (m,)
        The teacher's modes, compressed, in the units of the network.
    mean : ndarray, shape (times, m)
        What is learned along each mode of the teacher.
    error : ndarray, shape (times, m)
        Mean square of what is learned along it less the mode.
    scattered : ndarray, shape (times,)
        Squared weight learned in no mode's direction: off the diagonal of ``S``; zero for vectors.
    norm : ndarray, shape (times,)
        Squared norm of the network's own weights.

    Examples
    --------
    >>> from shallows import PowerLaw, Problem
    >>> from shallows.dynamics import FLOWS, FlowSetting
    >>> import numpy as np
    >>> setting = FlowSetting(Problem("diagonal", PowerLaw(10, 1.0), samples=100), 0.1, 0.0, "balanced")
    >>> state = FLOWS.of("diagonal").follow(setting, np.array([0.0, 1e3]))
    >>> state.mean.shape, bool(abs(state.mean[1] - state.values).max() < 1e-9)
    ((2, 10), True)
    """

    values: FloatArray
    multiplicities: FloatArray
    mean: FloatArray
    error: FloatArray
    scattered: FloatArray
    norm: FloatArray


class Flow(ABC):
    """A network's gradient flow on the population loss, and what stochastic gradients add to it.

    The loss is that per sample, ``Delta + R + (lam/n) ||own weights||^2``; time is learning rate times steps.

    Examples
    --------
    >>> from shallows import PowerLaw, Problem
    >>> from shallows.dynamics import FLOWS
    >>> problem = Problem("diagonal", PowerLaw(100, 1.0), samples=1)
    >>> FLOWS.of("diagonal").growth_rate(problem), FLOWS.of("diagonal").shrinkage(problem, 0.01)
    (0.4, 0.1)
    """

    #: Starts that the network knows.
    starts: tuple[str, ...] = ("normal",)

    def check_start(self, start: str) -> str:
        """`start`, if the network can start so.

        Raises
        ------
        InvalidArgument
            Otherwise.
        """
        if start not in self.starts:
            raise InvalidArgument("start", start, "must be " + " or ".join(f'"{name}"' for name in self.starts))
        return start

    @abstractmethod
    def growth_rate(self, problem: Problem) -> float:
        """Exponential rate at which a small weight along a mode of size 1 grows, per unit of time."""

    @abstractmethod
    def shrinkage(self, problem: Problem, decay: float) -> float:
        """``kappa``: by how much the weight decay of the loss per sample lowers every mode at the end."""

    @abstractmethod
    def follow(self, setting: FlowSetting, times: FloatArray) -> FlowState:
        """The flow at `times`, increasing and ``>= 0``."""

    @abstractmethod
    def learning_times(self, setting: FlowSetting, values: FloatArray, ranks: FloatArray) -> FloatArray:
        """When modes of these sizes and ranks (counted from 1) are half learned; infinite where they never are."""

    @abstractmethod
    def gradient_power(self, problem: Problem, learned: FloatArray, multiplicities: FloatArray) -> FloatArray:
        """``T = E||grad f||^2`` in the own weights where these modes are learned, (..., m) to (...)."""

    @abstractmethod
    def relaxation(self, problem: Problem) -> tuple[FloatArray, FloatArray]:
        """Rates ``Lambda_j`` at which fluctuations about the teacher relax, and the share of ``T`` in each."""

    @abstractmethod
    def slowest_relaxation(self, problem: Problem, sizes: FloatArray) -> FloatArray:
        """Smallest of the rates ``Lambda`` that belong to modes of at least these `sizes`; shape of `sizes`."""

    @abstractmethod
    def sharpness(self, problem: Problem) -> float:
        """Largest eigenvalue of the loss's Hessian in the learned directions, at the teacher."""

    @abstractmethod
    def start_power(self, setting: FlowSetting) -> StartPower:
        """Gradient and curvature at the initial weights, their largest direction where it typically is."""

    @abstractmethod
    def sample_cost(self, problem: Problem) -> float:
        """Multiply-adds of one sample, forward and backward."""

    # -- one network

    @abstractmethod
    def initial_weights(self, setting: FlowSetting, rng: np.random.Generator) -> dict[str, FloatArray]:
        """One draw of the network's own weights, by name."""

    @abstractmethod
    def gradient(self, weights: dict[str, FloatArray], inputs: FloatArray, labels: FloatArray) -> dict[str, FloatArray]:
        """Gradient of the mean of ``(y - f)^2`` over the rows of `inputs`, (n, d), with `labels`, (n,)."""

    @abstractmethod
    def trajectory(self, setting: FlowSetting, weights: dict[str, FloatArray], times: FloatArray) -> list[Any]:
        """Effective weights of the flow from these own `weights` at `times`: the closed form, draw by draw."""


#: The flow of each network.
FLOWS: Capability[Flow] = Capability("training dynamics")
