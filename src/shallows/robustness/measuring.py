"""One departure in one phase on one data set: what is measured, what was predicted, and what the spectrum says."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from ..diagnosis import analyse_matrix, analyse_network, judge
from ..sweeps import Field, Point, Quantity, register
from .customs import find_departure
from .settings import phase_named
from .students import TheoryStudent
from .tables import load_table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ..sweeps.points import Settings
    from ..sweeps.quantities import Record
    from .departures import Departure, Drawn
    from .learned import Learned

#: Data sets whose networks are read as well: spectrum and verdict.
READ = 3
#: Most singular values that are kept of a layer.
MOST_VALUES = 64
#: Rough seconds of a training by family, relative to those of a network of the theory.
_COST = (("activation", 6.0), ("depth", 10.0), ("loss", 2.0))
SQUARED = "label^2"


def _cost(settings: Settings) -> float:
    return dict(_COST).get(str(settings.get("family")), 1.0)


def measure(point: Point) -> Record:
    """A departure at a point (settings ``departure`` and ``phase``), on the data set of its seed."""
    departure = find_departure(str(point.settings["departure"]), str(point.settings.get("custom", "")))
    phase, seed = phase_named(str(point.settings["phase"])), point.seed or 0
    drawn = departure.draw(phase, seed)
    learned = (departure.student or TheoryStudent()).train(drawn)
    record: Record = {
        "measured": drawn.excess_risk(learned.outputs),
        "predicted": drawn.predicted_risk(learned),
        "train_error_of_network": learned.train_error,
        "weight_decay_of_network": learned.weight_decay,
    }
    return record | {"reading": json.dumps(_reading(departure, drawn, learned) if seed < READ else {})}


def _reading(departure: Departure, drawn: Drawn, learned: Learned) -> dict[str, Any]:
    """What the spectra say, JSON-ready."""
    layers: list[dict[str, Any]] = []
    if learned.weights is not None:
        layers.append(_of_theory(drawn, learned))
    for share, matrices in learned.history or ((1.0, learned.matrices),):
        layers += [{"layer": name, "time": share, **_of_matrix(matrix)} for name, matrix in matrices.items()]
    return {"layers": layers, "notes": {name: round(value, 4) for name, value in drawn.notes.items()}}


def _of_theory(drawn: Drawn, learned: Learned) -> dict[str, Any]:
    """The effective weights as one layer, their sizes read by the law of theory."""
    network = drawn.problem.architecture
    sizes = np.sort(np.abs(np.asarray(network.spectrum(learned.weights), dtype=float)))[::-1]
    known = {"samples": drawn.labels.size, "weight_decay": learned.weight_decay}
    spectrum, law = analyse_network(learned.weights, network.name, **known)
    verdict = judge(spectrum, law)
    edge = None if spectrum.bulk is None else float(spectrum.bulk.edge**2)
    return {"layer": "effective weights", "time": 1.0, "verdict": verdict.name, "edge": edge, **_kept(sizes)}


def _of_matrix(matrix: Any) -> dict[str, Any]:
    found = analyse_matrix(matrix)
    return {
        "verdict": judge(found).name,
        "edge": None if found.bulk is None else round(float(found.bulk.edge), 5),
        "outliers": len(found.outliers),
        "stable_rank": round(found.stable_rank, 4),
        "energy_outliers": round(float(found.energy_outliers or 0.0), 5),
        **_kept(found.singular_values),
    }


def _kept(values: Any) -> dict[str, Any]:
    return {"modes": int(np.count_nonzero(values)), "values": [round(float(v), 5) for v in values[:MOST_VALUES]]}


def read_layers(point: Point) -> Record:
    """Networks on a real table, some on labels shuffled in part: rank correlations of layer and test error."""
    from scipy.stats import spearmanr

    from .layer_runs import train_on_table

    load_table(str(point.settings["table"]))  # absent ones say so
    runs = train_on_table(str(point.settings["table"]), point.seed or 0)
    errors = [run["test_error"] for run in runs]
    record: Record = {"runs": json.dumps(runs)}
    for name in STATISTICS:
        values = [run[name] for run in runs]
        constant = min(values) == max(values) or min(errors) == max(errors)
        record[name] = None if constant else float(spearmanr(values, errors).statistic)
    return record


#: What is asked of a first layer: share of its energy in the bulk, stable rank, number of outliers.
STATISTICS: Mapping[str, str] = {
    "bulk_energy": "share of the energy that is no outlier's",
    "layer_stable_rank": "stable rank",
    "layer_outliers": "number of outliers",
}

ATLAS = register(
    Quantity(
        "atlas",
        {
            "measured": Field(SQUARED, "excess risk on new inputs (real tables: test error on rows held out)"),
            "predicted": Field(SQUARED, "the same by theory"),
            "train_error_of_network": Field(SQUARED, "mean squared training error"),
            "weight_decay_of_network": Field("1", "weight decay of the training"),
            "reading": Field("1", "spectra and verdicts, JSON", "text"),
        },
        measure,
        repeats="seed",
        cost=_cost,
        seconds=0.5,
        regularised=False,
    )
)
LAYERS = register(
    Quantity(
        "atlas_layers",
        {name: Field("1", f"rank correlation of the test error with the {words}", optional=True)
         for name, words in STATISTICS.items()}
        | {"runs": Field("1", "every network, JSON", "text")},
        read_layers,
        repeats="seed",
        seconds=10.0,
        regularised=False,
    )
)  # fmt: skip
