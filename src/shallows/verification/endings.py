"""Where gradient training ends, by the scale of its initial weights, where the problem is not convex."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .._display import Displayed, Summary
from .._numbers import measured_number
from .measurements import Statistic

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .measurements import Measurements

#: Objectives within this share above that of message passing count as theory's branch.
NEAR = 0.02
#: Excess risks differ by more than this share, or they are alike.
ALIKE = 0.05


@dataclass(frozen=True, repr=False)
class Ending(Displayed):
    """Where training from initial weights of one scale ended, over the data sets.

    Attributes
    ----------
    init_scale : float
        Of the initial weights, over those whose outputs have about the size of the labels.
    excess_risk, objective : Statistic
    above : Statistic
        Relative height of the objective over that of message passing on the same data.
    active : Statistic
        Weights that are not zero.
    branch : {"collapse", "theory", "better", "worse"}
        Nothing is learned; the objective is within 2 % of message passing's; it is higher, and the excess risk lower
        by more than 5 %, or not.

    Examples
    --------
    >>> from shallows.verification import Ending, Statistic
    >>> one = Statistic((1.0,))
    >>> Ending(0.1, one, one, one, Statistic((0.0,)), "collapse").to_dict()["branch"]
    'collapse'
    """

    init_scale: float
    excess_risk: Statistic
    objective: Statistic
    above: Statistic
    active: Statistic
    branch: str

    def _summary(self) -> Summary:
        rows = [
            ("branch", self.branch),
            ("excess risk", self.excess_risk.in_words),
            ("objective", f"{100 * self.above.mean:+.2g} %", "over message passing's"),
            ("active weights", measured_number(self.active.mean, self.active.standard_error)),
        ]
        return Summary(f"Trained from weights times {self.init_scale:g}", rows)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "init_scale": self.init_scale,
            "branch": self.branch,
            "excess_risk": self.excess_risk.to_dict(),
            "objective": self.objective.to_dict(),
            "objective_above_amp": self.above.to_dict(),
            "active": self.active.to_dict(),
        }


def endings_of(measured: Mapping[str, Measurements]) -> tuple[Ending, ...]:
    """The endings of gradient training beside message passing on the same data, largest scale first."""
    if "amp" not in measured:
        return ()
    reference = measured["amp"]
    places = {index: place for place, index in enumerate(reference.datasets)}
    found = []
    for name, runs in measured.items():
        kind, _, scale = name.partition(":")
        if kind == "gradient" and set(runs.datasets) <= set(places):
            found.append(_ending(float(scale or 1), runs, reference, [places[index] for index in runs.datasets]))
    return tuple(sorted(found, key=lambda ending: -ending.init_scale))


def _ending(scale: float, runs: Measurements, reference: Measurements, places: list[int]) -> Ending:
    there = [reference.objective.values[place] for place in places]
    above = tuple(own / base - 1 for own, base in zip(runs.objective.values, there, strict=True))
    active = tuple(float(count) for count in (np.abs(runs.spectra) > runs.zero).sum(axis=1))
    risk = float(np.mean([reference.excess_risk.values[place] for place in places]))
    if max(active) == 0:
        branch = "collapse"
    elif float(np.mean(above)) <= NEAR:
        branch = "theory"
    else:
        branch = "better" if runs.excess_risk.mean < (1 - ALIKE) * risk else "worse"
    return Ending(scale, runs.excess_risk, runs.objective, Statistic(above), Statistic(active), branch)
