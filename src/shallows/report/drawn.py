"""Figures of a page: each as wide as the page, and as wide as a column of print or a phone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..plotting.style import COLUMN, PAGE, save, styled
from .html import svg_address

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from matplotlib.figure import Figure


def write_figures(
    wanted: Sequence[tuple[str, str, Callable[[float], Figure], str]], folder: Path
) -> list[dict[str, str]]:
    """Draw every figure twice, write it as PNG and SVG, and return what a page says of it.

    ``name.png`` and ``name.svg`` are as wide as a page, ``name-column.svg`` as a column, with panels below each other.
    A page shows the second where it is narrow.

    Parameters
    ----------
    wanted : sequence of (str, str, callable, str)
        Name of the files, title, the figure of a width in inches, and caption.
    folder : Path
        Which exists.

    Returns
    -------
    list of dict
        ``name``, ``title``, ``data`` and ``narrow`` (addresses of the two), ``caption`` and ``alt``.
    """
    out = []
    with styled():
        for name, title, draw, caption in wanted:
            data = svg_address(save(draw(PAGE), folder, name))
            narrow = svg_address(save(draw(COLUMN), folder, f"{name}-column", vector_only=True))
            found = {"name": name, "title": title, "data": data, "narrow": narrow, "caption": caption, "alt": title}
            out.append(found)
    return out
