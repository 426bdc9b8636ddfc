"""Approximate message passing, and state evolution beside it (theory note, section 9).

One file per network holds what its :class:`Model` and its simulated observations are; the rest is written once.
"""

from __future__ import annotations

from . import diagonal, quadratic  # noqa: F401, each registers its network
from .iteration import Iteration
from .models import COVARIANCE_MODELS, MODELS, SIMULATIONS, CovarianceModel, Model, Simulation
from .result import AmpRun, AmpStatus, Trajectory
from .run import amp, bayes_rule
from .settings import AmpSettings
from .step import MessageStep
from .threshold_policies import FixedRule, Observations, Policy, ThresholdForPenalty, ThresholdMultiple

__all__ = [
    "COVARIANCE_MODELS",
    "MODELS",
    "SIMULATIONS",
    "AmpRun",
    "AmpSettings",
    "AmpStatus",
    "CovarianceModel",
    "FixedRule",
    "Iteration",
    "MessageStep",
    "Model",
    "Observations",
    "Policy",
    "Simulation",
    "ThresholdForPenalty",
    "ThresholdMultiple",
    "Trajectory",
    "amp",
    "bayes_rule",
]


def __dir__() -> list[str]:
    return sorted(__all__)
