"""Figures of a diagnosed model: how far each matrix reaches beyond its noise, and the spectra themselves."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from ..plotting.diagnosis import MOST_ROWS, draw_matrix_spectrum, draw_overview, overview_height, short_names
from ..plotting.explained import explain_all
from ..plotting.style import BLUE, COLUMN, GREEN, GREY, ORANGE, PAGE, PURPLE, SKY, VERMILLION, new_figure, panels

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..diagnosis import DiagnosisSeries, LayerDiagnosis, ModelDiagnosis

#: Matrices in one gallery.
MOST_PANELS = 24
#: Characters of a name that fit over a panel.
PANEL_NAME, NARROW_NAME = 30, 22


def overview_figure(model: ModelDiagnosis, width: float = PAGE) -> Figure:
    """Singular values of each matrix over the edge of its noise: what lies right of the line is no noise."""
    figure = new_figure(width, overview_height(len(model.layers)) + (0.3 if width > COLUMN else 0.6))
    axes = figure.subplots()
    draw_overview(axes, model.layers)
    explain_all(figure, axes.get_legend_handles_labels()[0], fontsize=7.5)
    return figure


def gallery_figure(layers: list[LayerDiagnosis], width: float = PAGE) -> Figure:
    """Histograms of singular values, the law of the noise over them, outliers as lines."""
    columns = min(3, len(layers))
    rows = math.ceil(len(layers) / columns)
    figure, grid = panels(width, columns, 1.5 if rows > 1 else 2.2, narrow=2, count=len(layers))
    names = short_names([layer.name for layer in layers], PANEL_NAME if width > COLUMN else NARROW_NAME)
    for axes, layer, name in zip(grid, layers, names, strict=False):
        draw_matrix_spectrum(axes, layer, name)
    for axes in grid[-columns if width > COLUMN else -2 :]:
        axes.set_xlabel("singular value", fontsize=8)
    explain_all(figure, _plain([handle for axes in grid for handle in axes.get_legend_handles_labels()[0]]))
    return figure


def _plain(handles: list[Any]) -> list[Any]:
    """Handles for a legend of many panels: outliers in grey, as they have the colour of each verdict."""
    from matplotlib.lines import Line2D

    grey = Line2D([], [], color=GREY, linewidth=0.9, label="outliers, in the colour of the verdict")
    kept = [handle for handle in handles if "outliers" not in handle.get_label()]
    return [*kept, grey] if len(kept) < len(handles) else kept


def series_figure(series: DiagnosisSeries, width: float = PAGE) -> Figure:
    """What changes from checkpoint to checkpoint, a line for each matrix."""
    figure, four = panels(width, 2, 2.3 if width > COLUMN else 1.9, count=4, sharex=True)
    wanted = (
        ("num_outliers", "outliers"),
        ("energy_outliers", "their share of the energy"),
        ("stable_rank", "stable rank"),
        ("spectral_norm", "largest singular value"),
    )
    from matplotlib.ticker import MaxNLocator

    frame = series.to_frame()
    colours = [BLUE, ORANGE, GREEN, VERMILLION, PURPLE, SKY, GREY]
    names = list(series.names)
    short = short_names(names, 30)
    for axes, (column, label) in zip(four, wanted, strict=True):
        for i, name in enumerate(names[:MOST_ROWS]):
            one = frame[frame["name"] == name]
            label_of = short[i] if axes is four[0] and len(names) <= len(colours) else None
            values = one[column].astype("float64")
            axes.plot(one["checkpoint"], values, "o-", ms=3, lw=1.1, color=colours[i % len(colours)], label=label_of)
        axes.set_ylabel(label)
    for axes in four[2:] if width > COLUMN else four[3:]:
        axes.set_xlabel("checkpoint")
    four[0].xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True))
    if len(names) <= len(colours):
        explain_all(figure, four[0].get_legend_handles_labels()[0], fontsize=7.5, most=3)
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
