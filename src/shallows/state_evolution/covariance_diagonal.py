"""The diagonal network for inputs with a covariance (theory note, section 13)."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ..designs import RotatedTeacher
from ..errors import NotSupported
from .covariance import COVARIANCE_EVOLUTIONS, Balance, CovarianceEvolution
from .covariance_draws import Draws, solve_drawn
from .diagonal import DIAGONAL
from .result import FixedPoint, Status

if TYPE_CHECKING:
    from .._types import FloatArray
    from ..problems import Problem

#: Largest relative residual where averages are over draws: counts of active weights jump.
DRAWN_TOLERANCE = 2e-3


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
        return _draws(problem).moments(noise_scale, threshold)

    def solve_rotated(self, problem: Problem, teacher: RotatedTeacher, balance: Balance) -> FixedPoint:
        samples, noise, strength = balance.constraints, balance.noise, balance.strength
        directions = float(teacher.variances.size)
        energy = float(teacher.vector @ teacher.vector)
        if noise + energy == 0:
            return FixedPoint(0.0, 0.0, 0.0, 0.0, 1.0, 0.0, Status.PERFECT_RECOVERY)
        if strength == 0:
            return _least_squares(samples, noise, directions)
        unit = math.sqrt(energy + noise)
        scaled = replace(teacher, values=teacher.values / unit)
        found = solve_drawn(Draws(scaled), samples, noise / unit**2, strength / unit)
        if found is None:
            return FixedPoint(math.nan, math.nan, math.nan, math.nan, math.nan, math.inf, Status.NO_SOLUTION)
        return FixedPoint(
            noise_scale=found.noise_scale * unit,
            threshold=found.threshold * unit,
            estimation_error=found.error * unit**2,
            degrees_of_freedom=found.freedom,
            slack=min(strength / unit / (samples * found.threshold), 1.0),
            residual=found.residual,
            status=Status.CONVERGED if found.residual <= DRAWN_TOLERANCE else Status.INACCURATE,
            standard_error=found.standard_error * unit**2,
        )


def _draws(problem: Problem) -> Draws:
    seen = problem.seen
    assert isinstance(seen, RotatedTeacher)
    return Draws(seen)


def _least_squares(samples: float, noise: float, directions: float) -> FixedPoint:
    """Without weight decay: least squares where the samples determine it, whatever the covariance."""
    if samples <= directions:
        allowed = f"must be positive for at most {directions:g} samples of the diagonal network with this covariance"
        raise NotSupported("weight_decay", 0.0, allowed)
    slack = 1 - directions / samples
    if noise == 0:
        return FixedPoint(0.0, 0.0, 0.0, directions, slack, 0.0, Status.PERFECT_RECOVERY)
    error = directions * noise / (samples - directions)
    return FixedPoint(math.sqrt((error + noise) / samples), 0.0, error, directions, slack, 0.0, Status.CONVERGED)


COVARIANCE_EVOLUTIONS.register("diagonal")(DiagonalCovariance())
