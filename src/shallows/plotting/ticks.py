"""Axes that people can read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .numbers import number

if TYPE_CHECKING:
    from matplotlib.axis import Axis


def plain_log_ticks(axis: Axis, low: float, high: float) -> None:
    """Readable ticks on a logarithmic axis from `low` to `high`, also when it spans less than a decade."""
    from math import log10

    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    decades = log10(high / low)
    if decades > 2.2:
        return
    steps = (1.0, 2.0, 5.0) if decades > 0.6 else (1.0, 1.5, *range(2, 10))
    axis.set_major_locator(LogLocator(subs=steps))
    axis.set_major_formatter(FuncFormatter(lambda value, _: number(value, 2)))
    axis.set_minor_formatter(NullFormatter())
