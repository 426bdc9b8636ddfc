"""Accelerated proximal gradient for the nuclear norm: for any design, where message passing leaves its path.

Matrices and factors here are in the coordinates of :class:`.column_scales.ScaledColumns`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .column_scales import ScaledColumns

if TYPE_CHECKING:
    from .._types import FloatArray
    from .nuclear_search import NuclearSearch


def descend(search: NuclearSearch, tolerance: float, max_iterations: int) -> None:
    """Proximal gradient with momentum, backtracking and restarts, from the best point, to a gap of `tolerance`."""
    operator, labels, penalty = ScaledColumns(search.operator), search.labels, search.penalty
    d, factor, fitted = operator.dim, operator.into(search.best.factor), search.best.fitted
    current = factor @ factor.T
    ahead, ahead_fitted = current, fitted
    momentum, plain = 1.0, True
    curvature = search.details.get("curvature", 4 * search.operator.samples / d**3)
    objective = search.best.certificate.objective
    for iteration in range(max_iterations):
        following, factor, following_fitted, trace, curvature = _step(search, operator, ahead, ahead_fitted, curvature)
        miss = labels - following_fitted
        value = float(miss @ miss) / d**2 + penalty * trace / d
        search.count("proximal", value)
        if not np.isfinite(value):
            break
        if value > objective:  # momentum overshot: start again from here without it
            if plain:  # a plain step cannot rise but by rounding
                break
            momentum, ahead, ahead_fitted, plain = 1.0, current, fitted, True
            curvature *= 1.1
            continue
        stopped = objective - value <= 1e-3 * tolerance * value
        growth = 0.5 * (1 + np.sqrt(1 + 4 * momentum**2))
        factor_ahead = (momentum - 1) / growth
        ahead = following + factor_ahead * (following - current)
        ahead_fitted = following_fitted + factor_ahead * (following_fitted - fitted)
        current, fitted, objective, momentum, plain = following, following_fitted, value, growth, False
        curvature *= 0.97
        if iteration % 10 == 9 or stopped:
            proof = search.consider(operator.out_of(factor), fitted, "proximal")
            if proof.gap <= tolerance or (stopped and iteration > 20):
                break
    search.details["curvature"] = curvature


def _step(
    search: NuclearSearch, operator: ScaledColumns, ahead: FloatArray, ahead_fitted: FloatArray, curvature: float
) -> tuple[FloatArray, FloatArray, FloatArray, float, float]:
    """One step from `ahead` (d, d): the matrix, its factor, outputs and trace, and the curvature it took."""
    d = operator.dim
    slope = (-2 / d**2) * operator.adjoint(search.labels - ahead_fitted)
    slope[np.diag_indices(d)] += search.penalty / d * operator.costs
    while True:
        values, vectors = operator.eigh(ahead - slope / curvature)
        learned = values > 0
        factor = vectors[:, learned] * np.sqrt(values[learned])
        following, fitted = factor @ factor.T, operator.forward_factor(factor)
        move = float(np.square(following - ahead).sum())
        change = float(np.square(fitted - ahead_fitted).sum()) / d**2
        if change <= 0.5 * curvature * move * (1 + 1e-10) or move == 0 or not np.isfinite(change):
            return following, factor, fitted, operator.trace(factor), curvature
        curvature *= max(1.5, min(10.0, 2 * change / move / curvature))
