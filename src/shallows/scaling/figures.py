"""Figures of the phase diagram."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ..networks import network_named
from ..phases_with_depth import noise_line
from ..plotting.style import BLACK, GREY, ORANGE, SKY, VERMILLION, new_figure, save, styled

if TYPE_CHECKING:
    from pathlib import Path

    import xarray
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

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
#: Width of a column and of a page of print, in inches.
COLUMN, PAGE = 3.4, 7.0


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


def _axes_text(axes: Axes, dim: float) -> None:
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
    axes.plot(peak, ell, linestyle="none", marker=".", markersize=2.2, color=ORANGE, label="peak", zorder=5)


def diagram_figure(diagram: xarray.Dataset) -> Figure:
    """Risk (left), and phases found numerically under the analytic borders (right), one page wide."""
    from matplotlib.colors import ListedColormap

    dim, gamma, network = diagram.attrs["dim"], diagram.attrs["gamma"], diagram.attrs["network"]
    log_d = math.log(dim)
    nu = np.log(diagram["effective_samples"].values) / log_d
    ell = np.log(diagram["weight_decay"].values) / log_d
    with styled():
        figure = new_figure(PAGE, 3.35)
        left, right = figure.subplots(1, 2, sharey=True)
        risk = np.log10(diagram["excess_risk"].values)
        image = left.pcolormesh(nu, ell, risk.T, cmap="cividis", shading="nearest", rasterized=True)
        bar = figure.colorbar(image, ax=left, pad=0.015, aspect=28)
        bar.set_label(r"$\log_{10}$ excess risk", fontsize=8.5)
        bar.ax.tick_params(labelsize=8)
        left.set_title(f"Predicted risk, {network}, $d={_power(dim)}$")
        shift = _shift(diagram)
        boundaries(left, network, gamma, "white", shift)
        names = list(diagram.attrs["phases"])
        codes = diagram["numerical_phase"].values.astype(float)
        codes[codes < 0] = np.nan
        colours = ListedColormap([PHASE_TINTS[name] for name in names])
        right.pcolormesh(
            nu, ell, codes.T, cmap=colours, vmin=-0.5, vmax=len(names) - 0.5, shading="nearest", rasterized=True
        )
        blurred = diagram["blurred"].values & np.isfinite(codes)
        right.contourf(
            nu, ell, blurred.T.astype(float), levels=[0.5, 1.5], colors="none", hatches=["/////"], zorder=2
        ).set(edgecolor="0.35", linewidth=0.0)
        right.set_title("Phases found numerically")
        boundaries(right, network, gamma, shift=shift)
        for axes in (left, right):
            _axes_text(axes, dim)
            label_phases(axes, diagram, nu, ell)
            limits = axes.get_xlim(), axes.get_ylim()
            _lines(axes, diagram, nu, log_d)
            axes.set_xlim(limits[0])
            axes.set_ylim(limits[1])
        right.set_ylabel("")
        from matplotlib.lines import Line2D
        from matplotlib.patches import Patch

        handles, labels = left.get_legend_handles_labels()
        handles += [
            Line2D([], [], color=GREY, linewidth=0.8),
            Line2D([], [], color=GREY, linewidth=1.1, linestyle=(0, (4, 2))),
            Patch(facecolor="white", edgecolor="0.35", hatch="/////", linewidth=0),
        ]
        labels += ["borders for large $d$", "noise line", "blurred by finite $d$"]
        figure.legend(handles, labels, loc="outside lower center", ncols=6, columnspacing=0.9, handlelength=1.3,
                      handletextpad=0.4, fontsize=7.6)  # fmt: skip
    return figure


def _power(dim: float) -> str:
    exponent = math.log10(dim)
    return f"10^{{{round(exponent)}}}" if dim >= 1e5 and abs(exponent - round(exponent)) < 1e-9 else f"{dim:g}"
