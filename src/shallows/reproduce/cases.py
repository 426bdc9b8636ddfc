"""The panels of the figure of learned spectra (arXiv 2509.24882, figure 2)."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..networks import Network, network_named, paper_networks
from ..problems import Problem
from ..teachers import PowerLaw

GAMMA, NOISE = 1.25, 0.1
#: Panels of both networks: phase, weight decay, and n_eff in units of the power of `d` it is set by.
CASES = (
    ("Ia", "1/d", lambda d: 0.3),
    ("IV", "1/d", lambda d: 0.06 * d),
    ("VIa", "1/d", lambda d: 1.5 * d),
    ("Ib", "sqrt(d)", lambda d: 0.15 * d),
    ("II", "sqrt(d)", lambda d: 2.0 * d),
    ("III", "sqrt(d)", lambda d: 4.0 * d * d),
)


@dataclass(frozen=True)
class Case:
    """One panel."""

    network: str
    phase: str
    decay_name: str
    weight_decay: float
    problem: Problem

    @property
    def architecture(self) -> Network:
        """The network as an object."""
        return network_named(self.network)

    @property
    def key(self) -> str:
        """File name of its measured spectra."""
        return f"{self.network}-d{self.problem.dim}-{self.phase}-n{self.problem.samples}"


def panel_phase(network: str, phase: str) -> str:
    """The phase that a network has in the panel: V for one without a phase IV.

    Examples
    --------
    >>> from shallows.reproduce.cases import panel_phase
    >>> panel_phase("diagonal", "IV"), panel_phase("quadratic", "IV")
    ('V', 'IV')
    """
    return "V" if phase == "IV" and not network_named(network).benign_until(GAMMA) else phase


def cases(dim: int) -> list[Case]:
    """All panels: phases Ia, IV (for the diagonal network V), VIa below the noise line and Ib, II, III above."""
    out = []
    for network in paper_networks():
        architecture = network_named(network)
        per_sample = architecture.samples_per_effective(dim)
        for phase, decay, size in CASES:
            n_eff = max(size(dim), 2.0 / per_sample)  # there is no fraction of a sample
            n = max(1, round(n_eff * per_sample))
            lam = 1 / dim if decay == "1/d" else math.sqrt(dim)
            problem = Problem(network, PowerLaw(dim, GAMMA), n, NOISE)
            out.append(Case(network, panel_phase(network, phase), decay, lam, problem))
    return out
