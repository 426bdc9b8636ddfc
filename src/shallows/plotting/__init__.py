"""How figures look: style, readable axes, and the parts of figures that several pages use."""

from __future__ import annotations

from . import diagonal, quadratic  # noqa: F401  what differs by network
from .explained import explain, explain_all, row_names
from .spectrum import draw_learned_density, shown_ranks
from .style import axes_or_new, load_matplotlib, new_figure, panels, save, styled
from .ticks import plain_log_ticks, rank_ticks

__all__ = [
    "axes_or_new",
    "draw_learned_density",
    "explain",
    "explain_all",
    "load_matplotlib",
    "new_figure",
    "panels",
    "plain_log_ticks",
    "rank_ticks",
    "row_names",
    "save",
    "shown_ranks",
    "styled",
]
