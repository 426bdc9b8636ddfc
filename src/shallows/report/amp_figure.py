"""Message passing, iteration by iteration: measured beside predicted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..networks import network_named
from ..plotting.style import BLUE, GREY, SKY, VERMILLION, new_figure, save, styled

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.figure import Figure

    from ..amp import AmpRun


#: Smallest ratio of the ends of a logarithmic axis.
SMALLEST_RANGE = 1.5


def amp_figure(run: AmpRun) -> Figure:
    """Noise scale (with its expected fluctuation) and excess risk per iteration; call within :func:`styled`.

    With replicas the prediction at this size stands beside state evolution, its limit at large `d`.
    """
    from matplotlib.ticker import MaxNLocator

    trajectory = run.trajectory
    steps = np.arange(1, trajectory.noise_scale.size + 1)
    network = network_named(run.network)
    factor, symbol = network.risk_per_error, network.words.noise_scale_math
    figure = new_figure(7.0, 2.9)
    left, right = figure.subplots(1, 2)
    name = "expected at this size" if run.replicas else "state evolution"
    predicted, spread = trajectory.predicted_noise_scale, trajectory.fluctuation
    if np.isfinite(predicted).any():
        left.fill_between(
            steps,
            predicted * np.exp(-2 * spread),
            predicted * np.exp(2 * spread),
            color=SKY,
            alpha=0.3,
            linewidth=0,
            label="± 2 fluctuations",
        )
        left.plot(steps, predicted, color=BLUE, label=name)
    left.plot(steps, trajectory.noise_scale, "o", color=VERMILLION, markersize=3.5, label="measured")
    left.set(title="Noise scale", xlabel="iteration", ylabel=symbol, yscale="log")
    if np.isfinite(trajectory.predicted_error).any():
        right.plot(steps, factor * trajectory.predicted_error, color=BLUE, label=name)
    if np.isfinite(trajectory.error).any():
        right.plot(steps, factor * trajectory.error, "o", color=VERMILLION, markersize=3.5, label="measured")
    right.set(title="Excess risk", xlabel="iteration", ylabel="excess risk R", yscale="log")
    if run.replicas:
        limits = (trajectory.asymptotic_noise_scale, factor * trajectory.asymptotic_error)
        for axes, limit in zip((left, right), limits, strict=True):
            axes.plot(steps, limit, color=GREY, linestyle="--", label="state evolution, large d")
    for axes in (left, right):
        axes.grid(color="0.9", linewidth=0.6)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        low, high = axes.get_ylim()
        if high < SMALLEST_RANGE * low:  # what does not change is not to look as if it did
            middle = np.sqrt(low * high)
            axes.set_ylim(middle / np.sqrt(SMALLEST_RANGE), middle * np.sqrt(SMALLEST_RANGE))
        if run.departed_at is not None:
            axes.axvline(run.departed_at + 1, color=GREY, linestyle=":", label="leaves theory's path")
        axes.legend()
    return figure


def write_amp_figure(run: AmpRun, folder: Path) -> None:
    """Write ``amp.png`` and ``amp.svg`` into an existing `folder`.

    Parameters
    ----------
    run : AmpRun
    folder : Path

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from shallows import PowerLaw, Problem, sample
    >>> from shallows.amp import amp
    >>> from shallows.report import write_amp_figure
    >>> run = amp(sample(Problem("diagonal", PowerLaw(50, 1.0), samples=100, noise=0.5), 0), weight_decay=0.5)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_amp_figure(run, Path(folder))
    ...     sorted(path.name for path in Path(folder).iterdir())
    ['amp.png', 'amp.svg']
    """
    with styled():
        save(amp_figure(run), folder, "amp")
