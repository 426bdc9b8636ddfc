"""The quadratic network's minimum without one of its rows, from the minimum with all of them.

    minimise  1/2 sum (y - Tr[S Z])^2 + bound Tr S  over S >= 0,     bound = pen d/2        (theory note, section 1)

As a label moves, ``S`` moves among matrices of its rank: with the modes ``U`` and the rest ``V``,
``S = U A U^T + U C V^T + V C^T U^T + V C^T A^{-1} C V^T``. Along ``A`` the penalty is flat. Along ``C`` the manifold
bends, and moving costs ``sum m_j/lambda_k C_kj^2``, ``m_j`` being by how much the dual matrix ``bound - sum r Z`` stays
above zero on ``V`` and ``lambda_k`` the eigenvalues of ``S``. So the fit answers to labels like a ridge regression on
these features, with no ridge on ``A`` (:mod:`.nuclear_response`), and a row left out has the residual ``r/(1 - H)``,
the approximate leave-one-out of Wang, Zhou, Lu, Maleki and Mirrokni (2018), on a cone. That is a step of Newton's
method. Rows whose own prediction it moves far are followed to the minimum by more steps of the same matrix.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import EstimateUndefined
from ..networks import network_named
from ..operators import QuadraticOperator, to_host
from ..training.factor_newton import newton
from ..training.nuclear import LIMIT_SHARES, solve_nuclear
from ..training.nuclear_search import start_search
from .leave_one_out import LEAVERS, RowsOut
from .nuclear_response import Manifold, Response, response_of
from .quadratic import DRIFT

if TYPE_CHECKING:
    from .._types import FloatArray
    from ..training import Fit

#: Rows whose prediction moves by more than this share of the residuals' size are followed, and those of at least this
#: leverage.
FAR, DECISIVE = 0.3, 0.5
#: Half of a normal law's numbers are within so many standard deviations.
QUARTILE = 0.6745
#: Nothing is left of a row whose leverage is closer to 1 than this.
SMALLEST_SLACK = 1e-6
#: Steps at most, so many of them without progress, and the decrement over the objective at which they end.
STEPS, PATIENCE, TOLERANCE = 60, 3, 1e-11
#: What is still no violation of the dual condition, over the bound; the duality gap of a row that needs another rank.
DUAL, GAP = 1e-4, 1e-7
#: What steps that end at the tolerance leave of the dual matrix, over the length of the residual and of the sum.
ROUNDING = 1e-5
#: The largest duality gap of a fit without a row that is used.
USABLE = 1e-5


@LEAVERS.register("quadratic")
def leave_out(inputs: Any, labels: FloatArray, fit: Fit, *, centred: bool, follow: bool) -> RowsOut:
    """Every row of a quadratic network's data."""
    d = int(inputs.shape[1])
    factor = fit.weights.factor  # type: ignore[union-attr]
    if not network_named(fit.network).is_convex(d, fit.width) and factor.shape[1] >= (fit.width or d):
        raise EstimateUndefined(
            f"a width of {fit.width} cuts modes off: in which of several minima a fit without a row ends is not known"
        )
    bound = (fit.penalty or 0.0) * d / 2
    if bound == 0:  # as training has the limit 0+
        operator = QuadraticOperator(np.asarray(to_host(inputs), dtype=np.float64))
        bound = LIMIT_SHARES[-1] * max(float(operator.eigvalsh(operator.adjoint(labels))[-1]), 0.0)
    rows = NuclearRows(inputs, labels, factor, bound)
    if centred:
        rows.residual = rows.residual - rows.residual.mean()
    out = rows.without(shared=1 / labels.size if centred else 0.0, follow=follow)
    return replace(out, drift=DRIFT * d / labels.size)


class NuclearRows:
    """The fits without a row of one nuclear-norm problem.

    Parameters
    ----------
    inputs : ndarray or torch.Tensor, shape (n, d)
    labels : ndarray, shape (n,)
    factor : ndarray, shape (d, r)
        Of ``S`` at the minimum, or next to it.
    bound : float
    """

    def __init__(self, inputs: Any, labels: FloatArray, factor: FloatArray, bound: float) -> None:
        self.inputs: FloatArray = np.asarray(to_host(inputs), dtype=np.float64)
        self.labels, self.factor, self.bound = labels, factor, bound
        operator = QuadraticOperator(self.inputs)
        self.residual: FloatArray = labels - operator.forward_factor(factor)
        self.manifold = Manifold(factor, operator.adjoint(self.residual), bound, labels.size)
        self.response: Response = response_of(self.inputs, self.manifold)
        self.leverages: FloatArray = self.response.leverages()

    def without(self, *, shared: float = 0.0, follow: bool = True) -> RowsOut:
        """Residuals of the fits without each row.

        Parameters
        ----------
        shared : float
            Leverage of every row through a number that all share, such as the mean of the labels.
        follow : bool
            Whether rows that the formula moves far are followed to their minimum.
        """
        n = self.labels.size
        left = 1 - self.leverages - shared
        with np.errstate(divide="ignore", invalid="ignore"):
            residuals = np.where(left > SMALLEST_SLACK, self.residual / left, np.inf)
        exact, changes = np.zeros(n, dtype=bool), np.zeros(n, dtype=np.int64)
        if not follow:
            return RowsOut(residuals, self.leverages + shared, exact, changes)
        # Of the size by the median: a few rows that the formula moves much too far would hide the others.
        size = float(np.median(np.abs(residuals))) / QUARTILE
        far = (np.abs(residuals - self.residual) > FAR * size) | (self.leverages > DECISIVE)
        for row in np.flatnonzero(far):
            own, rank = self._follow(int(row))
            # A number that all rows share is fitted without the row as well.
            residuals[row], exact[row] = own / (1 - shared), bool(np.isfinite(own))
            changes[row] = abs(rank - self.manifold.sizes.size)
        return RowsOut(residuals, self.leverages + shared, exact, changes)

    def _follow(self, row: int) -> tuple[float, int]:
        """The residual without the `row`, infinite where its minimum was not reached, and the rank of that fit."""
        others = np.arange(self.labels.size) != row
        operator, labels = QuadraticOperator(self.inputs[others]), self.labels[others]
        factor, reached = _Chord(self, operator, labels, row).run()
        if not reached:
            if self.bound == 0:
                return np.inf, 0
            penalty = 2 * self.bound / operator.dim
            search = start_search(operator, labels, penalty, tolerance=GAP, factor=factor)
            newton(search)
            if search.gap > USABLE:
                search = solve_nuclear(operator, labels, penalty, tolerance=GAP, start=factor)
            if search.gap > USABLE:
                return np.inf, 0
            factor = search.best.factor
        own = QuadraticOperator(self.inputs[[row]]).forward_factor(factor)
        return float(self.labels[row] - own[0]), factor.shape[1]


class _Chord:
    """Steps with the matrix of the fit on all rows, less the row, on the manifold of its rank."""

    def __init__(self, rows: NuclearRows, operator: QuadraticOperator, labels: FloatArray, row: int) -> None:
        self.operator, self.labels, self.bound = operator, labels, rows.bound
        self.manifold, self.response = rows.manifold, rows.response
        self.own = rows.manifold.features(rows.inputs[[row]])[0]
        self.answer = self.response.solve(self.own)
        self.left = 1 - float(self.own @ self.answer)

    def run(self) -> tuple[FloatArray, bool]:
        """Where steps lead, as a factor, and whether it is the minimum: of another rank it is not."""
        manifold = self.manifold
        a, c = np.diag(manifold.sizes), np.zeros((manifold.sizes.size, manifold.slack.size))
        smallest, since = np.inf, 0
        factor: FloatArray = self.manifold.modes * np.sqrt(manifold.sizes)
        for _ in range(STEPS):
            moved = self._factor(a, c)
            if moved is None:
                break
            factor = moved
            miss = self.labels - self.operator.forward_factor(factor)
            dual = -self.operator.adjoint(miss)
            dual[np.diag_indices(dual.shape[0])] += self.bound
            gradient = manifold.gradient(a, c, dual)
            step = self.response.solve(gradient)
            step += self.answer * (float(self.own @ step) / max(self.left, 1e-9))
            decrement = abs(float(gradient @ step))
            objective = 0.5 * float(miss @ miss) + self.bound * float(np.square(factor).sum())
            if decrement <= TOLERANCE * objective:
                allowed = DUAL * self.bound + ROUNDING * float(np.linalg.norm(miss)) * np.sqrt(miss.size)
                return factor, bool(np.linalg.eigvalsh(dual)[0] >= -allowed)
            since = 0 if decrement < 0.9 * smallest else since + 1
            smallest = min(smallest, decrement)
            if since > PATIENCE:
                break
            da, dc = manifold.unpack(step)
            a, c = a - da, c - dc
        return factor, False

    def _factor(self, a: FloatArray, c: FloatArray) -> FloatArray | None:
        """``S = F F^T`` of these coordinates; None where ``A`` is not positive."""
        try:
            lower = np.linalg.cholesky(a)
        except np.linalg.LinAlgError:
            return None
        out: FloatArray = self.manifold.modes @ lower + self.manifold.rest @ np.linalg.solve(lower, c).T
        return out
