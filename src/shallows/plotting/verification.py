"""Predicted against measured, and the learning curve."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .._numbers import number
from .explained import explain
from .style import BLUE, GREY, GRID, SKY, trainer_name, trainer_style
from .ticks import plain_log_ticks

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes


#: Points from an axis down to a second one, and width of a character as a share of the font's size.
SECOND_AXIS, CHARACTER = 36.0, 0.62


def draw_agreement(axes: Axes, items: Mapping[str, Any]) -> None:
    """One quantity: the predicted line, and each trainer's data sets, mean and standard error.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    items : mapping of str to Comparison
        By trainer.
    """
    first = next(iter(items.values()))
    predicted = first.predicted
    if first.allowance is not None and predicted > 0:
        axes.axhspan(
            predicted * (1 - first.allowance),
            predicted * (1 + first.allowance),
            color=SKY,
            alpha=0.22,
            linewidth=0,
            label=f"finite-size allowance (±{100 * first.allowance:.0f} %)",
        )
    axes.axhline(predicted, color=BLUE, label="theory")
    for place, (name, item) in enumerate(items.items()):
        values = np.array(item.measured.values)
        style = trainer_style(name)
        spread = np.linspace(-0.16, 0.16, values.size) if values.size > 1 else np.zeros(1)
        axes.plot(
            place - 0.08 + spread,
            values,
            linestyle="none",
            marker=style["marker"],
            color=style["color"],
            alpha=0.45,
            markersize=4,
            markeredgewidth=0,
            label="trained, one data set" if place == 0 else None,
        )
        if item.measured.standard_error is None:
            continue
        axes.errorbar(
            place + 0.24,
            item.measured.mean,
            yerr=item.measured.standard_error,
            color=style["color"],
            marker=style["marker"],
            markersize=6,
            capsize=4,
            elinewidth=1.5,
            label="their mean ± standard error" if place == 0 else None,
        )
    names = [trainer_name(name) for name in items]
    axes.set_xticks(range(len(items)), names if len(names) < 3 else [name.replace(" ", "\n", 1) for name in names])
    axes.set_xlim(-0.6, len(items) - 0.4)
    shown = [predicted, *(v for item in items.values() for v in item.measured.values)]
    if first.allowance is not None:
        shown += [predicted * (1 - first.allowance), predicted * (1 + first.allowance)]
    low, high = min(shown), max(shown)
    room = 0.12 * (high - low) or 0.05 * abs(high) or 1.0
    axes.set_ylim(max(low - room, 0.0) if low >= room else low - 0.02 * (high or 1.0), high + room)
    axes.ticklabel_format(axis="y", style="sci", scilimits=(-3, 4))
    axes.locator_params(axis="y", nbins=6)
    axes.tick_params(axis="x", length=0)
    axes.grid(axis="y", **GRID)


def draw_learning_curve(
    axes: Axes, curve: Any, *, problem: Any = None, measured: Mapping[str, Any] | None = None
) -> None:
    """Excess risk over the number of samples, predicted and trained, with the phases along the top.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    curve : LearningCurve
    problem : Problem, optional
        That the curve goes through: its number of samples is marked.
    measured : mapping of str to Statistic, optional
        Excess risk of networks trained on the problem itself, by trainer.
    """
    axes.set_xscale("log")
    positive = np.concatenate(
        [v[np.isfinite(v) & (v > 0)] for v in (curve.excess_risk, curve.bayes_risk)]
        + [np.array([v for p in curve.trained for v in p.excess_risk.values if v > 0])]
    )
    if positive.size:
        axes.set_yscale("log")
    _draw_theory(axes, curve, logarithmic=bool(positive.size))
    points = [(p.samples, p.trainer, p.excess_risk) for p in curve.trained]
    if problem is not None and measured is not None:
        points += [(int(problem.samples), name, risk) for name, risk in measured.items()]
    _draw_trained(axes, points, logarithmic=bool(positive.size))
    axes.set_xlim(curve.samples[0], curve.samples[-1])
    if positive.size:
        low, high = float(positive.min()), float(positive.max())
        axes.set_ylim(low / 1.35, high * 1.35)
        plain_log_ticks(axes.yaxis, low / 1.35, high * 1.35)
    if problem is not None:
        _mark_problem(axes, problem)
    axes.set_xlabel("training samples n")
    axes.set_ylabel("excess risk R")
    axes.grid(which="major", **GRID)
    _phases(axes, curve.samples, curve.phases)
    note = "Along the top: phases of theory for large d." if any(curve.phases) else ""
    explain(axes, note, most=3)


def _mark_problem(axes: Axes, problem: Any) -> None:
    axes.axvline(problem.samples, color="0.6", linewidth=0.9, linestyle=":", zorder=0)
    axes.annotate(
        f"this problem\nn = {number(problem.samples)}",
        (problem.samples, 0.0),
        xycoords=("data", "axes fraction"),
        xytext=(5, 6),
        textcoords="offset points",
        fontsize=8.5,
        color=GREY,
    )
    _effective_samples_axis(axes, problem)


def _draw_theory(axes: Axes, curve: Any, *, logarithmic: bool) -> None:
    """The predicted and the Bayes-optimal line."""
    known = curve.excess_risk > 0 if logarithmic else np.isfinite(curve.excess_risk)
    axes.plot(curve.samples, np.where(known, curve.excess_risk, np.nan), color=BLUE, label="theory")
    possible = np.isfinite(curve.bayes_risk) & (curve.bayes_risk > 0)
    if possible.any():
        axes.plot(
            curve.samples,
            np.where(possible, curve.bayes_risk, np.nan),
            color=GREY,
            linestyle=(0, (4, 2)),
            linewidth=1.2,
            label="Bayes-optimal",
        )


def _draw_trained(axes: Axes, points: Sequence[tuple[int, str, Any]], *, logarithmic: bool) -> None:
    """Trained networks, mean and standard error over the data sets."""
    labelled: set[str] = set()
    for samples, trainer, value in sorted(points, key=lambda p: (p[1], p[0])):
        if logarithmic and value.mean <= 0:
            continue
        style = trainer_style(trainer)
        axes.errorbar(
            samples,
            value.mean,
            yerr=value.standard_error,
            color=style["color"],
            marker=style["marker"],
            markersize=5.5 if trainer == "convex" else 8.5,
            markerfacecolor=style["color"] if trainer == "convex" else "none",
            markeredgewidth=1.3,
            capsize=3,
            linestyle="none",
            label=None if trainer in labelled else f"trained: {trainer_name(trainer)}",
            zorder=3,
        )
        labelled.add(trainer)


def _effective_samples_axis(axes: Axes, problem: Any) -> None:
    """A second axis below the first, where one sample is not one effective sample."""
    network = problem.architecture
    unit = network.samples_per_effective(problem.dim)
    if unit == 1:
        return

    def effective(n: Any) -> Any:
        return n / unit

    def samples(n_eff: Any) -> Any:
        return n_eff * unit

    from matplotlib.transforms import ScaledTranslation

    figure = axes.get_figure()
    assert figure is not None
    lower = axes.transAxes + ScaledTranslation(0, -SECOND_AXIS / 72, figure.dpi_scale_trans)
    below = axes.secondary_xaxis(0.0, functions=(effective, samples), transform=lower)
    below.set_xlabel(f"effective samples {network.words.effective_samples}")


def _phases(axes: Axes, samples: np.ndarray[Any, Any], names: tuple[str | None, ...]) -> None:
    """Name the phases along the top edge where there is room; a shade tells neighbours apart."""
    if not any(names):
        return
    edges = np.sqrt(samples[1:] * samples[:-1])
    starts = [k for k in range(len(names)) if k == 0 or names[k] != names[k - 1]]
    stops = [*starts[1:], len(names)]
    figure = axes.get_figure()
    assert figure is not None
    width = axes.get_position().width * figure.bbox.width * 72 / figure.dpi
    points = width / np.log(samples[-1] / samples[0])
    size, taken = 8.5, -np.inf
    for k, (start, stop) in enumerate(zip(starts, stops, strict=True)):
        left = samples[0] if start == 0 else edges[start - 1]
        right = samples[-1] if stop == len(names) else edges[stop - 1]
        axes.plot(
            [left, right],
            [1.03, 1.03],
            transform=axes.get_xaxis_transform(),
            color="0.35" if k % 2 == 0 else "0.7",
            linewidth=3,
            solid_capstyle="butt",
            clip_on=False,
        )
        name, middle = names[start], points * np.log(np.sqrt(left * right) / samples[0])
        if name is None:
            continue
        # The word where it fits into the phase, else the name alone, else nothing rather than one over another.
        word = f"phase {name}" if points * np.log(right / left) > CHARACTER * size * (len(name) + 7) else name
        half = 0.5 * CHARACTER * size * len(word)
        if middle - half < taken + 3:
            continue
        taken = middle + half
        axes.annotate(
            word,
            (np.sqrt(left * right), 1.03),
            xycoords=("data", "axes fraction"),
            xytext=(0, 4),
            textcoords="offset points",
            ha="center",
            va="bottom",
            fontsize=size,
            color="0.25",
        )
