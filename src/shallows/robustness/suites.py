"""What the quick and the full suite measure."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import InvalidArgument
from .departures import Departure, departures
from .settings import OF_OTHERS, Phase


@dataclass(frozen=True)
class Suite:
    """How much is measured.

    Attributes
    ----------
    name : str
    seeds : int
        Data sets of each departure in each phase.
    network_seeds : int
        The same where networks are trained that theory does not cover.
    all_networks : bool
        Whether networks that theory does not cover are measured on every target and in every phase.
    """

    name: str
    seeds: int
    network_seeds: int
    all_networks: bool

    def seeds_of(self, departure: Departure) -> int:
        """Data sets of a departure."""
        return self.network_seeds if departure.phases == OF_OTHERS else self.seeds

    def phases(self, departure: Departure) -> tuple[Phase, ...]:
        """Where the suite measures a departure."""
        if departure.phases != OF_OTHERS:
            return departure.phases
        if not self.all_networks:
            return OF_OTHERS[1:2]
        on_quadratic = departure.name.endswith("on quadratic") and departure.family == "activation"
        return OF_OTHERS if on_quadratic else OF_OTHERS[:2]

    def departures(self) -> tuple[Departure, ...]:
        """Which departures it measures."""
        few = ("on quadratic", "on matched")
        return tuple(
            one for one in departures() if self.all_networks or one.phases != OF_OTHERS or one.name.endswith(few)
        )


SUITES = (Suite("quick", 2, 2, False), Suite("full", 5, 3, True))


def suite_named(name: str) -> Suite:
    """The suite of that name; :class:`InvalidArgument` if there is none."""
    found = {suite.name: suite for suite in SUITES}
    if name not in found:
        raise InvalidArgument("suite", name, "must be quick or full")
    return found[name]
