"""A user's measurements over the figures of the papers: which columns each takes, and in which panel a row belongs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .._arguments import shown
from ..errors import InvalidArgument
from ..networks import network_named, paper_networks
from ..overlays import NAME, Columns, read_points
from ..scaling.own_points import COLUMNS as ON_PHASES
from ..scaling.own_points import check_points
from .cases import CASES, panel_phase

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._types import FloatArray

#: Columns of each figure's table.
COLUMNS = {
    "phase-diagram": ON_PHASES,
    "spectra": Columns(("network", "phase", "value"), text=("network", "phase"), signed=("value",)),
    "risk-curves": Columns(
        ("network", "weight_decay", "dim", "samples|effective_samples", "excess_risk"), ("stderr",), text=("network",)
    ),
    "width-rank": Columns(("samples", "dim", "width", "excess_risk"), ("stderr",)),
    "width-samples": Columns(("samples|effective_samples", "dim", "excess_risk"), ("stderr",)),
}
#: A row belongs to a panel whose setting it meets within this share.
NEAR = 0.05
#: Samples per squared dimension in the panels of width-rank, and weight decays in those of risk-curves.
RATIOS = (0.05, 26515 / 160000, 1.0)
DECAYS: tuple[tuple[str, Callable[[float], float]], ...] = (
    ("1/d", lambda d: 1 / d),
    ("1", lambda d: 1.0),
    ("sqrt(d)", math.sqrt),
)


@dataclass(frozen=True)
class OwnData:
    """Measured points, each with its panel.

    Attributes
    ----------
    panel : ndarray of int, shape (points,)
    x, y : ndarray
        Abscissa and excess risk; of spectra learned weights alone.
    stderr : ndarray or None

    Examples
    --------
    >>> from shallows.reproduce.own_data import own_data
    >>> table = {"samples": [500, 10000], "dim": [100, 100], "width": [3, 9], "excess_risk": [1.0, 0.05]}
    >>> own_data("width-rank", table).panel.tolist()
    [0, 2]
    """

    panel: Any
    x: FloatArray
    y: FloatArray | None = None
    stderr: FloatArray | None = None


def own_data(figure: str, given: Any) -> OwnData | None:
    """The table of a user for one of the figures; None for the phase diagram, which places points itself.

    Parameters
    ----------
    figure : str
        One of :data:`COLUMNS`.
    given : path, mapping, data frame or array

    Raises
    ------
    InvalidArgument
        Named ``overlay``: as for :func:`shallows.overlays.read_points`, and for a row that belongs to no panel.

    Examples
    --------
    >>> from shallows.reproduce.own_data import own_data
    >>> own_data("width-samples", {"samples": [400], "dim": [100], "excess_risk": [0.9]}).x.tolist()
    [4.0]
    >>> own_data("spectra", {"network": ["diagonal"], "phase": ["IX"], "value": [0.1]})
    Traceback (most recent call last):
    ...
    shallows.errors.InvalidArgument: overlay: got 'diagonal, phase IX, in row 1'; no panel of the figure is that
    """
    if figure == "phase-diagram":
        for name in paper_networks():
            check_points(given, name, 1e6)
        return None
    table = read_points(given, COLUMNS[figure])
    if figure == "spectra":
        wanted = [(name, panel_phase(name, phase)) for name in paper_networks() for phase, _, _ in CASES]
        rows = list(zip(table["network"].tolist(), table["phase"].tolist(), strict=True))
        panel = [_place(row, wanted, k, f"{row[0]}, phase {row[1]}") for k, row in enumerate(rows)]
        return OwnData(np.array(panel), table["value"])
    dims = table["dim"]
    networks = table["network"].tolist() if "network" in table else ["quadratic"] * dims.size
    for row, name in enumerate(networks):
        if name not in paper_networks():
            allowed = f"must be {' or '.join(paper_networks())}"
            raise InvalidArgument(NAME, f"{shown(name)} in row {row + 1} of column network", allowed)
    unit = np.array(
        [network_named(name).samples_per_effective(float(d)) for name, d in zip(networks, dims, strict=True)]
    )
    n_eff = table["effective_samples"] if "effective_samples" in table else table["samples"] / unit
    if figure == "risk-curves":
        panel = [
            _decay_panel(k, networks[k], float(dims[k]), float(table["weight_decay"][k])) for k in range(dims.size)
        ]
    elif figure == "width-rank":
        panel = [_ratio_panel(k, float(n / d**2)) for k, (n, d) in enumerate(zip(table["samples"], dims, strict=True))]
    else:
        panel = [0] * dims.size
    x = table["width"] if figure == "width-rank" else n_eff
    return OwnData(np.array(panel), x, table["excess_risk"], table.get("stderr"))


def _place(row: Any, wanted: list[Any], index: int, words: str) -> int:
    if row not in wanted:
        raise InvalidArgument(NAME, f"{words}, in row {index + 1}", "no panel of the figure is that")
    return wanted.index(row)


def _decay_panel(row: int, network: str, dim: float, decay: float) -> int:
    for k, (_, wanted) in enumerate(DECAYS):
        if abs(decay / wanted(dim) - 1) < NEAR:
            return paper_networks().index(network) * len(DECAYS) + k
    allowed = f"the panels have {', '.join(name for name, _ in DECAYS)} with the row's dim"
    raise InvalidArgument(NAME, f"weight decay {decay:g} in row {row + 1}", allowed)


def _ratio_panel(row: int, ratio: float) -> int:
    for k, wanted in enumerate(RATIOS):
        if abs(ratio / wanted - 1) < NEAR:
            return k
    allowed = f"the panels have {', '.join(f'{r:.3g}' for r in RATIOS)}"
    raise InvalidArgument(NAME, f"samples/dim^2 = {ratio:.3g} in row {row + 1}", allowed)
