"""The diagonal network for inputs with a covariance (theory note, section 13)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .covariance import COVARIANCE_EVOLUTIONS, Balance, CovarianceEvolution
from .diagonal import DIAGONAL

if TYPE_CHECKING:
    from .._types import FloatArray
    from ..designs import RotatedTeacher
    from ..problems import Problem
    from .result import FixedPoint


class DiagonalCovariance(CovarianceEvolution):
    """Thresholds ``zeta/sigma`` on the entries of ``phi = sigma theta``; draws where the covariance is not diagonal."""

    code = DIAGONAL

    def costs(self, variances: FloatArray) -> FloatArray:
        return 1 / np.sqrt(variances)

    def is_determined(self, constraints: float, directions: float) -> bool:
        return constraints >= directions

    def rotated_moments(
        self, problem: Problem, teacher: RotatedTeacher, noise_scale: float, threshold: float
    ) -> tuple[float, float]:
        raise NotImplementedError

    def solve_rotated(self, problem: Problem, teacher: RotatedTeacher, balance: Balance) -> FixedPoint:
        raise NotImplementedError


COVARIANCE_EVOLUTIONS.register("diagonal")(DiagonalCovariance())
