"""What a state-evolution solver returns."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Status(Enum):
    """Outcome of a solve; :attr:`advice` says what it means for the reader."""

    CONVERGED = "converged"
    PERFECT_RECOVERY = "perfect_recovery"
    BELOW_PRECISION = "below_precision"
    DIVERGENT = "divergent"
    NO_SOLUTION = "no_solution"
    INACCURATE = "inaccurate"

    @property
    def ok(self) -> bool:
        """Whether the numbers that come with it can be used."""
        return self in (Status.CONVERGED, Status.PERFECT_RECOVERY, Status.BELOW_PRECISION)

    @property
    def advice(self) -> str:
        """What happened and what to do about it."""
        return _ADVICE[self]


_ADVICE = {
    Status.CONVERGED: "solved to the stated residual",
    Status.PERFECT_RECOVERY: "without noise and with vanishing weight decay the teacher is recovered exactly",
    Status.BELOW_PRECISION: "the risk is below 1e-26 of the teacher's energy, which is zero in double precision",
    Status.DIVERGENT: "the predicted risk diverges here (interpolation threshold at vanishing weight decay); "
    "use a positive weight decay or another number of samples",
    Status.NO_SOLUTION: "no fixed point was bracketed; for widths below the dimension none may exist: raise the weight "
    "decay, the width or the number of samples",
    Status.INACCURATE: "a fixed point was found but its equations are not met to the required accuracy; do not use it, "
    "and please report the problem",
}


@dataclass(frozen=True)
class FixedPoint:
    """Fixed point of the state evolution of one network.

    Attributes
    ----------
    noise_scale : float
        ``tau`` (diagonal) or ``delta`` (quadratic): standard deviation of the effective noise on the weights.
    threshold : float
        ``zeta``: soft threshold applied to the noisy weights.
    estimation_error : float
        ``R = ||theta - theta*||^2`` (diagonal) or ``E = ||S - S*||_F^2 / d`` (quadratic).
    degrees_of_freedom : float
        ``D`` (diagonal) or ``A d^2 / 2`` (quadratic): effective number of fitted parameters.
    slack : float
        ``1 - degrees_of_freedom / n``, between 0 and 1, computed without cancellation.
    residual : float
        Largest relative violation of the two equations, evaluated afresh at the reported numbers.
    status : Status
    """

    noise_scale: float
    threshold: float
    estimation_error: float
    degrees_of_freedom: float
    slack: float
    residual: float
    status: Status
