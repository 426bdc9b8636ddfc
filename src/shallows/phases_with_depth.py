"""Phases and exponents of deep networks, whose penalty is of modes to the power ``q < 1`` (docs/theory.md).

The diagonal network of `L` layers has ``q = 2/L``, the quadratic one of `k` square layers ``q = 1/k``. With the
threshold ``zeta``, about ``lam d^(q/2)/n`` in units in which the largest mode is one, modes up to
``c = zeta^(1/(2-q))`` become zero, and a larger one is shrunk by ``zeta theta^(q-1)`` only. All rates are of the excess
risk, for noisy labels, in ``n_eff``, ``lam`` (the reduced penalty of the quadratic network) and ``d``.
"""

from __future__ import annotations

import math


def noise_line(q: float, nu: float, gamma: float) -> float:
    """``ell = log_d lam`` on the line below which noise is learned, or outweighs what weight decay takes off.

    Up to ``nu = 2 gamma`` that is where the threshold meets the noise, ``lam = (n/d)^(1/L)``; beyond, where all modes
    are learned, the line bends up to ``lam = n^(1/2) d^(-1/L - gamma (1 - 2/L))``: strong modes are hardly shrunk.

    Parameters
    ----------
    q : float
        ``2/L``.
    nu : float
        ``log_d n``.
    gamma : float
        Decay exponent of the teacher.

    Examples
    --------
    >>> from shallows.phases_with_depth import noise_line
    >>> round(noise_line(2 / 3, 0.5, 1.0), 4), round(noise_line(1.0, 0.5, 1.0), 4)
    (-0.1667, -0.25)
    """
    return max((nu - 1) * q / 2, (nu - q) / 2 - gamma * (1 - q) if nu > 2 * gamma else -math.inf)


def phase_name(q: float, nu: float, ell: float, gamma: float, peak_width: float) -> str:
    """Name of the phase at ``nu = log_d n`` and ``ell = log_d lam``, as in the paper's diagram; there is no phase IV.

    Examples
    --------
    Three layers learn at fewer samples than two, which are silent here.

    >>> from shallows.phases_with_depth import phase_name
    >>> [phase_name(q, 0.4, 0.0, 1.0, 0.02) for q in (1.0, 2 / 3)]
    ['Ib', 'II']
    """
    if ell > noise_line(q, nu, gamma):
        if nu < ell + q / 2:
            return "Ib"
        return "II" if nu < ell + q / 2 + gamma * (2 - q) else "III"
    if nu < 0:
        return "Ia"
    if abs(nu - 1) <= peak_width:
        return "peak"
    if nu < 1:
        return "V"
    return "VIa" if nu < 2 * gamma else "VIb"


def exponents(q: float, gamma: float) -> dict[str, tuple[float | None, float | None]]:
    """Exponents of the excess risk in ``n`` and in ``lam``, by phase; None where it is no power of the two alone.

    Examples
    --------
    >>> from shallows.phases_with_depth import exponents
    >>> [round(exponents(q, gamma=1.0)["II"][1], 12) for q in (2 / 3, 1.0)]
    [0.75, 1.0]
    """
    learned = (2 - 1 / gamma) / (2 - q)
    return {
        "Ia": (0.0, 0.0),
        "Ib": (0.0, 0.0),
        "II": (-learned, learned),
        "III": (-2.0, 2.0),
        "V": (0.0, 0.0),
        "peak": (None, -2 / (2 + q)),
        "VIa": (-1.0, 0.0),
        "VIb": (-1.0, 0.0),
    }


def interpolation_risk(q: float) -> float:
    """Excess risk over noise variance of weights that interpolate ``1 << n << d`` samples: ``2 (1-q)/q = L - 2``.

    Of the degrees of freedom almost all are the jump's, of which each costs ``t_c/u_c`` of the noise that it fits.
    The network of two layers has 0, which it approaches as ``1/log(d/n)``.

    Examples
    --------
    >>> from shallows.phases_with_depth import interpolation_risk
    >>> [round(interpolation_risk(2 / depth), 12) for depth in (2, 3, 4)]
    [0.0, 1.0, 2.0]
    """
    return 2 * (1 - q) / q


def rates(q: float) -> dict[str, str]:
    """How the excess risk behaves, in words, for the phases where depth changes it.

    Examples
    --------
    >>> from shallows.phases_with_depth import rates
    >>> rates(2 / 3)["II"]
    '(lam d^(1/3) / n_eff)^(0.75 (2 - 1/gamma))'
    """
    depth = round(2 / q)
    return {
        "II": f"(lam d^(1/{depth}) / n_eff)^({1 / (2 - q):.3g} (2 - 1/gamma))",
        "III": f"lam^2 d^({1 + q:.3g} + {2 * (1 - q):.3g} gamma) / n_eff^2",
        "V": f"harmful overfitting: {depth - 2} times the noise",
        "peak": f"lam^(-{2 / (2 + q):.3g}): interpolation peak",
    }
