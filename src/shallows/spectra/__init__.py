"""The law of the learned weights and what it says about learned and unlearned features; one file per network."""

from __future__ import annotations

from .decomposition import Decomposition
from .diagonal import DiagonalLaw
from .law import LAWS, LearnedLaw, Outlier, decompose, learned_law
from .power_law_tails import Tail, fit_tail
from .quadratic import QuadraticLaw

__all__ = [
    "LAWS",
    "Decomposition",
    "DiagonalLaw",
    "LearnedLaw",
    "Outlier",
    "QuadraticLaw",
    "Tail",
    "decompose",
    "fit_tail",
    "learned_law",
]


def __dir__() -> list[str]:
    return sorted(__all__)
