"""Figures of training over time, and of the compute-optimal frontier."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .._numbers import number
from ..dynamics import FLOWS
from ..plotting import explain, explain_all, new_figure, panels, plain_log_ticks
from ..plotting.style import BLUE, COLUMN, GREY, PAGE, SKY, VERMILLION

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ..dynamics import ComputeOptimal, Dynamics

#: Panels of the film strip, and the largest dimension of which one draw is shown in it.
PANELS, MOST_DRAWN = 6, 300
#: Modes whose entrance is marked.
MARKED = 30
#: So few times are marked one by one.
FEW = 40


def risk_figure(found: Dynamics, width: float = PAGE) -> Figure:
    """Excess risk over time with the entrance of each mode; call within :func:`styled`."""
    figure = new_figure(width, 3.8)
    axes = figure.subplots()
    use = found.times > 0
    times, risks = found.times[use], found.excess_risk[use]
    order = np.argsort(times)
    axes.set(xscale="log", yscale="log", xlabel="time (learning rate × steps)", ylabel="excess risk R")
    axes.grid(color="0.9", linewidth=0.6)
    inside = found.mode_times[:MARKED]
    inside = inside[(inside >= times.min()) & (inside <= times.max())]
    for i, time in enumerate(inside):
        axes.axvline(time, color=SKY, linewidth=0.7, alpha=0.7, label="a mode is half learned" if i == 0 else None)
    marker = "o" if times.size <= FEW else None
    axes.plot(
        times[order],
        risks[order],
        color=BLUE,
        marker=marker,
        markersize=3.5,
        label="population gradient flow",
        zorder=3,
    )
    if found.sgd_excess_risk is not None:
        noisy = found.sgd_excess_risk[use][order]
        # dashed, as the flow may lie under it
        label = "one-pass SGD, constant rate"
        axes.plot(times[order], noisy, color=VERMILLION, linestyle=(0, (5, 2)), label=label, zorder=3)
    if found.final_risk > 0.01 * risks.min():
        axes.axhline(found.final_risk, color=GREY, linestyle="--", linewidth=1, label="in the end")
    if inside.size > 3 and found.time_exponent is not None:
        at = inside[1:]
        level = np.interp(at[0], times[order], risks[order])
        guide = 1.6 * level * (at / at[0]) ** found.time_exponent
        axes.plot(
            at, guide, color=GREY, linestyle=":", label=f"slope {found.time_exponent:.2f}, large d".replace("-", "−")
        )
    plain_log_ticks(axes.yaxis, *axes.get_ylim())
    explain(axes, most=3)
    return figure


def film_figure(found: Dynamics, width: float = PAGE) -> Figure:
    """What is learned along each mode, at a few times; call within :func:`styled`."""
    places = _film_places(found)
    columns = min(PANELS // 2, len(places))
    lines = -(-len(places) // columns)
    height = 2.2 if width > COLUMN else 1.7
    figure, grid = panels(width, columns, height, narrow=2, count=columns * lines, sharex=True, sharey=True)
    problem, s = found.problem, found.state.values
    ranks = np.cumsum(found.state.multiplicities) - 0.5 * found.state.multiplicities + 0.5
    drawn = _one_draw(found, found.times[places])
    for i, (axes, place) in enumerate(zip(grid, places, strict=False)):
        axes.set(xscale="log", yscale="log", title=f"time {number(found.times[place], 3)}")
        axes.grid(color="0.92", linewidth=0.5)
        axes.plot(ranks, s, color=GREY, linestyle="--", linewidth=1, label="teacher")
        if drawn is not None:
            drawn_ranks = np.arange(1, drawn[i].size + 1)
            axes.plot(drawn_ranks, drawn[i], ".", color=VERMILLION, markersize=3.5, label="one draw", zorder=4)
        axes.plot(ranks, found.state.mean[place], color=BLUE, label="mean along the teacher's mode")
    positive = s[s > 0]
    grid[0].set_ylim(max(float(positive.min()) if positive.size else 1e-6, 1e-5 * s[0]) / 3, 2.5 * s[0])
    for axes in grid[len(places) :]:
        axes.set_visible(False)
    explain_all(figure, grid[0].get_legend_handles_labels()[0])
    for axes in grid[len(places) - (columns if width > COLUMN else 2) : len(places)]:
        axes.set_xlabel("rank")
    figure.supylabel(problem.architecture.words.size, fontsize=9)
    return figure


def _film_places(found: Dynamics) -> list[int]:
    """Times of the film: around the entrances of modes, evenly in the logarithm."""
    order = [int(i) for i in np.argsort(found.times, kind="stable") if found.times[i] > 0]
    if len(order) <= PANELS:
        return order
    first = found.mode_times[0] if found.mode_times.size and np.isfinite(found.mode_times[0]) else 0.0
    late = [i for i in order if found.times[i] >= 0.7 * first]
    order = late if len(late) >= PANELS else order
    return [order[round(i * (len(order) - 1) / (PANELS - 1))] for i in range(PANELS)]


def _one_draw(found: Dynamics, times: np.ndarray) -> list[np.ndarray] | None:
    """Learned sizes of one network, time by time, largest first; None where that would take long."""
    problem = found.problem
    if max(problem.dim, problem.effective_width) > MOST_DRAWN:
        return None
    flow = FLOWS.of(problem.network)
    weights = flow.initial_weights(found.setting, np.random.default_rng(0))
    path = flow.trajectory(found.setting, weights, times)
    return [problem.architecture.spectrum(learned) for learned in path]


def frontier_figure(found: ComputeOptimal, width: float = PAGE) -> Figure:
    """The frontier over compute, with its derived slope and a plain fit; call within :func:`styled`."""
    figure, (left, right) = panels(width, 2, 3.5 if width > COLUMN else 3.1)
    left.set(xscale="log", yscale="log", xlabel="multiply-adds", ylabel="excess risk R", title="Best risk")
    left.plot(found.budgets, found.excess_risk, color=BLUE, marker="o", markersize=3, label="theory")
    if found.exponents is not None:
        middle = found.budgets.size // 2
        guide = found.excess_risk[middle] * (found.budgets / found.budgets[middle]) ** found.exponents["excess_risk"]
        label = f"slope {found.exponents['excess_risk']:.3f}, derived".replace("-", "−")
        left.plot(found.budgets, 1.5 * guide, color=GREY, linestyle=":", label=label)
    miss = found.extrapolation()
    if miss is not None:
        ends = np.array([found.budgets[0], found.budgets[-1]])
        line = miss["extrapolated_risk"] * (ends / ends[1]) ** miss["risk_exponent"]
        left.plot(ends, line, color=VERMILLION, linestyle="--", label="power law fitted to the smaller half")
    right.set(xscale="log", yscale="log", xlabel="multiply-adds", title="How it is spent")
    right.plot(found.budgets, found.samples, color=BLUE, marker="o", markersize=3, label="samples")
    right.plot(found.budgets, np.maximum(found.steps, 1), color=SKY, marker="s", markersize=3, label="steps")
    if found.problem.architecture.has_width:
        right.plot(found.budgets, found.width, color=VERMILLION, marker="^", markersize=3, label="width")
    for axes in (left, right):
        axes.grid(color="0.9", linewidth=0.6)
        explain(axes, most=3)
    return figure


def isoflop_figure(found: ComputeOptimal, width: float = PAGE) -> Figure:
    """Excess risk over width, one curve for each of a few budgets; call within :func:`styled`."""
    from matplotlib import colormaps

    figure = new_figure(min(width, 5.6), 4.2)
    axes = figure.subplots()
    count = found.budgets.size
    places = sorted({round(i * (count - 1) / 7) for i in range(8)})
    for i, place in enumerate(places):
        colour = colormaps["viridis"](0.9 * i / max(len(places) - 1, 1))
        label = number(found.budgets[place], 2)
        axes.plot(found.widths, found.isoflop[place], color=colour, linewidth=1.2, label=label)
        axes.plot(found.width[place], found.excess_risk[place], "o", color=colour, markersize=4)
    axes.set(xscale="log", yscale="log", xlabel="width p", ylabel="excess risk R")
    axes.grid(color="0.9", linewidth=0.6)
    axes.plot([], [], "o", color=GREY, markersize=4, label="best width")
    explain(axes, "Each line is one budget, in multiply-adds:")
    return figure
