"""The diagonal network's training minimum: the LASSO, certified.

    minimise  1/2 ||y - X theta||^2 + lam sqrt(d) ||theta||_1                     (theory note, section 1)

Approximate message passing (:mod:`.lasso_message_passing`) finds the support, up to a few per cent, in tens of products
with the data; Newton steps on the support (:mod:`.support_newton`) correct it. Where more weights than samples would
stand, an interior-point method (:mod:`.lasso_interior`) finds the support instead. Where none of these end, the exact
path of :mod:`.homotopy` leads to the minimum to rounding.
Coordinate descent makes the first guess where AMP leaves its path (a design far from Gaussian), and where it is faster.
Where the bound leaves few columns, these alone are tried first (:mod:`.lasso_working_set`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import lstsq

from .homotopy import follow
from .lasso_descent import coordinate_descent
from .lasso_interior import interior_point
from .lasso_message_passing import MessagePassingResult, pass_messages
from .lasso_search import LassoResult, LassoSearch
from .lasso_working_set import few_columns
from .support_newton import newton

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .._types import FloatArray
    from ..operators import DiagonalOperator
    from .lasso_search import Progress

#: From a neighbouring problem with at most this many weights the path is followed at once, without AMP.
DIRECT = 60
#: Rows at most of a problem whose path is followed from zero.
FEW_ROWS = 16
#: Steps of the interior-point method at most, and rows that it can hold a matrix of all pairs of.
INTERIOR_STEPS, MOST_ROWS = 60, 8000
#: Newton steps at most, and walks along the path in a row that bring the gap down by less than a tenth.
NEWTON_STEPS, WALKS = 30, 5
#: The limit ``0+`` is entered at this share of the smallest weight decay that makes every weight zero, and again at
#: smaller ones, so much smaller and so often.
LIMIT_SHARE, LIMIT_STEP, LIMIT_TRIES = 1e-8, 1e-2, 3
#: Positive weight decays below this share are guessed from the limit.
NEAR_LIMIT = 1e-13
#: Largest correlation, as a cosine, that a column has with the residual of a least-squares fit in floating point.
ORTHOGONAL = 1e-10


def solve_lasso(
    operator: DiagonalOperator,
    labels: FloatArray,
    bound: float,
    *,
    tolerance: float = 1e-6,
    max_iterations: int | None = None,
    start: tuple[FloatArray, FloatArray] | None = None,
    method: str = "auto",
    progress: Progress | None = None,
) -> LassoResult:
    """The minimum for ``bound = lam sqrt(d) >= 0``, to a relative duality gap of `tolerance`.

    Parameters
    ----------
    operator : DiagonalOperator
    labels : ndarray, shape (n,)
    bound : float
        ``lam sqrt(d)``; 0 means the limit ``0+``: of all least-squares fits the one of smallest ``||theta||_1``.
    tolerance : float
        Relative duality gap.
    max_iterations : int, optional
        Of AMP, Newton and breakpoints of the path together; default ``2000 + 20 (n + d)``.
    start : pair of ndarrays, shape (d,), optional
        Weights and subgradient ``X^T r / bound`` of a neighbouring problem.
    method : {"auto", "amp", "convex", "homotopy"}
        ``"amp"`` stops after message passing; without it, ``"convex"`` starts from coordinate descent and
        ``"homotopy"`` from zero weights.
    """
    limit = 2000 + 20 * (operator.samples + operator.dim) if max_iterations is None else max_iterations
    search = LassoSearch(operator, labels, bound, tolerance, limit, progress)
    correlations = operator.adjoint(labels)
    if bound == 0.0:
        return _limit(search, method)
    if bound < NEAR_LIMIT * float(np.abs(correlations).max()):
        near = _limit(LassoSearch(operator, labels, 0.0, tolerance, limit, None), method)
        search.details |= {name: near.details[name] for name in search.details}
        search.consider(near.theta, near.subgradient)
        _walk(search)
    else:
        _solve(search, method, correlations, start)
    return search.result()


def _solve(
    search: LassoSearch, method: str, correlations: FloatArray, start: tuple[FloatArray, FloatArray] | None
) -> None:
    """From a guess to the minimum, for a positive bound and `correlations` ``X^T y``."""
    zero, largest = np.zeros(search.operator.dim), float(np.abs(correlations).max())
    if search.bound >= largest:
        search.consider(zero, correlations / search.bound)
    elif start is not None and np.count_nonzero(start[0]) <= DIRECT:
        search.details["start"] = "given"
        search.consider(*start)
    elif method == "homotopy":
        search.consider(zero, correlations / largest)
    elif method != "auto" or start is not None or not (_few(search, correlations) or _short(search, correlations)):
        passed = _guess(search, method, largest, start)
        if method != "amp" and not search.done and search.left:
            if passed is None or not passed.interpolates:
                _newton(search)
            if not search.done and search.left and _suits_interior(search.operator):
                _interior(search, passed)
    if method != "amp":
        _walk(search)


def _few(search: LassoSearch, correlations: FloatArray) -> bool:
    """Whether the minimum is found among few columns."""
    found = few_columns(search.operator, search.labels, search.bound, correlations, search.tolerance)
    if found is not None:
        search.consider(*found)
        if search.done:
            search.details["start"] = "few columns"
    return search.done


def _short(search: LassoSearch, correlations: FloatArray) -> bool:
    """Whether the minimum of a problem with few rows is found on the path from zero, which has few breakpoints then."""
    if search.operator.samples > FEW_ROWS:
        return False
    search.consider(np.zeros(search.operator.dim), correlations / float(np.abs(correlations).max()))
    _walk(search)
    return search.done


def _guess(
    search: LassoSearch, method: str, largest: float, start: tuple[FloatArray, FloatArray] | None
) -> MessagePassingResult | None:
    """A point near the minimum, by message passing or coordinate descent; what message passing ended with."""
    operator, labels, bound = search.operator, search.labels, search.bound
    if method == "amp" or (method == "auto" and not _cyclic(operator, bound, largest)):
        weights = None if start is None else start[0]
        found = pass_messages(search, alone=method == "amp", start=weights, leave=_suits_interior(operator))
        search.details |= {"start": "amp", "amp_departed": not found.on_path}
        search.details["amp_iterations"] += found.iterations
        if found.on_path or method == "amp":
            search.consider(found.theta, found.subgradient)
            return found
    search.details["start"] = "coordinate descent"
    search.consider(*coordinate_descent(operator, labels, bound, search.tolerance))
    return None


def _newton(search: LassoSearch) -> None:
    """Correct the support of the best point."""
    end = newton(
        search.operator,
        search.labels,
        search.bound,
        search.best.theta,
        tolerance=search.tolerance,
        max_steps=min(NEWTON_STEPS, search.left),
    )
    search.details["newton_steps"] += end.steps
    search.consider(end.theta, end.subgradient, end.certificate)


def _suits_interior(operator: DiagonalOperator) -> bool:
    """Whether there are fewer rows than columns, and rows few enough for a matrix of all pairs."""
    return operator.samples <= min(operator.dim, MOST_ROWS)


def _interior(search: LassoSearch, passed: MessagePassingResult | None) -> None:
    """Find the support anew from within, and correct what rounding left."""
    found = interior_point(
        search.operator,
        search.labels,
        search.bound,
        (search.best.theta, None if passed is None else passed.dual),
        tolerance=search.tolerance,
        max_steps=min(INTERIOR_STEPS, search.left),
    )
    search.details["interior_steps"] += found.steps
    search.consider(found.theta, found.subgradient)
    if not search.done and search.left:
        _newton(search)


def _walk(search: LassoSearch) -> None:
    """The exact path from the best point; each further walk starts at the end of the last and corrects its rounding."""
    theta, g = search.best.theta, search.best.subgradient
    without_progress = 0
    while not search.done and search.left and without_progress < WALKS:
        before = search.gap
        theta, g, steps = follow(search.operator, search.labels, search.bound, theta, g, max_steps=search.left)
        search.details["path_steps"] += steps
        search.consider(theta, g)
        without_progress = 0 if search.gap < 0.9 * before else without_progress + 1
        if steps == 0 and without_progress:
            break


def _cyclic(operator: DiagonalOperator, bound: float, largest: float) -> bool:
    """Whether coordinate descent is the faster start, by measurements over the phases (`benchmarks/solvers.py`).

    Only where the columns lie one after the other in memory; otherwise it begins with a copy.
    """
    return operator.by_columns and (operator.samples >= 2 * operator.dim or bound >= 0.025 * largest)


def _limit(search: LassoSearch, method: str) -> LassoResult:
    """The limit ``0+``; details hold ``limit_gap``, the relative gap of "smallest l1 norm among least-squares fits".

    Where the columns are independent there is one fit. Else, near enough to zero the minimum is linear in the bound,
    so that the support at a small bound is the limit's.
    """
    operator, labels = search.operator, search.labels
    best = np.zeros(operator.dim)
    best_gap = 0.0 if _is_least_squares(operator, labels, best) else 1.0
    if best_gap and operator.dim <= operator.samples:
        everything = np.arange(operator.dim)
        theta, rank = _least_squares(operator, labels, everything)
        if rank == operator.dim and _is_least_squares(operator, labels, theta):
            search.details["start"] = "least squares"
            best, best_gap = theta, 0.0
    correlations = operator.adjoint(labels)
    small = LIMIT_SHARE * float((np.abs(correlations) / operator.scales).max() * operator.scales.min())
    start: tuple[FloatArray, FloatArray] | None = None
    for _ in range(LIMIT_TRIES):
        if best_gap <= search.tolerance or not search.left:
            break
        tolerance = min(search.tolerance, 1e-6)
        near = LassoSearch(operator, labels, small, tolerance, search.limit, search.progress, details=search.details)
        _solve(near, method, correlations, start)
        theta, gap = _at_limit(operator, labels, near.best.theta)
        if gap <= best_gap:
            best, best_gap = theta, gap
        start, small = (near.best.theta, near.best.subgradient), small * LIMIT_STEP
    search.consider(best, np.sign(best))
    return search.result(limit=True, limit_gap=best_gap)


def _least_squares(operator: DiagonalOperator, labels: FloatArray, support: NDArray[np.intp]) -> tuple[FloatArray, int]:
    """The least-squares fit on the columns in `support` and their rank."""
    theta = np.zeros(operator.dim)
    if support.size == 0:
        return theta, 0
    scales = operator.scales[support]
    accuracy = np.finfo(float).eps * max(operator.samples, support.size)
    solution, _, rank, _ = lstsq(operator.columns(support) / scales, labels, cond=accuracy, lapack_driver="gelsy")
    theta[support] = solution / scales
    return theta, int(rank)


def _is_least_squares(operator: DiagonalOperator, labels: FloatArray, theta: FloatArray) -> bool:
    """Whether the residual is orthogonal to every column, as far as floating point can tell."""
    cosines = operator.adjoint(labels - operator.forward(theta)) / (operator.scales * np.sqrt(operator.samples))
    return float(np.abs(cosines).max()) <= ORTHOGONAL * float(np.linalg.norm(labels))


def _at_limit(operator: DiagonalOperator, labels: FloatArray, near: FloatArray) -> tuple[FloatArray, float]:
    """The least-squares fit on the support of `near`, and how far its norm can be from the smallest; 1 if no fit."""
    support = np.flatnonzero(near)
    theta, _ = _least_squares(operator, labels, support)
    if np.any(theta * near < 0):  # not yet the last linear piece: the small bound is the better answer
        theta = near
    if not _is_least_squares(operator, labels, theta):
        return theta, 1.0
    size = float(np.abs(theta).sum())
    if size == 0.0:
        return theta, 0.0
    # The dual point of smallest norm with X^T u = sign on the support.
    columns = operator.columns(support)
    dual = np.asarray(np.linalg.lstsq(columns.T, np.sign(theta[support]), rcond=1e-13)[0], dtype=np.float64)
    dual /= max(1.0, float(np.abs(operator.adjoint(dual)).max()))
    return theta, max(0.0, size - float(dual @ operator.forward(theta))) / size
