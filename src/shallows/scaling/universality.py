"""Both networks side by side at matched ``(n_eff/d, lam, gamma, Delta)`` (theory note, section 7)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from .._arguments import check_number
from ..errors import InvalidArgument
from ..networks import network_named
from ..phases import phase_at
from ..prediction import predict
from ..problems import Problem
from ..spectra import decompose
from ..teachers import PowerLaw

if TYPE_CHECKING:
    from collections.abc import Sequence

    import xarray


#: The two networks that are compared.
NETWORKS = ("diagonal", "quadratic")
PARTS = ("overfitting", "underfitting", "approximation", "alignment")
#: Local exponents closer than this count as the same.
SAME = 0.1


def universality(
    dim: float, gamma: float, noise: float, weight_decay: float, ratios: Sequence[float]
) -> xarray.Dataset:
    """Risk, decomposition and spectrum of both networks over ``n_eff/d``, at one weight decay.

    Parameters
    ----------
    dim : int
        Dimension `d`.
    gamma, noise : float
        Exponent of the power-law teacher (energy 1), variance of the label noise (positive).
    weight_decay : float
        ``lam``, the same for both.
    ratios : sequence of float
        ``n_eff/d``, increasing, at least three.

    Returns
    -------
    xarray.Dataset
        Dimensions ``network`` and ``ratio``. ``relative_risk`` is the excess risk over that of predicting zero (1 or
        2 times the energy), and so are the parts ``overfitting``, ``underfitting``, ``approximation``, ``alignment``;
        ``exponent`` is its local exponent in ``n_eff``; ``learned_share`` and ``outlier_share`` are shares of the ``d``
        modes that are not zero, and that stand out; ``phase`` is the analytic one. nan where a solve failed.

    Raises
    ------
    InvalidArgument
        For unusable arguments.

    Examples
    --------
    >>> from shallows.scaling import universality
    >>> both = universality(10**6, 1.25, 0.1, weight_decay=0.01, ratios=[1e-4, 1e-3, 1e-2])
    >>> both["relative_risk"].round(3).values
    array([[0.26 , 0.045, 0.026],
           [0.031, 0.008, 0.008]])
    """
    import xarray

    teacher = PowerLaw(dim, gamma)  # type: ignore[arg-type]
    noise = check_number("noise", noise, strict=True)
    lam = check_number("weight_decay", weight_decay, strict=True)
    places = np.array([check_number("ratios", r, strict=True) for r in ratios])
    if places.size < 3 or (np.diff(places) <= 0).any():
        raise InvalidArgument("ratios", list(ratios), "must be at least three increasing numbers")
    names = ("relative_risk", *PARTS, "learned_share", "outlier_share")
    data = {name: np.full((2, places.size), np.nan) for name in names}
    phases = np.empty((2, places.size), dtype=object)
    log_d = math.log(teacher.dim)
    for i, network in enumerate(NETWORKS):
        for j, ratio in enumerate(places):
            n_eff = ratio * teacher.dim
            n = n_eff * network_named(network).samples_per_effective(teacher.dim)
            phases[i, j] = phase_at(network, math.log(n_eff) / log_d, math.log(lam) / log_d, gamma).name
            if n < 1:
                raise InvalidArgument("ratios", float(ratio), "leaves less than one sample")
            problem = Problem(network, teacher, n, noise)
            prediction = predict(problem, weight_decay=lam, throw=False)
            if not prediction.status.ok:
                continue
            null = problem.null_risk
            law = prediction.spectrum
            data["relative_risk"][i, j] = prediction.excess_risk / null
            for part, value in decompose(law).to_dict().items():
                data[part][i, j] = value / null
            data["learned_share"][i, j] = 1 - law.mass_at_zero
            data["outlier_share"][i, j] = law.outlier_count / teacher.dim
    variables: dict[str, Any] = {name: (("network", "ratio"), values) for name, values in data.items()}
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = np.gradient(np.log(data["relative_risk"]), np.log(places), axis=1)
    variables["exponent"] = (("network", "ratio"), slope)
    variables["phase"] = (("network", "ratio"), phases.astype(str))
    return xarray.Dataset(
        variables,
        coords={"network": list(NETWORKS), "ratio": places},
        attrs={"dim": float(teacher.dim), "gamma": gamma, "noise": noise, "weight_decay": lam},
    )


def compare_networks(both: xarray.Dataset) -> str:
    """Where the two networks coincide and where they differ, in words with numbers.

    Parameters
    ----------
    both : xarray.Dataset
        As :func:`universality` returns it.

    Examples
    --------
    >>> from shallows.scaling import compare_networks, universality
    >>> text = compare_networks(universality(10**6, 1.25, 0.1, weight_decay=1000.0, ratios=[1e4, 1e5, 1e6]))
    >>> print(text.split(": ")[1].split(". ")[0])
    local exponents of the two networks differ by less than 0.1 at 3 of 3 places
    """
    slope = both["exponent"].values
    risk = both["relative_risk"].values
    same = np.abs(slope[0] - slope[1]) < SAME
    solved = np.isfinite(slope).all(axis=0)
    quotient = risk[1] / risk[0]
    about = both.attrs
    text = (
        f"d = {about['dim']:g}, gamma = {about['gamma']:g}, Delta = {about['noise']:g}, "
        f"lam = {about['weight_decay']:g}: local exponents of the two networks differ by less than {SAME:g} at "
        f"{int((same & solved).sum())} of {int(solved.sum())} places. "
    )
    phases = both["phase"].values
    for name in dict.fromkeys(phases[1]):
        here = (phases[1] == name) & solved
        if not here.any():
            continue
        text += (
            f"{name}: exponents {np.median(slope[0][here]):+.2f} (diagonal) and {np.median(slope[1][here]):+.2f} "
            f"(quadratic), relative risk of the quadratic network {np.median(quotient[here]):.3g} "
            "times the diagonal one's. "
        )
    return text.strip()
