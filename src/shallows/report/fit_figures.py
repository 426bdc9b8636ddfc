"""Figures of a network fitted to a user's data: the path, what was learned, and the forecast."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..plotting.style import BLUE, GREEN, GREY, ORANGE, SKY, VERMILLION, new_figure
from ..plotting.ticks import plain_log_ticks

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDTH = 6.6


def path_figure(content: dict[str, Any]) -> Figure:
    """Estimated test error, train error and learned features along the weight decays tried."""
    path = content["path"]
    decay = np.array(path["weight_decay"], dtype=float)
    error = np.array([np.nan if v is None else v for v in path["test_error"]])
    stderr = np.array([np.nan if v is None else v for v in path["test_error_stderr"]])
    figure = new_figure(WIDTH, 4.4)
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(2.2, 1))
    top.fill_between(decay, error - 1.645 * stderr, error + 1.645 * stderr, color=SKY, alpha=0.3, lw=0)
    top.plot(decay, error, "o-", color=BLUE, ms=3, label="estimated test error (band: 90 %)")
    top.plot(decay, path["train_error"], color=ORANGE, ls="--", label="train error")
    top.axvline(path["chosen"], color=GREY, lw=1, ls=":")
    finite = error[np.isfinite(error)]
    top.set_ylim(
        0, min(1.6 * float(np.median(finite)), 1.15 * float((error + 1.645 * stderr)[np.isfinite(error)].max()))
    )
    top.set_ylabel("mean squared error")
    top.legend(loc="best")
    top.set_xscale("log")
    bottom.plot(decay, path["learned_features"], "o-", color=GREEN, ms=3)
    bottom.axvline(path["chosen"], color=GREY, lw=1, ls=":")
    bottom.set_ylabel("rank" if content["network"] == "quadratic" else "active weights")
    bottom.set_xlabel("weight decay λ")
    plain_log_ticks(bottom.xaxis, float(decay.min()), float(decay.max()))
    return figure


def spectrum_figure(content: dict[str, Any], eigenvalues: Any, unbiased: Any) -> Figure:
    """Unbiased eigenvalues or weights against the noise of estimated scale."""
    figure = new_figure(WIDTH, 3.0)
    axes = figure.subplots()
    scale = content["noise_scale"]
    if content["network"] == "quadratic":
        values = np.asarray(eigenvalues)
        grid = np.linspace(-2 * scale, 2 * scale, 400)
        axes.hist(values, bins=_bins(values), density=True, color=SKY, label="unbiased eigenvalues")
        density = np.sqrt(np.maximum(4 * scale**2 - grid**2, 0)) / (2 * np.pi * scale**2)
        axes.plot(grid, density, color=VERMILLION, label="noise alone (semicircle)")
        axes.axvline(content["threshold"], color=GREY, ls=":", label="threshold ζ: larger ones are learned")
        modes = content["modes"]
        for i, mode in enumerate(modes["modes"] if modes else []):
            axes.plot(
                mode["position"], 0, "v", color=BLUE, ms=6, clip_on=False, label="recovered modes" if i == 0 else None
            )
        axes.set_xlabel("eigenvalue of U")
        axes.set_ylabel("density")
    else:
        values = np.sort(np.abs(np.asarray(unbiased)))[::-1]
        rank = np.arange(1, values.size + 1)
        reach = scale * np.sqrt(2 * np.log(max(values.size, 2)))
        axes.loglog(rank, np.maximum(values, scale * 1e-2), "o", ms=3, color=BLUE, label="unbiased weights")
        axes.axhline(reach, color=VERMILLION, lw=1.2, label="largest expected from noise alone")
        axes.axhline(content["threshold"], color=GREY, ls=":", label="threshold ζ: larger ones are learned")
        law = content["power_law"]
        if law is not None:
            shape = rank ** -law["gamma"]["value"] if isinstance(law["gamma"], dict) else rank
            size = np.sqrt(law["energy"]["value"] / (shape @ shape))
            axes.loglog(rank, size * shape, color=GREEN, label=f"fitted teacher, γ = {law['gamma']['value']:.2f}")
        axes.set_ylim(bottom=scale * 0.1)
        axes.set_xlabel("rank of the weight")
        axes.set_ylabel("size of the weight")
    axes.legend(loc="upper right")
    return figure


def _bins(values: Any) -> Any:
    return np.linspace(values.min(), values.max(), max(20, int(4 * np.sqrt(values.size))))


def forecast_figure(content: dict[str, Any]) -> Figure:
    """Test error against samples, at the best and at the present weight decay."""
    found = content["forecast"]
    points = sorted([found["present"], *found["points"]], key=lambda point: point["samples"])
    n = [point["samples"] for point in points]
    figure = new_figure(WIDTH, 3.0)
    axes = figure.subplots()
    best = [point["test_error"] for point in points]
    same = [point["test_error_present"]["value"] for point in points]
    axes.fill_between(n, [b["low"] for b in best], [b["high"] for b in best], color=SKY, alpha=0.3, lw=0)
    axes.plot(n, [b["value"] for b in best], "o-", color=BLUE, label="best weight decay at each n (band: 90 %)")
    axes.plot(n, same, "s--", color=ORANGE, ms=4, label="present weight decay")
    axes.axhline(found["noise"], color=GREY, lw=1, ls=":", label="label noise: no network does better")
    now = found["present_test_error"]
    axes.errorbar(
        [found["present"]["samples"]],
        [now["value"]],
        [[now["value"] - now["low"]], [now["high"] - now["value"]]],
        fmt="D",
        color=VERMILLION,
        ms=5,
        capsize=3,
        label="estimated now, from the residuals",
    )
    axes.set_xscale("log")
    axes.set_ylim(bottom=0)
    axes.set_xlabel("samples n")
    axes.set_ylabel("test error")
    plain_log_ticks(axes.xaxis, float(min(n)), float(max(n)))
    axes.legend(loc="best")
    return figure
