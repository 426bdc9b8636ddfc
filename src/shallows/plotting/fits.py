"""A network fitted to a user's data: the path of weight decays, the forecast, what pruning changes."""

from __future__ import annotations

from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np

from .explained import explain
from .style import BLUE, GREEN, GREY, ORANGE, SKY, VERMILLION
from .ticks import plain_log_ticks

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw_path(axes: Axes, path: dict[str, Any]) -> None:
    """Estimated test error and train error along the weight decays tried; `path` as a dictionary."""
    decay = np.array(path["weight_decay"], dtype=float)
    error = np.array([np.nan if v is None else v for v in path["test_error"]])
    stderr = np.array([np.nan if v is None else v for v in path["test_error_stderr"]])
    axes.fill_between(decay, error - 1.645 * stderr, error + 1.645 * stderr, color=SKY, alpha=0.3, lw=0)
    axes.plot(decay, error, "o-", color=BLUE, ms=3, label="estimated test error (band: 90 %)")
    if path["held_out_error"] is not None:
        held = np.array([np.nan if v is None else v for v in path["held_out_error"]])
        seen = np.isfinite(held)
        axes.plot(decay[seen], held[seen], color=VERMILLION, lw=1.2, label="cross-validation")
    train = np.array([np.nan if v is None else v for v in path["train_error"]])
    axes.plot(decay, train, color=ORANGE, ls="--", label="train error")
    axes.axvline(path["chosen"], color=GREY, lw=1, ls=":", label="weight decay chosen")
    finite = error[np.isfinite(error)]
    if finite.size:
        reach = float((error + 1.645 * stderr)[np.isfinite(error)].max())
        top = min(1.6 * float(np.median(finite)), 1.15 * reach)
        axes.set_ylim(_bottom(float(np.nanmin([*train, *(error - 1.645 * stderr)])), top), top)
    axes.set_ylabel("mean squared error")
    _decay_axis(axes, decay)


def draw_learned_features(axes: Axes, path: dict[str, Any], label: str) -> None:
    """How much was learned along the weight decays tried; `label` is what it is called."""
    decay = np.array(path["weight_decay"], dtype=float)
    axes.plot(decay, path["learned_features"], "o-", color=GREEN, ms=3)
    axes.axvline(path["chosen"], color=GREY, lw=1, ls=":")
    axes.set_ylabel(label)
    _decay_axis(axes, decay)


def _bottom(lowest: float, top: float) -> float:
    """Lower end of an axis on which a minimum is to be seen: a little below the lowest value, zero at least."""
    return max(0.0, lowest - 0.08 * (top - lowest))


def _decay_axis(axes: Axes, decay: Any) -> None:
    axes.set_xscale("log")
    axes.set_xlabel("weight decay λ")
    if decay.size > 1:
        plain_log_ticks(axes.xaxis, float(decay.min()), float(decay.max()))


def draw_forecast(axes: Axes, found: dict[str, Any]) -> None:
    """Test error against samples, at the best and at the present weight decay; the forecast as a dictionary."""
    points = sorted([found["present"], *found["points"]], key=lambda point: point["samples"])
    n = [point["samples"] for point in points]
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
    lowest = min(found["noise"], now["low"], *same, *(b["low"] for b in best))
    axes.set_ylim(bottom=_bottom(lowest, axes.get_ylim()[1]))
    axes.set_xlabel("samples n")
    axes.set_ylabel("test error")
    if max(n) > min(n):
        plain_log_ticks(axes.xaxis, float(min(n)), float(max(n)))
    explain(axes, most=2)


def draw_change(axes: Axes, change: dict[str, float], features: tuple[int, int], verdict: str) -> None:
    """What pruning does to the test error, with its interval, beside no change.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    change : dict
        ``value``, ``low``, ``high`` and ``level`` of the change of the test error.
    features : (int, int)
        Learned ones before and after.
    verdict : str
        Above the axes.
    """
    value, low, high = change["value"], change["low"], change["high"]
    axes.axvline(0.0, color=GREY, lw=1, ls=":")
    axes.errorbar([value], [0], xerr=[[value - low], [high - value]], fmt="D", color=VERMILLION, ms=5, capsize=3)
    axes.set_yticks([0], [f"{features[0]} → {features[1]} features"])
    axes.set_ylim(-1, 1)
    far = 1.2 * max(abs(low), abs(high)) or 1.0
    axes.set_xlim(-far, far)
    figure = axes.get_figure()
    assert figure is not None
    per_line = int(8.5 * figure.bbox.width / figure.dpi)  # characters
    axes.set_xlabel(fill(f"change of the test error by pruning ({100 * change['level']:g} % interval)", per_line))
    axes.set_title(fill(verdict, per_line))
