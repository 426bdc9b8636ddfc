"""The learned spectrum: histogram and ranks over the data sets, with the predicted law drawn over them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ..plotting.explained import explain
from ..plotting.spectrum import (
    as_inputs_show,
    draw_law_by_rank,
    draw_learned_density,
    dress_rank_axes,
    mark_outliers,
    shown_ranks,
)
from ..plotting.style import BLUE, COLUMN, GREY, PAGE, SKY, new_figure, panels, trainer_name, trainer_style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ..verification import Measurements, Verification


#: Bins of the histogram: few weights fill few, but a bulk of three bars shows no shape.
BINS = (20, 60)


def spectrum_figure(verification: Verification, width: float = PAGE) -> Figure:
    """Two panels: the weights near the bulk as a histogram, and all of them by rank."""
    runs = next(iter(verification.measured.values()))
    if not (np.abs(runs.spectra) > runs.zero).any() and verification.prediction.spectrum.mass_at_zero >= 1 - 1e-12:
        figure = new_figure(width, 0.6)
        words = "Every learned weight is zero, predicted and measured: nothing to draw."
        figure.text(0.02, 0.5, words if width > COLUMN else words.replace(", pred", ",\npred"), va="center")
        return figure
    figure, (left, right) = panels(width, 2, 3.6 if width > COLUMN else 3.4)
    _histogram_panel(left, verification, runs)
    _rank_panel(right, verification, runs)
    explain(right, most=2)
    return figure


def histogram_range(verification: Verification, runs: Measurements) -> tuple[float, float]:
    """Interval that shows the bulk and what begins beside it."""
    law = verification.prediction.spectrum
    sizes = np.abs(runs.spectra[np.abs(runs.spectra) > runs.zero])
    largest = float(sizes.max()) if sizes.size else 0.0
    outliers = [o.learned for o in law.outliers]
    largest = max([largest, *outliers]) or law.noise_scale
    if law.bulk is not None:
        top = 1.45 * law.bulk[1]
    elif outliers:
        top = sorted(outliers)[len(outliers) // 2] * 1.5
    else:
        top = largest
    if sizes.size:  # a bulk of almost no weights is no place to look at
        top = max(top, float(np.quantile(sizes, 0.5)) * 1.3)
    top = min(max(top, 1e-3 * largest), 1.06 * largest)
    # The eigenvalues of a learned matrix are not negative.
    return (0.0 if verification.problem.architecture.is_matrix else -min(top, _lowest(runs)), top)


def _lowest(runs: Measurements) -> float:
    negative = -float(runs.spectra.min())
    return 1.1 * negative if negative > runs.zero else 0.0


def _histogram_panel(axes: Axes, verification: Verification, runs: Measurements) -> None:
    law = verification.prediction.spectrum
    low, high = histogram_range(verification, runs)
    inside = runs.spectra[(np.abs(runs.spectra) > runs.zero) & (runs.spectra >= low) & (runs.spectra <= high)]
    bins = int(np.clip(1.4 * math.sqrt(inside.size), *BINS))
    step = (high - low) / bins
    edges = step * np.arange(np.floor(low / step + 1e-9), np.ceil(high / step - 1e-9) + 1)  # zero is an edge
    counts, _ = np.histogram(inside, edges)
    heights = counts / runs.spectra.size / np.diff(edges)
    axes.bar(
        edges[:-1],
        heights,
        np.diff(edges),
        align="edge",
        color=SKY,
        alpha=0.75,
        edgecolor="white",
        linewidth=0.4,
        label=f"measured, {_data_sets(len(runs.datasets))} ({trainer_name(runs.trainer)})",
    )
    top = float(heights.max()) if heights.size else 0.0
    predicted = draw_learned_density(axes, law, low, high)
    top = max(top, predicted) or 1.0
    mark_outliers(axes, law, low, high)
    axes.set_xlim(low, high)
    axes.locator_params(axis="both", nbins=6)
    problem = verification.problem
    axes.set_xlabel(as_inputs_show(problem, problem.architecture.words.quantity))
    axes.set_ylabel("density (zeros left out)")
    axes.set_title("Near the bulk")
    measured = runs.mass_at_zero.mean
    words = f"exactly zero: predicted {100 * law.mass_at_zero:.3g} %, measured {100 * measured:.3g} %"
    beyond = round(float((runs.spectra > high).sum(axis=1).mean()))
    if beyond:
        words += f"; larger than shown: {beyond}"
    axes.set_ylim(0, 1.08 * top)
    explain(axes, words, most=2)


def _data_sets(count: int) -> str:
    return "1 data set" if count == 1 else f"{count} data sets"


def _rank_panel(axes: Axes, verification: Verification, runs: Measurements) -> None:
    law, problem = verification.prediction.spectrum, verification.problem
    style = trainer_style(runs.trainer)
    ordered = runs.ordered
    measured = int((ordered > runs.zero).any(axis=0).sum())
    predicted = math.ceil(problem.dim * (1 - law.mass_at_zero) - 1e-9)
    count = max(measured, min(predicted, problem.dim), 1)
    ranks = shown_ranks(count)
    sizes = ordered[:, ranks - 1]
    sizes = np.where(sizes > runs.zero, sizes, np.nan)
    everywhere = np.isfinite(sizes).all(axis=0)
    mean = sizes[:, everywhere].mean(axis=0)
    spread = np.array([mean - sizes[:, everywhere].min(axis=0), sizes[:, everywhere].max(axis=0) - mean])
    axes.errorbar(
        ranks[everywhere],
        mean,
        yerr=spread if len(runs.datasets) > 1 else None,
        linestyle="none",
        marker=style["marker"],
        markersize=3.6,
        color=SKY,
        markeredgecolor=BLUE,
        markeredgewidth=0.5,
        ecolor=SKY,
        elinewidth=1.2,
        label="measured: mean and range",
    )
    places = draw_law_by_rank(axes, law, ranks)
    teacher = np.sort(np.abs(problem.teacher.values(problem.network)))[::-1][ranks - 1]
    if (teacher > 0).any():
        axes.plot(
            ranks[teacher > 0],
            teacher[teacher > 0],
            color=GREY,
            linestyle=(0, (3, 2)),
            linewidth=1.0,
            label="teacher",
            zorder=1,
        )
    dress_rank_axes(axes, problem, [mean, places[places > 0], teacher[teacher > 0]], count)
