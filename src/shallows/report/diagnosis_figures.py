"""Figures of a diagnosed model: how far each matrix reaches beyond its noise, and the spectra themselves."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from ..plotting.diagnosis import MOST_ROWS, draw_matrix_spectrum, draw_overview, overview_height, short_names
from ..plotting.style import BLUE, GREEN, GREY, ORANGE, PURPLE, SKY, VERMILLION, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..diagnosis import DiagnosisSeries, LayerDiagnosis, ModelDiagnosis

WIDTH = 6.6
#: Matrices in one gallery.
MOST_PANELS = 24
#: Characters of a name that fit over a panel.
PANEL_NAME = 30


def overview_figure(model: ModelDiagnosis) -> Figure:
    """Singular values of each matrix over the edge of its noise: what lies right of the line is no noise."""
    figure = new_figure(WIDTH, overview_height(len(model.layers)))
    draw_overview(figure.subplots(), model.layers)
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
        draw_matrix_spectrum(axes, layer, name)
    for axes in grid.flat[len(layers) :]:
        axes.remove()
    figure.supxlabel("singular value", fontsize=8.5)
    return figure


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
