"""What the full suite measured, shipped with the package: rows that other commands cite."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from .._display import Displayed, Summary
from ..errors import InvalidArgument
from ..networks import network_named
from .results import short
from .settings import PHASES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

FILE = "measured.json"


@dataclass(frozen=True, repr=False)
class Citation(Displayed):
    """Rows of the measured table that apply to something.

    Attributes
    ----------
    name : str
        What they are about.
    low, high : float
        Smallest and largest mean of measured over predicted.
    runs, settings : int
        Data sets, and settings they are spread over.
    departures : tuple of str
        Rows.
    command, version : str
        What measured them.

    Examples
    --------
    >>> from shallows.robustness import cite_inputs
    >>> found = cite_inputs("uniform", "diagonal")
    >>> found.departures, found.settings
    (('uniform inputs',), 4)
    """

    name: str
    low: float
    high: float
    runs: int
    settings: int
    departures: tuple[str, ...]
    command: str
    version: str

    @property
    def sentence(self) -> str:
        """One line."""
        return (
            f"measured for {self.name}: risk {short(self.low)} to {short(self.high)} times the prediction, "
            f"over {self.runs} runs in {self.settings} settings (shallows {self.version}, {self.command})"
        )

    def _summary(self) -> Summary:
        return Summary(self.sentence)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "about": self.name,
            "low": self.low,
            "high": self.high,
            "runs": self.runs,
            "settings": self.settings,
            "departures": list(self.departures),
            "command": self.command,
            "version": self.version,
        }


@lru_cache(maxsize=1)
def measured_table() -> dict[str, Any]:
    """The table as it is shipped: ``version``, ``command``, and a list of ``cells``.

    Examples
    --------
    >>> from shallows.robustness.citing import measured_table
    >>> sorted(measured_table())
    ['cells', 'command', 'layers', 'libraries', 'version']
    """
    found: dict[str, Any] = json.loads(files(__package__).joinpath(FILE).read_text(encoding="utf-8"))
    return found


def cite_inputs(name: str, network: str) -> Citation:
    """What was measured of networks of that kind on such inputs.

    Parameters
    ----------
    name : str
        A design's word, such as ``rademacher`` or ``student:5``, or the name of another departure of the inputs.
    network : str

    Returns
    -------
    Citation

    Raises
    ------
    InvalidArgument
        If there is no such row for the network.

    Examples
    --------
    >>> from shallows.robustness import cite_inputs
    >>> cite_inputs("uniform", "quadratic").runs >= 10
    True
    """
    kind = network_named(network).kind
    own = {phase.name for phase in PHASES if network_named(phase.network).kind == kind}
    cells = [cell for cell in _cells("inputs") if cell["phase"] in own]
    return _cite(name, cells, lambda departure: departure.removesuffix(" inputs"), "inputs", f"{name} inputs")


def cite_activation(name: str) -> Citation:
    """What was measured of two-layer networks of an activation, against the quadratic network that stands in for them.

    Parameters
    ----------
    name : str
        Such as ``relu``.

    Returns
    -------
    Citation

    Raises
    ------
    InvalidArgument
        If there is no such row.

    Examples
    --------
    >>> from shallows.robustness import cite_activation
    >>> cite_activation("relu").high > 1.25
    True
    """
    return _cite(name, _cells("activation"), lambda departure: departure.rpartition(" on ")[0], "activation", name)


def _cells(family: str) -> list[dict[str, Any]]:
    return [cell for cell in measured_table()["cells"] if cell["family"] == family and cell["ratio"] is not None]


def _cite(
    name: str, cells: Sequence[dict[str, Any]], word: Callable[[str], str], argument: str, about: str
) -> Citation:
    chosen = [cell for cell in cells if name in (word(cell["departure"]), cell["departure"])]
    if not chosen:
        known = ", ".join(dict.fromkeys(word(cell["departure"]) for cell in cells))
        allowed = f"was not measured; measured were {known}" if known else "nothing was measured for this network"
        raise InvalidArgument(argument, name, allowed)
    table = measured_table()
    ratios = [cell["ratio"] for cell in chosen]
    return Citation(
        about,
        min(ratios),
        max(ratios),
        sum(cell["data_sets"] for cell in chosen),
        len(chosen),
        tuple(dict.fromkeys(cell["departure"] for cell in chosen)),
        table["command"],
        table["version"],
    )


def table_of(results: dict[str, Any]) -> dict[str, Any]:
    """The shipped table of what :meth:`Atlas.to_dict` holds: means, not data sets."""
    kept = ("departure", "family", "phase", "ratio", "standard_error", "data_sets", "verdict")
    given = results["provenance"]
    cells = [{name: _rounded(cell[name]) for name in kept} for cell in results["cells"]]
    layers = [
        {**one, "correlations": {name: _rounded(values) for name, values in one["correlations"].items()}}
        for one in results["layers"]
    ]
    return {
        "version": given["version"],
        "command": given["command"],
        "libraries": given["libraries"],
        "cells": cells,
        "layers": layers,
    }


def _rounded(value: Any) -> Any:
    if isinstance(value, list):
        return [_rounded(one) for one in value]
    return float(f"{value:.4g}") if isinstance(value, float) else value
