"""The quadratic network's training minimum: nuclear norm over positive semidefinite matrices, certified.

    minimise  (1/d^2) sum (y - Tr[S Z])^2 + pen Tr(S)/d   over S >= 0              (theory note, section 1)

Three stages, each handing its best point to the next: approximate message passing with the threshold that
belongs to the asked penalty on the present spectrum (sections 9, 10), whose fixed point is the minimum itself and which
takes tens of iterations on data that look Gaussian; accelerated proximal gradient, for any design; and Newton steps
by conjugate gradients on the factor ``S = F F^T``, which finish what is badly conditioned.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .factor_newton import newton
from .nuclear_message_passing import pass_messages
from .nuclear_search import CertifiedPoint, NuclearSearch, start_search
from .proximal_gradient import descend

if TYPE_CHECKING:
    from .._types import FloatArray
    from ..operators import QuadraticOperator
    from .nuclear_search import Progress

#: Proximal gradient: iterations in a row at most, and the gap at which Newton steps take over at first.
PROXIMAL_ITERATIONS, PROXIMAL_TOLERANCE = 200, 1e-3
#: The limit ``0+`` is approached at these shares of the penalty at which ``S`` vanishes.
LIMIT_SHARES = (1e-2, 1e-4, 1e-6)


def solve_nuclear(
    operator: QuadraticOperator,
    labels: FloatArray,
    penalty: float,
    *,
    tolerance: float = 1e-6,
    max_iterations: int = 2000,
    start: FloatArray | None = None,
    method: str = "auto",
    progress: Progress | None = None,
) -> NuclearSearch:
    """The minimum for ``penalty > 0``, to a relative duality gap of `tolerance` where floating point allows.

    Parameters
    ----------
    operator : QuadraticOperator
        Of the inputs (n, d): all that is done with them goes through it.
    labels : ndarray, shape (n,)
    penalty : float
        `pen`.
    tolerance : float
        Relative duality gap.
    max_iterations : int
        Of AMP and proximal gradient together.
    start : ndarray, shape (d, r), optional
        Factor of a first guess.
    method : {"auto", "amp", "convex"}
        Leave out AMP with ``"convex"``; ``"amp"`` stops after it.

    Returns
    -------
    NuclearSearch
        At its end: the best point, the iterations, and details of each stage.
    """
    search = start_search(operator, labels, penalty, tolerance=tolerance, factor=start, progress=progress)
    if search.done:
        return search
    if method != "convex":
        search.details["amp_departed"] = not pass_messages(search, max_iterations)
        if search.done or method == "amp":
            return search
    if start is None and search.gap > 0.5:
        _continuation(search)
    _finish(search, max_iterations)
    return search


def _finish(search: NuclearSearch, max_iterations: int) -> None:
    """Proximal gradient and Newton steps in turn, until the tolerance is reached or neither comes any further."""
    tolerance = max(search.tolerance, PROXIMAL_TOLERANCE)
    while not search.done and search.iterations < max_iterations:
        before = search.best.certificate
        descend(search, tolerance, min(PROXIMAL_ITERATIONS, max_iterations - search.iterations))
        if not search.done:
            newton(search)
        after = search.best.certificate
        if after.gap >= 0.999 * before.gap and after.objective >= before.objective * (1 - 1e-13):
            return
        tolerance = max(search.tolerance, tolerance * 0.1)


def _continuation(search: NuclearSearch) -> None:
    """Approach a small penalty from larger ones, roughly: the factor's rank and scale are then about right."""
    operator, labels = search.operator, search.labels
    larger = 0.1 * 2 * float(operator.eigvalsh(operator.adjoint(labels))[-1]) / operator.dim
    while larger > 3 * search.penalty:
        stage = NuclearSearch(
            operator, labels, larger, 1e-2, search.best, search.progress, search.iterations, search.details
        )
        point = search.best
        stage.best = CertifiedPoint(point.factor, point.fitted, stage.certify(point.factor, point.fitted), point.stage)
        descend(stage, stage.tolerance, 60)
        newton(stage)
        search.iterations, found = stage.iterations, stage.best
        proof, dual = search.prove(found.factor, found.fitted)
        search.best = CertifiedPoint(found.factor, found.fitted, proof, found.stage, dual)
        larger *= 0.1


def solve_limit(
    operator: QuadraticOperator,
    labels: FloatArray,
    *,
    tolerance: float = 1e-6,
    max_iterations: int = 2000,
    method: str = "auto",
    progress: Progress | None = None,
) -> NuclearSearch:
    """The limit ``pen -> 0+``, at 1e-6 of the penalty that makes ``S`` vanish, by continuation from larger ones.

    Where the labels are interpolated, details hold ``limit_gap``, the relative duality gap of "smallest trace among
    interpolating ``S >= 0``".
    """
    largest = 2 * float(operator.eigvalsh(operator.adjoint(labels))[-1]) / operator.dim
    if largest <= 0:
        search = solve_nuclear(operator, labels, 1.0, tolerance=tolerance)
        search.details["limit"] = True
        return search
    start: FloatArray | None = None
    iterations = 0
    for share in LIMIT_SHARES:
        search = solve_nuclear(
            operator,
            labels,
            share * largest,
            tolerance=tolerance,
            max_iterations=max_iterations,
            start=start,
            method=method,
            progress=progress,
        )
        start, iterations = search.best.factor, iterations + search.iterations
    search.iterations = iterations
    search.details["limit"] = True
    fitted, trace = search.best.fitted, float(np.square(search.best.factor).sum())
    miss = labels - fitted
    if float(miss @ miss) <= 1e-4 * float(labels @ labels) and trace > 0:
        dual = miss / max(float(operator.eigvalsh(operator.adjoint(miss))[-1]), 1e-300)
        search.details["limit_gap"] = abs(trace - float(dual @ fitted)) / trace
    return search
