"""Predicted against measured, the decomposition, and the learning curve."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .._numbers import measured_number, number
from ..plotting.style import BLACK, BLUE, GREY, ORANGE, PURPLE, SKY, TRAINER_NAME, TRAINER_STYLE, VERMILLION, new_figure
from ..plotting.ticks import plain_log_ticks
from .readings import bayes_risk

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ..problems import Problem
    from ..verification import Comparison, LearningCurve, Verification

#: Parts of the excess risk: what they are, and their colour.
PARTS = {
    "overfitting": ("learned noise", VERMILLION),
    "underfitting": ("unlearned features", BLUE),
    "approximation": ("error on learned features", ORANGE),
    "alignment": ("signal inside the bulk", PURPLE),
}


def agreement_figure(verification: Verification) -> Figure:
    """Excess risk and train error: predicted line, and each trainer's data sets, mean and standard error."""
    figure = new_figure(7.0, 3.0)
    panels = figure.subplots(1, 2)
    for axes, key, title in zip(
        panels, ("excess_risk", "train_error"), ("Excess risk", "Train error (per sample)"), strict=True
    ):
        _agreement_panel(axes, {name: item[key] for name, item in verification.comparisons.items()})
        axes.set_title(title)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4)
    return figure


def _agreement_panel(axes: Axes, items: dict[str, Comparison]) -> None:
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
        style = TRAINER_STYLE[name]
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
            label="one data set" if place == 0 else None,
        )
        axes.errorbar(
            place + 0.24,
            item.measured.mean,
            yerr=item.measured.standard_error,
            color=style["color"],
            marker=style["marker"],
            markersize=6,
            capsize=4,
            elinewidth=1.5,
            label="mean ± standard error" if place == 0 else None,
        )
    axes.set_xticks(range(len(items)), [TRAINER_NAME[name] for name in items])
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
    axes.grid(axis="y", color="0.9", linewidth=0.7)


def decomposition_figure(verification: Verification) -> Figure:
    """The four terms as a waterfall: each bar starts where the one before ended, and the last is their sum."""
    prediction = verification.prediction
    best = bayes_risk(prediction)
    terms = {
        key: value if abs(value) > 1e-12 * prediction.excess_risk else 0.0
        for key, value in prediction.decomposition.to_dict().items()
    }
    figure = new_figure(7.0, 2.75 + 0.42 * len(verification.measured))
    axes = figure.subplots()
    scale = max(abs(v) for v in [*terms.values(), prediction.excess_risk, best or 0.0])
    scale = scale or 1.0
    reach, rows, ends = 0.0, [], [0.0]
    for key, value in terms.items():
        rows.append((f"{key}\n{PARTS[key][0]}", reach, value, PARTS[key][1]))
        reach += value
        ends.append(reach)
    rows.append(("excess risk\npredicted, the sum", 0.0, prediction.excess_risk, "0.35"))
    for place, (_, start, value, color) in enumerate(rows):
        axes.barh(place, value, left=start, height=0.62, color=color)
        share = f"  ({100 * value / prediction.excess_risk:.0f} %)" if prediction.excess_risk > 0 else ""
        _beside(axes, max(start, start + value), place, f"{number(value, 3)}{share}".replace("-", "−"))
        if place < len(rows) - 1:
            axes.plot([ends[place + 1]] * 2, [place + 0.31, place + 0.69], color="0.5", linewidth=0.8)
    names = [row[0] for row in rows]
    for name, runs in verification.measured.items():
        place, risk = len(names), runs.excess_risk
        names.append(f"excess risk\nmeasured, {TRAINER_NAME[name]}")
        color = TRAINER_STYLE[name]["color"]
        axes.barh(place, risk.mean, height=0.62, facecolor="none", edgecolor=color, linewidth=1.4)
        axes.errorbar(risk.mean, place, xerr=risk.standard_error, color=color, capsize=3, linestyle="none")
        text = measured_number(risk.mean, risk.standard_error)
        _beside(axes, risk.mean + (risk.standard_error or 0.0), place, text)
        ends.append(risk.mean + (risk.standard_error or 0.0))
    if best is not None:
        axes.plot(
            [best] * 2,
            [len(rows) - 1.42, len(names) - 0.58],
            color=BLACK,
            linestyle=(0, (2, 1.2)),
            label="Bayes-optimal excess risk",
        )
    axes.axvline(0, color=BLACK, linewidth=0.8)
    axes.set_yticks(range(len(names)), names)
    for label in axes.get_yticklabels():
        label.set_linespacing(1.15)
    axes.invert_yaxis()
    low, high = min(0.0, *ends), max(*ends, scale)
    axes.set_xlim(low - (0.03 * scale if low < 0 else 0.0), high + 0.3 * (high - low))
    axes.ticklabel_format(axis="x", style="sci", scilimits=(-3, 4))
    axes.set_xlabel("contribution to the excess risk")
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color="0.9", linewidth=0.7)
    if best is not None:
        figure.legend(loc="outside lower center")
    return figure


def _beside(axes: Axes, right: float, place: int, text: str) -> None:
    axes.annotate(
        text,
        (right, place),
        xytext=(5, 0),
        textcoords="offset points",
        va="center",
        fontsize=8.5,
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.8},
    )


def curve_figure(verification: Verification) -> Figure:
    """Excess risk over the number of samples, predicted and trained, with the phases along the top."""
    curve, prediction = verification.curve, verification.prediction
    assert curve is not None
    figure = new_figure(7.0, 3.7)
    axes = figure.subplots()
    axes.set_xscale("log")
    positive = np.concatenate(
        [v[np.isfinite(v) & (v > 0)] for v in (curve.excess_risk, curve.bayes_risk)]
        + [np.array([v for p in curve.trained for v in p.excess_risk.values if v > 0])]
    )
    if positive.size:
        axes.set_yscale("log")
    _draw_theory(axes, curve, logarithmic=bool(positive.size))
    _draw_trained(axes, verification, logarithmic=bool(positive.size))
    axes.axvline(prediction.problem.samples, color="0.6", linewidth=0.9, linestyle=":", zorder=0)
    axes.set_xlim(curve.samples[0], curve.samples[-1])
    if positive.size:
        low, high = float(positive.min()), float(positive.max())
        axes.set_ylim(low / 1.35, high * 1.35)
        plain_log_ticks(axes.yaxis, low / 1.35, high * 1.35)
    axes.annotate(
        f"this problem\nn = {number(prediction.problem.samples)}",
        (prediction.problem.samples, 0.0),
        xycoords=("data", "axes fraction"),
        xytext=(5, 6),
        textcoords="offset points",
        fontsize=8.5,
        color=GREY,
    )
    axes.set_xlabel("training samples n")
    axes.set_ylabel("excess risk R")
    axes.grid(which="major", color="0.92", linewidth=0.7)
    _effective_samples_axis(axes, verification.problem)
    _phases(axes, curve.samples, curve.phases)
    axes.legend(loc="best")
    return figure


def _draw_theory(axes: Axes, curve: LearningCurve, *, logarithmic: bool) -> None:
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


def _draw_trained(axes: Axes, verification: Verification, *, logarithmic: bool) -> None:
    """Trained networks, mean and standard error over the data sets."""
    curve = verification.curve
    assert curve is not None
    labelled: set[str] = set()
    points = [(p.samples, p.trainer, p.excess_risk) for p in curve.trained]
    points += [(int(verification.problem.samples), n, m.excess_risk) for n, m in verification.measured.items()]
    for samples, trainer, value in sorted(points, key=lambda p: (p[1], p[0])):
        if logarithmic and value.mean <= 0:
            continue
        style = TRAINER_STYLE[trainer]
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
            label=None if trainer in labelled else f"trained: {TRAINER_NAME[trainer]}",
            zorder=3,
        )
        labelled.add(trainer)


def _effective_samples_axis(axes: Axes, problem: Problem) -> None:
    """A second axis below the first, where one sample is not one effective sample."""
    network = problem.architecture
    unit = network.samples_per_effective(problem.dim)
    if unit == 1:
        return

    def effective(n: Any) -> Any:
        return n / unit

    def samples(n_eff: Any) -> Any:
        return n_eff * unit

    below = axes.secondary_xaxis(-0.24, functions=(effective, samples))
    below.set_xlabel(f"effective samples {network.words.effective_samples}")


def _phases(axes: Axes, samples: np.ndarray[Any, Any], names: tuple[str | None, ...]) -> None:
    """Name the phases along the top edge; a shade tells neighbours apart."""
    if not any(names):
        return
    edges = np.sqrt(samples[1:] * samples[:-1])
    start = 0
    total = np.log(samples[-1] / samples[0])
    for stop in range(1, len(names) + 1):
        if stop < len(names) and names[stop] == names[start]:
            continue
        left = samples[0] if start == 0 else edges[start - 1]
        right = samples[-1] if stop == len(names) else edges[stop - 1]
        axes.plot(
            [left, right],
            [1.03, 1.03],
            transform=axes.get_xaxis_transform(),
            color="0.35" if start == 0 or axes.get_lines()[-1].get_color() != "0.35" else "0.7",
            linewidth=3,
            solid_capstyle="butt",
            clip_on=False,
        )
        if names[start] is not None and np.log(right / left) > 0.02 * total:
            axes.annotate(
                f"phase {names[start]}" if np.log(right / left) > 0.13 * total else str(names[start]),
                (np.sqrt(left * right), 1.03),
                xycoords=("data", "axes fraction"),
                xytext=(0, 4),
                textcoords="offset points",
                ha="center",
                va="bottom",
                fontsize=8.5,
                color="0.25",
            )
        start = stop
