"""Networks trained step by step, to hold the theory against: one-pass SGD, and gradient flow on a data set."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..errors import InvalidArgument
from ..operators import operator_for
from .protocol import FLOWS

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._types import FloatArray
    from .protocol import FlowSetting
    from .stochastic import Sgd

#: Steps at most.
MOST_STEPS = 10**7


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
