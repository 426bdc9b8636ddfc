"""How every network learns from a table: who asks for one by its network asks here, where all are registered."""

from __future__ import annotations

from .diagonal import DiagonalLearner
from .learner import LEARNERS
from .quadratic import QuadraticLearner

__all__ = ["LEARNERS", "DiagonalLearner", "QuadraticLearner"]
