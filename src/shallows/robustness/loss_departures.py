"""Departures of the loss: labels that are classes, by the square loss and by the logistic one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..operators import operator_for
from ..operators.devices import require_torch
from ..teachers import PowerLaw
from .data_departures import World
from .departures import Departure, Drawn, generator, register_departure
from .gradient_students import descend
from .learned import Learned
from .settings import OF_THEORY

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .settings import Phase

#: Rows by which the share of the target in its classes is averaged.
MANY = 40_000
#: Weight decays of which the logistic loss is given the best one.
DECAYS = (0.01, 0.1, 1.0)


def class_labels(phase: Phase, seed: int) -> Drawn:
    """Signs of noisy labels; to the square loss a teacher times a factor, and the rest is noise."""
    drawn = World()(phase, seed)
    inputs, labels = drawn.data
    rng = generator(replace(phase, samples=MANY), 0)
    many = rng.standard_normal((MANY, phase.dim))
    clean = drawn.truth(many)
    signs = np.sign(clean + np.sqrt(phase.noise) * rng.standard_normal(MANY))
    variance = float(np.mean(clean**2))
    factor = float(np.mean(signs * clean)) / variance
    rest = 1 - factor**2 * variance  # what of a label of size one the teacher does not explain
    problem = replace(drawn.problem, teacher=PowerLaw(phase.dim, phase.gamma, factor**2), noise=rest)
    return replace(
        drawn, data=(inputs, np.sign(labels)), problem=problem, truth=lambda rows: factor * drawn.truth(rows)
    )


def logistic(phase: Phase, seed: int) -> Drawn:
    """The same classes, of a network that is trained by the logistic loss: its outputs have no scale of their own."""
    return replace(class_labels(phase, seed), weight_decay=None, rescaled=True)


@dataclass(frozen=True)
class LogisticStudent:
    """The network of the theory under the logistic loss, by L-BFGS on its own weights (extra ``train``)."""

    decays: Sequence[float] = DECAYS

    def train(self, drawn: Drawn) -> Learned:
        """The best over the weight decays, by the risk on new inputs."""
        return min((self._train(drawn, decay) for decay in self.decays), key=lambda one: drawn.excess_risk(one.outputs))

    def _train(self, drawn: Drawn, decay: float) -> Learned:
        torch = require_torch("the logistic loss", "the square loss needs none")
        network, phase = drawn.problem.architecture, drawn.phase
        inputs, signs = (torch.from_numpy(np.array(array)) for array in (drawn.inputs, drawn.labels))
        rng = np.random.default_rng([2, drawn.seed])
        shapes = network.parameter_shapes(phase.dim, None)
        weights = [torch.tensor(rng.standard_normal(shape), requires_grad=True) for shape in shapes]

        def loss() -> Any:
            if network.is_matrix:
                (rows,) = weights
                output = (torch.sum((inputs @ rows.T) ** 2, 1) - torch.sum(rows**2)) / rows.shape[1] ** 0.5
                output = output / (rows.shape[0] * rows.shape[1]) ** 0.5
            else:
                output = inputs @ (weights[0] * weights[1]) / phase.dim**0.5
            error = torch.nn.functional.softplus(-signs * output).sum()
            return error + decay * sum(torch.sum(one**2) for one in weights)

        descend(torch, weights, loss, dict)
        own = dict(zip(network.parameter_names, (one.detach().numpy() for one in weights), strict=True))
        effective = network.effective_weights(own)
        found = operator_for(network, drawn.inputs).output(effective)
        wrong = float(np.mean(np.sign(found) != drawn.labels))
        return Learned(drawn.outputs(effective), wrong, decay, weights=effective)


_WORDS = "Labels are the signs of noisy labels"
register_departure(
    Departure("classes, square loss", "loss", f"{_WORDS}; theory is told their signal and noise.", class_labels)
)
register_departure(
    Departure(
        "classes, logistic loss",
        "loss",
        f"{_WORDS}, and the loss is logistic, at its best weight decay. Theory is that of the square loss at its own "
        "best; outputs are taken times the best factor.",
        logistic,
        tuple(phase for phase in OF_THEORY if phase.name.endswith(("line", "VI"))),
        LogisticStudent(),
    )
)
