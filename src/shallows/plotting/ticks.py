"""Axes that people can read."""

from __future__ import annotations

from math import log10
from typing import TYPE_CHECKING

from .._numbers import number

if TYPE_CHECKING:
    from matplotlib.axis import Axis


def plain_log_ticks(axis: Axis, low: float, high: float) -> None:
    """Readable ticks on a logarithmic axis from `low` to `high`, also when it spans less than a decade.

    Parameters
    ----------
    axis : matplotlib.axis.Axis
    low, high : float
        Its positive ends, ``low < high``.

    Examples
    --------
    >>> from shallows.plotting import new_figure, plain_log_ticks
    >>> axes = new_figure(3.0, 2.0).subplots()
    >>> axes.set_xscale("log"), axes.set_xlim(10.0, 60.0)
    (None, (10.0, 60.0))
    >>> plain_log_ticks(axes.xaxis, 10.0, 60.0)
    >>> [label.get_text() for label in axes.get_xticklabels()]
    ['1', '2', '5', '10', '20', '50']
    """
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    decades = log10(high / low)
    if decades > 2.2:
        return
    steps = (1.0, 2.0, 5.0) if decades > 0.6 else (1.0, 1.5, *range(2, 10))
    axis.set_major_locator(LogLocator(subs=steps))
    axis.set_major_formatter(FuncFormatter(lambda value, _: number(value, 2)))
    axis.set_minor_formatter(NullFormatter())


def rank_ticks(axis: Axis, count: int) -> None:
    """Ticks for a logarithmic axis of ranks from 1 to `count`: few whole numbers.

    Parameters
    ----------
    axis : matplotlib.axis.Axis
    count : int
        Largest rank.

    Examples
    --------
    >>> from shallows.plotting import new_figure, rank_ticks
    >>> axes = new_figure(3.0, 2.0).subplots()
    >>> rank_ticks(axes.xaxis, 40)
    >>> axes.get_xticks().tolist()
    [1, 2, 5, 10, 20]
    """
    from matplotlib.ticker import FixedLocator, NullFormatter

    ticks = [
        m * 10**k for k in range(7) for m in ((1, 2, 5) if count < 500 else (1,)) if m * 10**k <= max(1.2 * count, 3)
    ]
    axis.set_major_locator(FixedLocator(ticks))
    axis.set_major_formatter(lambda value, _: number(value))
    axis.set_minor_formatter(NullFormatter())
