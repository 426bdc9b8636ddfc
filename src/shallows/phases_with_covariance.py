"""Phases and exponents for inputs whose covariance falls as a power law, aligned with the teacher (docs/theory.md).

Eigenvalues are ``k^-a`` with mean one, ``a > 0``, and the modes of the whitened teacher ``k^-gamma``. All rates are of
the excess risk, for noisy labels, in ``n_eff``, ``lam`` and ``d``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ._arguments import check_number
from .errors import InvalidArgument
from .networks import network_named
from .phases import PEAK_WIDTH, PHASES, Phase, phase_of

if TYPE_CHECKING:
    from .networks import Network
    from .problems import Problem

#: Phases that white inputs do not have, by name.
COVARIANCE_PHASES: dict[str, Phase] = {
    phase.name: phase
    for phase in (
        Phase("tempered", "constant: tempered overfitting", "outliers, and noise along directions of large variance"),
        Phase("leak", "noise that leaks past the threshold", "outliers, and noise along directions of large variance"),
    )
}


@dataclass(frozen=True)
class CostLaw:
    """How the costs of the modes rise: ``C_k = k^rise d^-norm``, and what noise they let through.

    At a threshold ``kappa`` times the noise scale the learned noise is ``d^level kappa^-leak / n_eff``.

    Attributes
    ----------
    rise, norm, leak, level : float

    Examples
    --------
    >>> from shallows.phases_with_covariance import CostLaw
    >>> CostLaw.of("diagonal", 0.5)
    CostLaw(rise=0.25, norm=0.25, leak=4.0, level=1.0)
    """

    rise: float
    norm: float
    leak: float
    level: float

    @classmethod
    def of(cls, network: str | Network, exponent: float) -> CostLaw:
        """Of a network and the exponent ``a`` of the covariance."""
        a = check_number("covariance", exponent, strict=True)
        if not network_named(network).is_matrix:
            return cls(a / 2, min(a, 1.0) / 2, 2 / a, min(1.0, 1 / a))
        if a <= 1:
            return cls(a, a, 2 + 2 / a, 1.0)
        return cls(a, 1.0, 4 / (2 * a - 1), (3 - 2 * a) / (2 * a - 1))


def tempered_risk(network: str | Network, exponent: float) -> float:
    """Excess risk over noise variance of a network that interpolates, as ``d >> n_eff >> 1``: ``2/leak``.

    Overfitting is tempered: neither benign, as with white inputs far below interpolation, nor growing with the samples.
    The diagonal network: ``a``. The quadratic one: ``a/(1 + a)`` up to ``a = 1``, ``a - 1/2`` from there.

    Parameters
    ----------
    network : str or Network
    exponent : float
        ``a > 0``.

    Raises
    ------
    InvalidArgument
        For another exponent, or an unknown network.

    Examples
    --------
    >>> from shallows.phases_with_covariance import tempered_risk
    >>> [tempered_risk("diagonal", 0.5), tempered_risk("quadratic", 1.0), tempered_risk("quadratic", 2.0)]
    [0.5, 0.5, 1.5]
    """
    return 2 / CostLaw.of(network, exponent).leak


def _learned(law: CostLaw, height: float, gamma: float) -> tuple[str, float]:
    """Phase and ``log_d R`` of what a threshold of ``log_d (zeta/sqrt(d)) = height`` leaves unlearned or shifts."""
    if height - law.norm >= 0:
        return "Ib", 0.0
    if height - law.norm > -(gamma + law.rise):
        return "II", (height - law.norm) * (2 * gamma - 1) / (gamma + law.rise)
    return "III", 2 * height + 1 + 2 * (law.rise - law.norm)


def phase_at_covariance(network: str | Network, nu: float, ell: float, gamma: float, exponent: float) -> Phase:
    """Phase at ``nu = log_d n_eff`` and ``ell = log_d lam`` (``-inf`` for vanishing weight decay), for ``a > 0``.

    Raises
    ------
    InvalidArgument
        If ``gamma <= 1/2``, or the exponent is not positive.

    Examples
    --------
    The noise line is no line any more: learned noise falls as a power of the weight decay.

    >>> from shallows.phases_with_covariance import phase_at_covariance
    >>> [phase_at_covariance("quadratic", 0.5, ell, 1.25, 0.5).name for ell in (-1.0, -0.15, 0.2, 2.0)]
    ['tempered', 'leak', 'II', 'Ib']
    """
    law = CostLaw.of(network, exponent)
    if not gamma > 0.5:
        raise InvalidArgument("gamma", gamma, "must be > 1/2")
    if nu < 0:
        return PHASES["Ia"]
    kappa = ell + 0.5 - nu / 2
    name, learned = _learned(law, kappa - nu / 2, gamma)
    ceiling = min(0.0, 1 - nu)
    leak = law.level - nu - law.leak * kappa
    if name == "Ib":
        return PHASES[name]
    if max(learned, ceiling) == learned or min(leak, ceiling) < learned:
        return PHASES[name]
    if leak < ceiling:
        return COVARIANCE_PHASES["leak"]
    if abs(nu - 1) <= PEAK_WIDTH:
        return PHASES["peak"]
    if nu < 1:
        return COVARIANCE_PHASES["tempered"]
    return PHASES["VIa" if nu < 2 * gamma else "VIb"]


def phase_of_problem(problem: Problem, regularisation: float) -> Phase | None:
    """Phase of `problem`; None where the phases are not defined (see :func:`shallows.phases.phase_of`).

    With a covariance: for power laws of both, aligned.

    Examples
    --------
    >>> from shallows import GaussianDesign, PowerLaw, Problem
    >>> from shallows.phases_with_covariance import phase_of_problem
    >>> problem = Problem("quadratic", PowerLaw(400, 1.25), samples=2000, noise=0.1, design=GaussianDesign(0.5))
    >>> phase_of_problem(problem, 0.01).name
    'tempered'
    """
    exponent = problem.design.aligned_exponent
    if exponent == 0.0 or phase_of(problem, regularisation) is None:
        return phase_of(problem, regularisation) if exponent == 0.0 else None
    if exponent is None or exponent < 0:
        return None
    log_d = math.log(problem.dim)
    ell = math.log(regularisation) / log_d if regularisation > 0 else -math.inf
    nu = math.log(problem.effective_samples) / log_d
    return phase_at_covariance(problem.network, nu, ell, problem.teacher.gamma, exponent)  # type: ignore[attr-defined]


def predicted_exponents(
    network: str | Network, gamma: float, exponent: float
) -> dict[str, tuple[float | None, float | None]]:
    """Exponents of the excess risk in ``n_eff`` and in ``lam``, phase by phase, for ``a > 0``.

    Raises
    ------
    InvalidArgument
        If ``gamma <= 1/2``, or the exponent is not positive.

    Examples
    --------
    >>> from shallows.phases_with_covariance import predicted_exponents
    >>> predicted_exponents("quadratic", 1.5, 0.5)["II"], predicted_exponents("diagonal", 1.5, 0.5)["leak"]
    ((-1.0, 1.0), (1.0, -4.0))
    """
    law = CostLaw.of(network, exponent)
    if not gamma > 0.5:
        raise InvalidArgument("gamma", gamma, "must be > 1/2")
    learned = (2 * gamma - 1) / (gamma + law.rise)
    return {
        "Ib": (0.0, 0.0),
        "II": (-learned, learned),
        "III": (-2.0, 2.0),
        "tempered": (0.0, 0.0),
        "leak": (law.leak / 2 - 1, -law.leak),
        "peak": (None, -2 / 3),
        "VIa": (-1.0, 0.0),
        "VIb": (-1.0, 0.0),
    }


def best_rate(network: str | Network, nu: float, gamma: float, exponent: float) -> tuple[float, float]:
    """``log_d R`` at the best weight decay as ``d`` grows, and its exponent in ``n_eff``, at ``nu = log_d n_eff``.

    With `K` modes learned the risk is ``K^(1 - 2 gamma)`` of those that are not, and ``P(K)/n`` of the noise in
    ``P(K)`` parameters; `K` balances the two, up to the number of dimensions.

    Parameters
    ----------
    network : str or Network
    nu : float
    gamma, exponent : float
        Exponents of the teacher and of the covariance, ``a >= 0``.

    Returns
    -------
    log_risk, slope : float

    Raises
    ------
    InvalidArgument
        If ``gamma <= 1/2``, or the exponent is negative.

    Examples
    --------
    The diagonal network gains nothing from the covariance. The quadratic one learns as if it had ``K^2`` weights where
    variance falls fast.

    >>> from shallows.phases_with_covariance import best_rate
    >>> [round(best_rate(name, 0.5, 1.5, 2.0)[1], 4) for name in ("diagonal", "quadratic")]
    [-0.6667, -0.5]
    """
    a = check_number("covariance", exponent)
    if not gamma > 0.5:
        raise InvalidArgument("gamma", gamma, "must be > 1/2")
    matrix = network_named(network).is_matrix
    samples = nu + 1 if matrix else nu

    def balance(x: float) -> float:
        """Logarithm of the noise over that of the modes that are not learned, with ``d^x`` learned."""
        return (_parameters(x, gamma, a) if matrix else x) - samples + (2 * gamma - 1) * x

    def solved(samples_shift: float) -> float:
        low, high = 0.0, 1.0
        if balance(1.0) <= samples_shift:
            return 1 - samples + (1 if matrix else 0) - samples_shift
        for _ in range(200):
            middle = 0.5 * (low + high)
            low, high = (low, middle) if balance(middle) > samples_shift else (middle, high)
        return (1 - 2 * gamma) * low

    h = 1e-6
    return solved(0.0), (solved(h) - solved(-h)) / (2 * h)


def _parameters(x: float, gamma: float, a: float) -> float:
    """``log_d P`` with ``d^x`` modes learned: noise that leaks past the threshold, or in the learned modes themselves.

    Mode ``k`` is mixed by noise with the directions that cost less than it is worth, ``K (K/k)^(gamma/a)`` or all.
    """
    if a == 0:
        return 1 + x
    leak = 2 * x if a >= 1 else (1 + a) * x + 1 - a
    if gamma <= a:
        return max(leak, 2 * x)
    first = x * (1 + gamma / a)  # directions that mix with the leading mode, if there are so many, times K^0
    mixed = first if first - 1 <= 0 else 1 + x + (x - 1) * a / gamma
    return max(leak, 2 * x, mixed)
