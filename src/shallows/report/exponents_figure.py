"""A learning curve with the power laws read from it, and what lies beyond its points."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .._numbers import sentence_number
from ..plotting import new_figure, plain_log_ticks, save, styled
from ..plotting.style import BLUE, GREY, SKY, VERMILLION

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.figure import Figure
    from numpy.typing import ArrayLike

    from ..exponents import PowerLaws


def exponents_figure(fit: PowerLaws, n: ArrayLike, risk: ArrayLike, names: tuple[str, str]) -> Figure:
    """Points, the fitted curve, its floor and breaks, and predicted values; call within :func:`styled`.

    What the fit cannot tell is not drawn.
    """
    sizes, values = np.array(n, dtype=float), np.array(risk, dtype=float)
    figure = new_figure(5.2, 3.6)
    axes = figure.subplots()
    axes.set(xscale="log", yscale="log", xlabel=names[0], ylabel=names[1])
    axes.grid(color="0.9", linewidth=0.6)
    axes.plot(sizes, values, "o", color=VERMILLION, markersize=3.5, label="given", zorder=3)
    if fit.outcome.ok:
        along = np.geomspace(fit.segments[0].start, fit.segments[-1].stop, 200)
        slopes = ", ".join(_slope(s.exponent) for s in fit.segments if not s.uncertain)
        axes.plot(along, fit.values(along), color=BLUE, label=f"power law, exponent {slopes}", zorder=2)
        for (low, high), at in zip(fit.break_intervals, fit.breaks, strict=True):
            axes.axvspan(low, high, color=GREY, alpha=0.12, linewidth=0)
            axes.axvline(at, color=GREY, linestyle=":", linewidth=1)
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
    axes.legend()
    return figure


def _slope(exponent: float) -> str:
    return f"{exponent:+.2f}".replace("-", "\N{MINUS SIGN}")


def write_exponents_figure(
    fit: PowerLaws, n: ArrayLike, risk: ArrayLike, folder: Path, *, names: tuple[str, str] = ("n", "risk")
) -> None:
    """Write ``exponents.png`` and ``exponents.svg`` into an existing `folder`.

    Parameters
    ----------
    fit : PowerLaws
    n, risk : array_like, shape (rows,)
        The curve that was fitted.
    folder : Path
    names : (str, str)
        Of the axes.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from shallows import fit_power_laws
    >>> from shallows.report import write_exponents_figure
    >>> n, risk = [10, 20, 40, 80, 160], [1.0, 0.7, 0.5, 0.35, 0.25]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_exponents_figure(fit_power_laws(n, risk, extrapolate=[320]), n, risk, Path(folder))
    ...     sorted(path.name for path in Path(folder).iterdir())
    ['exponents.png', 'exponents.svg']
    """
    with styled():
        save(exponents_figure(fit, n, risk, names), folder, "exponents")
