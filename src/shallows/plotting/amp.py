"""Message passing, iteration by iteration: measured beside predicted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..networks import network_named
from .explained import explain
from .style import BLUE, GREY, GRID, SKY, VERMILLION
from .ticks import plain_log_ticks

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Smallest ratio of the ends of a logarithmic axis.
SMALLEST_RANGE = 1.5


def draw_noise_scale(axes: Axes, run: Any) -> None:
    """Noise scale per iteration, beside the expected one and its fluctuation; `run` is an AmpRun."""
    trajectory, steps = run.trajectory, _steps(run)
    predicted, spread = trajectory.predicted_noise_scale, trajectory.fluctuation
    if np.isfinite(predicted).any():
        axes.fill_between(
            steps,
            predicted * np.exp(-2 * spread),
            predicted * np.exp(2 * spread),
            color=SKY,
            alpha=0.3,
            linewidth=0,
            label="± 2 expected fluctuations",
        )
        axes.plot(steps, predicted, color=BLUE, label=_name(run))
    axes.plot(steps, trajectory.noise_scale, "o", color=VERMILLION, markersize=3.5, label="measured")
    symbol = network_named(run.network).words.noise_scale_math
    axes.set(title="Noise scale", xlabel="iteration", ylabel=symbol, yscale="log")
    _finish(axes, run, trajectory.asymptotic_noise_scale)


def draw_excess_risk(axes: Axes, run: Any) -> None:
    """Excess risk per iteration, where the teacher is known, beside the expected one; `run` is an AmpRun."""
    trajectory, steps = run.trajectory, _steps(run)
    factor = network_named(run.network).risk_per_error
    if np.isfinite(trajectory.predicted_error).any():
        axes.plot(steps, factor * trajectory.predicted_error, color=BLUE, label=_name(run))
    if np.isfinite(trajectory.error).any():
        axes.plot(steps, factor * trajectory.error, "o", color=VERMILLION, markersize=3.5, label="measured")
    axes.set(title="Excess risk", xlabel="iteration", ylabel="excess risk R", yscale="log")
    _finish(axes, run, factor * trajectory.asymptotic_error)


def _steps(run: Any) -> Any:
    return np.arange(1, run.trajectory.noise_scale.size + 1)


def _name(run: Any) -> str:
    return "expected at this size" if run.replicas else "state evolution"


def _finish(axes: Axes, run: Any, limit: Any) -> None:
    """With replicas the limit at large `d` stands beside the prediction at this size."""
    from matplotlib.ticker import MaxNLocator

    if run.replicas:
        axes.plot(_steps(run), limit, color=GREY, linestyle="--", label="state evolution, large d")
    axes.grid(**GRID)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    low, high = axes.get_ylim()
    if high < SMALLEST_RANGE * low:  # what does not change is not to look as if it did
        middle = np.sqrt(low * high)
        axes.set_ylim(middle / np.sqrt(SMALLEST_RANGE), middle * np.sqrt(SMALLEST_RANGE))
    if run.departed_at is not None:
        axes.axvline(run.departed_at + 1, color=GREY, linestyle=":", label="leaves theory's path")
    plain_log_ticks(axes.yaxis, *axes.get_ylim())
    explain(axes, most=2)
