"""Coordinate descent with the exact proximal map, for ``1/2 ||y - X theta||^2 + bound sum |theta_j|^q``.

Each step is the global minimum over one weight, so that it ends where no single weight can be changed for the better:
far fewer points than those where the gradient vanishes, of which every choice of zero weights has one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .._kernels import kernel
from ..power_prox import beyond_jump, jump_of
from .certificates import Certificate

if TYPE_CHECKING:
    from .._types import FloatArray

#: Sweeps over the active weights between two over all.
INNER = 20


@kernel
def _sweep(columns, squares, theta, residual, bound, q, active_only):
    """One pass over the weights; the largest change, in units of the fitted values, and whether zeros moved."""
    edge, _ = jump_of(q)
    largest = 0.0
    for j in range(theta.size):
        if squares[j] == 0.0 or (active_only and theta[j] == 0.0):
            continue
        column = columns[:, j]
        u = theta[j] + np.dot(column, residual) / squares[j]
        c = (bound / squares[j]) ** (1.0 / (2.0 - q))
        size = abs(u)
        new = 0.0
        if c == 0.0:
            new = u
        elif size > edge * c:
            new = math.copysign(c * beyond_jump(size / c, q), u)
        step = new - theta[j]
        if step != 0.0:
            theta[j] = new
            for i in range(residual.size):
                residual[i] -= step * column[i]
            largest = max(largest, step * step * squares[j])
    return largest


@dataclass(frozen=True, eq=False)
class Descent:
    """Where coordinate descent ended: weights (d,), sweeps over all weights, and whether it settled."""

    theta: FloatArray
    sweeps: int
    settled: bool


def descend(
    columns: Any, labels: FloatArray, bound: float, q: float, start: FloatArray, *, tolerance: float, most: int = 500
) -> Descent:
    """From `start` (d,) to where no single weight can be changed for the better.

    Parameters
    ----------
    columns : ndarray, shape (n, d)
        The inputs, in Fortran order.
    labels : ndarray, shape (n,)
    bound, q : float
    start : ndarray, shape (d,)
    tolerance : float
        Of the largest change in a sweep over all weights, relative to the labels' length.
    most : int
        Sweeps over all weights.
    """
    theta = np.array(start, dtype=float)
    squares = np.einsum("ij,ij->j", columns, columns)
    residual = labels - columns @ theta
    goal = (tolerance * float(np.linalg.norm(labels))) ** 2
    for count in range(1, most + 1):
        if _sweep(columns, squares, theta, residual, bound, q, False) <= goal:
            return Descent(theta, count, True)
        for _ in range(INNER):
            if _sweep(columns, squares, theta, residual, bound, q, True) <= goal:
                break
    return Descent(theta, most, False)


def power_certificate(operator: Any, labels: FloatArray, theta: FloatArray, bound: float, q: float) -> Certificate:
    """Objective and stationarity of `theta` (d,): there is no bound of the minimum, the problem is not convex.

    The residual is the largest relative violation, over weights that are not zero, of ``x_j.r = bound q |t|^(q-1)``,
    and over zero weights of the condition that zero is best for each.
    """
    residual = labels - operator.forward(theta)
    correlations = operator.adjoint(residual)
    active = theta != 0
    loss = 0.5 * float(residual @ residual)
    size = float((np.abs(theta[active]) ** q).sum())
    worst = 0.0
    if active.any() and bound > 0:
        wanted = bound * q * np.abs(theta[active]) ** (q - 1)
        worst = float(np.abs(correlations[active] * np.sign(theta[active]) / wanted - 1).max())
    squares = operator.squares
    silent = ~active & (squares > 0)
    if silent.any() and bound > 0:
        cut = jump_of(q)[0] * (bound / squares[silent]) ** (1 / (2 - q)) * squares[silent]
        worst = max(worst, float((np.abs(correlations[silent]) / cut - 1).max()))
    return Certificate(loss + bound * size, None, worst, 2 * loss / labels.size)


def gradient_residual(operator: Any, labels: FloatArray, theta: FloatArray, bound: float, q: float) -> float:
    """Relative norm of the gradient in the logarithms of the weights: zero weights, which it never moves, do not count.

    That is ``t_j (x_j.r) - bound q |t_j|^q`` over the length of the second term.
    """
    correlations = operator.adjoint(labels - operator.forward(theta))
    pull = bound * q * np.abs(theta) ** q
    length = max(float(np.linalg.norm(pull)), 1e-6 * float(labels @ labels))  # next to zero weights all is noise
    return float(np.linalg.norm(theta * correlations - pull)) / length if length > 0 else 0.0
