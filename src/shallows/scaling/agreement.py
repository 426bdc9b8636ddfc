"""What a phase diagram says, in numbers and in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..networks import network_named
from .diagram import BLUR
from .found_phases import NAMES

if TYPE_CHECKING:
    import xarray


def agreement(diagram: xarray.Dataset) -> dict[str, dict[str, float]]:
    """How far the phases found numerically are the analytic ones, and where finite `d` blurs them.

    Parameters
    ----------
    diagram : xarray.Dataset
        As :func:`phase_diagram` returns it.

    Returns
    -------
    dict
        Per analytic phase, and under ``all``: ``points``, ``agree`` (share of points with the same numerical
        phase), ``blurred`` (share whose exponents are not asymptotic), ``unsolved`` (share without a solution).

    Examples
    --------
    >>> from shallows.scaling import agreement, phase_diagram
    >>> diagram = phase_diagram("diagonal", 10**6, 1.25, 0.1, points=(10, 8), nu=(0.5, 2.5), ell=(-0.5, 0.5))
    >>> shares = agreement(diagram)
    >>> shares["all"]["points"], shares["all"]["unsolved"]
    (80, 0.0)
    """
    analytic = diagram["analytic_phase"].values
    numerical = diagram["numerical_phase"].values
    blurred = diagram["blurred"].values
    out = {}
    for code, name in [*enumerate(NAMES), (None, "all")]:
        here = np.ones_like(analytic, dtype=bool) if code is None else analytic == code
        count = int(here.sum())
        if count:
            out[name] = {
                "points": count,
                "agree": float((numerical == analytic)[here].mean()),
                "blurred": float(blurred[here].mean()),
                "unsolved": float((numerical == -1)[here].mean()),
            }
    return out


def reading(diagram: xarray.Dataset) -> str:
    """One paragraph: what the diagram shows and where finite dimension blurs it.

    Parameters
    ----------
    diagram : xarray.Dataset
        As :func:`phase_diagram` returns it.

    Examples
    --------
    >>> from shallows.scaling import phase_diagram, reading
    >>> diagram = phase_diagram("diagonal", 10**6, 1.25, 0.1, points=(10, 8), nu=(0.5, 2.5), ell=(-0.5, 0.5))
    >>> print(reading(diagram).split(":")[0])
    Diagonal network, d = 1e+06, gamma = 1.25, Delta = 0.1
    """
    shares = agreement(diagram)
    every = shares.pop("all")
    about = diagram.attrs
    dim, gamma = about["dim"], about["gamma"]
    soft = [f"{name} ({100 * s['blurred']:.0f} %)" for name, s in shares.items() if s["blurred"] > 0.25]
    moved = [f"{name} ({100 * s['agree']:.0f} %)" for name, s in shares.items() if s["agree"] < 0.75]
    text = (
        f"{network_named(about['network']).title}, d = {dim:g}, gamma = {gamma:g}, Delta = {about['noise']:g}: the "
        f"phase found from computed exponents and spectrum is the asymptotic one at {100 * every['agree']:.0f} % of "
        f"{every['points']} points. "
    )
    text += (
        f"Local exponents are more than {BLUR:g} away from their asymptotic values, that is finite d blurs the phase, "
        f"at {100 * every['blurred']:.0f} % of the points"
    )
    text += f", most in {', '.join(soft)}. " if soft else ". "
    if moved:
        text += f"Its borders are far from their asymptotic places (share of points that agree) in {', '.join(moved)}. "
    if every["unsolved"] > 0:
        text += f"The equations could not be solved to tolerance at {100 * every['unsolved']:.2g} % of the points. "
    n_eff = diagram["effective_samples"].values
    best = diagram["optimal_weight_decay"].values
    inside = np.isfinite(best) & (n_eff > max(dim**0.3, 10.0)) & (n_eff < dim ** (1.4 * gamma))
    if inside.sum() >= 4:
        slope = np.polyfit(np.log(n_eff[inside]), np.log(best[inside]), 1)[0]
        text += f"The best weight decay grows as n_eff^{slope:.2f} between the first learned modes and the last "
        layers = round(2 / network_named(diagram.attrs["network"]).penalty_exponent)
        text += f"(theory: 1/{layers} up to logarithms)."
    return text.strip()
