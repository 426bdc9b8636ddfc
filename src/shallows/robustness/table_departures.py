"""Real tables as departures: the test error that theory reads off a fit, beside that on rows held out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import EstimateUndefined
from ..inference import infer
from ..networks import network_named
from ..operators import operator_for
from ..problems import Problem
from ..teachers import PowerLaw
from .departures import Departure, Drawn, register_departure
from .settings import OF_TABLES
from .tables import TABLES, load_table

if TYPE_CHECKING:
    from .._types import FloatArray
    from .learned import Learned
    from .settings import Phase

#: Share of the rows that is trained on.
TRAINED = 0.6
#: Variance of a direction, over the largest, below which it is left out where inputs are made white.
FLAT = 1e-3


@dataclass(frozen=True, eq=False, repr=False)
class DrawnTable(Drawn):
    """A split of a table: the rest of it stands for new inputs, noise and all."""

    held_out: tuple[Any, Any] = (None, None)

    def excess_risk(self, outputs: Callable[[FloatArray], FloatArray], rows: int = 0) -> float:
        """Test error on the rows held out; the noise is in it."""
        inputs, labels = self.held_out
        return float(np.mean((np.asarray(outputs(inputs)) - labels) ** 2))

    def predicted_risk(self, learned: Learned | None = None) -> float:
        """Test error that theory reads off the fit, without a test set."""
        if learned is None or learned.fit is None:
            raise EstimateUndefined("the test error of a table is read off a fit")
        estimate = infer(self.data, learned.fit, centred=True).test_error
        return float(estimate.value)


def split_table(name: str, seed: int, *, white: bool) -> tuple[Any, Any, Any, Any]:
    """Inputs and labels to train on, and those held out; each column of mean zero and variance one, as the first are.

    Where inputs are made `white`, their principal directions stand in for the columns.
    """
    inputs, labels = load_table(name)
    order = np.random.default_rng([3, seed]).permutation(labels.size)
    first, rest = np.split(order, [round(TRAINED * labels.size)])
    mean, spread = inputs[first].mean(axis=0), inputs[first].std(axis=0)
    kept = spread > 0
    inputs = (inputs[:, kept] - mean[kept]) / spread[kept]
    if white:
        _, sizes, directions = np.linalg.svd(inputs[first] / np.sqrt(first.size), full_matrices=False)
        told = sizes**2 > FLAT * sizes[0] ** 2
        inputs = inputs @ (directions[told].T / sizes[told])
    middle, size = labels[first].mean(), labels[first].std()
    labels = (labels - middle) / size
    return inputs[first], labels[first], inputs[rest], labels[rest]


@dataclass(frozen=True)
class TableWorld:
    """Splits of one table."""

    table: str

    def __call__(self, phase: Phase, seed: int) -> DrawnTable:
        network = network_named(phase.network)
        inputs, labels, others, truth = split_table(self.table, seed, white=network.needs_white_inputs)
        problem = Problem(network.name, PowerLaw(inputs.shape[1], 1.0), labels.size)  # its network is all that is asked
        silent = operator_for(network, inputs).silencing_strength(labels)
        decay = (phase.weight_decay or 0.0) * silent
        return DrawnTable(phase, seed, (inputs, labels), problem, decay, _none, _none, held_out=(others, truth))


def _none(*given: Any) -> Any:
    raise EstimateUndefined("a table has no truth and no new inputs")


for _table in TABLES:
    register_departure(Departure(_table.name, "real data", _table.words + ".", TableWorld(_table.name), OF_TABLES))
