"""Where training ends, over the scale of its initial weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .style import BLUE, GREEN, GREY, GRID, ORANGE, VERMILLION

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

#: What the branches are called, and their colours.
BRANCHES = {
    "theory": ("theory's branch", BLUE),
    "better": ("another minimum, lower risk", GREEN),
    "worse": ("another minimum, higher risk", ORANGE),
    "collapse": ("collapse to zero", GREY),
}


def draw_endings(axes: Axes, endings: Sequence[Any], *, levels: Sequence[tuple[str, float, str]]) -> None:
    """Excess risk over the scale of the initial weights, every data set, coloured by where it ended.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    endings : sequence of Ending
    levels : sequence of (str, float, str)
        Label, excess risk and line style of horizontal lines.
    """
    for label, risk, line in levels:
        axes.axhline(risk, color=BLUE if "theory" in label else GREY, linestyle=line, linewidth=1.2, label=label)
    _draw(axes, endings, [ending.excess_risk for ending in endings], labelled=True)
    axes.set_ylabel("excess risk R")


def draw_heights(axes: Axes, endings: Sequence[Any]) -> None:
    """The objective reached over that of message passing on the same data, in per cent."""
    axes.axhline(0.0, color=VERMILLION, linewidth=1.2, label="message passing")
    scaled = [type(ending.above)(tuple(100 * value for value in ending.above.values)) for ending in endings]
    _draw(axes, endings, scaled, labelled=False)
    axes.set_yscale("symlog", linthresh=1.0)
    axes.set_ylim(bottom=min(-0.3, 1.1 * min(min(value.values) for value in scaled)))
    axes.set_ylabel("objective above message passing (%)")


def _draw(axes: Axes, endings: Sequence[Any], values: Sequence[Any], *, labelled: bool) -> None:
    """Each data set a small mark, the mean and its standard error a large one."""
    told: set[str] = set()
    scales = [ending.init_scale for ending in endings]
    axes.plot(scales, [value.mean for value in values], color=GREY, linewidth=0.8, zorder=1)
    for ending, value in zip(endings, values, strict=True):
        name, color = BRANCHES[ending.branch]
        many = [ending.init_scale] * len(value.values)
        axes.plot(many, value.values, linestyle="none", marker="o", color=color, alpha=0.4, markersize=3.5)
        label = name if labelled and name not in told else None
        told.add(name)
        error = {"yerr": value.standard_error, "capsize": 3, "elinewidth": 1.2}
        axes.errorbar(ending.init_scale, value.mean, color=color, marker="s", markersize=6, label=label, **error)
    axes.set_xscale("log")
    axes.set_xlabel("scale of the initial weights")
    axes.grid(which="major", **GRID)
