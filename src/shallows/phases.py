"""Phases of the excess risk and of the learned spectrum (theory note, section 7; arXiv 2509.24882)."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from .errors import InvalidArgument, NotSupported
from .networks import network_named
from .phases_with_depth import exponents, phase_name, rates
from .teachers import PowerLaw

if TYPE_CHECKING:
    from .networks import Network
    from .problems import Problem

#: How close to ``n_eff = d`` (in ``log_d n_eff``) below the noise line counts as the interpolation peak.
PEAK_WIDTH = 0.02


@dataclass(frozen=True)
class Phase:
    """One phase of the diagram.

    Attributes
    ----------
    name : str
        As in the paper: Ia, Ib, II, III, IV, V, peak, VIa, VIb.
    rate : str
        How the excess risk behaves there.
    spectrum : str
        What the learned weights look like there.

    Examples
    --------
    >>> from shallows.phases import PHASES
    >>> PHASES["III"].rate
    'lam^2 d^2 / n_eff^2'
    """

    name: str
    rate: str
    spectrum: str


#: All phases by name, in the order of the theory note.
PHASES: dict[str, Phase] = {
    phase.name: phase
    for phase in (
        Phase("Ia", "constant: too few samples", "remnant of the bulk only"),
        Phase("Ib", "constant plateau: over-regularised", "all weights zero (rank collapse)"),
        Phase("II", "(lam sqrt(d) / n_eff)^(2 - 1/gamma)", "outliers only"),
        Phase("III", "lam^2 d^2 / n_eff^2", "all modes learned, shifted by the threshold"),
        Phase("IV", "n_eff^(-1 + 1/(2 gamma)), benign overfitting", "outliers and a thin bulk"),
        Phase("V", "harmful overfitting: rho(n_eff/d)", "outliers and a growing bulk"),
        Phase("peak", "lam^(-2/3): interpolation peak", "bulk over everything"),
        Phase("VIa", "d / n_eff", "bulk and outliers"),
        Phase("VIb", "d / n_eff, the Bayes-optimal rate", "all modes out of the bulk: heavy tail"),
    )
}


def are_known(network: Network) -> bool:
    """Whether the phases are derived: of plain networks, and of deep ones."""
    return network.kind == network.family or network.penalty_exponent < 1


def phases_of(network: str | Network) -> dict[str, Phase]:
    """The phases of a network by name, with its own rates.

    Raises
    ------
    NotSupported
        If they are not known.

    Examples
    --------
    >>> from shallows.phases import phases_of
    >>> phases_of("diagonal:depth=4")["V"].rate
    'harmful overfitting: 2 times the noise'
    """
    architecture = network_named(network)
    if architecture.kind == architecture.family:
        return PHASES
    if not are_known(architecture):
        raise NotSupported("network", architecture.name, "the phases of this network are not known")
    changed = rates(architecture.penalty_exponent)
    kept = {name: phase for name, phase in PHASES.items() if name != "IV"}
    return {name: replace(phase, rate=changed.get(name, phase.rate)) for name, phase in kept.items()}


def phase_at(network: str, nu: float, ell: float, gamma: float) -> Phase:
    """Phase at ``nu = log_d n_eff`` and ``ell = log_d lam`` (``-inf`` for vanishing weight decay).

    For the quadratic network `lam` is the reduced penalty (equal to the weight decay at full width). The
    phases are asymptotic: at finite `d` neighbouring ones blend, and this names the one whose rate applies as
    ``d`` grows. For the diagonal network phase IV has no room: there V follows Ia directly.

    Parameters
    ----------
    network : str or Network
    nu, ell : float
    gamma : float
        Decay exponent of the teacher.

    Raises
    ------
    InvalidArgument
        If ``gamma <= 1/2``, or the network is unknown.

    Examples
    --------
    Benign overfitting of the quadratic network; the same place is harmful for the diagonal one.

    >>> from shallows.phases import phase_at
    >>> phase_at("quadratic", 0.3, -1.0, gamma=1.25).name, phase_at("diagonal", 0.3, -1.0, gamma=1.25).name
    ('IV', 'V')
    """
    architecture = network_named(network)
    if not gamma > 0.5:
        raise InvalidArgument("gamma", gamma, "must be > 1/2")
    known = phases_of(architecture)
    if architecture.penalty_exponent < 1:
        return known[phase_name(architecture.penalty_exponent, nu, ell, gamma, PEAK_WIDTH)]
    if ell > (nu - 1) / 2:
        if nu < ell + 0.5:
            return PHASES["Ib"]
        return PHASES["II" if nu < ell + 0.5 + gamma else "III"]
    if nu < 0:
        return PHASES["Ia"]
    if abs(nu - 1) <= PEAK_WIDTH:
        return PHASES["peak"]
    if nu < 1:
        return PHASES["IV" if nu < architecture.benign_until(gamma) else "V"]
    return PHASES["VIa" if nu < 2 * gamma else "VIb"]


def phase_of(problem: Problem, regularisation: float) -> Phase | None:
    """Phase of `problem` at weight decay (diagonal) or reduced penalty (quadratic) `regularisation`.

    None where the phases are not defined: teachers other than power laws, and data without noise.

    Examples
    --------
    >>> from shallows import LowRank, PowerLaw, Problem
    >>> from shallows.phases import phase_of
    >>> phase_of(Problem("quadratic", PowerLaw(400, 1.25), samples=2000, noise=0.1), 0.01).name
    'IV'
    >>> phase_of(Problem("quadratic", LowRank(400, 3), samples=8000, noise=0.1), 0.01) is None
    True
    """
    if not isinstance(problem.teacher, PowerLaw) or problem.noise == 0 or problem.energy == 0:
        return None
    if not are_known(problem.architecture):
        return None
    log_d = math.log(problem.dim)
    ell = math.log(regularisation) / log_d if regularisation > 0 else -math.inf
    return phase_at(problem.network, math.log(problem.effective_samples) / log_d, ell, problem.teacher.gamma)


def predicted_exponents(network: str, gamma: float) -> dict[str, tuple[float | None, float | None]]:
    """Exponents of the excess risk in ``n_eff`` and in ``lam``, phase by phase (theory note, section 7).

    None where the rate is no power law: phase V of the diagonal network (a logarithm), and the number of samples
    at the peak.

    Raises
    ------
    InvalidArgument
        If ``gamma <= 1/2``, or the network is unknown.

    Examples
    --------
    >>> from shallows.phases import predicted_exponents
    >>> rates = predicted_exponents("quadratic", gamma=1.0)
    >>> rates["II"], rates["IV"], rates["peak"] == (None, -2 / 3)
    ((-1.0, 1.0), (-0.5, 0.0), True)
    """
    if not gamma > 0.5:
        raise InvalidArgument("gamma", gamma, "must be > 1/2")
    architecture = network_named(network)
    phases_of(architecture)
    if architecture.penalty_exponent < 1:
        return exponents(architecture.penalty_exponent, gamma)
    learned = 2 - 1 / gamma
    out: dict[str, tuple[float | None, float | None]] = {
        "Ia": (0.0, 0.0),
        "Ib": (0.0, 0.0),
        "II": (-learned, learned),
        "III": (-2.0, 2.0),
        "IV": (-1 + 1 / (2 * gamma), 0.0),
        "V": (architecture.harmful_exponent, 0.0),
        "peak": (None, -2 / 3),
        "VIa": (-1.0, 0.0),
        "VIb": (-1.0, 0.0),
    }
    if architecture.benign_until(gamma) <= 0:
        del out["IV"]
    return out
