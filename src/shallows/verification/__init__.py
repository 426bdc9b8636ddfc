"""Predict a network, train it on sampled data, and say whether the two agree.

>>> from shallows import PowerLaw, Problem
>>> from shallows.verification import TRAINER_NAMES, verify
>>> TRAINER_NAMES
('convex', 'gradient')
>>> problem = Problem("diagonal", PowerLaw(dim=40, gamma=1.0), samples=80, noise=0.3)
>>> verification = verify(problem, weight_decay=0.5, seeds=2, trainers=["convex"], learning_curve=False)
>>> len(verification.measured["convex"].excess_risk.values)
2
"""

from __future__ import annotations

from .comparison import Comparison, Outcome, compare
from .curve import LearningCurve, TrainedPoint
from .endings import Ending
from .measurements import Measurements, Statistic
from .result import Verification
from .train_and_compare import verify
from .trainers import TRAINER_NAMES

__all__ = [
    "TRAINER_NAMES",
    "Comparison",
    "Ending",
    "LearningCurve",
    "Measurements",
    "Outcome",
    "Statistic",
    "TrainedPoint",
    "Verification",
    "compare",
    "verify",
]


def __dir__() -> list[str]:
    return sorted(__all__)
