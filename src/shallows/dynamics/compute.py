"""Compute-optimal training by one-pass SGD: the best width, samples and rate for a budget of multiply-adds.

Theory note, section 15. A run of `n` samples has the flow's time ``n rate/batch`` at its end, whatever the batch. Its
risk is the flow's, raised by the noise that is left; the best rate per sample of the batch, and for networks with a
width the best width, follow by minimising.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from .._arguments import check_instance
from .._display import Displayed, Summary
from .._numbers import terminal_number as number
from ..errors import InvalidArgument
from ..problems import Problem
from ..teachers import PowerLaw
from .protocol import FLOWS
from .stochastic import cooling, relaxation, sgd_limits
from .trajectory import flow_setting, predict_dynamics

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from .._types import FloatArray

#: How the learning rate goes on: it stays, or falls to zero in a straight line.
SCHEDULES = ("linear", "constant")
#: How near to where noise alone makes weights run away.
MOST_SHARE = 0.4
#: Learning rate times sharpness at the largest batch: 2 would not be stable.
CURVATURE = 0.5
#: Points of the search: times of a flow at least and per decade, shares, widths per decade.
_TIMES, _TIMES_PER_DECADE, _RATES, _WIDTHS = 160, 12, 150, 16
#: Relaxation times of the slowest mode after which a flow has ended, wherever it started.
_ENDED = 100.0
#: Share of the risk at the start that is rounding: less of it is none.
_ROUNDING = 1e-28
MOST_BUDGETS = 1000


@dataclass(frozen=True, eq=False, repr=False)
class ComputeOptimal(Displayed):
    """The best run for each budget, and what other widths would have come to.

    Attributes
    ----------
    problem : Problem
        Network, teacher and noise.
    init_scale : float
        Standard deviation of the initial weights.
    schedule : {"linear", "constant"}
        How the learning rate goes on.
    budgets : ndarray, shape (k,)
        Multiply-adds.
    width : ndarray, shape (k,)
        Best number of hidden units; those of the network where there is nothing to choose.
    samples, steps : ndarray, shape (k,)
        One pass: samples seen; steps at the largest batch that costs none.
    batch, learning_rate : ndarray, shape (k,)
        That batch, and the rate to start with.
    excess_risk : ndarray, shape (k,)
    share : ndarray, shape (k,)
        What the noise of a constant rate would add, as a share of the test error.
    widths : ndarray, shape (w,)
        Widths that were tried.
    isoflop : ndarray, shape (k, w)
        Excess risk at each budget and width, at the best rate; NaN where the budget is less than one sample.

    Examples
    --------
    >>> from shallows import PowerLaw, Problem, compute_optimal
    >>> problem = Problem("quadratic", PowerLaw(dim=200, gamma=1.25), samples=1, noise=0.1)
    >>> best = compute_optimal(problem, [1e8, 1e10], init_scale=0.01)
    >>> best.width.tolist(), bool(best.excess_risk[1] < best.excess_risk[0] / 4)
    ([4.0, 31.0], True)
    """

    problem: Problem
    init_scale: float
    schedule: str
    budgets: FloatArray
    width: FloatArray
    samples: FloatArray
    steps: FloatArray
    batch: FloatArray
    learning_rate: FloatArray
    excess_risk: FloatArray
    share: FloatArray
    widths: FloatArray
    isoflop: FloatArray

    def _summary(self) -> Summary:
        rows = [("budgets", str(self.budgets.size), f"{number(self.budgets[0])} to {number(self.budgets[-1])}")]
        head = [(name, True) for name in ("multiply-adds", "width", "samples", "excess risk")]
        columns = (self.budgets, self.width, self.samples, self.excess_risk)
        table = [tuple(number(float(value)) for value in row) for row in zip(*columns, strict=True)]
        return Summary(f"Compute-optimal training of a {self.problem.network} network", rows, head, table)

    @property
    def exponents(self) -> dict[str, float] | None:
        """Derived exponents of risk, width and samples in compute; None unless the teacher is a power law."""
        teacher = self.problem.teacher
        if not isinstance(teacher, PowerLaw):
            return None
        schedule = self.schedule if self.problem.noise > 0 else "noiseless"
        return frontier_exponents(self.problem.network, teacher.gamma, schedule)

    def extrapolation(self, share: float = 0.5) -> dict[str, float] | None:
        """How a power law fitted to the smaller budgets would miss the largest; None with fewer than 4 of them.

        Parameters
        ----------
        share : float
            Share of the budgets, the smallest ones, that are fitted.
        """
        count = math.ceil(share * self.budgets.size)
        if count < 4 or count >= self.budgets.size or not (self.excess_risk > 0).all():
            return None
        logs = np.log(self.budgets)
        slope, level = np.polyfit(logs[:count], np.log(self.excess_risk[:count]), 1)
        wide, broad = np.polyfit(logs[:count], np.log(self.width[:count]), 1)
        return {
            "fitted_until": float(self.budgets[count - 1]),
            "budget": float(self.budgets[-1]),
            "risk_exponent": float(slope),
            "width_exponent": float(wide),
            "extrapolated_risk": float(np.exp(slope * logs[-1] + level)),
            "excess_risk": float(self.excess_risk[-1]),
            "extrapolated_width": float(np.exp(wide * logs[-1] + broad)),
            "width": float(self.width[-1]),
        }

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        counts = {name: np.maximum(np.rint(getattr(self, name)), 1) for name in ("width", "steps", "batch", "widths")}
        counts["samples"] = np.floor(self.samples)
        lists = ("learning_rate", "excess_risk", "share")
        curves = [[value if math.isfinite(value) else None for value in row] for row in self.isoflop.tolist()]
        return {
            **{
                key: value
                for key, value in self.problem.to_dict().items()
                if key in ("network", "teacher", "dim", "noise")
            },
            "init_scale": self.init_scale,
            "schedule": self.schedule,
            "budget": self.budgets.tolist(),
            **{name: [int(value) for value in values] for name, values in counts.items()},
            **{name: getattr(self, name).tolist() for name in lists},
            "isoflop": curves,
            "exponents": self.exponents,
            "extrapolation": self.extrapolation(),
        }


def frontier_exponents(network: str, gamma: float, schedule: str) -> dict[str, float]:
    """Exponents in compute of the best run of a power-law teacher, up to logarithms (theory note, section 15).

    Parameters
    ----------
    network : str
        Name of a network with dynamics.
    gamma : float
        Exponent of the teacher's modes, above 1/2.
    schedule : {"noiseless", "constant", "linear"}
        Without label noise, or with it at a constant rate or one that falls to zero.

    Returns
    -------
    dict
        Of ``excess_risk``, ``width`` and ``samples``; the width's is 0 for a network without a width.

    Raises
    ------
    InvalidArgument
        For another schedule; NotSupported for a network without dynamics.

    Examples
    --------
    >>> from shallows.dynamics import frontier_exponents
    >>> {name: round(value, 4) for name, value in frontier_exponents("quadratic", 1.25, "constant").items()}
    {'excess_risk': -0.4, 'width': 0.2667, 'samples': 0.7333}
    """
    from ..networks import network_named

    FLOWS.of(network)
    # Modes K are learned once n samples number K to this power; what is not learned has risk K^(1 - 2 gamma).
    speed = max(gamma, 1.0)
    powers = {"noiseless": speed, "constant": speed + 2 * gamma - 1, "linear": max(2 * gamma, speed)}
    if schedule not in powers:
        raise InvalidArgument("schedule", schedule, "must be " + " or ".join(f'"{name}"' for name in powers))
    samples = powers[schedule]
    total = samples + (1 if network_named(network).has_width else 0)
    return {"excess_risk": -(2 * gamma - 1) / total, "width": (total - samples) / total, "samples": samples / total}


def compute_optimal(
    problem: Problem, budgets: ArrayLike, *, init_scale: float = 0.01, schedule: str = "linear"
) -> ComputeOptimal:
    """Best width, samples and learning rate for budgets of compute, with one pass of SGD.

    Parameters
    ----------
    problem : Problem
        Its teacher and noise; its samples and width are what is chosen.
    budgets : sequence of float
        Multiply-adds, increasing, ``> 0``.
    init_scale : float
        Standard deviation of the initial weights.
    schedule : {"linear", "constant"}
        How the learning rate goes on: to zero in a straight line, or not at all.

    Returns
    -------
    ComputeOptimal

    Raises
    ------
    InvalidArgument
        For unusable arguments, budgets too small for one sample among them; NotSupported for a network without
        dynamics.

    Examples
    --------
    The diagonal network has no width to choose: its frontier is the risk of as many samples as the budget pays.

    >>> from shallows import PowerLaw, Problem, compute_optimal
    >>> best = compute_optimal(Problem("diagonal", PowerLaw(1000, 1.0), samples=1, noise=0.5), [1e7, 1e8])
    >>> best.samples.tolist(), bool(best.excess_risk[1] < best.excess_risk[0])
    ([2500.0, 25000.0], True)
    """
    check_instance("problem", problem, Problem)
    flow = FLOWS.of(problem.network)
    flow_setting(problem, init_scale)
    if schedule not in SCHEDULES:
        raise InvalidArgument("schedule", schedule, "must be " + " or ".join(f'"{name}"' for name in SCHEDULES))
    wanted = _check_budgets(budgets)
    widths = _widths(problem)
    smallest = flow.sample_cost(replace(problem, width=1 if problem.architecture.has_width else None))
    if wanted[0] < smallest:
        allowed = f"must be at least {smallest:.4g} multiply-adds, the cost of one sample"
        raise InvalidArgument("budgets", float(wanted[0]), allowed)
    curves = [_Curve.of(problem, width, init_scale, schedule) for width in widths]
    table = np.array([[curve.best(budget) for curve in curves] for budget in wanted])  # (k, w, risk, rate, share)
    places = np.nanargmin(table[:, :, 0], axis=1)
    risk, rate, share = table[np.arange(wanted.size), places].T
    chosen = [curves[place] for place in places]
    samples = np.array([budget / curve.cost for budget, curve in zip(wanted, chosen, strict=True)])
    batch = np.maximum(CURVATURE / (rate * np.array([curve.sharpness for curve in chosen])), 1.0)
    return ComputeOptimal(
        problem=problem,
        init_scale=float(init_scale),
        schedule=schedule,
        budgets=wanted,
        width=np.array([curve.width for curve in chosen], dtype=float),
        samples=samples,
        steps=samples / batch,
        batch=batch,
        learning_rate=rate * batch,
        excess_risk=risk,
        share=share,
        widths=np.array([curve.width for curve in curves], dtype=float),
        isoflop=table[:, :, 0],
    )


def _check_budgets(budgets: ArrayLike) -> FloatArray:
    """`budgets` as an array, or :class:`InvalidArgument`."""
    allowed = "must be increasing finite numbers > 0, such as [1e9, 1e12, 1e15]"
    try:
        array = np.array(budgets, dtype=float)
    except (TypeError, ValueError) as error:
        raise InvalidArgument("budgets", budgets, allowed) from error
    if array.ndim != 1 or not 1 <= array.size <= MOST_BUDGETS:
        raise InvalidArgument("budgets", f"array of shape {array.shape}", f"must be 1 to {MOST_BUDGETS} numbers")
    if not (np.isfinite(array).all() and array[0] > 0 and (np.diff(array) > 0).all()):
        raise InvalidArgument("budgets", array.tolist() if array.size < 6 else f"{array.size} numbers", allowed)
    return array


def _widths(problem: Problem) -> list[int | None]:
    """Widths to try: all small ones, then evenly spaced in their logarithm; None where there is nothing to choose."""
    if not problem.architecture.has_width:
        return [None]
    decades = math.log10(problem.dim)
    spaced = np.geomspace(1, problem.dim, max(2, math.ceil(_WIDTHS * decades) + 1))
    return sorted({*range(1, min(problem.dim, 4) + 1), *(round(width) for width in spaced)})


@dataclass(frozen=True, eq=False)
class _Curve:
    """The flow of one width, with what the noise adds, over a table of times."""

    width: int
    cost: float
    sharpness: float
    noise: float
    log_times: FloatArray
    log_risks: FloatArray
    #: Power of the gradient in the modes learned by then.
    power: FloatArray
    #: That which decides on stability.
    runaway: FloatArray
    #: The first, each part counted by the share of its fluctuation that is left.
    left: FloatArray
    #: Time taken per unit of rate and step: a falling rate takes half of what a constant one does.
    taken: float

    @classmethod
    def of(cls, problem: Problem, width: int | None, init_scale: float, schedule: str) -> _Curve:
        here = replace(problem, width=width)
        setting = flow_setting(here, init_scale)
        flow, limits = FLOWS.of(here.network), sgd_limits(here, 1, setting)
        smallest = here.spectrum.values[here.spectrum.values > 0][-1:]
        if not smallest.size:
            raise InvalidArgument("teacher", "no energy", "must have a mode to learn")
        growth = flow.growth_rate(here)
        # Weights far above the teacher's fall sooner than its strongest mode grows.
        first = 1e-2 / max(growth * float(here.spectrum.values[0]), flow.start_power(setting).sharpness)
        # A mode that starts above its size is not learned but forgotten: as slowly, and without a learning time.
        ended = _ENDED / (growth * float(smallest[0]))
        last = max(100 * float(flow.learning_times(setting, smallest, np.ones(1))[0]), ended, 1e3 * first)
        times = np.geomspace(first, last, max(_TIMES, math.ceil(_TIMES_PER_DECADE * math.log10(last / first))))
        found = predict_dynamics(here, times, init_scale=init_scale)
        power = flow.gradient_power(here, found.state.mean, found.state.multiplicities)
        runaway = power + 2 * flow.gradient_power(here, found.state.mean[:, :1], np.ones(1))
        # A run is stable if it was all the way, from the initial weights on.
        runaway = np.maximum.accumulate(np.maximum(runaway, limits.start.runaway))
        left = power
        if schedule == "linear":
            rates, shares = relaxation(here)
            rests = cooling(2 * times[:, None] * rates) * (
                rates >= flow.slowest_relaxation(here, found.smallest)[:, None]
            )
            # What starts above its size is noise as well, and has no time to relax.
            above = np.where(found.state.mean > 1.5 * found.final_modes, found.state.mean, 0.0)
            left = limits.gradient_power * (rests @ shares)
            left = left + flow.gradient_power(here, above, found.state.multiplicities)
        return cls(
            width=here.effective_width, cost=flow.sample_cost(here), noise=here.noise,
            sharpness=max(limits.sharpness, limits.start.sharpness),
            log_times=np.log(times), log_risks=np.log(found.excess_risk + 1e-300), power=power, runaway=runaway,
            left=left, taken=0.5 if schedule == "linear" else 1.0,
        )  # fmt: skip

    def best(self, budget: float) -> tuple[float, float, float]:
        """Smallest risk, its rate per sample of the batch, and the share of that; nan below one sample."""
        samples = budget / self.cost
        if samples < 1:
            return math.nan, math.nan, math.nan
        rates = MOST_SHARE / self.runaway.max() * np.geomspace(1e-9, 1e3, _RATES)
        # No rate takes a run beyond the table, where the flow has ended.
        rates = np.minimum(rates, math.exp(self.log_times[-1]) / (self.taken * samples))
        place = int(np.argmin(self.risk(samples, rates)))
        fine = np.geomspace(rates[max(place - 1, 0)], rates[min(place + 1, rates.size - 1)], 21)
        risks = self.risk(samples, fine)
        place = int(np.argmin(risks))
        risk = float(risks[place])
        risk = risk if risk > _ROUNDING * math.exp(self.log_risks[0]) else 0.0
        return risk, float(fine[place]), float(self._at(samples, fine, self.power)[place] * fine[place])

    def risk(self, samples: float, rates: FloatArray) -> FloatArray:
        """Excess risk after `samples` at rates per sample of the batch; infinite where the noise is no small part."""
        flow = np.exp(self._at(samples, rates, self.log_risks))
        left = rates * self._at(samples, rates, self.left)
        stable = rates * self._at(samples, rates, self.runaway) <= MOST_SHARE
        return np.where(stable, (flow + left * self.noise) / (1 - np.minimum(left, MOST_SHARE)), np.inf)

    def _at(self, samples: float, rates: FloatArray, table: FloatArray) -> FloatArray:
        """`table` at the end of the run; before its first time nothing has moved by more than 1 %."""
        return np.asarray(np.interp(np.log(self.taken * rates * samples), self.log_times, table))
