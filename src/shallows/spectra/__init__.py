"""The law of the learned weights and what it says about learned and unlearned features; one file per network."""

from __future__ import annotations

from .covariance_diagonal import DiagonalCovarianceLaw
from .covariance_quadratic import QuadraticCovarianceLaw
from .decomposition import Decomposition
from .deep_diagonal import DeepDiagonalLaw
from .deep_quadratic import DeepQuadraticLaw
from .diagonal import DiagonalLaw
from .law import COVARIANCE_LAWS, LAWS, LearnedLaw, Outlier, decompose, has_law, learned_law, require_law
from .power_law_tails import Tail, fit_tail
from .quadratic import QuadraticLaw

__all__ = [
    "COVARIANCE_LAWS",
    "LAWS",
    "Decomposition",
    "DeepDiagonalLaw",
    "DeepQuadraticLaw",
    "DiagonalCovarianceLaw",
    "DiagonalLaw",
    "LearnedLaw",
    "Outlier",
    "QuadraticCovarianceLaw",
    "QuadraticLaw",
    "Tail",
    "decompose",
    "fit_tail",
    "has_law",
    "learned_law",
    "require_law",
]


def __dir__() -> list[str]:
    return sorted(__all__)
