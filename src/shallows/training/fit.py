"""What training returns: effective weights, the certificate of the minimum, and how it was reached."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from .._display import Displayed, Summary, shown, words
from .._numbers import terminal_number as number
from .._status import StatusEnum
from ..errors import InvalidArgument
from ..networks import network_named

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .._types import FloatArray
    from ..weights import LowRankPSD
    from .sampling import Dataset


class FitStatus(StatusEnum):
    """How a training run ended.

    Examples
    --------
    >>> from shallows.training import FitStatus
    >>> FitStatus.MAX_ITERATIONS.ok, FitStatus.MAX_ITERATIONS.advice
    (False, 'allow more iterations, or ask for a larger tolerance')
    """

    CONVERGED = "converged", True, "the tolerance asked for was reached"
    LOCAL_MINIMUM = (
        "local_minimum",
        True,
        "a local minimum to the tolerance asked for, the best of those found: the problem is not convex",
    )
    MAX_ITERATIONS = "max_iterations", False, "allow more iterations, or ask for a larger tolerance"
    STALLED = "stalled", False, "floating point allows no more: raise the tolerance, or centre and scale the columns"
    NOT_FINITE = "not_finite", False, "the iteration overflowed: rescale the data, or start from another seed"


@dataclass(frozen=True, eq=False, repr=False)
class Fit(Displayed):
    """A trained network, in effective weights, with its certificate.

    Attributes
    ----------
    network : {"diagonal", "quadratic"}
    weights : ndarray of shape (d,), or LowRankPSD
        ``theta``, or ``S``.
    weight_decay : float
        `lam` of the network.
    penalty : float or None
        Reduced penalty `pen` of the quadratic network.
    objective : float
        Units of the theory note, section 1: ``1/2 ||y - X theta||^2 + lam sqrt(d) ||theta||_1``, or
        ``(1/d^2) sum (y - f)^2 + pen Tr(S)/d``; for deep networks those of section 14.
    dual_objective : float or None
        A lower bound of the minimum of the equivalent convex problem (None where there is none: width below dim,
        or the limit ``0+``).
    residual : float
        Relative violation of the optimality conditions: of dual feasibility and of complementarity, the worse.
    status : FitStatus
    iterations : int
    seconds : float
        Wall time of the solve.
    train_error : float
        Mean squared residual on the training set.
    solver : str
        What produced the weights.
    width : int or None
        Hidden units of the quadratic network.
    tolerance : float
        What was asked for.
    parameters : mapping of ndarrays, or None
        The trained network's own weights, ``a`` and ``w`` or ``W``, where a network was trained.
    details : mapping
        What the solver has to say beyond this, JSON-ready.

    Examples
    --------
    >>> from shallows import PowerLaw, Problem, sample, train
    >>> data = sample(Problem("diagonal", PowerLaw(dim=50, gamma=1.0), samples=80, noise=0.1), seed=0)
    >>> fit = train(data, weight_decay=1.0)
    >>> fit.status.value, fit.gap <= fit.tolerance
    ('converged', True)
    >>> fit.dual_objective <= fit.objective
    True
    >>> round(fit.excess_risk(data), 3)
    0.199
    """

    network: str
    weights: FloatArray | LowRankPSD
    weight_decay: float
    penalty: float | None
    objective: float
    dual_objective: float | None
    residual: float
    status: FitStatus
    iterations: int
    seconds: float
    train_error: float
    solver: str
    width: int | None = None
    tolerance: float = 1e-6
    parameters: Mapping[str, FloatArray] | None = None
    details: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def gap(self) -> float | None:
        """Relative duality gap ``(objective - dual_objective) / objective``, None where not certified.

        In the limit ``0+``, the same of the norm, which is to be the smallest among all minima of the training error.
        """
        if "limit_gap" in self.details:
            return float(self.details["limit_gap"])
        if self.dual_objective is None:
            return None
        if self.objective == 0.0:
            return 0.0 if self.dual_objective == 0.0 else None
        return max(0.0, (self.objective - self.dual_objective) / abs(self.objective))

    def excess_risk(self, dataset: Dataset) -> float:
        """Excess risk against the teacher of `dataset`: ``||theta - theta*||^2``, or ``2 ||S - S*||_F^2 / d``.

        Both of the whitened weights where inputs have a covariance: the risk on Gaussian inputs of that covariance.

        Raises
        ------
        InvalidArgument
            If `dataset` belongs to another network or has another dimension.
        """
        if dataset.problem.network != self.network:
            raise InvalidArgument("dataset", dataset.problem.network, f"must be of the {self.network} network")
        network = network_named(self.network)
        dim = network.weights_dim(self.weights)
        if dataset.dim != dim:
            raise InvalidArgument("dataset", f"{dataset.dim} columns", f"must have {dim}")
        return network.excess_risk(dataset.whitened(self.weights), dataset.whitened(dataset.weights))

    def _summary(self) -> Summary:
        advice = "" if self.status.ok else self.status.advice
        rows: list[tuple[str, ...]] = [
            ("status", words(self.status.value), advice),
            ("train error", number(self.train_error)),
            ("weight decay", number(self.weight_decay), "(lam)"),
        ]
        if self.penalty is not None:
            rows.append(("penalty", number(self.penalty), "(pen)"))
        certified = "no certificate: this training problem is not convex" if self.gap is None else f"{self.gap:.1e}"
        rows += [
            ("duality gap", certified, "" if self.gap is None else "relative"),
            ("weights", shown(self.weights)),
            ("objective", f"{self.objective:.8g}"),
            ("solver", self.solver, f"{self.iterations} iterations, {self.seconds:.2g} s"),
        ]
        return Summary(f"Trained {self.network} network", rows)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready summary, without the weights."""
        return {
            "network": self.network,
            "weight_decay": self.weight_decay,
            "penalty": self.penalty,
            "width": self.width,
            "objective": self.objective,
            "dual_objective": self.dual_objective,
            "gap": self.gap,
            "residual": self.residual,
            "status": self.status.value,
            "iterations": self.iterations,
            "seconds": self.seconds,
            "train_error": self.train_error,
            "solver": self.solver,
            "tolerance": self.tolerance,
            "details": dict(self.details),
        }
