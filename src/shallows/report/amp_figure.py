"""Message passing, iteration by iteration: measured beside predicted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..plotting.amp import draw_excess_risk, draw_noise_scale
from ..plotting.style import PAGE, new_figure, save, styled

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.figure import Figure

    from ..amp import AmpRun


def amp_figure(run: AmpRun) -> Figure:
    """Noise scale (with its expected fluctuation) and excess risk per iteration; call within :func:`styled`.

    With replicas the prediction at this size stands beside state evolution, its limit at large `d`.
    """
    figure = new_figure(PAGE, 3.3)
    left, right = figure.subplots(1, 2)
    draw_noise_scale(left, run)
    draw_excess_risk(right, run)
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
