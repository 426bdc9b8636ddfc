"""Training time: the population flow in closed form, one-pass SGD about it, compute, and finite data measured.

One file per network; theory note, section 15.

>>> from shallows import PowerLaw, Problem, predict_dynamics
>>> problem = Problem("quadratic", PowerLaw(dim=60, gamma=1.25), samples=1)
>>> predict_dynamics(problem, [400, 800], init_scale=0.05).excess_risk.round(3)
array([0.442, 0.17 ])
"""

from __future__ import annotations

from . import diagonal, quadratic  # noqa: F401  what differs by network
from .compute import ComputeOptimal, compute_optimal, frontier_exponents
from .protocol import FLOWS, Flow, FlowSetting, FlowState, StartPower
from .simulation import EarlyStopping, early_stopping, simulate_sgd
from .stochastic import Sgd, SgdLimits, sgd_limits
from .trajectory import Dynamics, flow_setting, predict_dynamics, time_grid

__all__ = [
    "FLOWS",
    "ComputeOptimal",
    "Dynamics",
    "EarlyStopping",
    "Flow",
    "FlowSetting",
    "FlowState",
    "Sgd",
    "SgdLimits",
    "StartPower",
    "compute_optimal",
    "early_stopping",
    "flow_setting",
    "frontier_exponents",
    "predict_dynamics",
    "sgd_limits",
    "simulate_sgd",
    "time_grid",
]


def __dir__() -> list[str]:
    return sorted(__all__)
