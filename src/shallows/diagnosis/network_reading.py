"""Risk of a trained network of the theory's kind from its weights and data.

Anyone's network: what its output is scaled by, whether it has an intercept and the weight decay it was trained with
are resolved from the data where they are not given. At the training minimum the machinery of :mod:`shallows.inference`
holds.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from .._arguments import check_number
from .._display import Displayed, Summary
from .._numbers import number
from ..errors import EstimateUndefined, InvalidArgument
from ..inference import Diagnosis, Estimate, Inference, check_assumptions, infer
from ..networks import network_named
from ..networks.base import ROUGH
from ..operators import check_data, operator_for
from ..training import TRAINERS, Fit, Task, train
from .spectrum_reading import effective_of, width_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike

    from .._types import FloatArray

#: A slope of the labels on the outputs within this factor of a convention is that one's.
OWN_SCALE = (0.8, 3.0)
#: Mean square difference of the outputs from those at the minimum that is none, over the smaller of the mean square
#: residual and the outputs' variance: outputs of next to nothing are close to any minimum, beside the residual.
AT_MINIMUM = 0.05
#: A relative duality gap at which a network is at its minimum; outputs of less than this share of the labels are none.
SMALL_GAP, NOTHING = 0.01, 1e-12
#: The same for outputs of another scale, whose mean the network may not have been trained with.
CONVENTION_GAP = 0.1
#: The weight decay given and that of the data within this factor are one.
SAME_DECAY = 1.5
#: Tolerance of the minimum that the network is compared with.
TOLERANCE = 1e-6

_SPOKEN = {"test_error": "test error", "excess_risk": "excess risk", "noise": "label noise"}


@dataclass(frozen=True, eq=False, repr=False)
class NetworkReading(Displayed):
    """What weights and data say of a trained network.

    Attributes
    ----------
    test_error, excess_risk, noise : Estimate or None
        In the labels' units; None where it cannot be said, :attr:`against` has the reason.
    weight_decay : float
        Of the network in the units of the theory note, section 1, with the sum of squares as loss.
    scale : float
        What the theory's output is multiplied by to be the network's.
    intercept : float
    fit : Fit
        The training minimum at this weight decay.
    inference : Inference
    diagnosis : Diagnosis
    distance : float
        Mean square difference of the outputs from those at the minimum, over the smaller of the mean square residual
        and the outputs' variance.
    unsaid_intercept : float
        That of the network where it can only be guessed that there is one and errors depend on it, else 0.
    remarks : tuple of str
        What was resolved, and how; a clause each.

    Examples
    --------
    >>> from shallows import PowerLaw, Problem, sample, train
    >>> from shallows.diagnosis import read_network
    >>> data = sample(Problem("diagonal", PowerLaw(50, 1.0), samples=200, noise=0.5), seed=0)
    >>> fit = train(data, weight_decay=1.0)
    >>> found = read_network(fit.weights, *data, "diagonal")
    >>> round(found.weight_decay, 4), found.test_error.covers(0.5 + fit.excess_risk(data))
    (1.0, True)
    """

    test_error: Estimate | None
    excess_risk: Estimate | None
    noise: Estimate | None
    weight_decay: float
    scale: float
    intercept: float
    fit: Fit
    inference: Inference
    diagnosis: Diagnosis
    distance: float
    remarks: tuple[str, ...] = ()
    unsaid_intercept: float = 0.0

    def against(self, quantity: str) -> str | None:
        """Why ``"test_error"``, ``"excess_risk"`` or ``"noise"`` cannot be said; None where it can."""
        if self.distance > AT_MINIMUM:
            return (
                f"the network is not at a training minimum: its outputs differ from those there by "
                f"{100 * np.sqrt(self.distance):.0f} % of the residuals, or of their own size where that is smaller"
            )
        if self.unsaid_intercept and quantity != "noise":
            return (
                f"whether the network has an intercept of {self.unsaid_intercept:.3g} is not in its weights: without, "
                f"errors are larger by its square; if it has, say so with a scale of {self.scale:.6g}"
            )
        effective = self.inference.effective_samples
        if effective < ROUGH and quantity != "test_error":
            return f"n_eff = {effective:.3g} < {ROUGH:g}: too few samples to tell risk from noise"
        return self.diagnosis.against(quantity)

    def _summary(self) -> Summary:
        told = {"test_error": self.test_error, "excess_risk": self.excess_risk, "noise": self.noise}
        rows: list[tuple[str, ...]] = [
            (_SPOKEN[name], one.in_words, f"{100 * one.level:g} % interval")
            for name, one in told.items()
            if one is not None
        ]
        rows += [("weight decay", number(self.weight_decay)), ("scale", number(self.scale))]
        rows += [("intercept", number(self.intercept))] if self.intercept else []
        reasons = [f"no {_SPOKEN[name]}: {self.against(name)}" for name, one in told.items() if one is None]
        return Summary(
            f"What weights and data say of a {self.fit.network} network", rows, notes=[*reasons, *self.remarks]
        )

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        told = {"test_error": self.test_error, "excess_risk": self.excess_risk, "noise": self.noise}
        out: dict[str, Any] = {
            name: None if one is None else {"value": one.value, "low": one.low, "high": one.high}
            for name, one in told.items()
        }
        reasons = {name: self.against(name) for name, one in told.items() if one is None}
        return out | {
            "weight_decay": float(self.weight_decay),
            "scale": float(self.scale),
            "intercept": float(self.intercept),
            "reasons": reasons,
            "concerns": [concern.line for concern in self.diagnosis.concerns],
            "remarks": list(self.remarks),
        }


def read_network(
    weights: Mapping[str, ArrayLike] | Any,
    X: ArrayLike,
    y: ArrayLike,
    network: str,
    weight_decay: float | None = None,
    *,
    scale: float | None = None,
) -> NetworkReading:
    """Excess risk, test error and noise of a network that somebody trained, from the data it was trained on.

    Parameters
    ----------
    weights : mapping, array or effective weights
        The network's own, by name (``W``, or ``a`` and ``w``), NumPy or PyTorch.
    X, y : array_like, shapes (n, d) and (n,)
        As the network saw them.
    network : {"diagonal", "quadratic"}
    weight_decay : float, optional
        ``lam`` in ``sum (y - f)^2 + lam |weights|^2``, of the network as it is (that of a mean over samples times their
        number); default: from the condition that stretching all weights changes nothing at the minimum. That is used
        as well, and said, where the two differ by more than a factor of 1.5.
    scale : float, optional
        What the theory's output (note, section 1) is multiplied by to be the network's; default: from the data.

    Returns
    -------
    NetworkReading

    Raises
    ------
    InvalidArgument
        For weights or data that do not belong together.
    EstimateUndefined
        If the network interpolates its data, or no positive weight decay has it as its minimum.

    Examples
    --------
    >>> from shallows import PowerLaw, Problem, sample, train
    >>> from shallows.diagnosis import read_network
    >>> from shallows.networks import network_named
    >>> data = sample(Problem("quadratic", PowerLaw(40, 1.25), samples=1600, noise=0.1), seed=0)
    >>> fit = train(data, weight_decay=0.3)
    >>> weights = network_named("quadratic").own_weights(fit.weights)  # {"W": ...}
    >>> found = read_network(weights, *data, "quadratic")
    >>> round(found.weight_decay, 2), found.test_error.covers(0.1 + fit.excess_risk(data))
    (0.3, True)
    """
    kind = network_named(network)
    learned = effective_of(weights, kind)
    inputs, labels = check_data(X, y, device=None)
    if kind.weights_dim(learned) != inputs.shape[1]:
        raise InvalidArgument("X", f"{inputs.shape[1]} columns", f"the weights have {kind.weights_dim(learned)}")
    output = operator_for(kind.name, inputs).output(learned)
    width = width_of(weights, kind)
    if not float(np.square(output).sum()) > NOTHING * float(np.square(labels).sum()):
        raise EstimateUndefined("no feature was learned: outputs are zero, and tell no weight decay")
    task = Task(kind, inputs, labels, kind.effective_width(inputs.shape[1], width) if kind.has_width else None)
    factor, intercept, remarks = _convention(task, learned, output, scale, weight_decay)
    output, labels = factor * output, labels - intercept
    own = kind.own_weights(learned)
    norm = factor * sum(float(np.square(array).sum()) for array in own.values())
    found = 2 * float((labels - output) @ output) / norm if norm > 0 else 0.0
    if weight_decay is not None:
        given = check_number("weight_decay", weight_decay, strict=True) / factor
        given = given * kind.penalty_per_weight_decay(inputs.shape[1], width)
        found, said = _decay(given, found, len(labels))
        remarks += said
    else:
        remarks.append("weight decay from the condition that stretching all weights changes nothing")
    if not found > 0:
        raise EstimateUndefined(
            "no positive weight decay has these weights as its minimum: train on, or give more data"
        )
    fit = train((inputs, labels), network=kind.name, weight_decay=found, tolerance=TOLERANCE, throw=False)
    least = operator_for(kind.name, inputs).output(fit.weights)
    size = min(float(np.mean((labels - output) ** 2)), float(np.var(output)))
    distance = float(np.mean((output - least) ** 2)) / max(size, 1e-300)
    inference = infer((inputs, labels), fit, centred=intercept != 0.0)
    diagnosis = check_assumptions(inputs, labels, inference)
    centre = factor * float(kind.spectrum(learned).sum()) / np.sqrt(inputs.shape[1]) if kind.is_matrix else 0.0
    unsaid = 0.0
    if scale is None and intercept != 0.0:
        unsaid = _unsaid(intercept - centre, labels + intercept, output + centre, inference)
    bare = NetworkReading(
        None, None, None, found, factor, intercept, fit, inference, diagnosis, distance, tuple(remarks), unsaid
    )
    return replace(
        bare,
        test_error=inference.test_error if bare.against("test_error") is None else None,
        excess_risk=inference.excess_risk if bare.against("excess_risk") is None else None,
        noise=inference.noise if bare.against("noise") is None else None,
    )


def _decay(given: float, found: float, samples: int) -> tuple[float, list[str]]:
    """Which weight decay to use of the one given and that of the data, both in theory's units, and why."""
    if found <= 0:
        return given, [f"weight decay as given, {given:.4g} in theory's units: the data tell none"]
    if abs(np.log(given / found)) <= np.log(SAME_DECAY):
        return given, []
    words = f"the weight decay given is {given:.4g} in theory's units; the data say {found:.4g}, which is used"
    if abs(np.log(given * samples / found)) <= np.log(SAME_DECAY):
        words += " (times the number of samples they agree: it was given for the mean of the loss)"
    return found, [words]


def _unsaid(offset: float, labels: FloatArray, output: FloatArray, inference: Inference) -> float:
    """An intercept that weights do not hold, where it matters and a network without one may be at its minimum too.

    The theory's output is less its mean; others' need an intercept for that.
    """
    matters = offset**2 > (inference.test_error.high - inference.test_error.low) / 2
    # Without one, too, a minimum needs a positive weight decay.
    possible = float((labels - output) @ output) > 0
    return offset if matters and possible else 0.0


def _convention(
    task: Task, learned: Any, output: FloatArray, scale: float | None, weight_decay: float | None
) -> tuple[float, float, list[str]]:
    """Scale and intercept of a network's outputs, and how they were found."""
    kind, labels = task.network, task.labels
    # Outputs far too small for the labels have next to no gap whatever they are.
    share = min(1.0, float(output @ output) / float(labels @ labels))
    if scale is None and _gap(task, learned, output) <= SMALL_GAP * share:
        return 1.0, 0.0, ["outputs scaled as in the theory note"]
    centred = output - output.mean()
    energy, along = max(float(centred @ centred), 1e-300), float(centred @ labels)
    slope = along / energy
    if scale is not None:
        factor, words = check_number("scale", scale, strict=True), "scale of the outputs as given"
    elif OWN_SCALE[0] <= slope <= OWN_SCALE[1]:
        return 1.0, 0.0, ["outputs scaled as in the theory note"]
    else:
        known = {name: value for name, value in kind.other_scales(task.dim, task.width).items() if value > 0}
        # Here their slope rules such outputs out.
        gaps = {
            name: _gap(*_scaled(task, learned, output, value))
            for name, value in known.items()
            if OWN_SCALE[0] <= slope / value <= OWN_SCALE[1]
        }
        nearest = min(gaps, key=lambda name: gaps[name], default="")
        if nearest and gaps[nearest] <= CONVENTION_GAP:
            factor, words = known[nearest], f"outputs taken as {nearest}"
        elif weight_decay is None or not slope > 0:
            raise EstimateUndefined(
                f"labels over outputs are {slope:.3g}, and the weights a training minimum in no known convention "
                "(was an intercept missing?): give scale or weight_decay"
            )
        else:  # least squares of the labels on the outputs, with the weight decay on the weights
            norm = sum(float(np.square(array).sum()) for array in kind.own_weights(learned).values())
            norm /= kind.penalty_per_weight_decay(task.dim, task.width)
            root = along**2 - 2 * energy * weight_decay * norm
            factor = (along + float(np.sqrt(max(root, 0.0)))) / (2 * energy)
            words = f"outputs scaled by least squares: {factor:.4g}"
    offset = "intercept from the mean of the residuals"
    return factor, float(np.mean(labels - factor * output)), [words, offset]


def _scaled(task: Task, learned: Any, output: FloatArray, factor: float) -> tuple[Task, Any, FloatArray]:
    """The network with its outputs times `factor`, and an intercept of its own."""
    kind = task.network
    own = {name: array * np.sqrt(factor) for name, array in kind.own_weights(learned).items()}
    output = factor * output
    return replace(task, labels=task.labels - np.mean(task.labels - output)), kind.effective_weights(own), output


def _gap(task: Task, learned: Any, output: FloatArray) -> float:
    """How far the weights are from the minimum at the weight decay that fits them best: relative duality gap."""
    kind = task.network
    norm = sum(float(np.square(array).sum()) for array in kind.own_weights(learned).values())
    found = 2 * float((task.labels - output) @ output) / norm if norm > 0 else 0.0
    if not found > 0:
        return np.inf
    whole = replace(task, width=task.dim if kind.has_width else None)
    penalty = kind.penalty_from_weight_decay(found, task.dim, whole.width)
    return float(TRAINERS.of(kind).certificate(whole, learned, found, penalty).gap)
