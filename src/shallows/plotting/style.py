"""How figures look: colours that colour-blind readers can tell apart, sizes that survive a column of print."""

from __future__ import annotations

import io
import math
import os
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Okabe and Ito's palette.
BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
YELLOW, BLUE, VERMILLION, PURPLE = "#F0E442", "#0072B2", "#D55E00", "#CC79A7"
GREY = "#6b6b6b"
#: Width of a column and of a page of print, in inches; figures of less than this width are one panel wide.
COLUMN, PAGE = 3.4, 7.0
SIDE_BY_SIDE = 5.0
#: Lines of a grid, as light on dark axes as on white ones.
GRID: dict[str, Any] = {"color": "0.5", "alpha": 0.2, "linewidth": 0.6}

TRAINER_STYLE: dict[str, dict[str, Any]] = {
    "convex": {"color": VERMILLION, "marker": "o"},
    "amp": {"color": VERMILLION, "marker": "o"},
    "starts": {"color": ORANGE, "marker": "X"},
    "gradient": {"color": GREEN, "marker": "s"},
}
TRAINER_NAME = {
    "convex": "convex solver",
    "amp": "message passing",
    "starts": "best of many starts",
    "gradient": "gradient training",
}
#: Marks of gradient training from smaller and smaller initial weights.
_SMALLER = ("D", "^", "v", "P", "X")


def trainer_name(trainer: str) -> str:
    """A trainer's name; of gradient training with the scale of its initial weights, ``"gradient:0.1"``."""
    name, _, scale = trainer.partition(":")
    return f"{TRAINER_NAME[name]} from ×{scale}" if scale else TRAINER_NAME[name]


def trainer_style(trainer: str) -> dict[str, Any]:
    """Its colour and mark."""
    name, _, scale = trainer.partition(":")
    if not scale:
        return TRAINER_STYLE[name]
    place = min(max(round(-2 * math.log10(float(scale))), 0), len(_SMALLER) - 1)
    return {**TRAINER_STYLE[name], "marker": _SMALLER[place]}


_SETTINGS: dict[str, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "mathtext.fontset": "dejavusans",
    "axes.titlesize": 9.5,
    "axes.titlelocation": "left",
    "axes.titlepad": 7,
    "axes.labelsize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "axes.axisbelow": True,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "legend.fontsize": 8.5,
    "legend.frameon": False,
    "legend.handlelength": 1.6,
    "lines.linewidth": 1.6,
    "figure.dpi": 100,
    "svg.fonttype": "path",
    "svg.hashsalt": "shallows",
    "axes.formatter.use_mathtext": True,
    "axes.unicode_minus": True,
}


def load_matplotlib() -> Any:
    """The module, imported whatever MPLBACKEND says: no figure here needs a window.

    Where the variable names a backend, it is chosen as Matplotlib itself would have; where it names none, the import
    would fail.

    Examples
    --------
    >>> from shallows.plotting import load_matplotlib
    >>> load_matplotlib().__name__
    'matplotlib'
    """
    if "matplotlib" in sys.modules:
        return sys.modules["matplotlib"]
    wanted = os.environ.pop("MPLBACKEND", None)
    try:
        import matplotlib
    finally:
        if wanted is not None:
            os.environ["MPLBACKEND"] = wanted
    if wanted:
        with suppress(ValueError):
            matplotlib.rcParams["backend"] = wanted
    return matplotlib


@contextmanager
def styled() -> Iterator[None]:
    """Matplotlib's settings inside the block, and none of them after it.

    Examples
    --------
    >>> import matplotlib
    >>> from shallows.plotting import styled
    >>> with styled():
    ...     matplotlib.rcParams["axes.spines.top"]
    False
    """
    matplotlib = load_matplotlib()
    # From the defaults, so that a user's own settings do not change the report.
    settings: Any = {str(k): v for k, v in matplotlib.rcParamsDefault.items() if k not in _NOT_STYLE}
    settings.update(_SETTINGS)
    with matplotlib.rc_context(settings):
        yield


_NOT_STYLE = {"backend", "backend_fallback", "interactive", "toolbar", "timezone", "webagg.address"}


def new_figure(width: float, height: float) -> Figure:
    """An empty figure that no global state knows of.

    Parameters
    ----------
    width, height : float
        In inches.

    Examples
    --------
    >>> from shallows.plotting import new_figure
    >>> new_figure(7.0, 3.0).get_size_inches().tolist()
    [7.0, 3.0]
    """
    load_matplotlib()
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def is_wide(axes: Axes) -> bool:
    """Whether the figure around `axes` is wider than a column of print.

    Examples
    --------
    >>> from shallows.plotting.style import COLUMN, PAGE, is_wide, new_figure
    >>> [is_wide(new_figure(width, 2.0).subplots()) for width in (COLUMN, PAGE)]
    [False, True]
    """
    figure = axes.get_figure()
    assert figure is not None
    return bool(figure.bbox.width / figure.dpi >= SIDE_BY_SIDE)


def panels(width: float, columns: int, height: float, *, narrow: int = 1, **settings: Any) -> tuple[Figure, Any]:
    """A figure with a row of panels, or with the same panels below each other where it is a column wide.

    Parameters
    ----------
    width : float
        In inches: ``COLUMN``, ``PAGE`` or one of a user's own.
    columns : int
        Panels side by side on a page.
    height : float
        Of a row, in inches.
    narrow : int
        Panels side by side in a column.
    **settings
        Of ``Figure.subplots``; ``count``, how many panels there are, a row by default.

    Returns
    -------
    figure, axes : Figure and list of Axes
        Row by row.

    Examples
    --------
    >>> from shallows.plotting import panels
    >>> from shallows.plotting.style import COLUMN, PAGE
    >>> [panels(width, 2, 2.5)[0].get_size_inches().tolist() for width in (PAGE, COLUMN)]
    [[7.0, 2.5], [3.4, 5.0]]
    """
    count = settings.pop("count", columns)
    across = columns if width >= SIDE_BY_SIDE else min(narrow, columns)
    rows = -(-count // across)
    figure = new_figure(width, rows * height)
    if across != columns:
        settings.pop("width_ratios", None)
    grid = figure.subplots(rows, across, squeeze=False, **settings).ravel()
    for spare in grid[count:]:
        spare.remove()
    return figure, list(grid[:count])


@contextmanager
def axes_or_new(ax: Axes | None, width: float = 6.6, height: float = 3.6) -> Iterator[Axes]:
    """Axes to draw on: those given, in their user's own style, or new ones of pyplot in the style of the reports.

    Nothing is shown, and no setting is changed. New axes go away again if drawing fails.

    Parameters
    ----------
    ax : matplotlib.axes.Axes or None
    width, height : float
        Of a new figure, in inches.

    Examples
    --------
    >>> from shallows.plotting import axes_or_new, new_figure
    >>> given = new_figure(3.0, 2.0).subplots()
    >>> with axes_or_new(given) as axes:
    ...     axes is given
    True
    """
    if ax is not None:
        yield ax
        return
    import matplotlib.pyplot as plt

    with styled():
        figure, axes = plt.subplots(figsize=(width, height), layout="constrained")
        try:
            yield axes
        except BaseException:
            plt.close(figure)
            raise


def save(figure: Figure, folder: Path, name: str, *, vector_only: bool = False) -> str:
    """Write `name`.png and `name`.svg and return the SVG's text; the same figure gives the same bytes.

    The figure is not arranged again after that.

    Parameters
    ----------
    figure : Figure
    folder : Path
    name : str
    vector_only : bool
        No PNG.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from shallows.plotting import new_figure, save
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     figure = new_figure(3.0, 2.0)
    ...     axes = figure.subplots()
    ...     text = save(figure, Path(folder), "empty")
    ...     sorted(path.name for path in Path(folder).iterdir())
    ['empty.png', 'empty.svg']
    """
    # Ticks that the first arrangement chooses move the second, which then stays.
    engine = figure.get_layout_engine()
    if engine is not None and any(axes.get_subplotspec() is not None for axes in figure.axes):
        for _ in range(2):
            engine.execute(figure)
        # None at all: with a "none" engine every file is drawn twice.
        with load_matplotlib().rc_context({"figure.autolayout": False, "figure.constrained_layout.use": False}):
            figure.set_layout_engine(None)
    if not vector_only:
        figure.savefig(folder / f"{name}.png", dpi=200, metadata={"Software": "shallows"})
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": "shallows"})
    text = buffer.getvalue()
    (folder / f"{name}.svg").write_text(text, encoding="utf-8")
    return text
