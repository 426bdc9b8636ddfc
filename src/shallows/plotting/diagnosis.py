"""Diagnosed weights: the spectrum of one matrix, and how far every matrix reaches beyond its noise."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from .._numbers import number
from .._text_tables import printable
from .explained import row_names
from .style import BLUE, GREY, ORANGE, PURPLE, SKY, VERMILLION, is_wide

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from .._types import FloatArray

#: Colour of each verdict, the same in all figures.
COLOURS = {
    "noise": GREY,
    "collapsed": PURPLE,
    "bulk+spikes": BLUE,
    "bleed-out": ORANGE,
    "heavy-tail": VERMILLION,
    "cannot-tell": "#bbbbbb",
}
#: Matrices in the overview.
MOST_ROWS = 80
#: A spectrum ends at this many times the edge of the noise; beyond it only the largest is told.
FARTHEST = 8.0
#: Characters of a name that fit beside a row.
ROW_NAME = 44


def short_names(names: Sequence[str], most: int) -> list[str]:
    """`names` without the parts that all of them share, and without their middle where they are too long still."""
    parts = [name.split(".") for name in names]
    head = tail = 0
    if len(names) > 1:
        inner = min(len(part) for part in parts) - 1
        while head < inner and len({part[head] for part in parts}) == 1:
            head += 1
        while tail < inner - head and len({part[-1 - tail] for part in parts}) == 1:
            tail += 1
    kept = [".".join(part[head : len(part) - tail]) for part in parts]
    return [_shortened(name, most) for name in kept]


def _shortened(name: str, most: int) -> str:
    """At most `most` characters; dollars are no mathematics."""
    kept = name if len(name) <= most else f"{name[: most // 2]}…{name[-(most - most // 2 - 1) :]}"
    return printable(kept).replace("$", r"\$")


def overview_height(count: int) -> float:
    """Inches that the overview of so many matrices takes."""
    return 1.1 + 0.17 * min(count, MOST_ROWS)


def draw_overview(axes: Axes, layers: Sequence[Any]) -> None:
    """Singular values of each matrix over the edge of its noise: what lies right of the line is no noise.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    layers : sequence of LayerDiagnosis
        The first :data:`MOST_ROWS` are drawn.
    """
    layers = layers[:MOST_ROWS]
    names = short_names([layer.name for layer in layers], ROW_NAME)
    seen = set()
    for row, layer in enumerate(layers):
        bulk, name = layer.spectrum.bulk, layer.verdict.name
        unit = bulk.edge if bulk is not None and bulk.edge > 0 else layer.spectrum.spectral_norm or 1.0
        fitted = layer.spectrum.fitted_values
        values = (layer.spectrum.singular_values if fitted is None else fitted) / unit
        low, high = float(values[-1]), float(values[0])
        beyond = values[: layer.spectrum.beyond].tolist()
        inner = float(values[layer.spectrum.beyond]) if layer.spectrum.beyond < values.size else high
        seen.add(name)
        hollow = bulk is None
        axes.plot(
            [max(low, 1e-2), max(inner, 1e-2)],
            [row, row],
            color=COLOURS[name],
            lw=2.2,
            alpha=0.35 if hollow else 0.9,
            solid_capstyle="butt",
            marker="s",  # of equal values the bar has no length
            ms=5 if inner <= 1.02 * low else 0,
            mew=0,
        )
        axes.plot(beyond, [row] * len(beyond), "|", color=COLOURS[name], ms=6, mew=1.2)
    for name in COLOURS:
        if name in seen:
            axes.plot([], [], color=COLOURS[name], lw=2.2, label=name.replace("-", " "))
    if any(layer.spectrum.beyond for layer in layers):
        axes.plot([], [], "|", color=GREY, ms=6, mew=1.2, ls="none", label="outliers, one by one")
    axes.axvline(1.0, color="black", lw=0.8, ls=":", label="edge of the noise")
    axes.set_xscale("log")
    axes.set_xlim(left=0.03)
    row_names(axes, names, 6.5)
    axes.set_ylim(len(layers) - 0.4, -0.6)
    axes.set_xlabel("singular value / edge of the noise", loc="center" if is_wide(axes) else "right")


def draw_matrix_spectrum(axes: Axes, layer: Any, title: str) -> None:
    """One matrix: its singular values and what of them is noise.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    layer : LayerDiagnosis
    title : str
    """
    spectrum, colour = layer.spectrum, COLOURS[layer.verdict.name]
    values = spectrum.singular_values if spectrum.fitted_values is None else spectrum.fitted_values
    axes.set_title(title, fontsize=7, pad=3)
    axes.text(
        0.98,
        0.93,
        layer.verdict.name.replace("-", " "),
        transform=axes.transAxes,
        ha="right",
        va="top",
        fontsize=6.5,
        color=colour if layer.verdict.name != "cannot-tell" else GREY,
        bbox={"facecolor": axes.get_facecolor(), "edgecolor": "none", "pad": 1.0},
    )
    axes.tick_params(labelsize=6.5)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    if values.size == 0 or values[0] == 0:
        axes.text(0.5, 0.5, "all zero", transform=axes.transAxes, ha="center", fontsize=7)
        return
    inner = values[spectrum.beyond :]
    if inner.size:
        bins, reach = _bins(inner, float(values[0]))
        counts, edges = np.histogram(inner, bins=bins, range=reach)
        share = 1 / (values.size * float(edges[1] - edges[0]))
        axes.stairs(counts * share, edges, fill=True, color=SKY, alpha=0.55, label="singular values")
        top = float((counts * share).max())
    else:
        top = 1.0
    if spectrum.bulk is not None:
        x = np.linspace(spectrum.bulk.lower_edge, spectrum.bulk.edge, 300)
        density = spectrum.noise_density(x) * inner.size / values.size
        axes.plot(x, density, color="black", lw=1.0, label="law of the noise")
        axes.axvline(spectrum.bulk.edge, color="black", lw=0.7, ls=":", label="its edge")
        top = max(top, float(np.nanmax(density)) if np.isfinite(density).any() else 0.0)
    for place, value in enumerate(values[: spectrum.beyond]):
        label = "outliers, one by one" if place == 0 else None
        axes.plot([value] * 2, [0, 0.28 * top], color=colour, lw=0.9, label=label)
    axes.set_ylim(0, 1.25 * top)
    right = float(values[0]) * 1.03
    if spectrum.bulk is not None and right > FARTHEST * spectrum.bulk.edge > 0:
        right = FARTHEST * spectrum.bulk.edge
        hidden = f"to {number(float(values[0]), 2)} →"
        axes.text(0.98, 0.72, hidden, transform=axes.transAxes, ha="right", va="top", fontsize=6.5, color=colour)
    axes.set_xlim(0, right)


def _bins(values: FloatArray, largest: float) -> tuple[int, tuple[float, float]]:
    """How many bins, and from where to where; a single one where all values are equal up to rounding."""
    high, low = float(values[0]), float(values[-1])
    if high - low > 1e-6 * (high or largest):
        return min(60, max(8, int(2 * math.sqrt(values.size)))), (low, high)
    reach = 0.005 * (high or largest)
    return 1, (low - reach, high + reach)
