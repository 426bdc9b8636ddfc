"""Learned spectra of trained networks under the predicted bulk and outliers (arXiv 2509.24882, figure 2)."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from .._system import replacing
from ..plotting.explained import explain_all
from ..plotting.style import BLUE, PAGE, SKY, VERMILLION, new_figure, styled
from ..prediction import Prediction, predict
from ..scaling.figures import save_everywhere
from .cases import GAMMA, NOISE, Case, cases
from .measured import MOST_ENTRIES

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from .own_data import OwnData

#: Bins across the axis of the histograms, which is one of signed square roots: it gives a bulk near zero room.
BINS = 48
#: Points of the predicted density: evenly on that axis, and around each outlier.
CURVE_POINTS, OUTLIER_POINTS = 1500, 101
#: What a panel's asterisk means.
NOT_UNIQUE = (
    "* Fewer samples than dimensions: weights along directions that no sample sees fit as well as zeros do, so the "
    "trained minimum is not unique and its small eigenvalues are arbitrary."
)


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
    scale: str,
    folder: Path,
    data: Path,
    seeds: int,
    progress: Callable[[str, int, int], None] | None,
    own: OwnData | None = None,
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
        figure = new_figure(PAGE, 8.6)
        grid = figure.subplots(math.ceil(len(every) / 3), 3, squeeze=False)
        given = [None if own is None else own.x[own.panel == k] for k in range(len(every))]
        for axes, case, prediction, values, mine in zip(
            grid.ravel(), every, predictions, measured, given, strict=False
        ):
            _panel(axes, case, prediction, values, mine)
        for axes in grid[:, 0]:
            axes.set_ylabel("density", fontsize=8)
        note = "Horizontal axes: square roots, with their sign."
        if any(_not_unique(case) and values is not None for case, values in zip(every, measured, strict=True)):
            note += f"\n{NOT_UNIQUE}"
        explain_all(figure, [h for axes in grid.ravel() for h in axes.get_legend_handles_labels()[0]], note)
        save_everywhere(figure, folder, "spectra")
    content = [
        _numbers(case, prediction, values)
        for case, prediction, values in zip(every, predictions, measured, strict=True)
    ]
    (folder / "spectra.json").write_text(json.dumps(content, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    return _reading(scale, dim, seeds, content)


def _not_unique(case: Case) -> bool:
    """Whether the network has directions that no sample sees, which leave its trained minimum open."""
    return case.architecture.is_matrix and case.problem.samples < case.problem.dim


def _root(x: Any) -> Any:
    return np.sign(x) * np.sqrt(np.abs(x))


def _square(u: Any) -> Any:
    return np.sign(u) * np.asarray(u) ** 2


def _is_zero(values: NDArray[np.float64], top: float) -> NDArray[np.bool_]:
    return np.abs(values) <= 1e-12 * max(1.0, top)


def _panel(
    axes: Axes,
    case: Case,
    prediction: Prediction,
    values: NDArray[np.float64] | None,
    mine: NDArray[np.float64] | None,
) -> None:
    law = prediction.spectrum
    shown = [v.ravel() for v in (values, mine) if v is not None and v.size]
    top = max(
        [o.learned for o in law.outliers[:1]] + [law.bulk[1] if law.bulk else 0.0, 1e-3, *(v.max() for v in shown)]
    )
    top *= 1.08
    low = 0.0
    if not case.architecture.is_matrix:  # of both signs
        low = 1.1 * min(0.0, *(v.min() for v in shown), -(law.bulk[1] if law.bulk else 0.0))
    axes.set_title(_title(case, law.mass_at_zero, values, top), fontsize=7.5)
    axes.set_xlabel(f"learned {case.architecture.words.weights.removesuffix('s')}", fontsize=8)
    axes.tick_params(labelsize=7)
    if law.mass_at_zero > 1 - 1e-9 and all(_is_zero(v, top).all() for v in shown):  # nothing to draw: say so
        axes.set(xlim=(0, 1), xticks=[0], yticks=[])
        words = "all zero, predicted" if values is None else "all zero, trained and predicted"
        axes.text(0.5, 0.5, words, transform=axes.transAxes, ha="center", fontsize=7.5)
        return
    bins = _square(np.linspace(_root(low), _root(top), BINS + 1))
    if low < 0:  # zero is an edge
        bins = _square(np.linspace(_root(low), _root(top), BINS + 1) - _nearest_to_zero(_root(low), _root(top)))
    heights = [0.0]
    if values is not None:
        heights += _histogram(axes, values, bins, top, fill=True, color=SKY, alpha=0.75, label="trained")
    if mine is not None and mine.size:
        heights += _histogram(axes, mine, bins, top, color="black", linewidth=1.0, label="values given")
    outliers = [o.learned for o in law.outliers if o.learned > (law.bulk[1] if law.bulk else 0.0)][:40]
    fine, density = _curve(law, outliers, low, top)
    count = case.problem.dim * (1 if values is None else values.shape[0])
    floor = 0.4 / (count * float(np.diff(bins).max()))  # below a single weight in the widest bin
    if density.max() > 0:
        heights.append(float(density.max()))
        floor = min(floor, 0.3 * heights[-1])
        # Where it vanishes the line leaves the logarithmic axis downwards.
        shown_density = np.maximum(density, 1e-3 * floor)
        axes.plot(fine, shown_density, color=BLUE, linewidth=1.2, label="predicted density")
    if outliers:
        style: dict[str, Any] = {"linestyle": "none", "marker": "|", "markersize": 7, "markeredgewidth": 1.0}
        axes.plot(outliers, [1.6 * floor] * len(outliers), color=VERMILLION, label="predicted outliers", **style)
    axes.set_yscale("log")
    axes.set_xscale("function", functions=(_root, _square))
    axes.set_ylim(floor, max(2 * max(heights), 100 * floor))
    axes.set_xlim(low, top)
    axes.set_xticks(_ticks(low, top))


def _curve(law: Any, outliers: list[float], low: float, top: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The predicted density, with points of its own around each outlier, where it is narrow."""
    around = np.outer(outliers, 1 + np.linspace(-0.1, 0.1, OUTLIER_POINTS)).ravel()
    fine = np.union1d(_square(np.linspace(_root(low), _root(top), CURVE_POINTS)), around[around <= top])
    return fine, law.density(fine)


def _nearest_to_zero(low: float, high: float) -> float:
    edges = np.linspace(low, high, BINS + 1)
    return float(edges[np.argmin(np.abs(edges))])


def _histogram(
    axes: Axes, values: NDArray[np.float64], bins: NDArray[np.float64], top: float, **style: Any
) -> list[float]:
    """Draw the density of what is not zero; its greatest height, if there is any."""
    counts, _ = np.histogram(values[~_is_zero(values, top)], bins)
    heights = counts / (values.size * np.diff(bins))
    axes.stairs(heights, bins, baseline=None if "fill" not in style else 1e-12, **style)
    return [float(heights.max())] if counts.any() else []


def _ticks(low: float, top: float) -> list[float]:
    """A few round numbers that stay apart on an axis of square roots."""
    step = 10.0 ** math.floor(math.log10(top))
    largest = step * max(m for m in (1, 2, 5) if m * step <= top)
    places = [0.0, largest / 5, largest, -largest / 5]
    return sorted(place for place in places if low <= place <= top)


def _title(case: Case, predicted: float, values: NDArray[np.float64] | None, top: float) -> str:
    """Network, phase and weight decay, and below the shares that are exactly zero."""
    decay = r"$\lambda=1/d$" if case.decay_name == "1/d" else r"$\lambda=\sqrt{d}$"
    zero = f"zero: {100 * predicted:.3g} %"
    if values is None:
        zero += " (theory only)"
    else:
        mark = "*" if _not_unique(case) else ""
        zero += f", trained {100 * float(_is_zero(values, top).mean()):.3g} %{mark}"
    return f"{case.network}, {case.phase}, {decay}\n{zero}"


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
        "panel): histograms are trained networks, curves the predicted density, ticks the predicted outliers. "
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
