"""Where the excess risk comes from, as a waterfall."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._numbers import measured_number, number
from .style import BLUE, GRID, ORANGE, PURPLE, VERMILLION, is_wide, trainer_name, trainer_style

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.axes import Axes

#: Colours of the parts.
COLORS = {"overfitting": VERMILLION, "underfitting": BLUE, "approximation": ORANGE, "alignment": PURPLE}


def draw_decomposition(
    axes: Axes,
    terms: Mapping[str, float],
    total: float,
    words: Mapping[str, str],
    *,
    best: float | None = None,
    measured: Mapping[str, Any] | None = None,
) -> None:
    """The four terms as a waterfall: each bar starts where the one before ended, and the last is their sum.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    terms : mapping of str to float
        In the order of :data:`COLORS`.
    total : float
        Their sum, the excess risk.
    words : mapping of str to str
        What the terms are.
    best : float, optional
        Bayes-optimal excess risk.
    measured : mapping of str to Statistic, optional
        Excess risk of trained networks, by trainer.
    """
    import matplotlib

    foreground = matplotlib.rcParams["text.color"]
    measured = {} if measured is None else measured
    terms = {key: value if abs(value) > 1e-12 * total else 0.0 for key, value in terms.items()}
    scale = max(abs(v) for v in [*terms.values(), total, best or 0.0])
    scale = scale or 1.0
    wide = is_wide(axes)  # in a column of print what the terms are has no room beside the bars
    reach, rows, ends = 0.0, [], [0.0]
    for key, value in terms.items():
        rows.append((f"{key}\n{words[key]}" if wide else key, reach, value, COLORS[key]))
        reach += value
        ends.append(reach)
    rows.append(("excess risk\npredicted, the sum" if wide else "predicted,\nthe sum", 0.0, total, "0.35"))
    for place, (_, start, value, color) in enumerate(rows):
        axes.barh(place, value, left=start, height=0.62, color=color)
        share = f"  ({100 * value / total:.0f} %)" if total > 0 else ""
        _beside(axes, place, f"{number(value, 3)}{share}".replace("-", "−"))
        if place < len(rows) - 1:
            axes.plot([ends[place + 1]] * 2, [place + 0.31, place + 0.69], color="0.5", linewidth=0.8)
    names = [row[0] for row in rows]
    for name, risk in measured.items():
        place = len(names)
        names.append(f"excess risk\nmeasured, {trainer_name(name)}" if wide else f"measured,\n{trainer_name(name)}")
        color = trainer_style(name)["color"]
        axes.barh(place, risk.mean, height=0.62, facecolor="none", edgecolor=color, linewidth=1.4)
        axes.errorbar(risk.mean, place, xerr=risk.standard_error, color=color, capsize=3, linestyle="none")
        _beside(axes, place, measured_number(risk.mean, risk.standard_error))
        ends.append(risk.mean + (risk.standard_error or 0.0))
    if best is not None:
        axes.plot(
            [best] * 2,
            [len(rows) - 1.42, len(names) - 0.58],
            color=foreground,
            linestyle=(0, (2, 1.2)),
            label="Bayes-optimal excess risk",
            zorder=3,
        )
    axes.axvline(0, color=foreground, linewidth=0.8)
    axes.set_yticks(range(len(names)), names)
    for label in axes.get_yticklabels():
        label.set_linespacing(1.15)
    axes.invert_yaxis()
    low, high = min(0.0, *ends), max(*ends, scale)
    axes.set_xlim(low - (0.03 * scale if low < 0 else 0.0), high + 0.04 * (high - low))
    axes.ticklabel_format(axis="x", style="sci", scilimits=(-3, 4))
    axes.set_xlabel("contribution to the excess risk", loc="center" if wide else "left")
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", **GRID)


def _beside(axes: Axes, place: int, text: str) -> None:
    """The numbers in a column of their own, right of the axes: on no bar, whatever the width."""
    axes.annotate(
        text,
        (1.0, place),
        xycoords=("axes fraction", "data"),
        xytext=(5, 0),
        textcoords="offset points",
        va="center",
        fontsize=8.5,
    )
