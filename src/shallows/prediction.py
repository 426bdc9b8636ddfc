"""From a problem to everything theory says about it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ._arguments import check_instance, exactly_one
from ._display import Displayed, Summary, words
from .errors import InvalidArgument, SolveFailed, UnsolvedAttribute, when_read
from .networks.base import NARROW, QUANTITATIVE, ROUGH
from .phases import Phase
from .phases_with_covariance import phase_of_problem
from .problems import Problem
from .spectra import Decomposition, LearnedLaw, decompose, has_law, learned_law
from .state_evolution import BayesPoint, FixedPoint, Solutions, Status, bayes_optimal, has_several, solutions, solve

if TYPE_CHECKING:
    from collections.abc import Sequence

    import xarray


#: Relative deviation of networks trained on independent entries that are not Gaussian (``benchmarks/universality.py``).
NOT_GAUSSIAN = 0.12


@dataclass(frozen=True, repr=False)
class Prediction(Displayed):
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

    Examples
    --------
    >>> from shallows import PowerLaw, Problem, predict
    >>> prediction = predict(Problem("diagonal", PowerLaw(1000, 1.0), samples=500, noise=0.5), weight_decay=1.0)
    >>> print(prediction)
    diagonal network, power law, gamma = 1, 1000 modes, n = 500, Delta = 0.5, lam = 1
      excess risk  0.120852   (Bayes-optimal 0.0931659)
      test error   0.620852   train error 0.488446
      noise scale  0.0352378   threshold 0.0713043   degrees of freedom 56.5095 of 500 samples
      phase        II ((lam sqrt(d) / n_eff)^(2 - 1/gamma))
      n_eff = 500 >= 30: trained networks are expected within 5 %
    """

    problem: Problem
    weight_decay: float
    penalty: float | None
    fixed_point: FixedPoint

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
        return self.problem.architecture.risk_per_error * self.estimation_error

    @property
    def test_error(self) -> float:
        """``Delta + R``: mean squared error against new noisy labels."""
        return self.problem.architecture.mean_noise(self.problem.noise) + self.excess_risk

    @property
    def train_error(self) -> float:
        """Mean squared residual on the training set."""
        return self.fixed_point.slack**2 * self.test_error

    @cached_property
    def bayes(self) -> BayesPoint:
        """The Bayes-optimal point of this problem, with its status and whether fast algorithms reach it."""
        with when_read():
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
            raise UnsolvedAttribute(
                f"Bayes-optimal risk: {self.bayes.status.value}: {self.bayes.status.advice}", self.bayes
            )
        return self.bayes.excess_risk

    @cached_property
    def solutions(self) -> Solutions:
        """All solutions of the equations, where training is not convex; this prediction is of the one followed."""
        with when_read():
            return solutions(self.problem, weight_decay=self.weight_decay)

    @property
    def phase(self) -> Phase | None:
        """Phase of the diagram; None for teachers that are not power laws and for data without noise."""
        return phase_of_problem(self.problem, self.weight_decay if self.penalty is None else self.penalty)

    @cached_property
    def spectrum(self) -> LearnedLaw:
        """Law of the learned weights; not there where the solve failed, or the network has none."""
        if not self.status.ok:
            raise UnsolvedAttribute(f"{self.status.value}: {self.status.advice}", self)
        with when_read():
            return learned_law(self.problem, self.noise_scale, self.threshold)

    @cached_property
    def decomposition(self) -> Decomposition:
        """The four parts of the excess risk; not there where :attr:`spectrum` is not."""
        with when_read():
            return decompose(self.spectrum)

    @property
    def _narrow_interpolation(self) -> bool:
        """A network narrower than the inputs that fits most of its labels: theory leaves trained runs there."""
        return self.problem.is_narrow and self.fixed_point.slack < 0.4

    @property
    def quantitative(self) -> bool:
        """Whether theory at this size is known to be within 3 to 10 percent of trained networks."""
        if self.problem.effective_samples < QUANTITATIVE:
            return False
        return not self.problem.is_narrow or (self.allowance is not None and self.allowance <= 0.1)

    @property
    def allowance(self) -> float | None:
        """Relative deviation of trained networks to be expected at this size; None where theory states none.

        Quadratic network: ``0.03 + 2/n_eff``, which covers published runs at ``d = 400`` and own ones at ``d = 60``
        to 200, ``0.03 k + 2/n_eff`` with `k` layers for the best minimum found; diagonal network: 0.05, of more layers
        ``0.05 + 10/n`` for the best minimum found. Below 30 effective samples 0.3, below 6 none. Networks narrower than
        their inputs: ``0.03 + 8/n_eff``, below 15 effective samples or where they fit most of their labels none.
        """
        n_eff, architecture = self.problem.effective_samples, self.problem.architecture
        if self.problem.is_narrow:
            told = n_eff >= NARROW and not self._narrow_interpolation
            return architecture.narrow_allowance(n_eff) if told else None
        if n_eff >= QUANTITATIVE:
            own = architecture.size_allowance(n_eff)
            return own if self.problem.design.is_gaussian else max(own, NOT_GAUSSIAN)
        return 0.3 if n_eff >= ROUGH else None

    @property
    def _expected(self) -> str:
        """Of whom theory speaks."""
        if self.problem.is_convex or self.problem.is_narrow:
            return "trained networks are expected"
        return "the best minima are expected (gradient training ends where its initial weights lead)"

    @property
    def finite_size(self) -> str:
        """How far to trust the prediction for a network of this size (theory note, section 11)."""
        n_eff, allowance = self.problem.effective_samples, self.allowance
        narrow = f"width {self.problem.effective_width} < dim and " if self.problem.is_narrow else ""
        if self._narrow_interpolation:
            used = 1 - self.fixed_point.slack
            return (
                f"{narrow}{used:.0%} of the samples used up as degrees of freedom: theory leaves trained networks "
                "here (by 10 % to several-fold in published runs)"
            )
        if narrow and allowance is None:
            return (
                f"{narrow}n_eff = {n_eff:.4g} < {NARROW:g}: cannot tell; trained networks were up to several-fold off "
                "theory here"
            )
        if allowance is not None and (narrow or n_eff >= QUANTITATIVE):
            least = NARROW if narrow else QUANTITATIVE
            share = f"{100 * allowance:.0f} %"
            told = f"{narrow}n_eff = {n_eff:.4g} >= {least:g}: {self._expected} within {share}"
            return told if self.problem.design.is_gaussian else f"{told} (theory is that of Gaussian inputs)"
        if n_eff >= ROUGH:
            return (
                f"n_eff = {n_eff:.4g} < {QUANTITATIVE:g}: trained networks drift from theory, "
                f"up to about 30 % near n_eff = {ROUGH:g}"
            )
        return f"n_eff = {n_eff:.4g} < {ROUGH:g}: too few samples for theory to be quantitative; expect 30 % and more"

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready: every number `shallows predict --json` prints."""
        return self._content(("bayes", "decomposition", "spectrum", "solutions"))

    def _content(self, computed: Sequence[str]) -> dict[str, Any]:
        """JSON-ready, with these of the numbers that are computed when they are read."""
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
        phase, spread = self.phase, self.fixed_point.standard_error
        out |= {
            **({} if spread is None else {"standard_error": problem.architecture.risk_per_error * spread}),
            "excess_risk": self.excess_risk,
            "estimation_error": self.estimation_error,
            "test_error": self.test_error,
            "train_error": self.train_error,
            "noise_scale": self.noise_scale,
            "threshold": self.threshold,
            "degrees_of_freedom": self.degrees_of_freedom,
        }
        if "bayes" in computed:
            out["bayes_risk"] = self.bayes.excess_risk if self.bayes.status.ok else None
            out["bayes_reachable"] = self.bayes.reachable if self.bayes.status.ok else None
        out["phase"] = None if phase is None else phase.name
        if "solutions" in computed and has_several(problem):
            out["solutions"] = self.solutions.to_dict()
        for name in ("decomposition", "spectrum"):
            if name in computed:
                out[name] = getattr(self, name).to_dict() if has_law(problem) else None
        return out | {"finite_size": {"comfortable": self.quantitative, "statement": self.finite_size}}

    def read_so_far(self) -> dict[str, Any]:
        """:meth:`to_dict` without computing: numbers that are computed when they are read are in it once they were."""
        read = [name for name in ("bayes", "decomposition", "solutions") if name in vars(self)]
        law = vars(self).get("spectrum")
        return self._content([*read, "spectrum"] if law is not None and law.read else read)

    def _summary(self) -> Summary:
        from .result_rows import prediction_sections, summary_rows

        content = self.read_so_far()
        title = f"Prediction for {self.problem.architecture.phrase}"
        if not self.status.ok:
            return Summary(title, [("status", words(self.status.value))], notes=[self.status.advice])
        left = [name for name in ("bayes_risk", "decomposition", "spectrum") if name not in content]
        notes = [f"computed when read: {', '.join(left)}"] if left else []
        return Summary(title, summary_rows(prediction_sections(content)), notes=notes)

    @property
    def _told_solutions(self) -> str:
        """A line where the equations have several solutions."""
        if not has_several(self.problem) or len(self.solutions.points) < 2:
            return ""
        errors = ", ".join(f"{point.estimation_error:.4g}" for point in self.solutions.others) or "none"
        return f"  solutions    {len(self.solutions.points)}; other stable ones at estimation error {errors}\n"

    def __str__(self) -> str:
        strength = f"pen = {self.penalty:g}" if self.penalty is not None else f"lam = {self.weight_decay:g}"
        head = f"{self.problem.network} network, {self.problem.teacher.describe()}, n = {self.problem.samples:g}, "
        head += f"Delta = {self.problem.noise:g}, {strength}"
        if not self.problem.design.is_isotropic:
            head += f"\n  {self.problem.design.describe()}"
        if not self.status.ok:
            return f"{head}\n  {self.status.value}: {self.status.advice}"
        bayes = f"{self.bayes.excess_risk:.6g}" if self.bayes.status.ok else self.bayes.status.value.replace("_", " ")
        words = self.problem.architecture.words
        phase = "not defined for this problem" if self.phase is None else f"{self.phase.name} ({self.phase.rate})"
        return (
            f"{head}\n"
            f"  excess risk  {self.excess_risk:.6g}   (Bayes-optimal {bayes})\n"
            f"  test error   {self.test_error:.6g}   train error {self.train_error:.6g}\n"
            f"  noise scale  {self.noise_scale:.6g}   threshold {self.threshold:.6g}   "
            f"degrees of freedom {self.degrees_of_freedom:.6g} of {self.problem.labels:g} {words.label}s\n"
            f"  phase        {phase}\n"
            f"{self._told_solutions}  {self.finite_size}"
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

    Examples
    --------
    The setting of the package's first example, with what to expect of a trained network of this size.

    >>> from shallows import PowerLaw, Problem, predict
    >>> problem = Problem("quadratic", PowerLaw(dim=400, gamma=1.25), samples=26515, noise=0.1)
    >>> prediction = predict(problem, penalty=0.0407)
    >>> round(prediction.excess_risk, 4), prediction.phase.name
    (0.1067, 'V')
    >>> prediction.finite_size
    'n_eff = 66.29 >= 30: trained networks are expected within 6 %'
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

    Raises
    ------
    InvalidArgument
        For unusable arguments.

    Examples
    --------
    >>> from shallows import PowerLaw, Problem, predict_grid
    >>> problem = Problem("diagonal", PowerLaw(dim=1000, gamma=1.0), samples=1, noise=0.5)
    >>> grid = predict_grid(problem, samples=[500, 1000, 2000], weight_decay=[0.001, 1.0])
    >>> grid["excess_risk"].round(3).values
    array([[ 0.817,  0.121],
           [18.155,  0.08 ],
           [ 0.498,  0.061]])
    """
    import xarray

    check_instance("problem", problem, Problem)
    given: dict[str, Any] = {"weight_decay": weight_decay, "penalty": penalty}
    axis = exactly_one(given)
    strengths = list(given[axis])
    if not len(samples) or not strengths:
        raise InvalidArgument("samples" if not len(samples) else axis, [], "must not be empty")
    shape = (len(samples), len(strengths))
    data = {name: np.full(shape, np.nan) for name in _GRID_FIELDS}
    status = np.empty(shape, dtype=object)
    for i, n in enumerate(samples):
        here = replace(problem, samples=n)
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
