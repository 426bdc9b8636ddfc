"""Learned spectra of trained networks under the predicted bulk and outliers (arXiv 2509.24882, figure 2)."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .._system import replacing
from ..networks import Network, network_named, paper_networks
from ..plotting.style import BLUE, SKY, VERMILLION, new_figure, styled
from ..prediction import Prediction, predict
from ..problems import Problem
from ..scaling.figures import PAGE, save_everywhere
from ..teachers import PowerLaw
from .measured import MOST_ENTRIES

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

GAMMA, NOISE = 1.25, 0.1
#: Panels of both networks: phase, weight decay, and n_eff in units of the power of `d` it is set by.
CASES = (
    ("Ia", "1/d", lambda d: 0.3),
    ("IV", "1/d", lambda d: 0.06 * d),
    ("VIa", "1/d", lambda d: 1.5 * d),
    ("Ib", "sqrt(d)", lambda d: 0.15 * d),
    ("II", "sqrt(d)", lambda d: 2.0 * d),
    ("III", "sqrt(d)", lambda d: 4.0 * d * d),
)


@dataclass(frozen=True)
class Case:
    """One panel."""

    network: str
    phase: str
    decay_name: str
    weight_decay: float
    problem: Problem

    @property
    def architecture(self) -> Network:
        """The network as an object."""
        return network_named(self.network)

    @property
    def key(self) -> str:
        """File name of its measured spectra."""
        return f"{self.network}-d{self.problem.dim}-{self.phase}-n{self.problem.samples}"


def cases(dim: int) -> list[Case]:
    """All panels: phases Ia, IV (for the diagonal network V), VIa below the noise line and Ib, II, III above."""
    out = []
    for network in paper_networks():
        architecture = network_named(network)
        per_sample = architecture.samples_per_effective(dim)
        for phase, decay, size in CASES:
            n_eff = max(size(dim), 2.0 / per_sample)  # there is no fraction of a sample
            n = max(1, round(n_eff * per_sample))
            lam = 1 / dim if decay == "1/d" else math.sqrt(dim)
            name = "V" if phase == "IV" and not architecture.benign_until(GAMMA) else phase
            problem = Problem(network, PowerLaw(dim, GAMMA), n, NOISE)
            out.append(Case(network, name, decay, lam, problem))
    return out


def _measured(case: Case, seeds: int, folder: Path) -> NDArray[np.float64]:
    """Learned weights (diagonal: along the sign of the teacher) or eigenvalues, shape (seeds, d); kept on disk."""
    from ..training import sample, train

    file = folder / f"{case.key}-s{seeds}.npy"
    if file.exists():
        try:
            kept = np.load(file, allow_pickle=False)
            if kept.shape == (seeds, case.problem.dim) and np.isfinite(kept).all():
                return np.asarray(kept, dtype=float)
        except (ValueError, OSError):
            pass  # cut off while it was written by another program: made again
    rows = []
    for seed in range(seeds):
        data = sample(case.problem, np.random.SeedSequence([seed, case.problem.dim, int(case.problem.samples)]))
        fit = train(data, weight_decay=case.weight_decay)
        rows.append(case.architecture.aligned(fit.weights, data.weights))
    values = np.array(rows)
    folder.mkdir(parents=True, exist_ok=True)
    with replacing(file) as partial:
        np.save(partial, values, allow_pickle=False)
    return values


def draw_spectra(
    scale: str, folder: Path, data: Path, seeds: int, progress: Callable[[str, int, int], None] | None
) -> str:
    """Compute and write the figure of learned spectra; returns the reading."""
    dim = 100 if scale == "quick" else 800
    every = cases(dim)
    limit = 2 * MOST_ENTRIES[scale]  # few panels: room for more
    measured: list[NDArray[np.float64] | None] = []
    predictions = []
    for done, case in enumerate(every):
        if progress is not None:
            progress(f"spectra: {case.network} {case.phase}", done, len(every))
        small = float(case.problem.samples) * dim <= limit
        measured.append(_measured(case, seeds, data) if small else None)
        predictions.append(predict(case.problem, weight_decay=case.weight_decay))
    with styled():
        figure = new_figure(PAGE, 7.6)
        grid = figure.subplots(math.ceil(len(every) / 3), 3, squeeze=False)
        for axes, case, prediction, values in zip(grid.ravel(), every, predictions, measured, strict=False):
            _panel(axes, case, prediction, values)
        for axes in grid[:, 0]:
            axes.set_ylabel("density", fontsize=8)
        handles = {
            name: handle
            for axes in grid.ravel()
            for handle, name in zip(*axes.get_legend_handles_labels(), strict=True)
        }
        figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=3, fontsize=8)
        save_everywhere(figure, folder, "spectra")
    content = [
        _numbers(case, prediction, values)
        for case, prediction, values in zip(every, predictions, measured, strict=True)
    ]
    (folder / "spectra.json").write_text(json.dumps(content, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    return _reading(scale, dim, seeds, content)


def _panel(axes: Axes, case: Case, prediction: Prediction, values: NDArray[np.float64] | None) -> None:
    law = prediction.spectrum
    top = max([o.learned for o in law.outliers[:1]] + [law.bulk[1] if law.bulk else 0.0] + [1e-3])
    if values is not None:
        top = max(top, float(values.max()))
    top *= 1.08
    low = 0.0
    if not case.architecture.is_matrix:  # of both signs
        low = min(0.0, float(values.min()) if values is not None else 0.0, -(law.bulk[1] if law.bulk else 0.0)) * 1.1
    bins = np.linspace(low, top, 41)
    wide = bins[1] - bins[0]
    fine = np.linspace(low, top, 500)
    density = law.density(fine)
    edge = law.bulk[1] if law.bulk else 0.0
    smooth = np.where(np.abs(fine) <= max(edge, wide), density, np.nan) if law.has_sharp_bulk else density
    if values is not None:
        nonzero = values[np.abs(values) > 1e-12 * max(1.0, top)]
        counts, _ = np.histogram(nonzero, bins)
        axes.stairs(counts / (values.size * wide), bins, fill=True, color=SKY, alpha=0.75, label="trained")
    if law.bulk is not None or not law.has_sharp_bulk:
        axes.plot(fine, smooth, color=BLUE, linewidth=1.2, label="predicted density")
    floor = 0.2 / (case.problem.dim * wide * (1 if values is None else values.shape[0]))
    outliers = [o for o in law.outliers if o.learned > edge][:40]
    if outliers:
        axes.plot([o.learned for o in outliers], [1.6 * floor] * len(outliers), linestyle="none", marker="|",
                  markersize=7, markeredgewidth=1.0, color=VERMILLION, label="predicted outliers")  # fmt: skip
    decay = r"$\lambda=1/d$" if case.decay_name == "1/d" else r"$\lambda=\sqrt{d}$"
    axes.set_title(f"{case.network}, {case.phase}, {decay}", fontsize=8)
    axes.set_xlabel(f"learned {case.architecture.words.weights.removesuffix('s')}", fontsize=8)
    axes.tick_params(labelsize=7)
    if law.mass_at_zero > 1 - 1e-9 and (values is None or not nonzero.size):  # nothing to draw: say so
        axes.set_xlim(0, 1)
        axes.set_xticks([0])
        axes.set_yticks([])
        axes.text(0.5, 0.5, "all zero, trained and predicted", transform=axes.transAxes, ha="center", fontsize=7.5)
        return
    axes.set_yscale("log")
    peak = [float(np.nanmax(smooth, initial=0.0))]
    if values is not None and nonzero.size:
        peak.append(float((counts / (values.size * wide)).max()))
    axes.set_ylim(floor, max(4 * max(peak), 100 * floor))
    axes.set_xlim(low, top)
    zero = f"at 0: {100 * law.mass_at_zero:.3g} %"
    if values is not None:
        share = float((np.abs(values) <= 1e-12 * max(1.0, top)).mean())
        zero += f"\n(trained {100 * share:.3g} %)"
    else:
        zero += "\n(theory only)"
    axes.text(0.97, 0.6, zero, transform=axes.transAxes, ha="right", va="top", fontsize=7)


def _numbers(case: Case, prediction: Prediction, values: NDArray[np.float64] | None) -> dict[str, Any]:
    law = prediction.spectrum
    out: dict[str, Any] = {
        "network": case.network,
        "phase": case.phase,
        "weight_decay": case.weight_decay,
        "samples": case.problem.samples,
        "effective_samples": case.problem.effective_samples,
        "predicted": law.to_dict(10),
        "decomposition": prediction.decomposition.to_dict(),
        "trained": None,
    }
    if values is not None:
        size = max(1.0, float(np.abs(values).max()))
        zero = (np.abs(values) <= 1e-12 * size).mean(axis=1)
        largest = np.sort(values, axis=1)[:, ::-1][:, :5]
        out["trained"] = {
            "data_sets": values.shape[0],
            "mass_at_zero": float(zero.mean()),
            "largest": [float(v) for v in largest.mean(axis=0)],
        }
    return out


def _reading(scale: str, dim: int, seeds: int, content: list[dict[str, Any]]) -> str:
    trained = [c for c in content if c["trained"] is not None]
    unique = [c for c in trained if c["effective_samples"] >= 1]
    gaps = [abs(c["trained"]["mass_at_zero"] - c["predicted"]["mass_at_zero"]) for c in unique]
    first = [
        (c, c["trained"]["largest"][0] / c["predicted"]["outliers"][0]["learned"] - 1)
        for c in trained
        if c["predicted"]["outliers"] and c["effective_samples"] >= 30
    ]
    text = (
        f"Learned spectra at d = {dim} (gamma {GAMMA:g}, noise variance {NOISE:g}, {scale}, {seeds} data sets a "
        "panel): histograms are trained networks, curves the predicted bulk, ticks the predicted outliers. "
    )
    if gaps:
        text += (
            f"The share of weights that are exactly zero differs from theory by at most {100 * max(gaps):.2g} "
            f"percentage points (median {100 * float(np.median(gaps)):.2g}). "
        )
    if first:
        worst = max(first, key=lambda pair: abs(pair[1]))
        text += (
            f"Where n_eff >= 30 the largest learned mode lies within {100 * abs(worst[1]):.2g} % of its prediction "
            f"(largest deviation in phase {worst[0]['phase']} of the {worst[0]['network']} network). "
        )
    if len(unique) < len(trained):
        text += (
            "The quadratic network in phase Ia has fewer samples than dimensions: its training minimum is not unique "
            "then (any direction that no sample sees fits negative labels as well), many of its small eigenvalues are "
            "arbitrary, and it is left out of these numbers. "
        )
    skipped = [c for c in content if c["trained"] is None]
    if skipped:
        names = ", ".join(f"{c['phase']} ({c['network']})" for c in skipped)
        text += f"Theory only, because the data set would be too large: {names}. "
    text += "The diagonal network has no phase IV; the panel beside the quadratic network's IV is its phase V."
    return text
