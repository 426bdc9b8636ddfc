"""Risk over samples, and over width: trained points over theory lines (arXiv 2509.24882, figure 3; 2606.28242)."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..networks import network_named, paper_networks
from ..plotting.explained import explain_all
from ..plotting.smooth import peaks
from ..plotting.style import BLACK, BLUE, GREEN, GREY, ORANGE, PAGE, PURPLE, SKY, VERMILLION, new_figure, styled
from ..scaling.figures import save_everywhere
from .measured import MOST_ENTRIES, Line, Row, Setting, agreement_sentences, measure, theory, write_lines, write_rows
from .own_data import DECAYS, RATIOS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from matplotlib.axes import Axes

    from ..sweeps.progress import Reporter
    from .own_data import OwnData

GAMMA, NOISE = 1.25, 0.1
COLOURS = (SKY, ORANGE, GREEN, VERMILLION, BLUE, PURPLE)
#: A peak is trained at where it stands this factor above its surroundings, and no trained point is within the other.
PEAK_RISE, APART = 1.1, 1.12
MARKERS = ("o", "s", "^", "D", "v", "P")


@dataclass(frozen=True)
class Work:
    """How points are trained: data sets each, what is kept where, processes, and who is told."""

    seeds: int
    store: Path
    workers: int | None
    reporter: Reporter | None


@dataclass(frozen=True)
class Panel:
    """One set of axes: its theory and trained points."""

    title: str
    lines: list[Setting]
    trained: list[Setting]


def _samples(network: str, dim: int, n_eff: float) -> int:
    return max(1, round(n_eff * network_named(network).samples_per_effective(dim)))


def risk_panels(scale: str) -> list[Panel]:
    """Excess risk over ``n_eff`` for several dimensions and ``lam = 1/d, 1, sqrt(d)``, both networks."""
    dims = (100, 200) if scale == "quick" else (100, 200, 400, 800)
    fine, coarse = (60, 7) if scale == "quick" else (80, 14)
    panels = []
    for network in paper_networks():
        for name, decay in DECAYS:
            lines, trained = [], []
            for dim in dims:

                def setting(n_eff: float, network: str = network, dim: int = dim, decay: Any = decay) -> Setting:
                    n = _samples(network, dim, n_eff)
                    x = float(network_named(network).effective_samples(n, dim))
                    fixed = {"network": network, "dim": dim, "samples": n, "gamma": GAMMA, "noise": NOISE}
                    return Setting(f"d = {dim}", x, {**fixed, "weight_decay": float(f"{decay(dim):.12g}")})

                # from one effective sample on, and three samples
                low = max(1.0, 3.0 / network_named(network).samples_per_effective(dim))
                unique = {s.x: s for s in map(setting, np.geomspace(low, 30 * dim, fine))}
                lines += list(unique.values())
                few = {s.x: s for s in map(setting, np.geomspace(2 * low, 10 * dim, coarse))}
                trained += list(few.values())
            label = name.replace("sqrt(d)", r"\sqrt{d}")
            panels.append(Panel(rf"{network}, $\lambda={label}$", lines, trained))
    return panels


def width_rank_panels(scale: str) -> list[Panel]:
    """Excess risk over width at three sample ratios, ``pen = 0.1 sqrt(n/d^2)``."""
    dim = 100 if scale == "quick" else 400
    count = 7 if scale == "quick" else 14
    panels = []
    for ratio in RATIOS:
        n = round(ratio * dim**2)

        def setting(width: int, n: int = n) -> Setting:
            pen = float(f"{0.1 * math.sqrt(n / dim**2):.12g}")
            fixed = {"network": "quadratic", "dim": dim, "samples": n, "gamma": GAMMA, "noise": NOISE}
            return Setting(f"n = {n}", float(width), {**fixed, "width": width, "penalty": pen})

        every = sorted({round(w) for w in np.geomspace(1, dim, 4 * count)})
        few = sorted({round(w) for w in np.geomspace(1, dim, count)})
        panels.append(Panel(rf"$n={n}$, $n/d^2={ratio:.3g}$", [setting(w) for w in every], [setting(w) for w in few]))
    return panels


def width_samples_panels(scale: str) -> list[Panel]:
    """Excess risk over samples at several widths, ``pen = 0.05 sqrt(n/d^2)``."""
    dim = 100 if scale == "quick" else 400
    widths = (1, 3, 10, 100) if scale == "quick" else (1, 3, 9, 42, 189, 400)
    fine, coarse = (40, 6) if scale == "quick" else (80, 12)
    lines, trained = [], []
    for width in widths:

        def setting(n_eff: float, width: int = width) -> Setting:
            n = _samples("quadratic", dim, n_eff)
            pen = float(f"{0.05 * math.sqrt(n / dim**2):.12g}")
            fixed = {"network": "quadratic", "dim": dim, "samples": n, "gamma": GAMMA, "noise": NOISE}
            return Setting(f"p = {width}", n / dim, {**fixed, "width": width, "penalty": pen})

        lines += [setting(x) for x in np.geomspace(2, 4 * dim, fine)]
        trained += [setting(x) for x in np.geomspace(4, 2 * dim, coarse)]
    return [Panel(rf"$d={dim}$", lines, trained)]


FIGURES: dict[str, tuple[Callable[[str], list[Panel]], str, str]] = {
    "risk-curves": (risk_panels, r"$n_{\mathrm{eff}}$", "n_eff"),
    "width-rank": (width_rank_panels, r"width $p$", "p"),
    "width-samples": (width_samples_panels, r"$n_{\mathrm{eff}}=n/d$", "n_eff"),
}


def draw_curves(
    name: str,
    scale: str,
    folder: Path,
    work: Work,
    own: OwnData | None = None,
) -> str:
    """Compute and write one of the figures of risk curves; returns the reading."""
    build, label, abscissa = FIGURES[name]
    panels, curves, limit = [], [], MOST_ENTRIES[scale]
    for panel in build(scale):
        lines = theory(panel.lines)
        panels.append(replace(panel, trained=panel.trained + at_peaks(panel, lines, limit)))
        curves.append(lines)
    wanted = [p for panel in panels for p in panel.trained]
    possible = [p for p in wanted if p.entries <= limit]
    # All at once, so that the engine balances them over the workers and one line of progress covers all.
    rows = measure(possible, work.seeds, work.store, work.workers, work.reporter)
    by_setting = {id(row.setting): row for row in rows}
    mine = [[by_setting[id(p)] for p in panel.trained if id(p) in by_setting] for panel in panels]
    write_rows(folder / f"{name}-trained.csv", rows)
    write_lines(
        folder / f"{name}-theory.csv",
        [
            Line(f"{panel.title}; {line.name}", line.x, line.risk)
            for panel, c in zip(panels, curves, strict=True)
            for line in c
        ],
    )
    _figure(name, label, list(zip(panels, curves, mine, strict=True)), folder, own)
    return _reading(name, scale, panels, mine, rows, len(wanted) - len(possible), abscissa)


def at_peaks(panel: Panel, lines: Sequence[Line], limit: float) -> list[Setting]:
    """Where to train besides: at each peak of a line that no trained point is near, of those with `limit` entries."""
    out: list[Setting] = []
    for line in lines:
        mine = [p for p in panel.lines if p.line == line.name]
        near = [p.x for p in panel.trained if p.line == line.name and p.entries <= limit]
        for place in peaks(line.x, line.risk, PEAK_RISE):
            point = min(mine, key=lambda p: abs(math.log(p.x / line.x[place])))
            if all(max(point.x / x, x / point.x) > APART for x in near):
                out.append(point)
    return out


def _figure(
    name: str,
    label: str,
    content: Sequence[tuple[Panel, list[Line], list[Row]]],
    folder: Path,
    own: OwnData | None,
) -> None:
    columns = min(3, len(content))
    height = math.ceil(len(content) / columns)
    with styled():
        figure = new_figure(PAGE if columns > 1 else 4.2, 0.7 + 2.3 * height if columns > 1 else 3.8)
        grid = np.atleast_2d(figure.subplots(height, columns, sharey="row"))
        for k, (axes, (panel, lines, points)) in enumerate(zip(grid.ravel(), content, strict=True)):
            _panel(axes, lines, points)
            if own is not None:
                _own_points(axes, own, k)
            axes.set_title(panel.title, fontsize=8.5)
        for axes in grid[-1]:
            axes.set_xlabel(label)
        for axes in grid[:, 0]:
            axes.set_ylabel("excess risk")
        handles = [_line_handle(content), *(h for axes in grid.ravel() for h in axes.get_legend_handles_labels()[0])]
        explain_all(figure, handles, "Error bars: standard error over the data sets.")
        save_everywhere(figure, folder, name)


def _line_handle(content: Sequence[tuple[Panel, list[Line], list[Row]]]) -> Any:
    from matplotlib.lines import Line2D

    alone = all(len(lines) == 1 for _, lines, _ in content)
    return Line2D([], [], color=BLUE if alone else GREY, label="line: theory")


def _own_points(axes: Axes, own: OwnData, panel: int) -> None:
    """What the user measured, in the panel it belongs to."""
    here = own.panel == panel
    if own.y is None or not here.any():
        return
    axes.errorbar(
        own.x[here],
        own.y[here],
        yerr=None if own.stderr is None else own.stderr[here],
        linestyle="none",
        marker="*",
        markersize=8,
        markerfacecolor="white",
        markeredgecolor="black",
        ecolor="black",
        elinewidth=0.8,
        capsize=2,
        label="points given",
        zorder=5,
    )


def _panel(axes: Axes, lines: Sequence[Line], rows: Sequence[Row]) -> None:
    for i, line in enumerate(lines):
        alone = len(lines) == 1
        colour = BLUE if alone else COLOURS[i % len(COLOURS)]
        axes.plot(line.x, line.risk, color=colour, linewidth=1.3)
        mine = [row for row in rows if row.setting.line == line.name]
        error = np.array([row.stderr for row in mine])
        words = line.name.replace("d = ", "$d=$ ").replace("p = ", "$p=$ ")
        axes.errorbar(
            [row.setting.x for row in mine],
            [row.mean for row in mine],
            yerr=np.nan_to_num(error),
            linestyle="none",
            marker=MARKERS[i % len(MARKERS)],
            markersize=3.6,
            color=BLACK if alone else colour,
            markeredgecolor="black",
            markeredgewidth=0.5,
            ecolor=GREY,
            capsize=2,
            elinewidth=1,
            label="trained" if alone else f"trained, {words}",
            zorder=3,
        )
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.grid(color="0.92", linewidth=0.6)


def _reading(
    name: str, scale: str, panels: list[Panel], mine: list[list[Row]], rows: list[Row], skipped: int, abscissa: str
) -> str:
    heads = {
        "risk-curves": "Excess risk against effective samples, weight decay 1/d, 1 and sqrt(d), both networks",
        "width-rank": "Excess risk of quadratic networks against width at three sample ratios",
        "width-samples": "Excess risk of quadratic networks against effective samples at several widths",
    }
    text = f"{heads[name]} (gamma {GAMMA:g}, noise variance {NOISE:g}, {scale}). "
    text += "Lines are theory, error bars standard errors. "
    text += agreement_sentences(rows, skipped, abscissa)
    if name == "width-rank":
        for panel, points in zip(panels, mine, strict=True):
            if points:
                best = min(points, key=lambda row: row.mean)
                full = max(points, key=lambda row: row.setting.x)
                text += (
                    f"At {panel.lines[0].line} the best trained width is {best.setting.x:g} (risk {best.mean:.3g}; "
                    f"full width {full.mean:.3g}). "
                )
    if name == "risk-curves":
        near = [
            row
            for row in rows
            if row.setting.settings["weight_decay"] < 0.1
            and 0.1 < row.setting.problem().effective_samples / row.setting.settings["dim"] < 2
        ]
        if near:
            top = max(near, key=lambda row: row.mean)
            text += (
                f"Around interpolation (0.1 d < n_eff < 2 d) at lam = 1/d the highest trained risk is {top.mean:.3g} "
                f"({top.setting.settings['network']}, {top.setting.line}, n_eff = {top.setting.x:.3g}). "
            )
    return text.strip()
