"""What an atlas holds: cells of departure and phase, and what real tables say of layers."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from .._display import Displayed, Summary
from .._numbers import measured_number
from .departures import FAMILIES

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Factors between measured and predicted up to which a prediction holds, and bends.
HOLDS, BENDS = 1.25, 2.0


@dataclass(frozen=True, repr=False)
class Cell(Displayed):
    """One departure in one phase.

    Attributes
    ----------
    departure, family, phase : str
    measured, predicted : tuple of float
        Risk on each data set that could be measured, and by theory.
    failures : tuple of str
        Reasons of those that could not.
    readings : tuple of dict
        Spectra and verdicts of the first data sets.
    train_errors, decays : tuple of float

    Examples
    --------
    >>> from shallows.robustness import Cell
    >>> cell = Cell("relu on quadratic", "activation", "many", (0.2, 0.3), (0.1, 0.1))
    >>> round(cell.ratio, 6), cell.standard_error, cell.verdict
    (2.5, 0.5, 'breaks')
    """

    departure: str
    family: str
    phase: str
    measured: tuple[float, ...] = ()
    predicted: tuple[float, ...] = ()
    failures: tuple[str, ...] = ()
    readings: tuple[dict[str, Any], ...] = field(default=(), repr=False)
    train_errors: tuple[float, ...] = ()
    decays: tuple[float, ...] = ()

    @property
    def ratios(self) -> tuple[float, ...]:
        """Measured over predicted, for each data set of which theory predicts more than nothing."""
        pairs = zip(self.measured, self.predicted, strict=True)
        return tuple(measured / predicted for measured, predicted in pairs if predicted > 0)

    @property
    def ratio(self) -> float | None:
        """Mean over data sets of measured over predicted."""
        ratios = self.ratios
        return math.fsum(ratios) / len(ratios) if ratios else None

    @property
    def standard_error(self) -> float | None:
        """Of :attr:`ratio`; None for fewer than two data sets."""
        ratios, mean = self.ratios, self.ratio
        if mean is None or len(ratios) < 2:
            return None
        return math.sqrt(math.fsum((r - mean) ** 2 for r in ratios) / (len(ratios) * (len(ratios) - 1)))

    @property
    def factor(self) -> float | None:
        """How far apart measured and predicted are, either way: at least 1."""
        ratio = self.ratio
        return None if not ratio else max(ratio, 1 / ratio)

    @property
    def verdict(self) -> str:
        """``holds`` (within a factor 1.25), ``bends`` (within 2), ``breaks`` or ``failed``."""
        factor = self.factor
        if factor is None:
            return "failed"
        return "holds" if factor <= HOLDS else "bends" if factor <= BENDS else "breaks"

    @property
    def in_words(self) -> str:
        """The ratio with its standard error, as people read it."""
        ratio = self.ratio
        return "–" if ratio is None else measured_number(ratio, self.standard_error)

    def _summary(self) -> Summary:
        rows = [("measured over predicted", self.in_words), ("data sets", str(len(self.ratios)))]
        rows += [("verdict", self.verdict), ("failed", "; ".join(self.failures[:1]))]
        return Summary(f"{self.departure}, {self.phase}", [row for row in rows if row[1]])

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "departure": self.departure,
            "family": self.family,
            "phase": self.phase,
            "ratio": self.ratio,
            "standard_error": self.standard_error,
            "verdict": self.verdict,
            "data_sets": len(self.ratios),
            "measured": list(self.measured),
            "predicted": list(self.predicted),
            "train_errors": list(self.train_errors),
            "weight_decays": list(self.decays),
            "failures": list(self.failures),
        }


@dataclass(frozen=True, repr=False)
class LayerTale(Displayed):
    """Whether the first layer of networks on a real table tells their test error.

    Attributes
    ----------
    table : str
    correlations : dict
        For each statistic of the layer the rank correlations with the test error, one for each split of the table.
    runs : tuple of dict
        Every network.
    absent : str
        Why the table could not be measured; empty where it was.

    Examples
    --------
    >>> from shallows.robustness import LayerTale
    >>> LayerTale("wine", {"bulk_energy": (0.8, 0.6)}).mean("bulk_energy")
    (0.7, 0.1)
    """

    table: str
    correlations: dict[str, tuple[float, ...]] = field(default_factory=dict)
    runs: tuple[dict[str, Any], ...] = field(default=(), repr=False)
    absent: str = ""

    def mean(self, statistic: str) -> tuple[float, float] | None:
        """Mean correlation over splits, and its standard error; None for fewer than two."""
        found = self.correlations.get(statistic, ())
        if len(found) < 2:
            return None
        mean = math.fsum(found) / len(found)
        error = math.sqrt(math.fsum((one - mean) ** 2 for one in found) / (len(found) * (len(found) - 1)))
        return round(mean, 12), round(error, 12)

    def _summary(self) -> Summary:
        rows = [("absent", self.absent)] if self.absent else []
        for name in self.correlations:
            mean = self.mean(name)
            rows += [(name.replace("_", " "), "–" if mean is None else measured_number(*mean))]
        return Summary(f"First layers on {self.table}: rank correlation with the test error", rows)


@dataclass(frozen=True, repr=False)
class Atlas(Displayed):
    """A finished suite.

    Attributes
    ----------
    suite : str
    cells : tuple of Cell
    tales : tuple of LayerTale
    provenance : dict
        Versions, command, seconds.
    words : dict
        What changes, by departure.

    Examples
    --------
    >>> from shallows.robustness import Atlas, Cell
    >>> atlas = Atlas("quick", (Cell("as assumed", "none", "quadratic-II", (0.2,), (0.2,)),))
    >>> atlas.cell("as assumed", "quadratic-II").verdict
    'holds'
    """

    suite: str
    cells: tuple[Cell, ...]
    tales: tuple[LayerTale, ...] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)
    words: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def _by_place(self) -> dict[tuple[str, str], Cell]:
        return {(cell.departure, cell.phase): cell for cell in self.cells}

    def cell(self, departure: str, phase: str) -> Cell | None:
        """The cell of a departure and a phase, or None."""
        return self._by_place.get((departure, phase))

    def of(self, departure: str) -> tuple[Cell, ...]:
        """All cells of a departure."""
        return tuple(cell for cell in self.cells if cell.departure == departure)

    @property
    def departures(self) -> list[str]:
        """Names in the order of the atlas."""
        order = sorted(self.cells, key=lambda cell: FAMILIES.index(cell.family))
        return list(dict.fromkeys(cell.departure for cell in order))

    @property
    def counts(self) -> dict[str, int]:
        """How many cells hold, bend, break and failed."""
        verdicts = [cell.verdict for cell in self.cells]
        return {name: verdicts.count(name) for name in ("holds", "bends", "breaks", "failed")}

    def _summary(self) -> Summary:
        rows = [(name, str(count)) for name, count in self.counts.items()]
        return Summary(f"Atlas of departures, {self.suite} suite", [("departures", str(len(self.departures))), *rows])

    def to_frame(self) -> Any:
        """A pandas table, a row for each cell."""
        import pandas

        dropped = ("measured", "predicted", "train_errors", "weight_decays", "failures")
        rows = [{k: v for k, v in cell.to_dict().items() if k not in dropped} for cell in self.cells]
        return pandas.DataFrame(rows)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready: every number of the atlas but the spectra."""
        tales = [
            {
                "table": tale.table,
                "absent": tale.absent,
                "correlations": {k: list(v) for k, v in tale.correlations.items()},
            }
            for tale in self.tales
        ]
        return {
            "suite": self.suite,
            "provenance": dict(self.provenance),
            "cells": [cell.to_dict() for cell in self.cells],
            "layers": tales,
        }


def cell_of(departure: str, family: str, phase: str, records: list[Any]) -> Cell:
    """A cell of the records and failures that a sweep returned."""
    done = [record for record in records if isinstance(record, dict)]
    failed = [record.detail for record in records if not isinstance(record, dict)]
    readings = [json.loads(str(record["reading"])) for record in done]
    return Cell(
        departure,
        family,
        phase,
        tuple(float(record["measured"]) for record in done),
        tuple(float(record["predicted"]) for record in done),
        tuple(dict.fromkeys(failed)),
        tuple(reading for reading in readings if reading),
        tuple(float(record["train_error_of_network"]) for record in done),
        tuple(float(record["weight_decay_of_network"]) for record in done),
    )
