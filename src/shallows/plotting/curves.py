"""A learning curve with the power laws read from it, and what lies beyond its points."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .._numbers import sentence_number
from .explained import explain
from .style import BLUE, GREY, GRID, SKY, VERMILLION
from .ticks import plain_log_ticks

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw_power_laws(axes: Axes, fit: Any, points: tuple[Any, Any] | None, names: tuple[str, str]) -> None:
    """Points, the fitted curve, its floor and breaks, and predicted values.

    What the fit cannot tell is not drawn.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    fit : PowerLaws
    points : (n, risk), or None
        The curve that was fitted.
    names : (str, str)
        Of the axes.
    """
    axes.set(xscale="log", yscale="log", xlabel=names[0], ylabel=names[1])
    axes.grid(**GRID)
    if points is not None:
        sizes, values = (np.array(given, dtype=float) for given in points)
        axes.plot(sizes, values, "o", color=VERMILLION, markersize=3.5, label="given", zorder=3)
    if fit.outcome.ok:
        along = np.geomspace(fit.segments[0].start, fit.segments[-1].stop, 200)
        slopes = ", ".join(_slope(s.exponent) for s in fit.segments if not s.uncertain)
        axes.plot(along, fit.values(along), color=BLUE, label=f"power law, exponent {slopes}", zorder=2)
        for (low, high), at in zip(fit.break_intervals, fit.breaks, strict=True):
            label = None if at != fit.breaks[0] else f"break, {100 * fit.level:g} % interval"
            axes.axvspan(low, high, color=GREY, alpha=0.12, linewidth=0)
            axes.axvline(at, color=GREY, linestyle=":", linewidth=1, label=label)
        if fit.floor is not None:
            axes.axhline(
                fit.floor, color=GREY, linestyle="--", linewidth=1, label=f"floor {sentence_number(fit.floor)}"
            )
    known = [point for point in fit.extrapolations if point.value is not None and point.interval is not None]
    if known:
        middle = np.array([point.value for point in known])
        ends = np.array([point.interval for point in known]).T
        axes.errorbar(
            [point.n for point in known],
            middle,
            yerr=np.abs(ends - middle),
            fmt="D",
            color=BLUE,
            ecolor=SKY,
            elinewidth=3,
            markersize=4,
            markerfacecolor="white",
            label=f"predicted, {100 * fit.level:g} % interval",
        )
    plain_log_ticks(axes.xaxis, *axes.get_xlim())
    plain_log_ticks(axes.yaxis, *axes.get_ylim())
    explain(axes, most=2)


def _slope(exponent: float) -> str:
    return f"{exponent:+.2f}".replace("-", "\N{MINUS SIGN}")
