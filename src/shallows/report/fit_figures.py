"""Figures of a network fitted to a user's data: the path of weight decays, and the forecast."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..networks import network_named
from ..plotting.fits import draw_forecast, draw_learned_features, draw_path
from ..plotting.style import new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Width of the figures, in inches.
WIDTH = 6.6


def path_figure(content: dict[str, Any]) -> Figure:
    """Estimated test error, train error and learned features along the weight decays tried."""
    figure = new_figure(WIDTH, 4.4)
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(2.2, 1))
    draw_path(top, content["path"])
    draw_learned_features(bottom, content["path"], network_named(content["network"]).words.active)
    top.set_xlabel("")
    bottom.yaxis.get_major_locator().set_params(integer=True)
    return figure


def forecast_figure(content: dict[str, Any]) -> Figure:
    """Test error against samples, at the best and at the present weight decay."""
    figure = new_figure(WIDTH, 3.0)
    draw_forecast(figure.subplots(), content["forecast"])
    return figure
