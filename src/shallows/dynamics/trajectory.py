"""Risk, loss and learned modes over training time, from theory."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from .._arguments import check_instance, check_number
from .._display import Displayed, Summary
from .._numbers import terminal_number as number
from ..errors import InvalidArgument
from ..problems import Problem
from ..teachers import PowerLaw
from .protocol import FLOWS, FlowSetting, FlowState
from .stochastic import Sgd, SgdLimits, sgd_limits

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from .._types import FloatArray

#: Times at most, and those of a grid where no number is asked for.
MOST_TIMES, GRID = 10_000, 200
#: Modes whose learning times are listed at most.
MOST_MODES = 300
#: Initial weights up to which the end of training comes out right to better than 1e-6; the squares of larger ones
#: leave no digits for what the two layers of the diagonal network differ by.
MOST_INIT_SCALE = 1e4


@dataclass(frozen=True, eq=False, repr=False)
class Dynamics(Displayed):
    """What a network has learned at each time, on average over its initial weights.

    Attributes
    ----------
    setting : FlowSetting
        Network, teacher, initial weights and weight decay.
    times : ndarray, shape (times,)
        Learning rate times steps.
    state : FlowState
        What is learned along each mode of the teacher.
    sgd : Sgd or None
        Learning rate and batch, where they were given.

    Examples
    --------
    >>> from shallows import PowerLaw, Problem, predict_dynamics
    >>> problem = Problem("quadratic", PowerLaw(dim=200, gamma=1.25), samples=1, noise=0.1)
    >>> found = predict_dynamics(problem, [0, 2e3, 1e4], init_scale=0.01)
    >>> found.excess_risk.round(3), found.learned_modes.round().tolist()
    (array([2.   , 1.65 , 0.131]), [0.0, 0.0, 3.0])
    >>> [round(time) for time in found.mode_times[:3]]
    [2398, 5284, 8366]
    """

    setting: FlowSetting
    times: FloatArray
    state: FlowState
    sgd: Sgd | None = None

    def _summary(self) -> Summary:
        ends = f"{number(float(self.times[0]))} to {number(float(self.times[-1]))}"
        rows = [("times", str(self.times.size), ends)]
        head = [("time", True), ("excess risk", True)]
        table = [(number(float(t)), number(float(r))) for t, r in zip(self.times, self.excess_risk, strict=True)]
        return Summary(f"Training of a {self.setting.problem.network} network over time", rows, head, table)

    @property
    def problem(self) -> Problem:
        """What is learned."""
        return self.setting.problem

    @cached_property
    def _per_square(self) -> float:
        """Excess risk of one squared weight."""
        network = self.problem.architecture
        return network.risk_per_error / network.modes_per_energy(self.problem.dim)

    @cached_property
    def excess_risk(self) -> FloatArray:
        """``E_x[(f - f*)^2]`` of the population flow, shape (times,), in squared labels."""
        return self._per_square * (self.state.error @ self.state.multiplicities + self.state.scattered)

    @property
    def test_error(self) -> FloatArray:
        """``Delta + R``, shape (times,)."""
        return self.problem.noise + self.excess_risk

    @property
    def loss(self) -> FloatArray:
        """What the flow goes down on: test error and weight decay, shape (times,)."""
        return self.test_error + self.setting.decay * self.state.norm

    @property
    def steps(self) -> FloatArray | None:
        """Steps of gradient descent, shape (times,); None without a learning rate."""
        return None if self.sgd is None else self.times / self.sgd.learning_rate

    @cached_property
    def final_modes(self) -> FloatArray:
        """Where each mode would end if the width left room for it, shape (m,)."""
        shrinkage = FLOWS.of(self.problem.network).shrinkage(self.problem, self.setting.decay)
        return np.maximum(self.state.values - shrinkage, 0.0)

    @cached_property
    def final_risk(self) -> float:
        """The excess risk that training comes to in the end: :func:`shallows.predict` in the limit of many samples."""
        counts = self.state.multiplicities
        room = float(self.problem.rank_share) * self.problem.dim
        kept = np.clip(room - (np.cumsum(counts) - counts), 0.0, counts)
        squares = kept * (self.final_modes - self.state.values) ** 2 + (counts - kept) * self.state.values**2
        return float(self._per_square * squares.sum())

    @cached_property
    def _is_learned(self) -> Any:
        # From the strongest on, so that initial weights of about a weak mode's size are not taken for it.
        mean, final = self.state.mean, self.final_modes
        near = (mean >= 0.5 * final) & (mean <= 1.5 * final) & (final > 0)
        return np.logical_and.accumulate(near, axis=1)

    @property
    def learned_modes(self) -> FloatArray:
        """How many modes, from the strongest on, are within half of where they end; the width at most; (times,)."""
        return np.minimum(self._is_learned @ self.state.multiplicities, float(self.problem.effective_width))

    @property
    def smallest(self) -> FloatArray:
        """Size of the smallest mode of the teacher that is half learned, shape (times,); infinite before any is."""
        return np.where(self._is_learned, self.state.values, np.inf).min(axis=1)

    @cached_property
    def mode_times(self) -> FloatArray:
        """When each of the strongest modes, 300 at most, is half learned; infinite for those that never are."""
        counts = self.state.multiplicities
        singles = int(np.argmax(counts != 1)) if (counts != 1).any() else counts.size
        values = self.state.values[: min(singles, MOST_MODES)]
        ranks = np.arange(1.0, values.size + 1)
        return FLOWS.of(self.problem.network).learning_times(self.setting, values, ranks)

    @cached_property
    def decomposition(self) -> dict[str, FloatArray]:
        """The four parts of the excess risk by whether modes are learned, shape (times,) each (theory note, 6)."""
        s, counts, learned = self.state.values, self.state.multiplicities, self._is_learned
        # The square of what is learned along a mode, for those that are not.
        own = np.where(learned, 0.0, self.state.error + 2 * s * self.state.mean - s**2)
        unit = self._per_square
        return {
            "overfitting": unit * (own @ counts + self.state.scattered),
            "underfitting": unit * (np.where(learned, 0.0, s**2) @ counts),
            "approximation": unit * (np.where(learned, self.state.error, 0.0) @ counts),
            "alignment": -2 * unit * (np.where(learned, 0.0, s * self.state.mean) @ counts),
        }

    @cached_property
    def limits(self) -> SgdLimits | None:
        """What stochastic gradients allow and leave; None without a batch."""
        return None if self.sgd is None else sgd_limits(self.problem, self.sgd.batch, self.setting)

    @cached_property
    def sgd_excess_risk(self) -> FloatArray | None:
        """Excess risk of one-pass SGD to leading order in its noise, shape (times,); None without a batch."""
        if self.sgd is None:
            return None
        flow = FLOWS.of(self.problem.network)
        power = flow.gradient_power(self.problem, self.state.mean, self.state.multiplicities)
        share = self.sgd.learning_rate * power / self.sgd.batch
        return np.asarray((self.excess_risk + share * self.problem.noise) / (1 - share))

    @property
    def time_exponent(self) -> float | None:
        """Exponent of the risk in time while modes enter, ``-(2 - 1/gamma)``; None unless the teacher is a power law.

        Up to the logarithm of the initial weights (theory note, section 15).
        """
        teacher = self.problem.teacher
        return -(2 - 1 / teacher.gamma) if isinstance(teacher, PowerLaw) else None

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready: lists over time of equal length, and what does not depend on time."""
        steps, noisy = self.steps, self.sgd_excess_risk
        return {
            **self.problem.to_dict(),
            "init_scale": self.setting.init_scale,
            "start": self.setting.start,
            "learning_rate": None if self.sgd is None else self.sgd.learning_rate,
            "weight_decay_per_sample": self.setting.decay,
            "time": self.times.tolist(),
            "steps": None if steps is None else steps.tolist(),
            "excess_risk": self.excess_risk.tolist(),
            "sgd_excess_risk": None if noisy is None else noisy.tolist(),
            "test_error": self.test_error.tolist(),
            "loss": self.loss.tolist(),
            "learned_modes": self.learned_modes.tolist(),
            "decomposition": {name: part.tolist() for name, part in self.decomposition.items()},
            "final_risk": self.final_risk,
            "mode_times": [time if np.isfinite(time) else None for time in self.mode_times.tolist()],
            "time_exponent": self.time_exponent,
            "sgd": None if self.limits is None else self.limits.to_dict(),
        }


def flow_setting(problem: Problem, init_scale: float, weight_decay: float = 0.0, start: str = "normal") -> FlowSetting:
    """Check where a network starts and how its weights decay.

    Parameters
    ----------
    problem : Problem
    init_scale : float
        Standard deviation of the initial weights, ``> 0``, at most 1e4.
    weight_decay : float
        ``lam`` of the sum of squares over the samples of `problem`; ``lam/n`` acts per sample.
    start : {"normal", "balanced"}
        How the weights start; "balanced" for the diagonal network alone.

    Returns
    -------
    FlowSetting

    Raises
    ------
    InvalidArgument
        For unusable arguments; NotSupported for a network without dynamics.

    Examples
    --------
    >>> from shallows import PowerLaw, Problem
    >>> from shallows.dynamics import flow_setting
    >>> flow_setting(Problem("diagonal", PowerLaw(10, 1.0), samples=50), 0.1, weight_decay=0.5).decay
    0.01
    """
    check_instance("problem", problem, Problem)
    flow = FLOWS.of(problem.network)
    scale = check_number("init_scale", init_scale, strict=True)
    if scale > MOST_INIT_SCALE:
        raise InvalidArgument("init_scale", init_scale, f"must be a number > 0, at most {MOST_INIT_SCALE:g}")
    decay = check_number("weight_decay", weight_decay) / problem.samples
    return FlowSetting(problem, scale, decay, flow.check_start(start))


def time_grid(setting: FlowSetting, until: float, count: int = GRID) -> FloatArray:
    """Times up to `until`, evenly spaced in their logarithm, from before the first mode appears.

    Parameters
    ----------
    setting : FlowSetting
    until : float
        Largest time, ``> 0``.
    count : int
        How many.

    Returns
    -------
    ndarray, shape (count,)

    Raises
    ------
    InvalidArgument
        If `until` is no positive number.

    Examples
    --------
    >>> from shallows import PowerLaw, Problem
    >>> from shallows.dynamics import flow_setting, time_grid
    >>> grid = time_grid(flow_setting(Problem("quadratic", PowerLaw(200, 1.25), samples=1), 0.01), until=1e4, count=5)
    >>> grid.round()
    array([  240.,   609.,  1549.,  3935., 10000.])
    """
    last = check_number("until", until, strict=True)
    problem = setting.problem
    first = FLOWS.of(problem.network).learning_times(setting, problem.spectrum.values[:1], np.ones(1))[0]
    begin = 0.1 * first if np.isfinite(first) and first > 0 else 1e-3 * last
    grid = np.geomspace(min(begin, 0.1 * last), last, count)
    grid[-1] = last
    return grid


def check_times(times: ArrayLike) -> FloatArray:
    """`times` as an array, or :class:`InvalidArgument` unless they are some finite numbers ``>= 0``."""
    allowed = "must be finite numbers >= 0, such as [100, 1e3, 1e4]"
    try:
        array = np.array(times, dtype=float)
    except (TypeError, ValueError) as error:
        raise InvalidArgument("times", times, allowed) from error
    if array.ndim != 1 or not 1 <= array.size <= MOST_TIMES:
        raise InvalidArgument("times", f"array of shape {array.shape}", f"must be 1 to {MOST_TIMES} numbers in a list")
    bad = array[~(np.isfinite(array) & (array >= 0))]
    if bad.size:
        raise InvalidArgument("times", float(bad[0]), allowed)
    return array


def predict_dynamics(
    problem: Problem,
    times: ArrayLike,
    *,
    init_scale: float,
    weight_decay: float = 0.0,
    start: str = "normal",
    sgd: Sgd | None = None,
) -> Dynamics:
    """Predict risk, loss and learned modes during training on the population loss (theory note, section 15).

    The gradient flow of the loss per sample, ``Delta + R + (lam/n) ||own weights||^2``: what SGD with fresh samples
    follows where its learning rate is small, time being learning rate times steps. Averages over initial weights come
    from the limit of many hidden units with the fluctuation of each mode's overlap, within 1 % of the mean of the exact
    flow from 20 hidden units on, and within 3 % below, where the initial weights are small.

    Parameters
    ----------
    problem : Problem
        Its samples matter only through ``lam/n``; use 1 for a weight decay of the loss per sample.
    times : sequence of float
        Learning rate times steps, ``>= 0``, in any order.
    init_scale : float
        Standard deviation of the initial weights, ``> 0``: entries of ``W``, or of both layers.
    weight_decay : float
        ``lam``.
    start : {"normal", "balanced"}
        Independent normal entries; or, diagonal network alone, ``|a| = |w| = init_scale`` along the teacher's signs.
    sgd : Sgd, optional
        Learning rate and batch: adds what their noise does, to leading order.

    Returns
    -------
    Dynamics

    Raises
    ------
    InvalidArgument
        For unusable arguments, a learning rate above the largest stable one among them; NotSupported for a network
        without dynamics.

    Examples
    --------
    >>> from shallows import PowerLaw, Problem, predict_dynamics
    >>> problem = Problem("diagonal", PowerLaw(dim=400, gamma=1.0), samples=1, noise=0.5)
    >>> predict_dynamics(problem, [10, 100, 1000], init_scale=0.01, start="balanced").excess_risk.round(4)
    array([0.9999, 0.3818, 0.0295])
    """
    setting = flow_setting(problem, init_scale, weight_decay, start)
    wanted = check_times(times)
    if sgd is not None:
        check_instance("sgd", sgd, Sgd)
        sgd_limits(problem, sgd.batch, setting).check(sgd.learning_rate)
    distinct, places = np.unique(wanted, return_inverse=True)
    state = FLOWS.of(problem.network).follow(setting, distinct)
    over_time = {name: getattr(state, name)[places] for name in ("mean", "error", "scattered", "norm")}
    return Dynamics(setting, wanted, FlowState(state.values, state.multiplicities, **over_time), sgd)
