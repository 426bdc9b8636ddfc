"""State evolution: the scalar equations that predict training, solved by nested bracketing."""

from .bayes import BayesPoint, bayes_error, bayes_optimal
from .fixed_point import moments, solve
from .result import FixedPoint, Status

__all__ = ["BayesPoint", "FixedPoint", "Status", "bayes_error", "bayes_optimal", "moments", "solve"]
