"""Predict a network, train it on sampled data, and say whether the two agree.

>>> verification = verify(problem, penalty=0.05, seeds=4)   # doctest: +SKIP
>>> print(verification)                                     # doctest: +SKIP
"""

from __future__ import annotations

from .comparison import Comparison, Outcome, compare
from .curve import LearningCurve, TrainedPoint
from .measurements import Measurements, Statistic
from .result import Verification
from .train_and_compare import verify
from .trainers import TRAINERS

__all__ = [
    "TRAINERS",
    "Comparison",
    "LearningCurve",
    "Measurements",
    "Outcome",
    "Statistic",
    "TrainedPoint",
    "Verification",
    "compare",
    "verify",
]
