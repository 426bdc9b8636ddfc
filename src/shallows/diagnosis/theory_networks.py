"""Networks that theory covers, found in a checkpoint by the names of their weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .._arguments import check_number
from .._display import Displayed, Summary
from .._numbers import number
from ..errors import EstimateUndefined, InvalidArgument, NotSupported
from ..networks import network_named
from .judgement import judge
from .layer import LayerDiagnosis
from .network_reading import read_network
from .spectrum_reading import analyse_network, risk_of_spectrum, untrained

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike

    from .._types import FloatArray
    from ..checkpoints import Checkpoint, StoredTensor
    from ..networks import Network

#: Why a number that data would tell is not there.
NO_DATA = "needs the data it was trained on"
#: Why the spectrum does not tell a number.
NOT_SEEN = "the weights alone do not tell"
NO_SAMPLES = "needs the number of samples, or the data it was trained on"


@dataclass(frozen=True, eq=False, repr=False)
class Training(Displayed):
    """What is known of how a network of the theory's kind was trained.

    Parameters
    ----------
    network : {"diagonal", "quadratic"}
        Name of a registered one.
    data : (array_like, array_like), shapes (n, d) and (n,), optional
        Inputs and labels as the network saw them.
    samples, weight_decay : float, optional
        Number of samples, where the data are not at hand, and weight decay: ``lam`` in
        ``sum (y - f)^2 + lam |weights|^2``; that of a mean over samples times their number.
    scale : float, optional
        What the theory's output (note, section 1) is multiplied by to be the network's; default: from the data, or 1.

    Raises
    ------
    InvalidArgument
        For an unknown network, a scale that is not positive, or both `data` and `samples`.

    Examples
    --------
    >>> from shallows import PowerLaw, Problem, diagnose, sample, train
    >>> from shallows.diagnosis import Training
    >>> from shallows.networks import network_named
    >>> data = sample(Problem("quadratic", PowerLaw(40, 1.25), samples=1600, noise=0.1), seed=0)
    >>> fit = train(data, network="quadratic", weight_decay=0.3)
    >>> weights = network_named("quadratic").own_weights(fit.weights)  # {"W": ...}
    >>> risk = diagnose(weights, training=Training("quadratic", tuple(data))).risk
    >>> risk["test_error"]["low"] < 0.1 + fit.excess_risk(data) < risk["test_error"]["high"]
    True
    """

    network: str
    data: tuple[ArrayLike, ArrayLike] | None = None
    samples: float | None = None
    weight_decay: float | None = None
    scale: float | None = None

    def __post_init__(self) -> None:
        kind = network_named(self.network)
        if kind.kind != kind.family:
            raise NotSupported("network", kind.name, "weights of networks of more layers are not diagnosed")
        object.__setattr__(self, "network", kind.name)
        if self.scale is not None:
            check_number("scale", self.scale, strict=True)
        if self.data is not None and self.samples is not None:
            raise InvalidArgument("samples", self.samples, "is told by the data: give one of them")

    def _summary(self) -> Summary:
        samples = "" if self.samples is None else number(self.samples)
        rows = [
            ("network", self.network),
            ("samples", samples if self.data is None else str(len(np.asarray(self.data[1])))),
        ]
        rows += [("data", "" if self.data is None else "at hand")]
        rows += [("weight decay", "" if self.weight_decay is None else number(self.weight_decay))]
        rows += [("scale", "" if self.scale is None else number(self.scale))]
        return Summary("What is known of a training", [row for row in rows if row[1]])


def network_in(checkpoint: Checkpoint, training: Training) -> tuple[LayerDiagnosis, dict[str, Any], tuple[str, ...]]:
    """A network of the theory's kind: its spectrum with the verdict, its errors, and which tensors it is made of.

    Raises
    ------
    InvalidArgument
        If its weights are not there, or do not belong to the data.
    """
    data = training.data
    kind = network_named(training.network)
    tensors, remarks = _tensors(checkpoint, kind)
    weights = {name: np.asarray(tensor.read(), dtype=float) for name, tensor in tensors.items()}
    if data is not None and kind.is_matrix:
        weights, turned = _as_the_data_need(weights, np.shape(data[0])[-1])
        remarks += turned
    known = float(np.shape(data[0])[0]) if data is not None else training.samples
    decay = training.weight_decay
    if decay is not None and training.scale is not None:
        decay = decay / training.scale**2  # of the labels over the scale
    spectrum, law = analyse_network(weights, kind.name, samples=known, weight_decay=decay)
    names = tuple(tensor.name for tensor in tensors.values())
    made = f"effective weights of a {kind.name} network, of {' and '.join(names)}"
    layer = LayerDiagnosis(" * ".join(names), "network", made, spectrum, judge(spectrum, law))
    if data is None:
        risk = _from_spectrum(risk_of_spectrum(law), training, untrained(weights, kind.name))
    else:
        risk = _from_data(weights, data, kind, training)
    risk["remarks"] = [*remarks, *risk.get("remarks", [])]
    return layer, {"network": kind.name, **risk}, names


def _tensors(checkpoint: Checkpoint, kind: Network) -> tuple[dict[str, StoredTensor], list[str]]:
    """The network's own weights by name; a matrix that is alone needs no name."""
    found: dict[str, StoredTensor] = {}
    for name in kind.parameter_names:
        exact = [tensor for tensor in checkpoint.tensors if tensor.name == name]
        ends = exact or [tensor for tensor in checkpoint.tensors if tensor.name.rpartition(".")[2] == name]
        if len(ends) == 1:
            found[name] = ends[0]
    if len(found) == len(kind.parameter_names):
        return found, []
    matrices = [tensor for tensor in checkpoint.tensors if len(tensor.shape) == 2]
    if kind.is_matrix and len(kind.parameter_names) == len(matrices) == 1:
        return {kind.parameter_names[0]: matrices[0]}, [f"{matrices[0].name} taken as {kind.parameter_names[0]}"]
    there = ", ".join(tensor.name for tensor in checkpoint.tensors[:8]) or "none"
    wanted = " and ".join(kind.parameter_names)
    raise InvalidArgument("network", kind.name, f"needs weights called {wanted}; the checkpoint has {there}")


def _as_the_data_need(weights: Mapping[str, FloatArray], columns: int) -> tuple[dict[str, FloatArray], list[str]]:
    """Hidden units along rows, as theory writes them."""
    out, remarks = dict(weights), []
    for name, matrix in weights.items():
        if matrix.shape[1] != columns and matrix.shape[0] == columns:
            out[name] = matrix.T
            remarks.append(f"{name} is stored inputs x units")
    return out, remarks


def _from_spectrum(found: Mapping[str, Any], training: Training, why: str) -> dict[str, Any]:
    scale = 1.0 if training.scale is None else training.scale
    factor = scale**2
    out: dict[str, Any] = {
        name: None if one is None else {"value": factor * one.value, "low": factor * one.low, "high": factor * one.high}
        for name, one in found.items()
    }
    reasons = {name: why or NOT_SEEN for name, one in found.items() if one is None}
    if training.samples is None and not why:
        reasons["test_error"] = NO_SAMPLES
    formula = network_named(training.network).output_formula
    units = f"outputs taken as in the theory note: {formula}"
    if scale != 1.0:
        units = f"outputs taken as {scale:.4g} times those of the theory note: {formula}"
    return out | {"noise": None, "reasons": reasons | {"noise": NO_DATA}, "remarks": [units]}


def _from_data(
    weights: Mapping[str, FloatArray], data: tuple[Any, Any], kind: Network, training: Training
) -> dict[str, Any]:
    try:
        return read_network(weights, *data, kind.name, training.weight_decay, scale=training.scale).to_dict()
    except EstimateUndefined as error:
        names = ("test_error", "excess_risk", "noise")
        return {**dict.fromkeys(names), "reasons": dict.fromkeys(names, str(error))}
