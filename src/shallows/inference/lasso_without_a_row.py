"""The LASSO's minimum without one of its rows, for every row, from the minimum with all of them.

A row counts for nothing where the fit passes through its label. So its label ``v`` is moved from ``y_i`` until the fit
at the row is ``v``: along the way weights and residuals are piecewise linear in ``v`` (the homotopy of Lei 2019, there
for conformal prediction), with slopes from the projection ``H`` on the active columns. Without a breakpoint the
residual at the end is ``r_i / (1 - H_ii)``, the approximate leave-one-out of Rad and Maleki (2020) and of Wang, Zhou,
Lu, Maleki and Mirrokni (2018); where weights enter or leave, they are followed, so that every row is exact.

With a matrix of all pairs of active columns, and Gram columns of weights that enter, a breakpoint costs ``d k`` numbers
and no pass over the data.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.linalg import qr, solve_triangular

from ..errors import EstimateUndefined
from ..operators import operator_for, to_host
from ..training.homotopy import follow
from ..training.lasso import solve_lasso
from .least_squares import DEPENDENT
from .leave_one_out import LEAVERS, RowsOut

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .._types import FloatArray
    from ..training import Fit

#: Numbers of the inputs that are worked on at once.
BLOCK_NUMBERS = 1 << 21
#: A column is taken to depend on the support where the square of the sine of their angle is below this.
INDEPENDENT = 1e-9
#: A residual whose slope is below this does not move with its label.
FLAT = 1e-9
#: By how much of the bound correlations may be off at the end of a row's path for it to count as exact.
CERTIFIED = 1e-6
#: Means of columns below this share of their scale count as none.
CENTRED = 1e-8
#: Duality gap of a row that is solved again.
AGAIN = 1e-10
#: Breakpoints of one row at most, beside ten for each active weight.
MOST_STEPS = 200


def rows_of(operator: Any, labels: FloatArray, fit: Fit, *, centred: bool) -> tuple[LassoRows, bool]:
    """The fits without a row of a diagonal network, and whether they are those of one minimum.

    They are not where the mean was taken off the labels, but not off the columns: that is a fit of two steps.
    """
    bound = float(fit.weight_decay) * float(np.sqrt(operator.dim))
    n = labels.size
    means = np.abs(operator.adjoint(np.ones(n))) / (n * operator.scales)
    together = not centred or bool((means <= CENTRED).all())
    mean = np.full(n, n**-0.5) if centred and together else None
    return LassoRows(operator, labels, np.asarray(fit.weights), bound, mean), together


@LEAVERS.register("diagonal")
def leave_out(inputs: Any, labels: FloatArray, fit: Fit, *, centred: bool, follow: bool) -> RowsOut:
    """Every row of a diagonal network's data."""
    rows, together = rows_of(operator_for(fit.network, inputs), labels, fit, centred=centred)
    out = rows.without(None if follow else np.zeros(0, dtype=np.intp))
    if together:
        return out
    # The intercept is what the weights leave of the mean, to which a row that is out adds nothing.
    n = labels.size
    residuals = (out.residuals - rows.residual.mean()) * n / (n - 1)
    return RowsOut(residuals, out.leverages + 1 / n, np.zeros(n, dtype=bool), out.changes)


def leverages_of(columns: FloatArray) -> FloatArray:
    """Share of its own label that least squares on `columns`, shape (n, k), takes for each row, shape (n,).

    Columns that are combinations of others span nothing more.
    """
    if columns.shape[1] == 0:
        return np.zeros(columns.shape[0])
    basis, triangle = np.linalg.qr(columns)
    sizes = np.abs(np.diag(triangle))
    if sizes.min() <= DEPENDENT * sizes.max():  # only pivoting tells which directions are of no column
        basis, triangle, _ = qr(columns, mode="economic", pivoting=True, check_finite=False)
        sizes = np.abs(np.diag(triangle))
    out: FloatArray = np.square(basis[:, sizes > DEPENDENT * sizes[0]]).sum(axis=1)
    return out


def active_leverages(operator: Any, weights: FloatArray, samples: int) -> FloatArray:
    """``H_ii`` of least squares on the columns in use, shape (n,).

    Where only so many of the rows are independent `samples`, the rest of them are shared by all.
    """
    return leverages_of(operator.columns(np.flatnonzero(weights))) + 1 - samples / operator.samples


class LassoRows:
    """The fits without a row of one LASSO ``1/2 ||y - X theta||^2 + bound ||theta||_1``.

    Parameters
    ----------
    operator : DiagonalOperator
    labels : ndarray, shape (n,)
    weights : ndarray, shape (d,)
        At the minimum, or next to it: the path of :mod:`shallows.training.homotopy` leads to it.
    bound : float
        0 is least squares on all columns.
    mean : ndarray, shape (n,), optional
        A column that is fitted without a penalty and to which the others are orthogonal, at unit length: constant,
        where columns and labels have mean zero because an intercept was fitted.
    """

    def __init__(
        self, operator: Any, labels: FloatArray, weights: FloatArray, bound: float, mean: FloatArray | None = None
    ) -> None:
        self.operator, self.labels, self.bound = operator, labels, bound
        if bound > 0:
            g = np.clip(operator.adjoint(labels - operator.forward(weights)) / bound, -1.0, 1.0)
            steps = 2000 + 20 * (operator.samples + operator.dim)
            weights, g, _ = follow(operator, labels, bound, np.where(weights == 0, 0.0, weights), g, max_steps=steps)
            self.active = np.flatnonzero(weights)
        else:
            self.active = np.arange(operator.dim)
            if operator.dim + (mean is not None) >= operator.samples:
                raise EstimateUndefined("the network interpolates its data: without a row nothing is determined")
        self.weights = weights
        self.residual: FloatArray = labels - operator.forward(weights)
        self.correlations = operator.adjoint(self.residual)
        self.basis, triangle = np.linalg.qr(operator.columns(self.active))
        inverse = solve_triangular(triangle, np.eye(self.active.size)) if self.active.size else np.zeros((0, 0))
        #: ``R^{-1}`` of the active columns, and the inverse of their Gram matrix.
        self.inverse, self.gram_inverse = inverse, inverse @ inverse.T
        self.shared = np.zeros(operator.samples) if mean is None else np.square(mean)
        self.leverages: FloatArray = np.square(self.basis).sum(axis=1) + self.shared
        #: ``X^T X_j`` of the weights that were ever active.
        self.products: dict[int, FloatArray] = {}

    def approximate(self) -> FloatArray:
        """``r_i / (1 - H_ii)``, shape (n,)."""
        with np.errstate(divide="ignore", invalid="ignore"):
            out = self.residual / np.maximum(1 - self.leverages, 0.0)
        return np.where(self.residual == 0, 0.0, out)

    def without(self, rows: NDArray[np.intp] | None = None, *, count: int | None = None) -> RowsOut:
        """Residuals of the fits without each row.

        Parameters
        ----------
        rows : ndarray of int, optional
            Those to follow where weights enter or leave on their way; default: all.
        count : int, optional
            Only the first so many rows are data.
        """
        n = self.residual.size if count is None else count
        residuals, changes = self.approximate()[:n], np.zeros(n, dtype=np.int64)
        exact = ~self._bends(residuals)
        follow_these = np.flatnonzero(~exact) if rows is None else rows[~exact[rows]]
        if follow_these.size:
            self._remember(self.active)
        for row in follow_these:
            path = _RowPath(self, int(row))
            end = path.run(MOST_STEPS + 10 * self.active.size)
            residuals[row] = self._again(int(row)) if end is None else end
            exact[row] = bool(np.isfinite(residuals[row]))
            changes[row] = path.changes
        return RowsOut(residuals, self.leverages[:n], exact, changes)

    def _again(self, row: int) -> float:
        """The residual without the `row`, by another solve; infinite where that does not reach its minimum.

        A path is lost where columns depend on each other, as many equal ones do.
        """
        others = np.arange(self.residual.size) != row
        inputs = np.array(to_host(self.operator.inputs[np.arange(others.size)]), dtype=np.float64)
        mean = np.sqrt(self.shared)
        unit = mean[others] / (float(np.linalg.norm(mean[others])) or 1.0)
        rest, labels = inputs[others], self.labels[others]
        rest, labels = rest - np.outer(unit, unit @ rest), labels - unit * float(unit @ labels)
        found = solve_lasso(operator_for("diagonal", rest), labels, self.bound, tolerance=AGAIN)
        if found.certificate.gap > 100 * AGAIN:
            return float(np.inf)
        left = self.labels - inputs @ found.theta
        shared = float(unit @ left[others]) / (float(np.linalg.norm(mean[others])) or 1.0)
        return float(left[row] - shared * mean[row])

    def _bends(self, residuals: FloatArray) -> NDArray[np.bool_]:
        """Rows on whose way a weight enters or leaves: those where the formula is not exact."""
        out = ~np.isfinite(residuals)
        if self.bound == 0:
            return out
        labels = -residuals  # by how much each label moves
        inactive = np.ones(self.operator.dim, dtype=bool)
        inactive[self.active] = False
        inactive &= self.operator.squares > 0
        seen = np.column_stack([self.operator.adjoint(column) for column in self.basis.T]) if self.active.size else None
        step = max(1, BLOCK_NUMBERS // max(self.operator.dim, 1))
        for start in range(0, residuals.size, step):
            rows = np.arange(start, min(start + step, residuals.size))
            rows = rows[~out[rows]]
            slopes = np.array(to_host(self.operator.inputs[rows]), dtype=np.float64)
            if seen is not None:
                slopes -= self.basis[rows] @ seen.T
                moved = labels[rows, None] * (self.basis[rows] @ self.inverse.T)
                weights = self.weights[self.active]
                out[rows] |= ((weights + moved) * weights <= 0).any(axis=1)
            ends = self.correlations[inactive] + labels[rows, None] * slopes[:, inactive]
            out[rows] |= (np.abs(ends) > self.bound).any(axis=1)
        return out

    def _remember(self, columns: NDArray[np.intp]) -> None:
        new = [int(j) for j in columns if int(j) not in self.products]
        if new:
            products = self.operator.products(np.array(new, dtype=np.intp))
            self.products |= {j: np.ascontiguousarray(products[:, place]) for place, j in enumerate(new)}

    def product(self, j: int) -> FloatArray:
        """``X^T X_j``."""
        self._remember(np.array([j], dtype=np.intp))
        return self.products[j]

    def gram(self) -> FloatArray:
        """``X_A^T X`` of the starting support, shape (k, d)."""
        if not hasattr(self, "_gram"):
            self._gram = np.array([self.products[int(j)] for j in self.active]).reshape(-1, self.operator.dim)
        return self._gram


class _RowPath:
    """One label's way to where its row counts for nothing."""

    def __init__(self, rows: LassoRows, row: int) -> None:
        self.rows, self.row, self.bound = rows, row, rows.bound
        self.inputs = np.array(to_host(rows.operator.inputs[[row]]), dtype=np.float64)[0]
        self.residual = float(rows.residual[row])
        self.shared = float(rows.shared[row])
        self.support = [int(j) for j in rows.active]
        self.place = {j: place for place, j in enumerate(self.support)}
        self.theta = rows.weights[rows.active].copy()
        self.correlations = rows.correlations.copy()
        self.correlations[rows.active] = self.bound * np.sign(self.theta)
        self.inverse = rows.gram_inverse
        self.usable = rows.operator.squares > 0
        self.changes = 0
        self.last = -1

    def run(self, most_steps: int) -> float | None:
        """The residual without the row; None where the path was lost."""
        sign, moved = -float(np.sign(self.residual)), 0.0
        for _ in range(most_steps):
            x = self.inputs[self.support]
            slopes = sign * (self.inverse @ x)
            drift = sign * self.inputs - self._gram_times(slopes)
            rate = 1 - self.shared - float(x @ slopes) * sign
            whole = abs(self.residual) / rate if rate > FLAT else np.inf
            step, event, j = self._next(slopes, drift, whole)
            if not np.isfinite(step):
                return None
            self.theta += step * slopes
            self.correlations += step * drift
            self.residual += step * sign * max(rate, 0.0)
            moved += step
            if event == "end":
                return -sign * moved if self._certified(sign * moved) else None
            self.changes += 1
            if event == "drop":
                self._drop(j)
            elif not self._enter(j, float(np.sign(drift[j]))):
                return None
            self.last = j
        return None

    def _gram_times(self, slopes: FloatArray) -> FloatArray:
        """``X^T X_A slopes``, shape (d,)."""
        base, extra = np.zeros(self.rows.active.size), np.zeros(self.inputs.size)
        for j, slope in zip(self.support, slopes, strict=True):
            if j in self.place:
                base[self.place[j]] = slope
            else:
                extra += slope * self.rows.product(j)
        return base @ self.rows.gram() + extra

    def _next(self, slopes: FloatArray, drift: FloatArray, whole: float) -> tuple[float, str, int]:
        """First breakpoint: how far it is, what happens, and to which weight."""
        best, event, index = whole, "end", -1
        falling = np.flatnonzero(self.theta * slopes < 0)
        if falling.size:
            times = -self.theta[falling] / slopes[falling]
            k = int(np.argmin(times))
            if times[k] < best:
                best, event, index = float(times[k]), "drop", self.support[int(falling[k])]
        noise = 1e-12 * np.abs(self.inputs).max(initial=0.0)
        rising = self.usable & (np.abs(drift) > noise)
        rising[self.support] = False
        where = np.flatnonzero(rising)
        if where.size:
            rates = drift[where]
            times = (self.bound - self.correlations[where] * np.sign(rates)) / np.abs(rates)
            # What has just left stands at its bound and moves inwards, up to rounding.
            times[(where == self.last) & (times < 1e-9 * self.bound / np.abs(rates))] = np.inf
            k = int(np.argmin(times))
            if times[k] < best:
                best, event, index = max(float(times[k]), 0.0), "enter", int(where[k])
        return best, event, index

    def _drop(self, j: int) -> None:
        at = self.support.index(j)
        rest = np.arange(len(self.support)) != at
        self.correlations[j] = self.bound * np.sign(self.correlations[j])
        column = self.inverse[rest, at]
        self.inverse = self.inverse[np.ix_(rest, rest)] - np.outer(column, column) / self.inverse[at, at]
        self.theta = self.theta[rest]
        del self.support[at]

    def _enter(self, j: int, sign: float) -> bool:
        products = self.rows.product(j)
        self.correlations[j] = self.bound * sign
        column = self.inverse @ products[self.support]
        pivot = float(products[j]) - float(products[self.support] @ column)
        if not pivot > INDEPENDENT * float(products[j]):
            return False
        size = len(self.support)
        inverse = np.empty((size + 1, size + 1))
        inverse[:size, :size] = self.inverse + np.outer(column, column) / pivot
        inverse[:size, size] = inverse[size, :size] = -column / pivot
        inverse[size, size] = 1 / pivot
        self.inverse, self.theta = inverse, np.append(self.theta, 0.0)
        self.support.append(j)
        return True

    def _certified(self, moved: float) -> bool:
        """Whether the end is a minimum of the data without the row: its conditions afresh, not as they were tracked."""
        rows, step = self.rows, np.zeros(self.inputs.size)
        step[self.support] = self.theta
        step -= rows.weights
        found = rows.correlations + moved * self.inputs
        for j in np.flatnonzero(step):
            found = found - step[j] * rows.product(int(j))
        off = np.abs(found).max(initial=0.0) - self.bound
        signs = self.bound * np.sign(self.theta)
        off = max(off, float(np.abs(found[self.support] - signs).max(initial=0.0)))
        return off <= CERTIFIED * self.bound
