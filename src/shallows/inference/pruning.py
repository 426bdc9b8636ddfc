"""Pruning: remove the bulk of learned noise from an under-regularised network (theory note, section 10).

Whatever weight decay a network was trained with, what it learned is teacher plus noise of a scale that its own
residuals give away. Modes that noise of this scale would produce on its own are dropped; nothing is tuned. Which rule
does it is for a :class:`Pruner` of the network to say.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from .._arguments import check_instance, check_number
from .._display import Displayed, Summary, frame_of
from .._numbers import sentence_number
from .._numbers import terminal_number as number
from ..amp import MessageStep
from ..denoisers import RULES
from ..errors import EstimateUndefined, InvalidArgument
from ..networks import Capability
from ..operators import as_pair, check_data, operator_for
from ..problems import Problem
from ..training import Fit
from .error_and_noise import check_same_data
from .estimate import Estimate
from .power_law import fit_teacher
from .result import Inference

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes

    from .._types import FloatArray
    from ..teachers import Teacher
    from ..weights import LowRankPSD

#: What becomes of the modes that stay: as trained, or at the size that is best for their noise.
Values = Literal["shrunk", "kept"]
#: Standard errors by which the test error has to fall for pruning to be recommended.
SURE = 2.5
#: Steps of message passing that refine a pruned network, and their damping.
STEPS, DAMPING = 20, 0.6


@dataclass(frozen=True, eq=False, repr=False)
class Pruned(Displayed):
    """A pruned network and what it gained. Units of the theory note, section 1.

    Attributes
    ----------
    network : {"diagonal", "quadratic"}
    weights : ndarray, shape (d,), or LowRankPSD
    threshold : float
        ``c``: weights are kept whose unbiased value is beyond it.
    values : {"shrunk", "kept", "refined"}
        ``"refined"``: shrunk, and freed of the noise that the dropped modes made.
    features_before, features_after : int
        Active weights, or rank.
    test_error_before, test_error : Estimate
        From the training data alone.
    excess_risk_before, excess_risk : float
        Estimated, without a teacher.
    change : Estimate
        Of the test error, paired: of the difference more is known than of either.
    predicted_excess_risk : float or None
        Theory at the fitted power-law teacher (``values="kept"`` only); None where none can be fitted.
    caution : str or None
        What about the data speaks against the estimates.
    recommended : bool
        Whether the pruned network is better for all that is known: the change is below zero by 2.5 standard errors,
        and nothing speaks against it.

    Examples
    --------
    >>> from shallows import LowRank, Problem, infer, prune, sample, train
    >>> data = sample(Problem("quadratic", LowRank(20, 2), samples=1000, noise=0.1), seed=0)
    >>> fit = train(data, weight_decay=0.1)
    >>> pruned = prune(fit, infer(data, fit))
    >>> pruned.features_after, pruned.excess_risk < pruned.excess_risk_before
    (2, True)
    """

    network: str
    weights: FloatArray | LowRankPSD
    threshold: float
    values: str
    features_before: int
    features_after: int
    test_error_before: Estimate
    test_error: Estimate
    excess_risk_before: float
    excess_risk: float
    predicted_excess_risk: float | None
    change: Estimate
    caution: str | None = None

    def _summary(self) -> Summary:
        level = f"{100 * self.change.level:g} % interval"
        rows: list[tuple[str, ...]] = [
            ("verdict", self.verdict),
            ("features", f"{self.features_before} before, {self.features_after} after"),
            ("threshold", number(self.threshold)),
        ]
        if self.caution is None:
            rows.insert(1, ("change of the test error", self.change.in_words, level))
            rows.insert(2, ("test error before", self.test_error_before.in_words, level))
        return Summary(f"Pruned {self.network} network", rows)

    def to_frame(self) -> pandas.DataFrame:
        """The network before and after as a data frame of two rows.

        Columns: ``network``, trained or pruned; ``features``, learned ones; ``test_error`` and ``excess_risk``, both
        estimated, in squared units of the labels. Of their difference more is known: :attr:`change`.

        Raises
        ------
        EstimateUndefined
            If something about the data speaks against the estimates.
        """
        self._believed()
        return frame_of(
            {
                "network": ["trained", "pruned"],
                "features": [self.features_before, self.features_after],
                "test_error": [self.test_error_before.value, self.test_error.value],
                "excess_risk": [self.excess_risk_before, self.excess_risk],
            }
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the change of the test error with its interval.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            To draw on; new ones of pyplot by default. Nothing is shown, and no setting is changed.

        Returns
        -------
        matplotlib.axes.Axes

        Raises
        ------
        EstimateUndefined
            If something about the data speaks against the estimates.
        """
        from ..plotting.fits import draw_change
        from ..plotting.style import axes_or_new

        self._believed()
        with axes_or_new(ax, height=1.6) as axes:
            draw_change(axes, self.change.to_dict(), (self.features_before, self.features_after), self.verdict)
        return axes

    def _believed(self) -> None:
        if self.caution is not None:
            raise EstimateUndefined(self.caution)

    @property
    def recommended(self) -> bool:
        """Whether the pruned network is better for all that is known."""
        return self.caution is None and self.change.value + SURE * self.change.standard_error < 0

    @property
    def verdict(self) -> str:
        """One sentence: whether to prune, and what it costs."""
        low, high = sorted((abs(self.change.low), abs(self.change.high)))
        if self.caution is not None:
            return f"cannot tell whether pruning helps: {self.caution}"
        if self.recommended:
            return f"pruning lowers the test error, by {sentence_number(low)} to {sentence_number(high)}"
        if self.change.low > 0:
            return f"pruning costs {sentence_number(low)} to {sentence_number(high)} of test error"
        if self.change.low == self.change.high == 0.0:
            return "pruning changes nothing"
        return (
            f"not sure that pruning helps: the test error changes by {sentence_number(self.change.low)} to "
            f"{sentence_number(self.change.high)}"
        )

    @property
    def sparsity(self) -> float:
        """Share of the learned features that were dropped."""
        return 1 - self.features_after / self.features_before if self.features_before else 0.0

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready, without the weights."""
        return {
            "network": self.network,
            "threshold": self.threshold,
            "values": self.values,
            "features_before": self.features_before,
            "features_after": self.features_after,
            "sparsity": self.sparsity,
            "test_error_before": self.test_error_before.to_dict(),
            "test_error": self.test_error.to_dict(),
            "excess_risk_before": self.excess_risk_before,
            "excess_risk": self.excess_risk,
            "predicted_excess_risk": self.predicted_excess_risk,
            "change": self.change.to_dict(),
            "caution": self.caution,
            "recommended": self.recommended,
            "verdict": self.verdict,
        }


@dataclass(frozen=True, eq=False)
class Selection:
    """Weights whose modes beyond a threshold stayed.

    Attributes
    ----------
    weights : ndarray, shape (d,), or LowRankPSD
    features : int
        How many stayed.
    change : float
        What it adds to the excess risk, by Stein's formula.
    error : float
        Standard error of that.
    """

    weights: Any
    features: int
    change: float
    error: float


@dataclass(frozen=True, eq=False)
class Cleaned:
    """Unbiased weights without what noise alone would produce, in the middle of message passing.

    Attributes
    ----------
    estimate : ndarray, shape (d,) or (d, d)
    divergence : float
        Degrees of freedom, ``D`` or ``A``.
    threshold : float
    features : int
    """

    estimate: FloatArray
    divergence: float
    threshold: float
    features: int


class Pruner(ABC):
    """How the modes of one network are told from noise and kept."""

    @abstractmethod
    def select(self, inference: Inference, threshold: float, values: Values) -> Selection:
        """Weights without the modes below the `threshold`."""

    @abstractmethod
    def clean(self, unbiased: FloatArray, noise_scale: float) -> Cleaned:
        """Drop what noise of this scale would produce, and shrink the rest to its best size."""

    @abstractmethod
    def weights(self, estimate: FloatArray) -> Any:
        """The effective weights that an estimate stands for."""


#: For each network, its :class:`Pruner`.
PRUNERS: Capability[type[Pruner]] = Capability("pruning")


def prune(
    fit: Fit,
    inference: Inference,
    *,
    data: Any = None,
    threshold: float | None = None,
    values: Values = "shrunk",
    caution: str | None = None,
) -> Pruned:
    """Drop learned modes that noise alone would produce.

    Parameters
    ----------
    fit : Fit
    inference : Inference
        Of this fit.
    data : Dataset or pair (X, y), optional
        What `fit` was trained on. The noise that the dropped modes made is still in the remaining ones; with the data
        it is taken out, by message passing (theory note, section 9) with pruning as its denoiser. ``"shrunk"`` only,
        with the default threshold, and where the width does not limit the rank.
    threshold : float, optional
        ``c``, at least the trained threshold; default :attr:`shallows.inference.Inference.noise_edge`.
    values : {"shrunk", "kept"}
        ``"kept"`` leaves the remaining modes as trained. ``"shrunk"`` sets each to the size that is best for the noise
        in it: ``s (1 - delta^2/s^2)`` for a mode `s` of the quadratic network (its overlap with the truth), the
        unbiased weight of the diagonal one.
    caution : str, optional
        What is known to speak against the estimates, such as ``diagnosis_.against("pruning")`` of an estimator.

    Returns
    -------
    Pruned

    Raises
    ------
    InvalidArgument
        If fit and inference do not belong together, or for unusable settings.

    Examples
    --------
    >>> from shallows import PowerLaw, Problem, infer, prune, sample, train
    >>> data = sample(Problem("diagonal", PowerLaw(200, 1.5), samples=300, noise=0.5), seed=0)
    >>> fit = train(data, weight_decay=0.1)
    >>> pruned = prune(fit, infer(data, fit), data=data)
    >>> pruned.sparsity > 0.9
    True
    >>> risk = ((pruned.weights - data.weights) ** 2).sum()
    >>> bool(risk < 0.2 * fit.excess_risk(data))
    True
    """
    _check(fit, inference, values)
    edge = inference.noise_edge if threshold is None else check_number("threshold", threshold)
    cut = max(edge, inference.threshold)
    selection = PRUNERS.of(inference.network)().select(inference, cut, values)
    if data is not None and threshold is None and values == "shrunk" and inference.width is None:
        check_same_data(data, fit)
        refined = _refine(data, inference, selection.weights, caution)
        if refined is not None:
            return refined
    predicted = None
    if values == "kept":
        teacher = _teacher(inference)
        predicted = None if teacher is None else predicted_risk(teacher, inference, cut)
    return _pruned(inference, selection, cut, values, caution, predicted)


def predicted_risk(teacher: Teacher, inference: Inference, cut: float) -> float:
    """Excess risk after pruning at `cut` that theory predicts for a known teacher, modes kept as trained.

    Theory note, section 10: ``f(x) = (x - zeta) 1[x > c]`` at the noise scale and threshold of the trained network.

    Parameters
    ----------
    teacher : Teacher
        The truth, or a fitted one (:func:`fit_teacher`).
    inference : Inference
        Of the fit that is pruned.
    cut : float
        ``c``, in units of the modes; at least the trained threshold.

    Returns
    -------
    float
        Excess risk, in squared units of the labels: ``R``, or ``2 E``.

    Raises
    ------
    InvalidArgument
        If `cut` is below the trained threshold, or the network cannot have the teacher; a network without denoisers is
        a :class:`shallows.errors.NotSupported`.

    Examples
    --------
    >>> from shallows import PowerLaw, Problem, infer, sample, train
    >>> from shallows.inference import predicted_risk
    >>> problem = Problem("diagonal", PowerLaw(dim=100, gamma=1.25), samples=300, noise=0.2)
    >>> data = sample(problem, seed=0)
    >>> inference = infer(data, train(data, weight_decay=0.3))
    >>> bool(predicted_risk(problem.teacher, inference, 1e9) == problem.null_risk)  # nothing is left
    True
    """
    scale, zeta = inference.noise_scale, inference.threshold
    problem = Problem(inference.network, teacher, inference.samples)
    network, spectrum = problem.architecture, problem.spectrum
    if scale == 0:
        kept = np.where(spectrum.values > cut, zeta**2, spectrum.values**2)
        return float(spectrum.multiplicities @ kept) * (network.risk_per_error / network.modes_per_energy(problem.dim))
    rule = RULES.of(inference.network).hard(cut, zeta)
    return network.risk_per_error * rule.moments(problem, scale)[0]


def _check(fit: Fit, inference: Inference, values: str) -> None:
    check_instance("fit", fit, Fit)
    check_instance("inference", inference, Inference)
    if fit.network != inference.network:
        raise InvalidArgument("inference", inference.network, f"must be of the {fit.network} network")
    if values not in ("shrunk", "kept"):
        raise InvalidArgument("values", values, 'must be "shrunk" or "kept"')


def _teacher(inference: Inference) -> Teacher | None:
    """The power-law teacher seen in the data, None where there is none."""
    try:
        return fit_teacher(inference)[0]
    except EstimateUndefined:
        return None


def _pruned(
    inference: Inference,
    selection: Selection,
    cut: float,
    values: str,
    caution: str | None,
    predicted: float | None = None,
) -> Pruned:
    """The result of a selection."""
    before = inference.test_error
    after = max(before.value + selection.change, 1e-3 * before.value)
    return Pruned(
        network=inference.network,
        weights=selection.weights,
        threshold=cut,
        values=values,
        features_before=inference.learned_features,
        features_after=selection.features,
        test_error_before=before,
        test_error=Estimate.positive(after, inference.relative_error, level=before.level),
        excess_risk_before=inference.excess_risk.value,
        excess_risk=max(inference.excess_risk.value + selection.change, 0.0),
        predicted_excess_risk=predicted,
        change=Estimate.normal(selection.change, selection.error, level=before.level),
        caution=caution,
    )


def _refine(data: Any, inference: Inference, weights: Any, caution: str | None) -> Pruned | None:
    """Message passing from the pruned weights with pruning as the denoiser.

    None where it does not settle below the error that it started from.
    """
    inputs, labels = check_data(*as_pair(data), device=None)
    n, d = inputs.shape
    if n < inference.samples or d != inference.dim:
        raise InvalidArgument("data", f"{n} rows, {d} columns", "must be the data of the fit")
    pruner, network = PRUNERS.of(inference.network)(), inference.architecture
    step = MessageStep(network, operator_for(network, inputs))
    state = network.dense(weights)
    # Before pruning, the same denoiser on the unbiased weights gives the first correction term.
    cleaned = pruner.clean(inference.unbiased, inference.noise_scale)
    residual = step.correct(labels - step.operator.forward(cleaned.estimate), cleaned.divergence, inference.residuals)
    for _ in range(STEPS):
        scale = network.noise_scale(residual, d)
        cleaned = pruner.clean(step.observe(state, residual), scale)
        following = step.correct(labels - step.operator.forward(cleaned.estimate), cleaned.divergence, residual)
        if not np.isfinite(following).all() or cleaned.divergence >= step.constraints:
            return None
        state = state + DAMPING * (cleaned.estimate - state)
        residual = residual + DAMPING * (following - residual)
    # Against the residuals that the estimate before rests on, sample by sample.
    differences = np.square(residual) - np.square(inference.residuals)
    change = float(differences.mean())
    if not change < 0:
        return None
    share = max(cleaned.divergence / step.constraints, 1 - inference.slack)
    error = float(differences.std() / np.sqrt(n) * np.sqrt((1 + share) / (1 - share)))
    selection = Selection(pruner.weights(cleaned.estimate), cleaned.features, change, error)
    return _pruned(inference, selection, cleaned.threshold, "refined", caution)
