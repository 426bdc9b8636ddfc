"""The quadratic network where teacher and covariance share no directions: one eigendecomposition per threshold.

At a threshold ``z`` the eigenvectors of ``D = M* - z C`` are taken as they are, and the problem has modes ``t_k`` and
costs ``C_kk`` along them, exact in value and first derivative of every ``D_k``. Its solution has a threshold of its
own; the fixed point is where the two are the same, found by secants in the logarithm.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..designs import PairedSpectrum, RotatedTeacher
from .covariance import (
    COVARIANCE_EVOLUTIONS,
    Balance,
    Costed,
    CovarianceEvolution,
    costed_moments,
    solve_costed,
)
from .quadratic import QUADRATIC
from .result import TOLERANCE, FixedPoint, Status

if TYPE_CHECKING:
    from .._types import FloatArray
    from ..problems import Problem

#: Relative distance of the two thresholds at which they are the same, and eigendecompositions at most.
SAME, MOST = 1e-11, 80


@dataclass(frozen=True, eq=False)
class Turned:
    """A whitened teacher matrix (r, r) in the eigenvectors of the covariance, where ``C`` is diagonal, `costs` (r,)."""

    matrix: FloatArray
    costs: FloatArray
    weight: float

    def along(self, threshold: float) -> Costed:
        """Modes and costs in the eigenvectors of ``M* - threshold C``."""
        vectors = np.linalg.eigh(self.matrix - np.diag(threshold * self.costs))[1][:, ::-1]
        costs = self.costs @ vectors**2
        images = self.matrix @ vectors
        modes = np.einsum("ij,ij->j", vectors, images)  # values + threshold costs, however large the threshold
        spread = np.square(images).sum(axis=0) - modes**2
        if threshold * float(self.costs.max()) < float(np.abs(modes).max(initial=0.0)):
            # |M* e|^2 - (e M* e)^2 of an eigenvector e of M* - z C is z^2 times the same of C: more digits.
            spread = threshold**2 * (self.costs**2 @ vectors**2 - costs**2)
        spread = np.maximum(spread, 0.0)
        counts = np.full(modes.size, self.weight)
        atoms = np.ascontiguousarray(modes), np.ascontiguousarray(costs), counts
        return Costed(*atoms, atoms, spread)


class QuadraticCovariance(CovarianceEvolution):
    """Thresholds ``zeta/sigma^2`` on eigenvalues of the whitened matrix."""

    code = QUADRATIC

    def costs(self, variances: FloatArray) -> FloatArray:
        return 1 / variances

    def costed_at(self, problem: Problem, threshold: float) -> Costed:
        seen = problem.seen
        if isinstance(seen, PairedSpectrum):
            return self.costed(problem, seen)
        return self._turned(seen).along(threshold)

    def _turned(self, teacher: RotatedTeacher) -> Turned:
        return Turned(teacher.matrix, self.costs(teacher.variances), 1 / teacher.dim)

    def rotated_moments(
        self, problem: Problem, teacher: RotatedTeacher, noise_scale: float, threshold: float
    ) -> tuple[float, float]:
        return costed_moments(
            self.code, self._turned(teacher).along(threshold), problem.rank_share, noise_scale, threshold
        )

    def solve_rotated(self, problem: Problem, teacher: RotatedTeacher, balance: Balance) -> FixedPoint:
        turned = self._turned(teacher)
        if balance.noise + problem.energy == 0:
            return FixedPoint(0.0, 0.0, 0.0, 0.0, 1.0, 0.0, Status.PERFECT_RECOVERY)
        point = solve_costed(self.code, turned.along(0.0), balance)
        if not point.status.ok or point.threshold == 0:
            return point
        x = math.log(point.threshold)
        before: tuple[float, float] | None = None
        low, high = -math.inf, math.inf  # thresholds whose solution lies above and below them
        for count in range(MOST):
            point = solve_costed(self.code, turned.along(math.exp(x)), balance)
            if not point.status.ok or point.threshold == 0:
                return point
            miss = math.log(point.threshold) - x
            if abs(miss) <= SAME or (abs(miss) <= TOLERANCE and high - low <= TOLERANCE):
                return point
            low, high = (x, high) if miss > 0 else (low, x)
            following = x + miss
            if before is not None and before[1] != miss:
                secant = x - miss * (x - before[0]) / (miss - before[1])
                following = secant if abs(secant - x) <= 4 * abs(miss) else following
            if high - low < math.inf and (not low < following < high or count % 5 == 4):
                following = 0.5 * (low + high)
            before, x = (x, miss), following
        return FixedPoint(math.nan, math.nan, math.nan, math.nan, math.nan, abs(miss), Status.INACCURATE)


COVARIANCE_EVOLUTIONS.register("quadratic", "attention")(QuadraticCovariance())
