"""Linear systems on a changing set of columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.linalg import get_blas_funcs, get_lapack_funcs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from .._types import FloatArray
    from ..operators.diagonal import DiagonalOperator

#: A column whose pivot is this small, in units of the precision, depends on the earlier ones.
DEPENDENT = {np.dtype(np.float32): 1e-3, np.dtype(np.float64): 1e-7}


class SupportSystem:
    """Solves ``(X_A^T X_A) x = b`` for a support `A` that changes.

    One Cholesky factor of the Gram matrix of the starting support, its columns at unit mean square, and a small
    bordered system for what changed since: a column that entered borders it with its Gram column, one that left with a
    unit vector whose multiplier holds it at zero.

    Parameters
    ----------
    operator : DiagonalOperator
    support : ndarray of int
        Columns, increasing.
    dtype : float64 or float32
        Of the factor. Solutions in single precision are for refinement: see :mod:`.support_newton`.
    """

    def __init__(self, operator: DiagonalOperator, support: NDArray[np.intp], dtype: Any = np.float64) -> None:
        self.operator, self.support, self.dtype = operator, support, np.dtype(dtype)
        self.place = {int(j): i for i, j in enumerate(support)}
        size = support.size
        self.factor: NDArray[Any] = operator.gram(support, self.dtype)
        self.trsv, self.trsm = get_blas_funcs(("trsv", "trsm"), dtype=self.dtype)
        #: Columns that depend on earlier ones of the support; the system is usable only without them.
        self.dependent = support[:0]
        if size:
            scale = np.sqrt(np.diag(self.factor))
            potrf = get_lapack_funcs(("potrf",), dtype=self.dtype)[0]
            self.factor, info = potrf(self.factor, lower=1, overwrite_a=1, clean=0)
            small = np.diag(self.factor) < DEPENDENT[self.dtype] * scale
            self.dependent = self._dependent(scale) if info > 0 else support[small]
        self.border: list[tuple[str, int]] = []
        self.columns: NDArray[Any] = np.zeros((size, 0), dtype=self.dtype, order="F")
        self.schur = np.zeros((0, 0))

    def _dependent(self, scale: NDArray[Any]) -> NDArray[np.intp]:
        """Columns that others span, by a Cholesky factor that takes the clearest of the remaining columns next."""
        (pstrf,) = get_lapack_funcs(("pstrf",), dtype=self.dtype)
        smallest = float((DEPENDENT[self.dtype] * scale.max()) ** 2)
        _, order, rank, _ = pstrf(self.operator.gram(self.support, self.dtype), lower=1, tol=smallest, overwrite_a=1)
        rank = min(int(rank), self.support.size - 1)  # one at least: the plain factor ended before the last
        return self.support[np.sort(order[rank:] - 1)]

    def _down(self, right: NDArray[Any]) -> NDArray[Any]:
        """``L^{-1} right`` for a vector or the columns of a matrix."""
        right = np.asfortranarray(right, dtype=self.dtype)
        if right.size == 0:
            return right
        out: NDArray[Any] = (
            self.trsv(self.factor, right, lower=1) if right.ndim == 1 else self.trsm(1.0, self.factor, right, lower=1)
        )
        return out

    def _up(self, vector: NDArray[Any]) -> NDArray[Any]:
        """``L^{-T} vector``."""
        if vector.size == 0:
            return vector
        out: NDArray[Any] = self.trsv(self.factor, vector, lower=1, trans=1)
        return out

    def solve(self, right: FloatArray) -> FloatArray:
        """Solution as a vector of shape (d,), zero off the support; `right` of shape (d,) is read on it."""
        scales = self.operator.scales
        right = right / scales
        size = float(np.abs(right).max(initial=0.0)) or 1.0  # keeps single precision in its range
        half = self._down(right[self.support] / size)
        out = np.zeros_like(right)
        if self.border:
            extra = np.array([right[j] / size if kind == "new" else 0.0 for kind, j in self.border])
            extra -= self.columns.T @ half
            try:
                extra = np.linalg.solve(self.schur, extra)
            except np.linalg.LinAlgError:  # what entered depends on what is there: any solution will do
                extra = np.linalg.lstsq(self.schur, extra, rcond=None)[0]
            out[self.support] = self._up(half - self.columns @ extra.astype(self.dtype))
            for (kind, j), value in zip(self.border, extra, strict=True):
                out[j] = value if kind == "new" else 0.0
        else:
            out[self.support] = self._up(half)
        return out * (size / scales)

    def change(
        self,
        entering: Sequence[int] | NDArray[np.intp],
        leaving: Sequence[int] | NDArray[np.intp],
        products: FloatArray | None = None,
    ) -> None:
        """Let columns enter and leave; `products` are ``X^T X_J`` of those entering, shape (d, p)."""
        entering = [int(j) for j in entering]
        if products is None:
            products = self.operator.products(np.array(entering, dtype=int))
        back = {("gone", j) for j in entering} | {("new", int(j)) for j in leaving}
        keep = [i for i, change in enumerate(self.border) if change not in back]
        undone = {self.border[i] for i in range(len(self.border)) if i not in set(keep)}
        self.schur = self.schur[np.ix_(keep, keep)]
        self.columns = np.asfortranarray(self.columns[:, keep])
        self.border = [self.border[i] for i in keep]
        new = [(i, j) for i, j in enumerate(entering) if ("gone", j) not in undone]
        gone = [int(j) for j in leaving if ("new", int(j)) not in undone]
        if new or gone:
            self._append([j for _, j in new], gone, products[:, [i for i, _ in new]])

    def _append(self, new: list[int], gone: list[int], products: FloatArray) -> None:
        scales = self.operator.scales
        gram = products / scales[:, None] / scales[new]
        right = np.zeros((self.support.size, len(new) + len(gone)), dtype=self.dtype, order="F")
        right[:, : len(new)] = gram[self.support]
        for i, j in enumerate(gone):
            right[self.place[j], len(new) + i] = 1.0
        half = self._down(right)
        border = self.border + [("new", j) for j in new] + [("gone", j) for j in gone]
        old, size = len(self.border), len(border)
        corner = np.zeros((size, size - old))
        for i, (kind, j) in enumerate(border):
            if kind == "new":
                corner[i, : len(new)] = gram[j]
        self.columns = np.asfortranarray(np.concatenate([self.columns, half], axis=1))
        corner -= self.columns.T @ half
        schur = np.empty((size, size))
        schur[:old, :old] = self.schur
        schur[:, old:] = corner
        schur[old:, :old] = corner[:old].T
        self.schur, self.border = schur, border

    @property
    def changes(self) -> int:
        """Size of the border."""
        return len(self.border)


def factorise(
    operator: DiagonalOperator, theta: FloatArray, active: NDArray[np.bool_], dtype: Any = np.float64
) -> tuple[SupportSystem, NDArray[np.bool_]]:
    """System of the `active` columns, without those that depend on others among them; the largest weights stay."""
    active = active.copy()
    limit = min(operator.samples, operator.dim)
    while True:
        support = np.flatnonzero(active)
        if support.size > limit:
            order = np.argsort(np.abs(theta[support]))
            active[support[order[: support.size - limit]]] = False
            continue
        system = SupportSystem(operator, support, dtype)
        if system.dependent.size == 0:
            return system, active
        active[system.dependent] = False
