"""Networks trained step by step: one-pass SGD to hold the theory against, and gradient descent on one data set.

On a data set the flow is a dynamical mean-field theory (arXiv 2601.10483) that is not built here: it is measured.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .._display import Displayed, Summary
from .._numbers import terminal_number as number
from ..errors import InvalidArgument
from ..operators import operator_for
from ..training import sample
from .protocol import FLOWS, FlowSetting
from .stochastic import sgd_limits
from .trajectory import time_grid

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._types import FloatArray
    from .stochastic import Sgd

#: Steps at most.
MOST_STEPS = 10**7
#: The rate on a data set, as a share of the largest stable one of batches of its size: a flow, within a few percent.
CALM = 0.25
#: Times looked at; the power of the effective samples that the modes shown by them do not exceed, with what
#: times the entrance of the last one is passed.
LOOKS, SHOWN, BEYOND = 60, 0.7, 3.0


def simulate_sgd(
    setting: FlowSetting, sgd: Sgd, times: FloatArray, seed: int, *, schedule: Callable[[float], float] | None = None
) -> FloatArray:
    """Excess risk of a network trained by one-pass SGD, at the steps nearest to `times`.

    Parameters
    ----------
    setting : FlowSetting
    sgd : Sgd
        Every step sees a fresh batch.
    times : ndarray, shape (times,)
        Increasing multiples of the learning rate.
    seed : int
        Of the initial weights, the samples and their noise.
    schedule : callable, optional
        What the rate is multiplied by, as a function of the share of all steps that is done.

    Returns
    -------
    ndarray, shape (times,)

    Raises
    ------
    InvalidArgument
        If that is more than ten million steps.

    Examples
    --------
    >>> import numpy as np
    >>> from shallows import PowerLaw, Problem
    >>> from shallows.dynamics import Sgd, flow_setting, simulate_sgd
    >>> setting = flow_setting(Problem("diagonal", PowerLaw(20, 1.0), samples=1), init_scale=0.1)
    >>> risk = simulate_sgd(setting, Sgd(0.5, batch=50), np.array([0.0, 50.0]), seed=0)
    >>> bool(risk[1] < 0.3 * risk[0])
    True
    """
    problem, rng = setting.problem, np.random.default_rng(seed)
    marks = np.rint(np.asarray(times) / sgd.learning_rate).astype(np.int64)
    if marks.max() > MOST_STEPS:
        raise InvalidArgument("times", float(np.max(times)), f"must be at most {MOST_STEPS} steps away")
    flow, network = FLOWS.of(problem.network), problem.architecture
    modes = problem.teacher.values(problem.network)
    truth, weights = network.weights_of_modes(modes), flow.initial_weights(setting, rng)
    deviation, risks, step = np.sqrt(problem.noise), [], 0
    for mark in marks:
        while step < mark:
            inputs = rng.standard_normal((sgd.batch, problem.dim))
            labels = operator_for(network, inputs).output_of_modes(modes) + deviation * rng.standard_normal(sgd.batch)
            rate = sgd.learning_rate * (1.0 if schedule is None else schedule(step / marks[-1]))
            slopes = flow.gradient(weights, inputs, labels)
            weights = {name: own - rate * (slopes[name] + 2 * setting.decay * own) for name, own in weights.items()}
            step += 1
        risks.append(network.excess_risk(network.effective_weights(weights), truth))
    return np.array(risks)


@dataclass(frozen=True, eq=False, repr=False)
class EarlyStopping(Displayed):
    """Gradient descent on one data set, looked at along the way.

    Attributes
    ----------
    times : ndarray, shape (times,)
        Learning rate times steps.
    excess_risk : ndarray, shape (times,)
        Against the teacher, measured.
    train_error : ndarray, shape (times,)
        Mean squared residual.

    Examples
    --------
    >>> from shallows import PowerLaw, Problem
    >>> from shallows.dynamics import early_stopping, flow_setting
    >>> problem = Problem("diagonal", PowerLaw(60, 1.0), samples=60, noise=0.5)
    >>> run = early_stopping(flow_setting(problem, init_scale=0.01), seed=0)
    >>> bool(run.best_risk < run.excess_risk[-1]), bool(run.train_error[-1] < run.train_error[0])
    (True, True)
    """

    times: FloatArray
    excess_risk: FloatArray
    train_error: FloatArray

    @property
    def best_time(self) -> float:
        """When the excess risk is smallest."""
        return float(self.times[np.argmin(self.excess_risk)])

    @property
    def best_risk(self) -> float:
        """The smallest excess risk on the way."""
        return float(self.excess_risk.min())

    def _summary(self) -> Summary:
        rows = [
            ("smallest excess risk", number(self.best_risk), f"at time {number(self.best_time)}"),
            ("at the end", number(float(self.excess_risk[-1])), f"time {number(float(self.times[-1]))}"),
        ]
        return Summary("Gradient descent on one data set", rows)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        lists = {name: getattr(self, name).tolist() for name in ("times", "excess_risk", "train_error")}
        return {**lists, "best_time": self.best_time, "best_risk": self.best_risk}


def early_stopping(
    setting: FlowSetting, seed: int | np.random.SeedSequence, *, until: float | None = None
) -> EarlyStopping:
    """Train on one sampled data set by gradient descent with a small rate, and look at the risk along the way.

    Parameters
    ----------
    setting : FlowSetting
        Its problem says how many samples; its weight decay acts all along.
    seed : int or numpy.random.SeedSequence
        Of the data, as :func:`shallows.sample` takes it, and of the initial weights.
    until : float, optional
        Last time, learning rate times steps; by default three times what the flow takes for all modes that so many
        samples can show.

    Returns
    -------
    EarlyStopping

    Raises
    ------
    InvalidArgument
        If the number of samples is no integer, or that takes more than ten million steps.

    Examples
    --------
    >>> from shallows import PowerLaw, Problem
    >>> from shallows.dynamics import early_stopping, flow_setting
    >>> problem = Problem("diagonal", PowerLaw(100, 1.0), samples=100, noise=0.5)
    >>> run = early_stopping(flow_setting(problem, init_scale=0.01), seed=1)
    >>> bool(run.best_time < 0.5 * run.times[-1])
    True
    """
    problem = setting.problem
    data = sample(problem, seed)
    flow, network = FLOWS.of(problem.network), problem.architecture
    limits = sgd_limits(problem, data.samples, setting)
    rate = CALM * limits.largest_rate
    last = _long_enough(setting) if until is None else until
    marks = np.unique(np.rint(time_grid(setting, last, LOOKS) / rate).astype(np.int64))
    if marks[-1] > MOST_STEPS:
        raise InvalidArgument("until", last, f"must be at most {MOST_STEPS} steps of {rate:.3g} away")
    parent = seed if isinstance(seed, np.random.SeedSequence) else np.random.SeedSequence(seed)
    apart = np.random.SeedSequence(parent.entropy, spawn_key=(*parent.spawn_key, 2))  # 0 and 1 are the data's
    weights = flow.initial_weights(setting, np.random.default_rng(apart))
    operator, step, risks, errors = operator_for(network, data.inputs), 0, [], []
    for mark in marks:
        while step < mark:
            slopes = flow.gradient(weights, data.inputs, data.labels)
            weights = {name: own - rate * (slopes[name] + 2 * setting.decay * own) for name, own in weights.items()}
            step += 1
        learned = network.effective_weights(weights)
        risks.append(network.excess_risk(learned, data.weights))
        errors.append(float(np.mean((data.labels - operator.output(learned)) ** 2)))
    return EarlyStopping(np.asarray(rate * marks, dtype=float), np.array(risks), np.array(errors))


def _long_enough(setting: FlowSetting) -> float:
    """Time by which every mode that the data can show has come in, three times over."""
    problem = setting.problem
    values = problem.spectrum.values[problem.spectrum.values > 0]
    place = min(round(problem.effective_samples**SHOWN), values.size - 1, problem.effective_width - 1)
    free = FLOWS.of(problem.network).learning_times(
        FlowSetting(problem, setting.init_scale, 0.0), values[place:][:1], np.ones(1)
    )
    return BEYOND * float(free[0])
