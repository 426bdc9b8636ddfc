"""Where theory breaks: departures from its assumptions, each measured against its prediction.

>>> from shallows.robustness import departure_named, phase_named
>>> drawn = departure_named("student:3 noise").draw(phase_named("diagonal-II"), seed=0)
>>> round(drawn.predicted_risk(), 3)
0.229
"""

from __future__ import annotations

from .data_departures import World, of_design
from .departures import FAMILIES, Departure, Drawn, departure_named, departures, register_departure
from .settings import PHASES, Phase, phase_named
from .students import Learned, TheoryStudent

__all__ = [
    "FAMILIES",
    "PHASES",
    "Departure",
    "Drawn",
    "Learned",
    "Phase",
    "TheoryStudent",
    "World",
    "departure_named",
    "departures",
    "of_design",
    "phase_named",
    "register_departure",
]


def __dir__() -> list[str]:
    return sorted(__all__)
