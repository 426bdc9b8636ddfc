"""Newton steps on the factor ``S = F F^T`` of the quadratic network.

``phi(F) = (1/d^2) ||y - A(F F^T)||^2 + (pen/d) ||F||^2``. Along any direction `V` it is a polynomial of degree four,
because ``A((F + tV)(F + tV)^T) = A(FF^T) + t A(FV^T + VF^T) + t^2 A(VV^T)``: the line search is exact and costs no
product with the data. All factors here are in the coordinates of :class:`.column_scales.ScaledColumns`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .column_scales import ScaledColumns

if TYPE_CHECKING:
    from .._types import FloatArray
    from ..operators import QuadraticOperator
    from .nuclear_search import NuclearSearch


def line_minimum(
    miss: FloatArray, first: FloatArray, second: FloatArray, slope: float, square: float, weight: float
) -> float:
    """The `t` that minimises ``||miss - t first - t^2 second||^2 + weight (t slope + t^2 square)`` over the line.

    `slope` is ``2 <F, V>`` and `square` is ``||V||^2``.
    """
    quartic = [
        float(second @ second),
        2 * float(first @ second),
        float(first @ first) - 2 * float(miss @ second) + weight * square,
        -2 * float(miss @ first) + weight * slope,
        0.0,
    ]
    roots = np.roots(np.polyder(np.array(quartic)))
    real = roots.real[np.abs(roots.imag) <= 1e-9 * (1 + np.abs(roots.real))]
    if real.size == 0:
        return 0.0
    return float(real[np.argmin(np.polyval(quartic, real))])


def newton(search: NuclearSearch, *, max_iterations: int = 30, max_products: int = 300) -> None:
    """Truncated Newton from the best point, with the rank raised where the certificate finds a missing direction.

    Everything is multiplied by ``d^2/2``: ``Phi = 1/2 ||y - A(FF^T)||^2 + bound/1 ||F||^2``, ``bound = pen d / 2``.
    """
    operator, labels = ScaledColumns(search.operator), search.labels
    bound = search.penalty * operator.dim / 2
    factor, fitted = operator.into(search.best.factor), search.best.fitted
    for _ in range(max_iterations):
        adjoint = search.operator.adjoint(labels - fitted)
        if search.consider(operator.out_of(factor), fitted, "newton", adjoint=adjoint).gap <= search.tolerance:
            return
        slack = _slack(operator, operator.matrix(adjoint), bound)
        values, vectors = operator.eigh(slack)
        missing = values < -0.1 * search.tolerance * bound * (operator.costs @ np.square(vectors))
        if missing.any():
            factor, fitted = _raise_rank(operator, labels, factor, vectors[:, missing], bound)
            slack = _slack(operator, operator.adjoint(labels - fitted), bound)
        if factor.shape[1] == 0:
            return
        direction = _newton_direction(operator, factor, slack, 2 * slack @ factor, max_products)
        search.details["newton_iterations"] += 1
        before = _objective(operator, labels, factor, fitted, bound)
        factor = _trim(_move(operator, labels, factor, direction, bound)[0])
        fitted = operator.forward_factor(factor)
        now = _objective(operator, labels, factor, fitted, bound)
        if not np.isfinite(now) or now > before * (1 - 1e-15):
            search.consider(operator.out_of(factor), fitted, "newton")
            return


def _slack(operator: ScaledColumns, adjoint: FloatArray, bound: float) -> FloatArray:
    """``bound I - sum_mu miss_mu Z_mu``: positive semidefinite at the minimum."""
    slack = -adjoint
    slack[np.diag_indices(adjoint.shape[0])] += bound * operator.costs
    return slack


def _objective(
    operator: ScaledColumns, labels: FloatArray, factor: FloatArray, fitted: FloatArray, bound: float
) -> float:
    """``Phi``."""
    return float(np.square(labels - fitted).sum()) / 2 + bound * operator.trace(factor)


def _raise_rank(
    operator: ScaledColumns, labels: FloatArray, factor: FloatArray, missing: FloatArray, bound: float
) -> tuple[FloatArray, FloatArray]:
    """The factor with columns along the `missing` directions, and its outputs.

    They enter at an amplitude that the exact line search corrects.
    """
    d, rank = factor.shape
    count = min(missing.shape[1], max(1, d - rank))
    size = max(float(np.linalg.norm(factor)) / np.sqrt(max(rank, 1)), 1e-3)
    fresh = missing[:, :count] * (1e-3 * size)
    factor = np.concatenate([factor, fresh], axis=1)
    direction = np.concatenate([np.zeros((d, rank)), fresh], axis=1)
    return _move(operator, labels, factor, direction, bound)


def _move(
    operator: ScaledColumns, labels: FloatArray, factor: FloatArray, direction: FloatArray, bound: float
) -> tuple[FloatArray, FloatArray]:
    """Exact line search."""
    fitted = operator.forward_factor(factor)
    first, second = operator.forward_mixed(factor, direction)
    weighted = operator.costs[:, None] * direction
    t = line_minimum(
        labels - fitted,
        first,
        second,
        2 * float(np.einsum("ij,ij->", factor, weighted)),
        float(np.einsum("ij,ij->", direction, weighted)),
        2 * bound,
    )
    return factor + t * direction, fitted + t * first + t * t * second


def _newton_direction(
    operator: ScaledColumns | QuadraticOperator,
    factor: FloatArray,
    slack: FloatArray,
    gradient: FloatArray,
    max_products: int,
) -> FloatArray:
    """Conjugate gradients on the Hessian of ``Phi`` at `factor`, stopped at negative curvature.

    The preconditioner is its diagonal for white inputs: what is steep are rows that the penalty holds, and columns of
    large weights.
    """
    steep = 2 * np.maximum(np.diag(slack), 0.0)[:, None] + 4 * operator.samples / operator.dim * np.square(factor).sum(
        axis=0
    )
    steep = np.maximum(steep, 1e-12 * steep.max())
    direction = np.zeros_like(factor)
    rest = -gradient
    ahead = rest / steep
    search = ahead.copy()
    norm = start = float(np.einsum("ij,ij->", rest, ahead))
    scale = float(np.einsum("ij,ij->", np.square(factor), steep)) + 1e-300
    goal = start * min(0.01, (start / scale) ** 0.25) ** 2 if start > 0 else 0.0
    for k in range(max_products):
        image = 2 * (slack @ search + operator.normal_times(factor, search))
        curvature = float(np.einsum("ij,ij->", search, image))
        if curvature <= 1e-14 * float(np.einsum("ij,ij->", np.square(search), steep)):
            return search if k == 0 else direction
        step = norm / curvature
        direction += step * search
        rest -= step * image
        ahead = rest / steep
        following = float(np.einsum("ij,ij->", rest, ahead))
        if following <= max(goal, 1e-26 * start):
            break
        search *= following / norm
        search += ahead
        norm = following
    return direction


def _trim(factor: FloatArray) -> FloatArray:
    """The same ``F F^T`` with orthogonal columns, those that have vanished left out."""
    u, s, _ = np.linalg.svd(factor, full_matrices=False)
    remaining = s > 1e-9 * max(float(s[0]) if s.size else 0.0, 1e-300)
    return u[:, remaining] * s[remaining]
