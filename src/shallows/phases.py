"""Phases of the excess risk and of the learned spectrum (theory note, section 7; arXiv 2509.24882)."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from .errors import InvalidArgument
from .networks import network_named
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


def _deep(phase: Phase, network: Network) -> Phase:
    """The phase for a penalty of modes to the power ``q < 1``: other rates (docs/theory.md)."""
    q = f"{network.penalty_power:.3g}"
    other = {
        "II": f"(lam d^(q/2) / n_eff)^((2 - 1/gamma)/(2 - q)), q = {q}",
        "III": "lam^2 / n_eff^2",
        "V": "constant, 2 (1/q - 1) Delta for n_eff << d: noise is learned at full size",
        "peak": f"lam^(-2/(2 + q)), q = {q}: interpolation peak",
    }
    return replace(phase, rate=other.get(phase.name, phase.rate))


def phase_at(network: str, nu: float, ell: float, gamma: float) -> Phase:
    """Phase at ``nu = log_d n_eff`` and ``ell = log_d lam`` (``-inf`` for vanishing weight decay).

    For the quadratic network `lam` is the reduced penalty (equal to the weight decay at full width). The
    phases are asymptotic: at finite `d` neighbouring ones blend, and this names the one whose rate applies as
    ``d`` grows. For the diagonal network phase IV has no room: there V follows Ia directly; so it does for deep
    networks, whose borders and rates depend on the power ``q`` of their penalty (docs/theory.md).

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
    found = PHASES[_name_at(architecture, nu, ell, gamma)]
    return found if architecture.penalty_power == 1.0 else _deep(found, architecture)


def _name_at(network: Network, nu: float, ell: float, gamma: float) -> str:
    half = network.penalty_power / 2
    if ell > noise_border(network, nu, gamma):
        if nu < ell + half:
            return "Ib"
        return "II" if nu < ell + half + 2 * (1 - half) * gamma else "III"
    if nu < 0:
        return "Ia"
    if abs(nu - 1) <= PEAK_WIDTH:
        return "peak"
    if nu < 1:
        return "IV" if nu < network.benign_until(gamma) else "V"
    return "VIa" if nu < 2 * gamma else "VIb"


def noise_border(network: str | Network, nu: float, gamma: float) -> float:
    """``ell`` above which learned noise is negligible, at ``nu = log_d n_eff``.

    Up to ``nu = 2 gamma`` the cut has to pass the edge of the bulk, ``ell = q (nu - 1)/2``. Beyond, all modes stand out
    of the bulk, and their shift has to pass the noise on them: ``ell = (nu - 1)/2 - (1 - q)(gamma - 1/2)``.

    Examples
    --------
    >>> from shallows.phases import noise_border
    >>> [noise_border(name, nu=3.0, gamma=1.0) for name in ("quadratic", "quadratic:depth=2")]
    [1.0, 0.75]
    """
    power = network_named(network).penalty_power
    if power == 1.0:
        return (nu - 1) / 2
    return power * (nu - 1) / 2 if nu <= 2 * gamma else (nu - 1) / 2 - (1 - power) * (gamma - 0.5)


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
    power = architecture.penalty_power
    learned = (2 - 1 / gamma) / (2 - power)
    out: dict[str, tuple[float | None, float | None]] = {
        "Ia": (0.0, 0.0),
        "Ib": (0.0, 0.0),
        "II": (-learned, learned),
        "III": (-2.0, 2.0),
        "IV": (-1 + 1 / (2 * gamma), 0.0),
        "V": (architecture.harmful_exponent, 0.0),
        "peak": (None, -2 / (2 + power)),
        "VIa": (-1.0, 0.0),
        "VIb": (-1.0, 0.0),
    }
    if architecture.benign_until(gamma) <= 0:
        del out["IV"]
    return out
