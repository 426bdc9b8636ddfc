"""ReLU networks on real tables, of several weight decays, some on labels that are shuffled in part."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..diagnosis import analyse_matrix, judge
from .activations import ACTIVATIONS
from .departures import Drawn
from .gradient_students import GradientStudent
from .settings import Phase
from .table_departures import split_table

#: Hidden units, weight decays, and shares of the labels that are shuffled.
UNITS = 32
DECAYS = (0.1, 1.0, 10.0)
SHUFFLED = (0.0, 0.5)


def train_on_table(name: str, seed: int) -> list[dict[str, Any]]:
    """Test error and what the first layer's spectrum says, of every network on one split of the table."""
    runs = []
    for shuffled in SHUFFLED:
        inputs, labels, others, truth = split_table(name, seed, white=False)
        rng = np.random.default_rng([4, seed])
        touched = rng.permutation(labels.size)[: round(shuffled * labels.size)]
        labels = labels.copy()
        labels[touched] = labels[rng.permutation(touched)]
        phase = Phase(name, "", "quadratic", inputs.shape[1], labels.size, 1.0, 0.0, None, UNITS)
        drawn = Drawn(phase, seed, (inputs, labels), phase.problem(), None, _nothing, _nothing)
        for learned in GradientStudent("relu", ACTIVATIONS["relu"], decays=DECAYS).train_all(drawn):
            spectrum = analyse_matrix(learned.matrices["layer 1"])
            runs.append(
                {
                    "shuffled": shuffled,
                    "weight_decay": learned.weight_decay,
                    "train_error": round(learned.train_error, 6),
                    "test_error": float(np.mean((learned.outputs(others) - truth) ** 2)),
                    "bulk_energy": round(1 - float(spectrum.energy_outliers or 0.0), 6),
                    "layer_stable_rank": round(float(spectrum.stable_rank), 6),
                    "layer_outliers": len(spectrum.outliers),
                    "verdict": judge(spectrum).name,
                }
            )
    return runs


def _nothing(*given: Any) -> Any:
    raise AssertionError("not asked of a table")
