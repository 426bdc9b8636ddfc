"""State of the search for a LASSO minimum: what is asked, the best point so far, and the work done."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from .certificates import Certificate, lasso_certificate

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._types import FloatArray
    from ..operators import DiagonalOperator

    Progress = Callable[[int, float], None]


@dataclass(frozen=True, eq=False)
class LassoPoint:
    """Weights (d,), their subgradient (d,) and their certificate."""

    theta: FloatArray
    subgradient: FloatArray
    certificate: Certificate


@dataclass(frozen=True, eq=False)
class LassoResult:
    """Weights, their subgradient and certificate, and the work done."""

    theta: FloatArray
    subgradient: FloatArray
    certificate: Certificate
    iterations: int
    details: dict[str, Any]


#: What the stages count.
COUNTS = ("amp_iterations", "newton_steps", "interior_steps", "path_steps")


def _counts() -> dict[str, Any]:
    return {**dict.fromkeys(COUNTS, 0), "amp_departed": False, "start": "zero"}


@dataclass
class LassoSearch:
    """The search for one bound; the stages hand it on.

    Attributes
    ----------
    operator : DiagonalOperator
    labels : ndarray, shape (n,)
    bound : float
        ``lam sqrt(d)``.
    tolerance : float
        Relative duality gap.
    limit : int
        Iterations of all stages at most.
    progress : callable, optional
    point : LassoPoint or None
        The point of smallest gap so far.
    details : dict
        Iterations of each stage, where it started, and whether message passing left its path.
    """

    operator: DiagonalOperator
    labels: FloatArray
    bound: float
    tolerance: float
    limit: int
    progress: Progress | None
    point: LassoPoint | None = None
    details: dict[str, Any] = field(default_factory=_counts)

    @property
    def best(self) -> LassoPoint:
        """The point of smallest gap, once one was considered."""
        assert self.point is not None
        return self.point

    @property
    def iterations(self) -> int:
        """Of all stages."""
        return int(sum(self.details[name] for name in COUNTS))

    @property
    def left(self) -> int:
        """Iterations that are left."""
        return max(0, self.limit - self.iterations)

    @property
    def gap(self) -> float:
        """Smallest relative duality gap so far."""
        return np.inf if self.point is None else self.point.certificate.gap

    @property
    def done(self) -> bool:
        """Whether the tolerance is reached."""
        return self.gap <= self.tolerance

    def consider(self, theta: FloatArray, subgradient: FloatArray, proof: Certificate | None = None) -> None:
        """Certify a point; it becomes the best if its gap is the smallest."""
        if proof is None:
            proof = lasso_certificate(self.operator, self.labels, theta, self.bound)
        if self.point is None or proof.gap < self.gap:
            self.point = LassoPoint(theta, subgradient, proof)
        if self.progress is not None:
            self.progress(self.iterations, proof.objective)

    def result(self, **details: Any) -> LassoResult:
        """The best point and the work done."""
        best = self.best
        found = {**self.details, **details}
        return LassoResult(best.theta, best.subgradient, best.certificate, self.iterations, found)
