"""Phases of the excess risk and of the learned spectrum (theory note, section 7; arXiv 2509.24882)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .errors import InvalidArgument
from .teachers import PowerLaw

if TYPE_CHECKING:
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
    """

    name: str
    rate: str
    spectrum: str


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


def phase_at(network: str, nu: float, ell: float, gamma: float) -> Phase:
    """Phase at ``nu = log_d n_eff`` and ``ell = log_d lam`` (``-inf`` for vanishing weight decay).

    For the quadratic network `lam` is the reduced penalty (equal to the weight decay at full width). The
    phases are asymptotic: at finite `d` neighbouring ones blend, and this names the one whose rate applies as
    ``d`` grows. For the diagonal network phase IV has no room: there V follows Ia directly.

    Raises
    ------
    InvalidArgument
        If ``gamma <= 1/2``.
    """
    if not gamma > 0.5:
        raise InvalidArgument("gamma", gamma, "must be > 1/2")
    if ell > (nu - 1) / 2:
        if nu < ell + 0.5:
            return PHASES["Ib"]
        return PHASES["II" if nu < ell + 0.5 + gamma else "III"]
    if nu < 0:
        return PHASES["Ia"]
    if abs(nu - 1) <= PEAK_WIDTH:
        return PHASES["peak"]
    if nu < 1:
        benign = network == "quadratic" and nu < 0.4 / (1.4 - 1 / (2 * gamma))
        return PHASES["IV" if benign else "V"]
    return PHASES["VIa" if nu < 2 * gamma else "VIb"]


def phase_of(problem: Problem, regularisation: float) -> Phase | None:
    """Phase of `problem` at weight decay (diagonal) or reduced penalty (quadratic) `regularisation`.

    None where the phases are not defined: teachers other than power laws, and data without noise.
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
    """
    if not gamma > 0.5:
        raise InvalidArgument("gamma", gamma, "must be > 1/2")
    if network not in ("diagonal", "quadratic"):
        raise InvalidArgument("network", network, 'must be "diagonal" or "quadratic"')
    quadratic = network == "quadratic"
    learned = 2 - 1 / gamma
    out: dict[str, tuple[float | None, float | None]] = {
        "Ia": (0.0, 0.0),
        "Ib": (0.0, 0.0),
        "II": (-learned, learned),
        "III": (-2.0, 2.0),
        "IV": (-1 + 1 / (2 * gamma), 0.0),
        "V": (0.4 if quadratic else None, 0.0),
        "peak": (None, -2 / 3),
        "VIa": (-1.0, 0.0),
        "VIb": (-1.0, 0.0),
    }
    if not quadratic:
        del out["IV"]
    return out
