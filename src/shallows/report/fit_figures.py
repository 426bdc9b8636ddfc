"""Figures of a network fitted to a user's data: the path of weight decays, and the forecast."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..networks import network_named
from ..plotting.explained import explain_all
from ..plotting.fits import draw_forecast, draw_learned_features, draw_path
from ..plotting.style import PAGE, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def path_figure(content: dict[str, Any], width: float = PAGE) -> Figure:
    """Estimated test error, train error and learned features along the weight decays tried."""
    figure = new_figure(width, 4.4)
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(2.2, 1))
    draw_path(top, content["path"])
    draw_learned_features(bottom, content["path"], network_named(content["network"]).words.active)
    top.set_xlabel("")
    bottom.yaxis.get_major_locator().set_params(integer=True)
    explain_all(figure, top.get_legend_handles_labels()[0])
    return figure


def forecast_figure(content: dict[str, Any], width: float = PAGE) -> Figure:
    """Test error against samples, at the best and at the present weight decay."""
    figure = new_figure(width, 3.2)
    draw_forecast(figure.subplots(), content["forecast"])
    return figure
