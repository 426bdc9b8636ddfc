"""Where inputs come from: their covariance, how it lies to the teacher, and laws other than the Gaussian.

>>> from shallows import GaussianDesign, PowerLaw, Problem, predict
>>> problem = Problem("quadratic", PowerLaw(100, 1.5), samples=5000, noise=0.1, design=GaussianDesign(0.5))
>>> round(predict(problem, penalty=0.05).estimation_error, 6)
0.035407
"""

from __future__ import annotations

from .base import Design, Isotropic
from .entries import Laplace, Rademacher, Sparse, StudentT, Uniform
from .gaussian import GaussianDesign
from .named import design_named
from .other import CommonMean, Orthogonal, Rows
from .seen import PairedSpectrum, RotatedTeacher

__all__ = [
    "CommonMean",
    "Design",
    "GaussianDesign",
    "Isotropic",
    "Laplace",
    "Orthogonal",
    "PairedSpectrum",
    "Rademacher",
    "RotatedTeacher",
    "Rows",
    "Sparse",
    "StudentT",
    "Uniform",
    "design_named",
]


def __dir__() -> list[str]:
    return sorted(__all__)
