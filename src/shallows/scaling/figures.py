"""Figures of the phase diagram."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ..networks import network_named
from ..phases_with_depth import noise_line
from ..plotting.explained import explain_all
from ..plotting.style import BLACK, COLUMN, GREY, ORANGE, PAGE, SKY, VERMILLION, panels, save, styled

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import xarray
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from .own_points import OwnPoints

#: Tints of the phases: light enough for text over them, told apart by lightness as well as hue.
PHASE_TINTS = {
    "Ia": "#e8e8e8",
    "Ib": "#bdbdbd",
    "II": "#b8dcf2",
    "III": "#6fb2dd",
    "IV": "#bfe3c9",
    "V": "#f3b299",
    "peak": "#c9502a",
    "VIa": "#f7e7a1",
    "VIb": "#e3bd4c",
}


def save_everywhere(figure: Figure, folder: Path, name: str) -> list[str]:
    """Write `figure` as PNG, SVG and PDF and return the file names."""
    with styled():
        save(figure, folder, name)
        figure.savefig(folder / f"{name}.pdf", metadata={"CreationDate": None, "Creator": "shallows"})
    return [f"{name}.{kind}" for kind in ("png", "svg", "pdf")]


def boundaries(axes: Axes, network: str, gamma: float, colour: str = BLACK, shift: float = 0.0) -> None:
    """Draw the analytic borders of section 7 over axes in ``nu`` and ``ell``, and the noise line dashed.

    Section 7 has them in the reduced penalty; `shift` is how much larger ``ell`` is of the weight decay.
    """
    left, right = axes.get_xlim()
    low, high = axes.get_ylim()
    thin: dict[str, Any] = {"color": colour, "linewidth": 0.7, "zorder": 3}
    q = network_named(network).penalty_exponent

    def line(nu: float) -> float:
        return noise_line(q, nu, gamma) + shift

    x = np.unique(np.clip([left, 2 * gamma, right], left, right))
    axes.plot(x, [line(float(at)) for at in x], color=colour, linewidth=1.1, linestyle=(0, (4, 2)), zorder=4)
    for nu in sorted({0.0, 1.0, 2 * gamma, network_named(network).benign_until(gamma)}):
        if left < nu < right and line(nu) > low:
            axes.plot([nu, nu], [low, min(line(nu), high)], **thin)
    # Above the line: the borders meet it where nu = ell + 1/2 (+ gamma); with depth, where the threshold is as large.
    for offset, start in ((q / 2 - shift, 0.0), (q / 2 + gamma * (2 - q) - shift, 2 * gamma)):
        ends = np.array([start, min(right, high + offset)])
        if ends[1] > ends[0]:
            axes.plot(ends, ends - offset, **thin)
    axes.set_xlim(left, right)
    axes.set_ylim(low, high)


def _shift(diagram: xarray.Dataset) -> float:
    """``log_d`` of the weight decay whose reduced penalty is 1; 0 for networks without one."""
    architecture, dim, width = network_named(diagram.attrs["network"]), diagram.attrs["dim"], diagram.attrs["width"]
    if not architecture.has_penalty:
        return 0.0
    return math.log(architecture.weight_decay_from_penalty(1.0, dim, None if width == "full" else width)) / math.log(
        dim
    )


def label_phases(axes: Axes, diagram: xarray.Dataset, nu: np.ndarray, ell: np.ndarray) -> None:
    """Write the name of each analytic phase into its widest part."""
    names, codes = list(diagram.attrs["phases"]), diagram["analytic_phase"].values
    for code, name in enumerate(names):
        here = codes == code
        if name == "peak" or here.sum() < 0.005 * here.size:
            continue
        i, j = np.nonzero(here)
        # The middle of the widest part, not the mean, which can fall outside of a bent phase.
        depth = _depth(here)[i, j]
        best = int(np.argmax(depth))
        axes.text(
            nu[i[best]], ell[j[best]], name, ha="center", va="center", fontsize=8.5, fontweight="bold", zorder=6,
            bbox={"facecolor": "white", "alpha": 0.75, "edgecolor": "none", "boxstyle": "round,pad=0.15"},
        )  # fmt: skip


def _depth(mask: np.ndarray) -> np.ndarray:
    """Distance of every cell to the nearest one outside of the mask."""
    from scipy.ndimage import distance_transform_edt

    return np.asarray(distance_transform_edt(np.pad(mask, 1)))[1:-1, 1:-1]


def _axes_text(axes: Axes) -> None:
    axes.set_xlabel(r"$\nu=\log_d n_{\mathrm{eff}}$")
    axes.set_ylabel(r"$\ell=\log_d \lambda$")
    for side in ("top", "right"):
        axes.spines[side].set_visible(True)


def _lines(axes: Axes, diagram: xarray.Dataset, nu: np.ndarray, log_d: float) -> None:
    best = np.log(diagram["optimal_weight_decay"].values) / log_d
    axes.plot(nu, best, color=VERMILLION, linewidth=1.4, label="best weight decay", zorder=5)
    line = np.log(diagram["threshold_line"].values) / log_d
    axes.plot(nu, line, color=SKY, linewidth=1.2, label="threshold = bulk edge", zorder=5)
    ell = np.log(diagram["weight_decay"].values) / log_d
    peak = np.log(diagram["peak"].values) / log_d
    axes.plot(
        peak, ell, linestyle="none", marker=".", markersize=2.2, color=ORANGE, label="highest risk over $n$", zorder=5
    )


def draw_phases(axes: Axes, diagram: xarray.Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Colour each point by the phase found numerically; returns ``nu`` and ``ell`` of the grid."""
    from matplotlib.colors import ListedColormap

    log_d = math.log(diagram.attrs["dim"])
    nu = np.log(diagram["effective_samples"].values) / log_d
    ell = np.log(diagram["weight_decay"].values) / log_d
    names = list(diagram.attrs["phases"])
    codes = diagram["numerical_phase"].values.astype(float)
    codes[codes < 0] = np.nan
    tints = ListedColormap([PHASE_TINTS[name] for name in names])
    axes.pcolormesh(nu, ell, codes.T, cmap=tints, vmin=-0.5, vmax=len(names) - 0.5, shading="nearest", rasterized=True)
    return nu, ell


def phase_handles(diagrams: Sequence[xarray.Dataset]) -> list[Any]:
    """For a legend: the tint of every phase found in the diagrams."""
    from matplotlib.patches import Patch

    names = list(diagrams[0].attrs["phases"])
    found = sorted({int(code) for diagram in diagrams for code in np.unique(diagram["numerical_phase"].values)} - {-1})
    edge: dict[str, Any] = {"edgecolor": "0.4", "linewidth": 0.4}
    return [Patch(facecolor=PHASE_TINTS[names[code]], label=names[code], **edge) for code in found]


def border_handles() -> list[Any]:
    """For a legend: the lines that :func:`boundaries` draws."""
    from matplotlib.lines import Line2D

    return [
        Line2D([], [], color=GREY, linewidth=0.8, label="borders for large $d$"),
        Line2D([], [], color=GREY, linewidth=1.1, linestyle=(0, (4, 2)), label="noise line"),
    ]


#: What the names written on a diagram are, for its legend.
NAMES_NOTE = "Names in the diagrams: phases for large $d$. Colours: phases found at this $d$, from computed numbers."


def draw_points(axes: Axes, points: OwnPoints | None, image: Any = None) -> None:
    """A user's points; where a risk was measured, filled with its colour on the map `image`."""
    if points is None or not points.inside.any():
        return
    nu, ell = (place[points.inside] for place in points.places)
    style: dict[str, Any] = {"s": 26, "edgecolor": "black", "linewidth": 0.9, "zorder": 7, "label": "points given"}
    if image is None or points.excess_risk is None:
        axes.scatter(nu, ell, color="white", **style)
    else:
        risk = np.log10(points.excess_risk[points.inside])
        axes.scatter(nu, ell, c=risk, cmap=image.cmap, norm=image.norm, **style)


def diagram_figure(diagram: xarray.Dataset, points: OwnPoints | None = None, width: float = PAGE) -> Figure:
    """Risk, and phases found numerically under the analytic borders: side by side, or below each other in a column."""
    dim, network = diagram.attrs["dim"], diagram.attrs["network"]
    log_d = math.log(dim)
    with styled():
        figure, (left, right) = panels(width, 2, 3.8 if width > COLUMN else 3.1)
        nu, ell = draw_phases(right, diagram)
        risk = np.log10(diagram["excess_risk"].values)
        image = left.pcolormesh(nu, ell, risk.T, cmap="cividis", shading="nearest", rasterized=True)
        bar = figure.colorbar(image, ax=left, pad=0.015, aspect=28)
        bar.set_label(r"$\log_{10}$ excess risk", fontsize=8.5)
        bar.ax.tick_params(labelsize=8)
        left.set_title(f"Predicted risk, {network}, $d={_power(dim)}$")
        right.set_title("Phases found numerically")
        handles = phase_handles([diagram])
        blurred = diagram["blurred"].values & (diagram["numerical_phase"].values >= 0)
        if blurred.any():
            hatch = {"levels": [0.5, 1.5], "colors": "none", "hatches": ["/////"], "zorder": 2}
            right.contourf(nu, ell, blurred.T.astype(float), **hatch).set(edgecolor="0.35", linewidth=0.0)
            from matplotlib.patches import Patch

            label = "blurred by finite $d$"
            handles.append(Patch(facecolor="white", edgecolor="0.35", hatch="/////", linewidth=0, label=label))
        shift = _shift(diagram)
        for axes, colour in ((left, "white"), (right, BLACK)):
            boundaries(axes, network, diagram.attrs["gamma"], colour, shift)
            _axes_text(axes)
            label_phases(axes, diagram, nu, ell)
            limits = axes.get_xlim(), axes.get_ylim()
            _lines(axes, diagram, nu, log_d)
            axes.set_xlim(limits[0])
            axes.set_ylim(limits[1])
        draw_points(left, points, image)
        draw_points(right, points)
        handles += [*border_handles(), *right.get_legend_handles_labels()[0]]
        explain_all(figure, handles, NAMES_NOTE, fontsize=7.6)
    return figure


def _power(dim: float) -> str:
    exponent = math.log10(dim)
    return f"10^{{{round(exponent)}}}" if dim >= 1e5 and abs(exponent - round(exponent)) < 1e-9 else f"{dim:g}"
