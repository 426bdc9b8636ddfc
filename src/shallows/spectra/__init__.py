"""The law of the learned weights and what it says about learned and unlearned features."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .decomposition import Decomposition, decompose
from .diagonal_law import DiagonalLaw
from .quadratic_law import QuadraticLaw

if TYPE_CHECKING:
    from ..problems import Problem

__all__ = ["Decomposition", "DiagonalLaw", "QuadraticLaw", "decompose", "learned_law"]


def learned_law(problem: Problem, noise_scale: float, threshold: float) -> DiagonalLaw | QuadraticLaw:
    """Law of the learned weights of `problem` at the given noise scale and threshold."""
    law = DiagonalLaw if problem.network == "diagonal" else QuadraticLaw
    return law(problem, noise_scale, threshold)
