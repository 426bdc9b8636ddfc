"""Numbers with their intervals, one below the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .explained import row_names
from .style import BLUE, GREY, GRID

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes


def draw_intervals(axes: Axes, names: Sequence[str], values: Any, low: Any, high: Any, found: Any) -> None:
    """Values with intervals, the first on top; those that are not `found` in grey.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    names : sequence of str
    values, low, high : array_like, shape (m,)
    found : array_like of bool, shape (m,)
    """
    values, low, high, found = (np.asarray(given) for given in (values, low, high, found))
    places = np.arange(values.size)
    for chosen, color, label in ((found, BLUE, "discovered"), (~found, GREY, "not discovered")):
        if chosen.any():
            reach = [values[chosen] - low[chosen], high[chosen] - values[chosen]]
            style: dict[str, Any] = {"fmt": "o", "color": color, "ms": 4, "capsize": 2, "lw": 1.2}
            axes.errorbar(values[chosen], places[chosen], xerr=reach, label=label, **style)
    axes.axvline(0.0, color=GREY, lw=1, ls=":")
    row_names(axes, [_short(name) for name in names], 8.5)
    axes.set_ylim(values.size - 0.5, -0.5)
    axes.grid(axis="x", **GRID)


def _short(name: str) -> str:
    """A name that fits beside the axes, taken as it is: a dollar sign begins no formula."""
    text = name if len(name) <= 30 else f"{name[:29]}…"
    return text.replace("$", r"\$")
