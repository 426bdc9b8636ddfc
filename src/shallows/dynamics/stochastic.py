"""One-pass SGD: what the noise of its gradients adds, which rates are stable, and how to be rid of the floor.

To leading order in the learning rate the weights fluctuate about the flow with excess risk ``share (Delta + R)``,
``share = rate T / batch``, where ``T = E||grad f||^2`` is the power of the network's gradient (theory note,
section 15).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from .._arguments import check_integer, check_number
from .._display import Displayed
from ..errors import InvalidArgument
from .protocol import FLOWS, StartPower

if TYPE_CHECKING:
    from .._types import FloatArray
    from ..problems import Problem
    from .protocol import FlowSetting

#: The start that is not told.
NOWHERE = StartPower(0.0, 0.0, 0.0)
#: Bins that relaxation rates are gathered in.
_BINS = 1000


@dataclass(frozen=True, repr=False)
class Sgd(Displayed):
    """Plain SGD on the mean squared error of fresh samples.

    Parameters
    ----------
    learning_rate : float
        ``> 0``.
    batch : int
        Samples per step, ``>= 1``.

    Raises
    ------
    InvalidArgument
        For unusable arguments.

    Examples
    --------
    >>> from shallows.dynamics import Sgd
    >>> Sgd(learning_rate=0.5, batch=2000)
    <Sgd: learning rate 0.5, batch 2000>
    """

    learning_rate: float
    batch: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "learning_rate", check_number("learning_rate", self.learning_rate, strict=True))
        object.__setattr__(self, "batch", check_integer("batch", self.batch))


@dataclass(frozen=True, eq=False, repr=False)
class SgdLimits(Displayed):
    """What stochastic gradients allow at the teacher and where weights start, and what they leave.

    Attributes
    ----------
    problem : Problem
    batch : int
        Samples per step.
    gradient_power : float
        ``T = E||grad f||^2``, squared labels per squared weight.
    runaway_power : float
        The power that decides on stability, ``T + 2 T_1``: where the strongest mode's part ``T_1`` of the gradient is
        large, so is the residual that multiplies it.
    sharpness : float
        Largest eigenvalue of the loss's Hessian.
    start : StartPower
        The same at the initial weights; zero where they were not told.

    Examples
    --------
    >>> from shallows import PowerLaw, Problem
    >>> from shallows.dynamics import sgd_limits
    >>> limits = sgd_limits(Problem("quadratic", PowerLaw(60, 1.25), samples=1, noise=0.1), batch=100)
    >>> round(limits.largest_rate, 1), round(limits.floor(5.0), 4)
    (26.1, 0.0077)
    """

    problem: Problem
    batch: int
    gradient_power: float
    runaway_power: float
    sharpness: float
    start: StartPower = NOWHERE

    @property
    def largest_rate(self) -> float:
        """Learning rate beyond which weights run away, at the teacher or where they start: by noise and curvature."""
        teacher = self.runaway_power / self.batch + self.sharpness / 2
        return 1 / max(teacher, self.start.runaway / self.batch + self.start.sharpness / 2)

    @property
    def largest_rate_without_noise(self) -> float:
        """The same for batches without limit, where curvature alone decides."""
        return 2 / max(self.sharpness, self.start.sharpness)

    @property
    def critical_batch(self) -> float:
        """Batch at which noise and curvature limit the rate alike: larger ones save no steps."""
        return 2 * self.runaway_power / self.sharpness

    def check(self, learning_rate: float) -> None:
        """Raise :class:`InvalidArgument` for a learning rate that is not stable."""
        if learning_rate >= self.largest_rate:
            allowed = f"must be below {self.largest_rate:.4g}, the largest stable rate at batch {self.batch}"
            if self.largest_rate < replace(self, start=NOWHERE).largest_rate:
                allowed += " from these initial weights"
            raise InvalidArgument("learning_rate", learning_rate, allowed)

    def check_curvature(self, learning_rate: float) -> None:
        """Raise :class:`InvalidArgument` for a learning rate that is not stable even without noise."""
        if learning_rate >= self.largest_rate_without_noise:
            allowed = f"must be below {self.largest_rate_without_noise:.4g}, the largest that curvature allows"
            raise InvalidArgument("learning_rate", learning_rate, allowed)

    def floor(self, learning_rate: float) -> float:
        """Excess risk at which a constant rate stays: ``share Delta/(1 - share)``.

        Raises
        ------
        InvalidArgument
            For a rate that is not positive, or not stable.
        """
        self.check(check_number("learning_rate", learning_rate, strict=True))
        share = learning_rate * self.gradient_power / self.batch
        return share * self.problem.noise / (1 - share)

    def cooled_floor(self, learning_rate: float, steps: int) -> float:
        """What is left of the floor once the rate has gone to zero in a straight line over this many steps.

        Parameters
        ----------
        learning_rate : float
            Where it starts, stable.
        steps : int

        Raises
        ------
        InvalidArgument
            For unusable arguments.
        """
        taken = learning_rate * check_integer("steps", steps)
        rates, shares = relaxation(self.problem)
        return self.floor(learning_rate) * float(shares @ cooling(rates * taken))

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "batch": self.batch,
            "largest_learning_rate": self.largest_rate,
            "critical_batch": self.critical_batch,
            "gradient_power": self.gradient_power,
            "runaway_power": self.runaway_power,
            "sharpness": self.sharpness,
        }


def cooling(exponent: FloatArray) -> FloatArray:
    """Share of a stationary fluctuation that is left when the rate falls to zero in a straight line.

    With relaxation ``Lambda`` and `exponent` ``x = Lambda rate steps``, from ``1`` down to ``sqrt(pi/(2 x))``:
    ``e^(-x/2) + int_0^(x/2) sqrt(2 z/x) e^(-z) dz``, written with the incomplete gamma function.
    """
    from scipy.special import gammainc

    x = np.maximum(exponent, 1e-300)
    grown = np.sqrt(2 / x) * math.gamma(1.5) * gammainc(1.5, x / 2)
    return np.asarray(np.exp(-x / 2) + grown)


def relaxation(problem: Problem) -> tuple[FloatArray, FloatArray]:
    """Rates at which fluctuations relax and the share of the noise in each, gathered in bins 1 % wide or so."""
    rates, shares = FLOWS.of(problem.network).relaxation(problem)
    kept = shares > 0
    rates, shares = rates[kept], shares[kept]
    if rates.size <= _BINS:
        return rates, shares
    edges = np.geomspace(rates.min() * (1 - 1e-12), rates.max() * (1 + 1e-12), _BINS + 1)
    places = np.clip(np.searchsorted(edges, rates) - 1, 0, _BINS - 1)
    weights = np.asarray(np.bincount(places, shares, _BINS), dtype=float)
    means = np.bincount(places, shares * rates, _BINS)[weights > 0] / weights[weights > 0]
    return means, weights[weights > 0]


def sgd_limits(problem: Problem, batch: int, setting: FlowSetting | None = None) -> SgdLimits:
    """Largest stable rate, floor and critical batch of one-pass SGD.

    Parameters
    ----------
    problem : Problem
    batch : int
        Samples per step, ``>= 1``.
    setting : FlowSetting, optional
        Where weights start, which lowers the largest rate where they are larger than the teacher's.

    Returns
    -------
    SgdLimits

    Raises
    ------
    InvalidArgument
        For unusable arguments; NotSupported for a network without dynamics.

    Examples
    --------
    The critical batch does not depend on the batch.

    >>> from shallows import PowerLaw, Problem
    >>> from shallows.dynamics import sgd_limits
    >>> problem = Problem("diagonal", PowerLaw(1000, 1.0), samples=1, noise=0.5)
    >>> [round(sgd_limits(problem, batch).critical_batch, 2) for batch in (10, 100)]
    [9.49, 9.49]
    """
    flow = FLOWS.of(problem.network)
    s, counts = problem.spectrum.values, problem.spectrum.multiplicities
    room = np.clip(problem.rank_share * problem.dim - (np.cumsum(counts) - counts), 0.0, counts)
    power = float(flow.gradient_power(problem, s, room))
    first = float(flow.gradient_power(problem, s[:1], np.minimum(room[:1], 1.0)))
    start = NOWHERE if setting is None else flow.start_power(setting)
    return SgdLimits(problem, check_integer("batch", batch), power, power + 2 * first, flow.sharpness(problem), start)
