"""State of the search for a nuclear-norm minimum: what is asked, the best point so far, and the work done."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from .certificates import Certificate, DualPoint, nuclear_certificate
from .nuclear_dual import improved

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._types import FloatArray
    from ..operators import QuadraticOperator

    Progress = Callable[[int, float], None]


#: A better dual point than the residual is looked for where the residual's own gap is within this factor of the
#: tolerance: the first, but the second where more digits than by default are asked for, for the sake of the weights.
NEAR, NEARER, DEFAULT_TOLERANCE = 300.0, 10.0, 1e-6
#: Improvements of the dual point in a row.
IMPROVEMENTS = 2


@dataclass(frozen=True, eq=False)
class CertifiedPoint:
    """A factor `F` (d, r) of ``S = F F^T``, its outputs (n,), its certificate and the stage that found it.

    `dual` (n,) is the dual point of the certificate where that is not the residual.
    """

    factor: FloatArray
    fitted: FloatArray
    certificate: Certificate
    stage: str
    dual: FloatArray | None = None


def _counts() -> dict[str, Any]:
    stages = ("amp", "rough", "proximal", "newton")
    return {**{f"{stage}_iterations": 0 for stage in stages}, "amp_departed": False}


@dataclass
class NuclearSearch:
    """The search for one penalty; the stages hand it on.

    Attributes
    ----------
    operator : QuadraticOperator
    labels : ndarray, shape (n,)
    penalty : float
        `pen`, positive.
    tolerance : float
        Relative duality gap.
    best : CertifiedPoint
    progress : callable, optional
    iterations : int
        Of message passing and proximal gradient together.
    details : dict
        Iterations of each stage, those of message passing in single precision, and whether it left its path.
    """

    operator: QuadraticOperator
    labels: FloatArray
    penalty: float
    tolerance: float
    best: CertifiedPoint
    progress: Progress | None = None
    iterations: int = 0
    details: dict[str, Any] = field(default_factory=_counts)

    @property
    def gap(self) -> float:
        """Relative duality gap of the best point."""
        return self.best.certificate.gap

    @property
    def done(self) -> bool:
        """Whether the tolerance is reached."""
        return self.gap <= self.tolerance

    @property
    def near(self) -> float:
        """The residual's gap from which on a better dual point is looked for."""
        return self.tolerance * (NEAR if self.tolerance >= DEFAULT_TOLERANCE else NEARER)

    def certify(self, factor: FloatArray, fitted: FloatArray) -> Certificate:
        """Certificate of a candidate, by its residual alone."""
        return nuclear_certificate(self.operator, self.labels, factor, self.penalty, residual=self.labels - fitted)

    def consider(
        self,
        factor: FloatArray,
        fitted: FloatArray,
        stage: str,
        proof: Certificate | None = None,
        adjoint: FloatArray | None = None,
    ) -> Certificate:
        """Certificate of a candidate; it becomes the best if its gap, or else its objective, is lower.

        `adjoint` (d, d) of the residual is computed unless given.
        """
        dual: FloatArray | None = None
        if proof is None:
            proof, dual = self.prove(factor, fitted, adjoint)
        best = self.best.certificate
        if np.isfinite(proof.objective) and (proof.gap < best.gap or proof.objective < best.objective * (1 - 1e-12)):
            self.best = CertifiedPoint(factor, fitted, proof, stage, dual)
        return proof

    def prove(
        self, factor: FloatArray, fitted: FloatArray, adjoint: FloatArray | None = None
    ) -> tuple[Certificate, FloatArray | None]:
        """The best certificate of a candidate, and its dual point where that is not the residual."""
        operator, miss = self.operator, self.labels - fitted
        adjoint = operator.adjoint(miss) if adjoint is None else adjoint
        proof = nuclear_certificate(operator, self.labels, factor, self.penalty, residual=miss, adjoint=adjoint)
        if not self.tolerance < proof.gap <= self.near:
            return proof, None
        point, dual = DualPoint(miss, adjoint, np.zeros(0)), None
        for _ in range(IMPROVEMENTS):
            found = improved(operator, point, factor.shape[1], self.penalty * operator.dim / 2)
            if found is None:
                break
            other = nuclear_certificate(
                operator, self.labels, factor, self.penalty, residual=miss, adjoint=adjoint, dual=found
            )
            if other.gap >= proof.gap:
                break
            point, proof, dual = found, other, found.values
            if proof.gap <= self.tolerance:
                break
        return proof, dual

    def count(self, stage: str, objective: float) -> None:
        """One more iteration of a stage, at this objective."""
        self.iterations += 1
        self.details[f"{stage}_iterations"] += 1
        if self.progress is not None:
            self.progress(self.iterations, objective)


def start_search(
    operator: QuadraticOperator,
    labels: FloatArray,
    penalty: float,
    *,
    tolerance: float,
    factor: FloatArray | None = None,
    progress: Progress | None = None,
) -> NuclearSearch:
    """A search from the `factor` (d, r) of a first guess, zero where there is none."""
    factor = np.zeros((operator.dim, 0)) if factor is None else factor
    fitted = operator.forward_factor(factor)
    proof = nuclear_certificate(operator, labels, factor, penalty, residual=labels - fitted)
    point = CertifiedPoint(factor, fitted, proof, "start")
    return NuclearSearch(operator, labels, penalty, tolerance, point, progress)
