"""State evolution: the scalar equations that predict training, solved by nested bracketing; one file per network.

>>> from shallows import PowerLaw, Problem
>>> point = solve(Problem("diagonal", PowerLaw(dim=1000, gamma=1.0), samples=500, noise=0.5), weight_decay=1.0)
>>> round(point.noise_scale, 5), round(point.threshold, 4)
(0.03524, 0.0713)
"""

from . import covariance_diagonal, covariance_rotated, deep_diagonal, deep_quadratic  # noqa: F401 - registered
from .bayes import BayesPoint, bayes_error, bayes_optimal
from .covariance import COVARIANCE_EVOLUTIONS, CovarianceEvolution
from .fixed_point import moments, silencing_threshold, solve
from .protocol import STATE_EVOLUTIONS, StateEvolution
from .result import FixedPoint, Status
from .solutions import Solutions, has_several, solutions, threshold_for_strength

__all__ = [
    "COVARIANCE_EVOLUTIONS",
    "STATE_EVOLUTIONS",
    "BayesPoint",
    "CovarianceEvolution",
    "FixedPoint",
    "Solutions",
    "StateEvolution",
    "Status",
    "bayes_error",
    "bayes_optimal",
    "has_several",
    "moments",
    "silencing_threshold",
    "solutions",
    "solve",
    "threshold_for_strength",
]


def __dir__() -> list[str]:
    return sorted(__all__)
