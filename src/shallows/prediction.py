"""From a problem to everything theory says about it."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ._arguments import check_instance
from .errors import InvalidArgument, SolveFailed
from .phases import Phase, phase_of
from .problems import Problem
from .spectra import Decomposition, LearnedLaw, decompose, learned_law
from .state_evolution import BayesPoint, FixedPoint, Status, bayes_optimal, solve

if TYPE_CHECKING:
    from collections.abc import Sequence

    import xarray

#: From this many effective samples on, theory at finite `d` is within 3 to 10 percent of trained networks.
COMFORTABLE = 30.0


@dataclass(frozen=True)
class Prediction:
    """What theory predicts for one problem at one weight decay.

    Cheap numbers are attributes set at once; those that cost more (:attr:`bayes_risk`, :attr:`decomposition`,
    the outliers of :attr:`spectrum`) are computed when first read. Every number is in the units of the theory
    note, section 1.

    Attributes
    ----------
    problem : Problem
    weight_decay : float
        ``lam``.
    penalty : float or None
        ``pen`` of the quadratic network; None for the diagonal one.
    fixed_point : FixedPoint
        The solved state evolution.
    """

    problem: Problem
    weight_decay: float
    penalty: float | None
    fixed_point: FixedPoint = field(repr=False)

    @property
    def status(self) -> Status:
        """Outcome of the solve."""
        return self.fixed_point.status

    @property
    def residual(self) -> float:
        """Largest relative violation of the state-evolution equations at the reported numbers."""
        return self.fixed_point.residual

    @property
    def noise_scale(self) -> float:
        """``tau`` or ``delta``: standard deviation of the effective noise on the weights."""
        return self.fixed_point.noise_scale

    @property
    def threshold(self) -> float:
        """``zeta``: how far training shrinks the weights."""
        return self.fixed_point.threshold

    @property
    def degrees_of_freedom(self) -> float:
        """``D`` or ``A d^2 / 2``: effective number of fitted parameters, at most the number of samples."""
        return self.fixed_point.degrees_of_freedom

    @property
    def estimation_error(self) -> float:
        """``||theta - theta*||^2`` (diagonal) or ``E = ||S - S*||_F^2 / d`` (quadratic)."""
        return self.fixed_point.estimation_error

    @property
    def excess_risk(self) -> float:
        """``R``: mean squared error against the noiseless target on new inputs."""
        return self.estimation_error * (1 if self.problem.network == "diagonal" else 2)

    @property
    def test_error(self) -> float:
        """``Delta + R``: mean squared error against new noisy labels."""
        return self.problem.noise + self.excess_risk

    @property
    def train_error(self) -> float:
        """Mean squared residual on the training set."""
        return self.fixed_point.slack**2 * self.test_error

    @cached_property
    def bayes(self) -> BayesPoint:
        """The Bayes-optimal point of this problem, with its status and whether fast algorithms reach it."""
        return bayes_optimal(self.problem, throw=False)

    @property
    def bayes_risk(self) -> float:
        """Excess risk of the best estimator that knows the teacher's spectrum (theory note, section 8).

        Raises
        ------
        SolveFailed
            If its equation could not be solved; carries the result.
        """
        if not self.bayes.status.ok:
            raise SolveFailed(f"Bayes-optimal risk: {self.bayes.status.value}: {self.bayes.status.advice}", self.bayes)
        return self.bayes.excess_risk

    @property
    def phase(self) -> Phase | None:
        """Phase of the diagram; None for teachers that are not power laws and for data without noise."""
        return phase_of(self.problem, self.weight_decay if self.penalty is None else self.penalty)

    @cached_property
    def spectrum(self) -> LearnedLaw:
        """Law of the learned weights."""
        return learned_law(self.problem, self.noise_scale, self.threshold)

    @cached_property
    def decomposition(self) -> Decomposition:
        """The four parts of the excess risk."""
        return decompose(self.spectrum)

    @property
    def _narrow_interpolation(self) -> bool:
        """A network narrower than the inputs that fits most of its labels: theory leaves trained runs there."""
        narrow = self.problem.network == "quadratic" and self.problem.effective_width < self.problem.dim
        return narrow and self.fixed_point.slack < 0.4

    @property
    def comfortable(self) -> bool:
        """Whether theory at this size is known to be within 3 to 10 percent of trained networks."""
        return self.problem.effective_samples >= COMFORTABLE and not self._narrow_interpolation

    @property
    def allowance(self) -> float | None:
        """Relative deviation of trained networks to be expected at this size; None where theory states none.

        Quadratic network: ``0.03 + 2/n_eff``, which covers published runs at ``d = 400`` and own ones at ``d = 60``
        to 200; diagonal network: 0.05. Below 30 effective samples 0.3, below 6 none.
        """
        n_eff = self.problem.effective_samples
        if self.comfortable:
            return 0.05 if self.problem.network == "diagonal" else 0.03 + 2 / n_eff
        return 0.3 if n_eff >= 6 and not self._narrow_interpolation else None

    @property
    def finite_size(self) -> str:
        """How far to trust the prediction for a network of this size (theory note, section 11)."""
        n_eff = self.problem.effective_samples
        if self._narrow_interpolation:
            used = 1 - self.fixed_point.slack
            return (
                f"width {self.problem.effective_width} < dim and {used:.0%} of the samples used up as "
                "degrees of freedom: theory leaves trained networks here (by 10 % to several-fold in published runs)"
            )
        if self.comfortable and self.allowance is not None:
            share = 100 * self.allowance
            return f"n_eff = {n_eff:.4g} >= {COMFORTABLE:g}: trained networks are expected within {share:.0f} %"
        if n_eff >= 6:
            return (
                f"n_eff = {n_eff:.4g} < {COMFORTABLE:g}: trained networks drift from theory, "
                "up to about 30 % near n_eff = 6"
            )
        return f"n_eff = {n_eff:.4g} < 6: too few samples for theory to be quantitative; expect 30 % and more"

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready: every number `shallows predict --json` prints."""
        problem = self.problem
        out: dict[str, Any] = problem.to_dict()
        out |= {
            "weight_decay": self.weight_decay,
            "penalty": self.penalty,
            "status": self.status.value,
            "residual": self.residual,
        }
        if not self.status.ok:
            out["advice"] = self.status.advice
            out["residual"] = None
            return out
        phase = self.phase
        return out | {
            "excess_risk": self.excess_risk,
            "estimation_error": self.estimation_error,
            "test_error": self.test_error,
            "train_error": self.train_error,
            "noise_scale": self.noise_scale,
            "threshold": self.threshold,
            "degrees_of_freedom": self.degrees_of_freedom,
            "bayes_risk": self.bayes_risk if self.bayes.status.ok else None,
            "bayes_reachable": self.bayes.reachable if self.bayes.status.ok else None,
            "phase": None if phase is None else phase.name,
            "decomposition": self.decomposition.to_dict(),
            "spectrum": self.spectrum.to_dict(),
            "finite_size": {"comfortable": self.comfortable, "statement": self.finite_size},
        }

    def __str__(self) -> str:
        strength = f"pen = {self.penalty:g}" if self.penalty is not None else f"lam = {self.weight_decay:g}"
        head = f"{self.problem.network} network, {self.problem.teacher.describe()}, n = {self.problem.samples:g}, "
        head += f"Delta = {self.problem.noise:g}, {strength}"
        if not self.status.ok:
            return f"{head}\n  {self.status.value}: {self.status.advice}"
        phase = "not defined for this problem" if self.phase is None else f"{self.phase.name} ({self.phase.rate})"
        return (
            f"{head}\n"
            f"  excess risk  {self.excess_risk:.6g}   (Bayes-optimal {self.bayes.excess_risk:.6g})\n"
            f"  test error   {self.test_error:.6g}   train error {self.train_error:.6g}\n"
            f"  noise scale  {self.noise_scale:.6g}   threshold {self.threshold:.6g}   "
            f"degrees of freedom {self.degrees_of_freedom:.6g} of {self.problem.samples:g} samples\n"
            f"  phase        {phase}\n"
            f"  {self.finite_size}"
        )


def predict(
    problem: Problem, *, weight_decay: float | None = None, penalty: float | None = None, throw: bool = True
) -> Prediction:
    """Predict risk, errors and spectrum of the trained network (theory note, sections 2 to 8).

    Parameters
    ----------
    problem : Problem
    weight_decay, penalty : float
        Exactly one: ``lam``, or the reduced penalty ``pen`` of the quadratic network. 0 means the limit ``0+``.
    throw : bool
        Whether a failed solve raises (default) or is returned with its status.

    Returns
    -------
    Prediction

    Raises
    ------
    InvalidArgument
        For unusable arguments.
    SolveFailed
        If the equations could not be solved to a relative residual of 1e-8; carries the result.
    """
    check_instance("problem", problem, Problem)
    lam, pen = problem.regularisation(weight_decay, penalty)
    point = solve(problem, weight_decay=weight_decay, penalty=penalty)
    prediction = Prediction(problem, lam, pen, point)
    if throw and not point.status.ok:
        raise SolveFailed(f"{point.status.value}: {point.status.advice}", prediction)
    return prediction


#: What :func:`predict_grid` returns, with units as the theory note has them.
_GRID_FIELDS = {
    "excess_risk": "excess risk R",
    "estimation_error": "||theta - theta*||^2 or ||S - S*||_F^2 / d",
    "test_error": "Delta + R",
    "train_error": "mean squared training residual",
    "noise_scale": "tau or delta",
    "threshold": "zeta",
    "degrees_of_freedom": "effective number of fitted parameters",
    "residual": "relative violation of the state-evolution equations",
}


def predict_grid(
    problem: Problem,
    *,
    samples: Sequence[float],
    weight_decay: Sequence[float] | None = None,
    penalty: Sequence[float] | None = None,
) -> xarray.Dataset:
    """Predictions over a grid of sample sizes and weight decays (or penalties).

    Parameters
    ----------
    problem : Problem
        Its own number of samples is replaced by those of the grid.
    samples : sequence of float
    weight_decay, penalty : sequence of float
        Exactly one of the two.

    Returns
    -------
    xarray.Dataset
        Dimensions ``samples`` and ``weight_decay`` (or ``penalty``); variables as the attributes of
        :class:`Prediction`, NaN where a solve failed, with its reason in ``status``.
    """
    import xarray

    check_instance("problem", problem, Problem)
    if (weight_decay is None) == (penalty is None):
        given = "neither" if penalty is None else "both"
        raise InvalidArgument("weight_decay / penalty", given, "give exactly one of the two")
    axis = "weight_decay" if penalty is None else "penalty"
    strengths = list(weight_decay if penalty is None else penalty)  # type: ignore[arg-type]
    if not len(samples) or not strengths:
        raise InvalidArgument("samples" if not len(samples) else axis, [], "must not be empty")
    shape = (len(samples), len(strengths))
    data = {name: np.full(shape, np.nan) for name in _GRID_FIELDS}
    status = np.empty(shape, dtype=object)
    for i, n in enumerate(samples):
        here = Problem(problem.network, problem.teacher, n, problem.noise, problem.width)
        for j, strength in enumerate(strengths):
            prediction = predict(here, **{axis: strength}, throw=False)
            status[i, j] = prediction.status.value
            if prediction.status.ok:
                for name, values in data.items():
                    values[i, j] = getattr(prediction, name)
    dims = ("samples", axis)
    variables = {name: (dims, values, {"long_name": _GRID_FIELDS[name]}) for name, values in data.items()}
    variables["status"] = (dims, status.astype(str), {"long_name": "outcome of the solve"})
    attributes = {k: str(v) for k, v in problem.to_dict().items() if k not in ("samples", "effective_samples")}
    return xarray.Dataset(variables, coords={"samples": list(samples), axis: strengths}, attrs=attributes)
