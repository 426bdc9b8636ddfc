"""Figures of a diagnosed model: how far each matrix reaches beyond its noise, and the spectra themselves."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from .._numbers import number
from .._text_tables import printable
from ..plotting.style import BLUE, GREEN, GREY, ORANGE, PURPLE, SKY, VERMILLION, new_figure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ..diagnosis import DiagnosisSeries, LayerDiagnosis, ModelDiagnosis

WIDTH = 6.6
#: Colour of each verdict, the same in all figures.
COLOURS = {
    "noise": GREY,
    "collapsed": PURPLE,
    "bulk+spikes": BLUE,
    "bleed-out": ORANGE,
    "heavy-tail": VERMILLION,
    "cannot-tell": "#bbbbbb",
}
#: Matrices in one gallery, and in the overview.
MOST_PANELS, MOST_ROWS = 24, 80
#: A panel ends at this many times the edge of the noise; beyond it only the largest is told.
FARTHEST = 8.0
#: Characters of a name that fit over a panel, and beside a row.
PANEL_NAME, ROW_NAME = 30, 44


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


def overview_figure(model: ModelDiagnosis) -> Figure:
    """Singular values of each matrix over the edge of its noise: what lies right of the line is no noise."""
    layers = model.layers[:MOST_ROWS]
    names = short_names([layer.name for layer in layers], ROW_NAME)
    figure = new_figure(WIDTH, 1.1 + 0.17 * len(layers))
    axes = figure.subplots()
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
        )
        axes.plot(beyond, [row] * len(beyond), "|", color=COLOURS[name], ms=6, mew=1.2)
    for name in COLOURS:
        if name in seen:
            axes.plot([], [], color=COLOURS[name], lw=2.2, label=name.replace("-", " "))
    axes.axvline(1.0, color="black", lw=0.8, ls=":")
    axes.set_xscale("log")
    axes.set_xlim(left=0.03)
    axes.set_yticks(range(len(layers)), names, fontsize=6.5)
    axes.set_ylim(len(layers) - 0.4, -0.6)
    axes.set_xlabel("singular value / edge of the noise")
    figure.legend(loc="outside upper center", ncols=6, fontsize=7.5)
    return figure


def gallery_figure(layers: list[LayerDiagnosis]) -> Figure:
    """Histograms of singular values, the law of the noise over them, outliers as lines."""
    columns = min(3, len(layers))
    rows = math.ceil(len(layers) / columns)
    figure = new_figure(WIDTH, 1.5 * rows + 0.5)
    grid = figure.subplots(rows, columns, squeeze=False)
    names = short_names([layer.name for layer in layers], PANEL_NAME)
    for axes, layer, name in zip(grid.flat, layers, names, strict=False):
        spectrum_panel(axes, layer, name)
    for axes in grid.flat[len(layers) :]:
        axes.remove()
    figure.supxlabel("singular value", fontsize=8.5)
    return figure


def spectrum_panel(axes: Axes, layer: LayerDiagnosis, title: str) -> None:
    """One matrix: its singular values and what of them is noise."""
    from ..diagnosis import noise_density

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
    )
    axes.tick_params(labelsize=6.5)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    if values.size == 0 or values[0] == 0:
        axes.text(0.5, 0.5, "all zero", transform=axes.transAxes, ha="center", fontsize=7)
        return
    inner = values[spectrum.beyond :]
    bins = min(60, max(8, int(2 * math.sqrt(inner.size)))) if inner.size else 1
    if inner.size:
        share = 1 / (values.size * max(float(inner[0] - inner[-1]) / bins, 1e-300))
        counts, edges = np.histogram(inner, bins=bins)
        axes.stairs(counts * share, edges, fill=True, color=SKY, alpha=0.55)
        top = float((counts * share).max())
    else:
        top = 1.0
    if spectrum.bulk is not None:
        x = np.linspace(spectrum.bulk.lower_edge, spectrum.bulk.edge, 300)
        density = noise_density(spectrum.bulk, spectrum.shape, x) * inner.size / values.size
        axes.plot(x, density, color="black", lw=1.0)
        axes.axvline(spectrum.bulk.edge, color="black", lw=0.7, ls=":")
        top = max(top, float(np.nanmax(density)) if np.isfinite(density).any() else 0.0)
    for value in values[: spectrum.beyond]:
        axes.plot([value] * 2, [0, 0.28 * top], color=colour, lw=0.9)
    axes.set_ylim(0, 1.25 * top)
    right = float(values[0]) * 1.03
    if spectrum.bulk is not None and right > FARTHEST * spectrum.bulk.edge > 0:
        right = FARTHEST * spectrum.bulk.edge
        hidden = f"to {number(float(values[0]), 2)} →"
        axes.text(0.98, 0.72, hidden, transform=axes.transAxes, ha="right", va="top", fontsize=6.5, color=colour)
    axes.set_xlim(0, right)


def series_figure(series: DiagnosisSeries) -> Figure:
    """What changes from checkpoint to checkpoint, a line for each matrix."""
    figure = new_figure(WIDTH, 4.6)
    panels = figure.subplots(2, 2, sharex=True)
    wanted = (
        ("num_outliers", "outliers"),
        ("energy_outliers", "their share of the energy"),
        ("stable_rank", "stable rank"),
        ("spectral_norm", "largest singular value"),
    )
    frame = series.to_frame()
    colours = [BLUE, ORANGE, GREEN, VERMILLION, PURPLE, SKY, GREY]
    names = list(series.names)
    short = short_names(names, 30)
    for axes, (column, label) in zip(panels.flat, wanted, strict=True):
        for i, name in enumerate(names[:MOST_ROWS]):
            one = frame[frame["name"] == name]
            label_of = short[i] if axes is panels.flat[0] and len(names) <= len(colours) else None
            values = one[column].astype("float64")
            axes.plot(one["checkpoint"], values, "o-", ms=3, lw=1.1, color=colours[i % len(colours)], label=label_of)
        axes.set_ylabel(label)
    for axes in panels[1]:
        axes.set_xlabel("checkpoint")
        axes.set_xticks(range(len(series.models)))
    if len(names) <= len(colours):
        figure.legend(loc="outside upper center", ncols=3, fontsize=7.5)
    return figure


def most_telling(model: ModelDiagnosis, most: int = MOST_PANELS) -> list[LayerDiagnosis]:
    """Which spectra to show where there are too many: some of every verdict, in the order of the checkpoint."""
    groups: dict[str, list[Any]] = {}
    for i, layer in enumerate(model.layers):
        groups.setdefault(layer.verdict.name, []).append(i)
    chosen: list[int] = []
    while len(chosen) < min(most, len(model.layers)):
        for group in groups.values():
            if group and len(chosen) < most:
                chosen.append(group.pop(len(group) // 2 if len(group) > 2 else 0))
    return [model.layers[i] for i in sorted(chosen)]
