"""The phase diagram with a sketch of the learned spectrum in every phase (arXiv 2509.24882, figure 1)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ..networks import network_named, paper_networks
from ..phases import PHASES
from ..plotting.explained import explain_all
from ..plotting.style import BLUE, PAGE, SKY, VERMILLION, new_figure, styled
from ..prediction import predict
from ..problems import Problem
from ..scaling import phase_diagram, reading
from ..scaling.figures import (
    NAMES_NOTE,
    PHASE_TINTS,
    border_handles,
    boundaries,
    draw_phases,
    draw_points,
    label_phases,
    phase_handles,
    save_everywhere,
)
from ..scaling.own_points import place_points, points_sentence, write_points
from ..teachers import PowerLaw

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import xarray
    from matplotlib.axes import Axes

    from ..scaling.own_points import OwnPoints

GAMMA, NOISE = 1.25, 0.1
#: Where the sketches are taken: phase, ``nu``, ``ell``.
PLACES = (
    ("Ia", -0.25, -0.75),
    ("IV", 0.25, -0.75),
    ("V", 0.68, -0.75),
    ("VIa", 1.5, -0.5),
    ("Ib", 0.6, 0.8),
    ("II", 1.6, 0.7),
    ("III", 3.1, 1.2),
    ("VIb", 2.9, -0.5),
)
SKETCH_DIM = 1000


def draw_diagram(
    scale: str,
    folder: Path,
    store: Path | None,
    workers: int | None,
    progress: Callable[[str, int, int], None] | None,
    overlay: Any = None,
) -> str:
    """Compute and write the figure of the phase diagram; returns the reading."""
    dim = 10**6 if scale == "quick" else 10**8
    points = 40 if scale == "quick" else 100
    diagrams = []
    for network in reversed(paper_networks()):

        def told(done: int, total: int, network: str = network) -> None:
            if progress is not None:
                progress(f"phase diagram: {network}", done, total)

        diagrams.append(
            phase_diagram(network, dim, GAMMA, NOISE, points=points, store=store, workers=workers, progress=told)
        )
    with styled():
        figure = new_figure(PAGE, 6.4)
        parts: Any = figure.subfigures(2, 1, height_ratios=[1.55, 1])
        upper, lower = parts
        maps = upper.subplots(1, len(diagrams))
        given = [None if overlay is None else place_points(diagram, overlay) for diagram in diagrams]
        for axes, diagram, own in zip(maps, diagrams, given, strict=True):
            _map(axes, diagram, own)
        drawn = [handle for axes in maps for handle in axes.get_legend_handles_labels()[0]]
        explain_all(upper, [*phase_handles(diagrams), *border_handles(), *drawn], NAMES_NOTE)
        small = lower.subplots(2, 4).ravel()
        for axes, (phase, nu, ell) in zip(small, PLACES, strict=True):
            _sketch(axes, phase, nu, ell)
        for axes in small[4:]:
            axes.set_xlabel("learned eigenvalue", fontsize=7)
        note = f"Learned spectra of the quadratic network, one place of each phase, $d={SKETCH_DIM}$."
        explain_all(lower, [handle for axes in small for handle in axes.get_legend_handles_labels()[0]], note)
        save_everywhere(figure, folder, "phase-diagram")
    for diagram in diagrams:
        diagram.to_netcdf(folder / f"phase-diagram-{diagram.attrs['network']}.nc", engine="h5netcdf")
    text = " ".join(reading(diagram) for diagram in diagrams)
    for diagram, own in zip(diagrams, given, strict=True):
        if own is not None:
            write_points(own, folder / f"phase-diagram-{diagram.attrs['network']}-overlay.csv")
            text += f" {network_named(diagram.attrs['network']).title}: {points_sentence(own)}"
    return (
        f"Phase diagrams of both networks ({scale}). {text} Sketches: learned spectrum of the quadratic network at "
        f"d = {SKETCH_DIM} at one place of each phase."
    )


def _map(axes: Axes, diagram: xarray.Dataset, points: OwnPoints | None) -> None:
    log_d = math.log(diagram.attrs["dim"])
    nu, ell = draw_phases(axes, diagram)
    boundaries(axes, diagram.attrs["network"], diagram.attrs["gamma"])
    label_phases(axes, diagram, nu, ell)
    limits = axes.get_ylim()
    best = np.log(diagram["optimal_weight_decay"].values) / log_d
    axes.plot(nu, best, color=VERMILLION, linewidth=1.3, label="best weight decay")
    draw_points(axes, points)
    axes.set_ylim(limits)
    axes.set_title(f"{diagram.attrs['network']}, $d=10^{{{round(math.log10(diagram.attrs['dim']))}}}$")
    axes.set_xlabel(r"$\nu=\log_d n_{\mathrm{eff}}$")
    axes.set_ylabel(r"$\ell=\log_d\lambda$")


def _sketch(axes: Axes, phase: str, nu: float, ell: float) -> None:
    """Density of the learned bulk and ticks for the outliers, eigenvalues in units of the largest shown."""
    d = SKETCH_DIM
    problem = Problem("quadratic", PowerLaw(d, GAMMA), max(1.0, float(d) ** (nu + 1)), NOISE)
    prediction = predict(problem, weight_decay=float(d) ** ell)
    law: Any = prediction.spectrum
    outliers = [o.learned for o in law.outliers if o.learned > (law.bulk[1] if law.bulk else 0.0)]
    bulk = law.bulk
    right = max([6 * bulk[1] if bulk else 0.0, outliers[min(6, len(outliers) - 1)] * 1.3 if outliers else 0.0, 1e-9])
    if law.mass_at_zero > 0.01:
        axes.bar(0, 1.0, width=0.02 * right, color="0.35", label="weights that are zero")
    if bulk is not None:
        x = np.linspace(max(bulk[0], 1e-6 * bulk[1]), bulk[1], 200)
        y = law.density(x)
        if np.nanmax(y) > 0:
            axes.fill_between(x, 0.85 * y / np.nanmax(y), color=SKY, edgecolor=BLUE, linewidth=0.8, label="bulk")
    shown = [o for o in outliers if o <= right]
    if shown:
        axes.vlines(shown, 0, 0.45, color=VERMILLION, linewidth=0.7, label="outliers")
    axes.set_xlim(-0.04 * right, right)
    axes.set_ylim(0, 1.05)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_title(phase, fontsize=8.5, fontweight="bold", loc="left", pad=2)
    words = PHASES[phase].spectrum.split(":")[0].split(" (")[0].replace(", ", ",\n")
    axes.text(0.98, 0.93, words, ha="right", va="top", fontsize=6.5, transform=axes.transAxes)
    axes.set_facecolor(PHASE_TINTS[phase] + "40")
