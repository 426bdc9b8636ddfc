"""Where theory breaks: departures from its assumptions, each measured against its prediction.

>>> from shallows.robustness import departure_named, phase_named
>>> drawn = departure_named("student:3 noise").draw(phase_named("diagonal-II"), seed=0)
>>> round(drawn.predicted_risk(), 3)
0.229
"""

from __future__ import annotations

from .activations import ACTIVATIONS, checked_activation
from .citing import Citation, cite_activation, cite_inputs
from .customs import load_custom
from .data_departures import World, of_design
from .departures import FAMILIES, Departure, Drawn, departure_named, departures, register_departure
from .gradient_students import GradientStudent
from .learned import Learned
from .loss_departures import LogisticStudent
from .network_departures import of_activation
from .pages import check_atlas_folder, write_atlas
from .results import Atlas, Cell, LayerTale
from .run import run_atlas
from .settings import PHASES, Phase, phase_named
from .students import TheoryStudent
from .table_departures import TableWorld

__all__ = [
    "ACTIVATIONS",
    "FAMILIES",
    "PHASES",
    "Atlas",
    "Cell",
    "Citation",
    "Departure",
    "Drawn",
    "GradientStudent",
    "LayerTale",
    "Learned",
    "LogisticStudent",
    "Phase",
    "TableWorld",
    "TheoryStudent",
    "World",
    "check_atlas_folder",
    "checked_activation",
    "cite_activation",
    "cite_inputs",
    "departure_named",
    "departures",
    "load_custom",
    "of_activation",
    "of_design",
    "phase_named",
    "register_departure",
    "run_atlas",
    "write_atlas",
]


def __dir__() -> list[str]:
    return sorted(__all__)
