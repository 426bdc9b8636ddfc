"""Figures of the atlas: the matrix of departures and phases, measured over predicted, spectra of layers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ..plotting.style import BLACK, BLUE, GREEN, GREY, GRID, ORANGE, PURPLE, SKY, VERMILLION, new_figure
from .settings import phase_named

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure

    from .results import Atlas, Cell

COLOURS = {"holds": GREEN, "bends": ORANGE, "breaks": VERMILLION, "failed": GREY}
#: Factors at which colours of the matrix end.
DEEPEST = 4.0


def matrix_figure(atlas: Atlas, names: Sequence[str], phases: Sequence[str]) -> Figure:
    """Departures by phases, coloured by the logarithm of measured over predicted; failed cells are crossed."""
    values = np.full((len(names), len(phases)), np.nan)
    for i, name in enumerate(names):
        for j, phase in enumerate(phases):
            cell = atlas.cell(name, phase)
            if cell is not None and cell.ratio:
                values[i, j] = math.log2(cell.ratio)
    figure = new_figure(7.0, 1.25 + 0.235 * len(names))
    axes = figure.subplots()
    deepest = math.log2(DEEPEST)
    image = axes.imshow(values, cmap="RdBu_r", vmin=-deepest, vmax=deepest, aspect="auto")
    for i, name in enumerate(names):
        for j, phase in enumerate(phases):
            cell = atlas.cell(name, phase)
            if cell is None:
                continue
            text = "failed" if cell.ratio is None else f"{cell.ratio:.2g}"
            dark = np.isfinite(values[i, j]) and abs(values[i, j]) > 0.72 * deepest
            axes.text(j, i, text, ha="center", va="center", fontsize=7.2, color="white" if dark else BLACK)
    axes.set_xticks(range(len(phases)), [_column(phase) for phase in phases], fontsize=7.2)
    axes.set_yticks(range(len(names)), names, fontsize=7.6)
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    for side in axes.spines.values():
        side.set_visible(False)
    bar = figure.colorbar(image, ax=axes, pad=0.01, aspect=40, ticks=[-2, -1, 0, 1, 2], extend="both")
    bar.ax.set_yticklabels(["1/4", "1/2", "1", "2", "4"])
    bar.set_label("measured over predicted", fontsize=8)
    return figure


def _column(name: str) -> str:
    phase = phase_named(name)
    of = name.split("-")
    return f"{phase.network if len(of) > 1 else ''}\n{phase.words}".strip().replace(" ", "\n")


def ratio_figure(cells: Sequence[Cell], control: dict[str, float | None]) -> Figure:
    """Measured over predicted in each phase, every data set a dot, mean and two standard errors; the control beside."""
    shown = [cell for cell in cells if cell.ratios]
    figure = new_figure(7.0, 0.9 + 0.34 * len(shown))
    axes = figure.subplots()
    axes.axvspan(1 / 1.25, 1.25, color=SKY, alpha=0.25, linewidth=0, label="within a factor 1.25")
    axes.axvline(1.0, color=GREY, linewidth=0.9)
    for row, cell in enumerate(shown):
        colour = COLOURS[cell.verdict]
        axes.plot(cell.ratios, [row] * len(cell.ratios), ".", color=colour, alpha=0.45, markersize=5)
        mean, error = cell.ratio or math.nan, cell.standard_error
        axes.errorbar(
            [mean], [row], xerr=None if error is None else [2 * error], fmt="o", color=colour, markersize=5.5,
            markeredgecolor=BLACK, markeredgewidth=0.6, ecolor=BLACK, elinewidth=1.0, capsize=2.5, zorder=4,
            label="mean, two standard errors" if row == 0 else None,
        )  # fmt: skip
        assumed = control.get(cell.phase)
        if assumed:
            label = "as assumed" if row == 0 else None
            axes.plot([assumed], [row], "d", color=BLUE, markersize=4.5, markerfacecolor="none", label=label)
    axes.set_yticks(range(len(shown)), [cell.phase for cell in shown])
    axes.set_ylim(len(shown) - 0.5, -0.5)
    axes.set_xscale("log")
    from matplotlib.ticker import LogLocator, NullFormatter, ScalarFormatter

    axes.xaxis.set_major_locator(LogLocator(10, (1.0, 2.0, 5.0)))
    axes.xaxis.set_major_formatter(ScalarFormatter())
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("measured over predicted")
    axes.grid(axis="x", **GRID)
    figure.legend(loc="outside lower center", ncols=3)
    return figure


def spectrum_figure(cells: Sequence[Cell]) -> Figure | None:
    """Modes of the layers by rank, of the first data set of every phase, later training darker; None if none."""
    read = [(cell, cell.readings[0]["layers"]) for cell in cells if cell.readings and cell.readings[0].get("layers")]
    if not read:
        return None
    columns = min(4, len(read))
    rows = math.ceil(len(read) / columns)
    figure = new_figure(7.0, 0.5 + 1.85 * rows)
    grid = np.atleast_2d(figure.subplots(rows, columns, squeeze=False))
    for axes, (cell, layers) in zip(grid.ravel(), read, strict=False):
        _draw_layers(axes, layers)
        axes.set_title(cell.phase, fontsize=8)
    for axes in grid.ravel()[len(read) :]:
        axes.set_visible(False)
    for axes in grid[-1]:
        axes.set_xlabel("rank of the mode")
    for axes in grid[:, 0]:
        axes.set_ylabel("size")
    handles: dict[str, Any] = {}
    for axes in grid.ravel():
        handles |= dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=4)
    return figure


def _draw_layers(axes: Any, layers: Sequence[dict[str, Any]]) -> None:
    colours = dict(
        zip(dict.fromkeys(layer["layer"] for layer in layers), (BLUE, VERMILLION, GREEN, PURPLE), strict=False)
    )
    for layer in layers:
        values = np.array(layer["values"])
        values = values[values > 1e-4 * (values[0] if values.size else 1.0)]
        last = layer["time"] == 1.0
        axes.plot(
            np.arange(1, values.size + 1), values, ".-" if last else "-", color=colours[layer["layer"]], markersize=3,
            linewidth=1.0 if last else 0.7, alpha=1.0 if last else 0.25 + 0.4 * layer["time"],
            label=layer["layer"] if last else None,
        )  # fmt: skip
        if last and layer.get("edge"):
            label = "edge of the noise"
            axes.axhline(layer["edge"], color=colours[layer["layer"]], linewidth=0.8, linestyle=":", label=label)
    axes.set_yscale("log")
    axes.set_xscale("log")
    axes.grid(**GRID)


def layers_figure(tales: Sequence[Any], statistics: dict[str, str]) -> Figure | None:
    """Rank correlation of first layers with the test error, by table, mean and two standard errors over splits."""
    shown = [tale for tale in tales if not tale.absent]
    if not shown:
        return None
    figure = new_figure(7.0, 0.9 + 0.36 * len(shown))
    axes = figure.subplots()
    for offset, (name, words), colour in zip((-0.2, 0.0, 0.2), statistics.items(), (BLUE, ORANGE, PURPLE), strict=True):
        found = [(row + offset, tale.mean(name)) for row, tale in enumerate(shown)]
        kept = [(row, mean) for row, mean in found if mean is not None]
        axes.errorbar(
            [mean[0] for _, mean in kept], [row for row, _ in kept], xerr=[2 * mean[1] for _, mean in kept],
            fmt="o", color=colour, markersize=4.5, capsize=2, elinewidth=1, label=words,
        )  # fmt: skip
    axes.axvline(0, color=GREY, linewidth=0.9)
    axes.set_yticks(range(len(shown)), [tale.table for tale in shown])
    axes.set_ylim(len(shown) - 0.5, -0.5)
    axes.set_xlim(-1.05, 1.05)
    axes.set_xlabel("rank correlation with the test error")
    axes.grid(axis="x", **GRID)
    figure.legend(loc="outside lower center", ncols=3)
    return figure
