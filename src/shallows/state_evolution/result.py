"""What a state-evolution solver returns."""

from __future__ import annotations

from dataclasses import dataclass

from .._display import Displayed
from .._status import StatusEnum


class Status(StatusEnum):
    """Outcome of a solve of the state evolution.

    Examples
    --------
    >>> from shallows import Status
    >>> Status.DIVERGENT.ok, Status("converged").advice
    (False, 'solved to the stated residual')
    """

    CONVERGED = "converged", True, "solved to the stated residual"
    PERFECT_RECOVERY = (
        "perfect_recovery",
        True,
        "without noise and with vanishing weight decay the teacher is recovered exactly",
    )
    BELOW_PRECISION = (
        "below_precision",
        True,
        "the risk is below 1e-26 of the teacher's energy, which is zero in double precision",
    )
    NOT_KNOWN = "not_known", False, "the posterior mean of this network is not known"
    DIVERGENT = (
        "divergent",
        False,
        (
            "the predicted risk diverges here (interpolation threshold at vanishing weight decay); "
            "use a positive weight decay or another number of samples"
        ),
    )
    NO_SOLUTION = (
        "no_solution",
        False,
        (
            "no fixed point was bracketed; for widths below the dimension none may exist: raise the weight decay, the "
            "width or the number of samples"
        ),
    )
    INACCURATE = (
        "inaccurate",
        False,
        (
            "a fixed point was found but its equations are not met to the required accuracy; do not use it, and please "
            "report the problem"
        ),
    )


@dataclass(frozen=True, repr=False)
class FixedPoint(Displayed):
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

    Examples
    --------
    Without noise, as many samples as weights determine the diagonal network's teacher by linear algebra.

    >>> from shallows import PowerLaw, Problem
    >>> from shallows.state_evolution import solve
    >>> point = solve(Problem("diagonal", PowerLaw(dim=50, gamma=1.0), samples=60), weight_decay=0.0)
    >>> point.status.value, point.degrees_of_freedom, round(point.slack, 4)
    ('perfect_recovery', 50.0, 0.1667)
    """

    noise_scale: float
    threshold: float
    estimation_error: float
    degrees_of_freedom: float
    slack: float
    residual: float
    status: Status
