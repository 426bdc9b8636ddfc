"""Figures of a network fitted to a user's data: the path of weight decays, and the forecast."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..networks import network_named
from ..plotting.style import BLUE, GREEN, GREY, ORANGE, SKY, VERMILLION, new_figure
from ..plotting.ticks import plain_log_ticks

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Width of the figures, in inches.
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
    if path["held_out_error"] is not None:
        held = np.array([np.nan if v is None else v for v in path["held_out_error"]])
        seen = np.isfinite(held)
        top.plot(decay[seen], held[seen], color=VERMILLION, lw=1.2, label="cross-validation")
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
    bottom.yaxis.get_major_locator().set_params(integer=True)
    bottom.axvline(path["chosen"], color=GREY, lw=1, ls=":")
    bottom.set_ylabel(network_named(content["network"]).words.active)
    bottom.set_xlabel("weight decay λ")
    plain_log_ticks(bottom.xaxis, float(decay.min()), float(decay.max()))
    return figure


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
