"""Legends that cover nothing, and names of rows that do not run into each other."""

from __future__ import annotations

from textwrap import fill
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure
    from matplotlib.legend import Legend

#: Widths of a slot of a figure and of the axes in it before anything is laid out, and of a legend that fits the slot.
SLOT, LEGEND = 1.25, 0.95
#: Width of a character as a share of the font's size.
CHARACTER = 0.56
#: Smallest font that print keeps readable, and height of a line as a share of the font's size.
SMALLEST_FONT, LINE = 5.0, 1.2


def explain(axes: Axes, note: str = "", *, handles: Sequence[Any] | None = None, most: int = 4) -> None:
    """A legend of everything drawn on `axes`, in as many columns as fit.

    It stands below the axes where the figure arranges itself (constrained or tight layout), so that nothing is covered.
    Where it does not, room below would be cut off: the legend then lies inside, on a ground of its own.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    note : str
        A sentence over it: what no mark can say.
    handles : sequence of artists, optional
        In place of all that have a label.
    most : int
        Columns at most.

    Examples
    --------
    >>> from shallows.plotting import explain, new_figure
    >>> axes = new_figure(3.4, 2.4).subplots()
    >>> lines = axes.plot([0, 1], label="theory")
    >>> explain(axes, "at d = 400")
    >>> [text.get_text() for text in axes.get_legend().get_texts()], axes.get_legend().get_title().get_text()
    (['theory'], 'at d = 400')
    """
    found = list(axes.get_legend_handles_labels()[0] if handles is None else handles)
    if not found and not note:
        return
    figure = axes.get_figure()
    assert figure is not None
    if figure.get_layout_engine() is None:
        axes.legend(handles=found, title=note or None, loc="best", frameon=True, framealpha=0.85, edgecolor="none")
        return
    from matplotlib.transforms import ScaledTranslation, blended_transform_factory

    below = axes.transAxes + ScaledTranslation(0, -_depth(axes) / 72, figure.dpi_scale_trans)
    middle, share = _slot(axes)
    room = share * figure.bbox.width

    def place(labels: list[str], columns: int) -> Legend:
        return axes.legend(
            found,
            labels,
            title=_wrapped(note, room, axes) or None,
            ncols=columns,
            loc="upper center",
            bbox_to_anchor=(middle, 0.0),
            bbox_transform=blended_transform_factory(figure.transSubfigure, below),
            borderaxespad=0.0,
            frameon=False,
            alignment="left",
            columnspacing=1.4,
        )

    _fitted(place, found, room, most, axes)


def explain_all(
    figure: Figure | SubFigure, handles: Sequence[Any], note: str = "", *, most: int = 6, fontsize: float = 8.0
) -> None:
    """A legend for all axes of a figure in constrained layout, below them, in as many columns as fit.

    Parameters
    ----------
    figure : matplotlib.figure.Figure or SubFigure
    handles : sequence of artists
        With labels; of equal labels the first is kept.
    note : str
        A sentence over it.
    most : int
        Columns at most.
    fontsize : float
        In points.

    Examples
    --------
    >>> from shallows.plotting import explain_all, new_figure
    >>> figure = new_figure(3.4, 2.4)
    >>> lines = [axes.plot([0, 1], label="theory")[0] for axes in figure.subplots(1, 2)]
    >>> explain_all(figure, lines)
    >>> [text.get_text() for text in figure.legends[0].get_texts()]
    ['theory']
    """
    first: dict[str, Any] = {}
    for handle in handles:
        first.setdefault(str(handle.get_label()), handle)
    unique = list(first.values())
    room = 0.96 * figure.bbox.width

    def place(labels: list[str], columns: int) -> Legend:
        for old in list(figure.legends):
            old.remove()
        return figure.legend(
            unique,
            labels,
            title=_wrapped(note, room, figure, fontsize) or None,
            ncols=columns,
            loc="outside lower center",
            fontsize=fontsize,
            title_fontsize=fontsize,
            alignment="left",
            columnspacing=1.2,
            handletextpad=0.5,
        )

    _fitted(place, unique, room, most, figure)


def _fitted(place: Any, handles: list[Any], room: float, most: int, target: Any) -> None:
    """The widest legend that fits; a single column of wrapped words where none does."""
    labels = [str(handle.get_label()) for handle in handles]
    for columns in range(min(most, max(len(labels), 1)), 0, -1):
        if place(labels, columns).get_window_extent().width <= room:
            return
    place([_wrapped(label, 0.88 * room, target) for label in labels], 1)


def _wrapped(text: str, room: float, target: Any, size: float | None = None) -> str:
    """`text` on lines that fit into `room` pixels, at the font size of legends."""
    import matplotlib
    from matplotlib.font_manager import FontProperties

    points = FontProperties(size=matplotlib.rcParams["legend.fontsize"] if size is None else size).get_size_in_points()
    figure = target.get_figure() if hasattr(target, "transAxes") else target
    per_line = int(room / (CHARACTER * points * figure.dpi / 72))
    kept = text.replace(" %", "\N{NO-BREAK SPACE}%")
    return "\n".join(fill(line, max(per_line, 12)) for line in kept.splitlines())


def _depth(axes: Axes) -> float:
    """Points from the lower edge of the axes to below all that stands there."""
    box = axes.xaxis.get_tightbbox()
    low = axes.bbox.y0 if box is None else min(box.y0, axes.bbox.y0)
    for child in axes.child_axes:
        inner = child.get_tightbbox()
        low = low if inner is None else min(low, inner.y0)
    figure = axes.get_figure()
    assert figure is not None
    return float((axes.bbox.y0 - low) * 72 / figure.dpi) + 5.0


def _slot(axes: Axes) -> tuple[float, float]:
    """Middle of the part of the figure that the axes have for themselves, and what a legend may take of its width."""
    spec = axes.get_subplotspec()
    box = axes.get_position() if spec is None else spec.get_position(axes.get_figure())  # type: ignore[arg-type]
    return 0.5 * (box.x0 + box.x1), min(SLOT * box.width, 1.0) * LEGEND


def row_names(axes: Axes, names: Sequence[str], size: float) -> None:
    """Names of rows 0, 1, ... along the vertical axis: as large as the rows allow, `size` points at most.

    Where even the smallest readable font is too high, every second, third, ... row is named.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    names : sequence of str
    size : float

    Examples
    --------
    >>> from shallows.plotting import new_figure, row_names
    >>> axes = new_figure(3.4, 1.0).subplots()
    >>> row_names(axes, [f"row {i}" for i in range(40)], 8.5)
    >>> [label.get_text() for label in axes.get_yticklabels()][:3]
    ['row 0', 'row 6', 'row 12']
    """
    figure = axes.get_figure()
    assert figure is not None
    height = axes.get_position().height * figure.bbox.height * 72 / figure.dpi
    room = 0.75 * height / max(len(names), 1) / LINE
    step = 1
    while room * step < SMALLEST_FONT and step < len(names):
        step += 1
    axes.set_yticks(
        range(0, len(names), step), list(names)[::step], fontsize=min(size, max(room * step, SMALLEST_FONT))
    )
