"""Sparse inputs, centred and scaled without being filled, and the diagonal network's products with them.

Centring by hand would make a full matrix of a sparse one. Here the columns' means stay a vector beside it: ``X = M - 1
s^T``, and every product corrects for it.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.linalg.blas import dsyrk
from scipy.sparse import csc_array, issparse

from .diagonal import BLOCK_NUMBERS, DiagonalOperator

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .._types import FloatArray


#: Means larger than this, over the scale of their column, would cancel too many digits of a product with another one.
LARGEST_SHIFT = 1e3


class SparseInputs:
    """Inputs ``M - 1 s^T`` with a sparse ``M``; of the array's ways only its shape and rows by index.

    Parameters
    ----------
    matrix : sparse matrix or array, shape (n, d)
        ``M``: finite numbers.
    shift : ndarray, shape (d,), optional
        ``s``: the means of the columns of ``M``; default: none is taken off.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.sparse import csr_array
    >>> from shallows.operators import SparseInputs
    >>> inputs = SparseInputs(csr_array([[2.0, 0.0], [0.0, 0.0]]), np.array([1.0, 0.0]))
    >>> inputs.shape, inputs[[0, 1]].tolist()
    ((2, 2), [[1.0, 0.0], [-1.0, 0.0]])
    >>> inputs.power_means(2)
    array([1., 0.])
    """

    def __init__(self, matrix: Any, shift: FloatArray | None = None) -> None:
        self.matrix = csc_array(matrix, dtype=np.float64)
        self.matrix.sum_duplicates()
        self.shift = shift
        self.shape: tuple[int, int] = (int(self.matrix.shape[0]), int(self.matrix.shape[1]))

    def __repr__(self) -> str:
        return f"<SparseInputs of {self.shape[0]} rows and {self.shape[1]} columns, {self.matrix.nnz} numbers stored>"

    @property
    def shifts(self) -> FloatArray:
        """``s``, shape (d,); zeros where nothing is taken off."""
        return np.zeros(self.shape[1]) if self.shift is None else self.shift

    def __getitem__(self, rows: Any) -> FloatArray:
        """The rows of these indices, as a full array."""
        return np.asarray(self.matrix.tocsr()[rows].toarray(), dtype=np.float64) - self.shifts

    def select(self, columns: Any) -> SparseInputs:
        """The columns of these indices, or where this mask is true."""
        return SparseInputs(self.matrix[:, columns], None if self.shift is None else self.shift[columns])

    def power_means(self, power: int) -> FloatArray:
        """Means of a power of every column, shape (d,)."""
        out: FloatArray = self._powers(power) / self.shape[0]
        return out

    def sizes(self) -> FloatArray:
        """The largest size of a number in each column, shape (d,)."""
        filled = np.diff(self.matrix.indptr)
        out = np.where(filled < self.shape[0], np.abs(self.shifts), 0.0)
        columns = np.repeat(np.arange(self.shape[1]), filled)
        np.maximum.at(out, columns, np.abs(self.matrix.data - np.repeat(self.shifts, filled)))
        return out

    def _powers(self, power: int) -> FloatArray:
        filled = np.diff(self.matrix.indptr)
        shifted = self.matrix.data - np.repeat(self.shifts, filled)
        columns = np.repeat(np.arange(self.shape[1]), filled)
        inside = np.bincount(columns, weights=shifted**power, minlength=self.shape[1])
        out: FloatArray = inside + (self.shape[0] - filled) * (-self.shifts) ** power
        return out

    @cached_property
    def squares(self) -> FloatArray:
        """Sums of squares of the columns, shape (d,)."""
        return self._powers(2)

    def row_squares(self) -> FloatArray:
        """Sums of squares of the rows, shape (n,)."""
        squared = self.matrix.copy()
        squared.data = squared.data**2
        cross = self.matrix @ self.shifts
        out = np.asarray(squared.sum(axis=1)).ravel() - 2 * cross + float(self.shifts @ self.shifts)
        return np.maximum(out, 0.0)

    def standardised(self) -> SparseInputs:
        """Columns of mean zero and unit variance; zeros where a column never varies."""
        means = self.power_means(1)
        centred = SparseInputs(self.matrix, self.shifts + means)
        deviations = np.sqrt(centred.power_means(2))
        factors = np.divide(1.0, deviations, out=np.zeros_like(deviations), where=deviations > 0)
        return scaled(self.matrix, self.shifts + means, factors)

    def standardised_part(self, most_rows: int, most_columns: int) -> FloatArray:
        """The same as a full array, of so many rows and columns drawn at random where there are more."""
        n, d = self.shape
        generator = np.random.default_rng(0)
        unit = self.standardised()
        if d > most_columns:
            unit = unit.select(np.sort(generator.choice(d, most_columns, replace=False)))
        return unit[np.sort(generator.choice(n, most_rows, replace=False)) if n > most_rows else slice(None)]


def scaled(matrix: Any, means: FloatArray, factors: FloatArray) -> SparseInputs:
    """``(matrix - means) * factors``, column by column; a factor of zero makes a column of zeros."""
    out = csc_array(matrix, dtype=np.float64, copy=True)
    out.data *= np.repeat(factors, np.diff(out.indptr))
    out.eliminate_zeros()
    return SparseInputs(out, means * factors)


class SparseDiagonalOperator(DiagonalOperator):
    """The map ``theta -> X theta`` and its adjoint, with sparse inputs; always in double precision.

    Parameters
    ----------
    inputs : SparseInputs
        Never modified.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.sparse import csr_array
    >>> from shallows.operators import SparseDiagonalOperator, SparseInputs
    >>> inputs = SparseInputs(csr_array([[2.0, 0.0], [0.0, 4.0]]), np.array([1.0, 2.0]))
    >>> operator = SparseDiagonalOperator(inputs)
    >>> operator.forward(np.array([1.0, 1.0])), operator.adjoint(np.array([1.0, 0.0]))
    (array([-1.,  1.]), array([ 1., -2.]))
    """

    inputs: SparseInputs  # type: ignore[assignment]

    def __init__(self, inputs: SparseInputs) -> None:
        self.inputs = inputs
        self.samples, self.dim = inputs.shape
        self.matrix, self.shifts = inputs.matrix, inputs.shifts

    @property
    def by_columns(self) -> bool:
        return False  # a step of coordinate descent on centred sparse columns takes all rows

    @property
    def squares(self) -> FloatArray:
        return self.inputs.squares

    def sizes(self, columns: NDArray[np.intp]) -> FloatArray:
        return self.inputs.select(columns).sizes()

    def for_coordinate_descent(self) -> tuple[Any, bool]:
        # Coordinate descent of scikit-learn is compiled for these indices only.
        parts = self.matrix.data, self.matrix.indices.astype(np.int32), self.matrix.indptr.astype(np.int32)
        return csc_array(parts, shape=self.matrix.shape), self.inputs.shift is not None

    def forward(self, theta: FloatArray, *, rough: bool = False) -> FloatArray:
        out: FloatArray = self.matrix @ theta - float(self.shifts @ theta)
        return out

    def adjoint(self, values: FloatArray, *, rough: bool = False) -> FloatArray:
        out: FloatArray = self.matrix.T @ values - self.shifts * float(values.sum())
        return out

    def output_of_modes(self, modes: FloatArray) -> FloatArray:
        return np.column_stack([self.forward(column) for column in modes.T]) if modes.ndim > 1 else self.forward(modes)

    def columns(self, support: NDArray[np.intp]) -> FloatArray:
        return np.asarray(self.matrix[:, support].toarray(), dtype=np.float64) - self.shifts[support]

    def products(self, columns: NDArray[np.intp], *, rough: bool = False) -> FloatArray:
        full = self.columns(columns)
        out: FloatArray = self.matrix.T @ full - self.shifts[:, None] * full.sum(axis=0)
        return out

    def gram(self, support: NDArray[np.intp], dtype: Any = np.float64) -> NDArray[Any]:
        scales, shifts = self.scales[support], self.shifts[support]
        chosen = self.matrix[:, support]
        if np.all(np.abs(shifts) <= LARGEST_SHIFT * scales):
            sums = np.asarray(chosen.sum(axis=0)).ravel()
            out = np.asarray((chosen.T @ chosen).toarray(), dtype=np.float64)
            out -= np.outer(sums, shifts) + np.outer(shifts, sums) - self.samples * np.outer(shifts, shifts)
            return np.asfortranarray(np.tril(out / scales[:, None] / scales), dtype=dtype)
        out = np.zeros((support.size, support.size), order="F")
        rows = max(512, BLOCK_NUMBERS // support.size)
        chosen = chosen.tocsr()
        for start in range(0, self.samples, rows):
            block = (chosen[start : start + rows].toarray() - shifts) / scales
            out = dsyrk(1.0, block.T, beta=1.0, c=out, lower=1, overwrite_c=1)
        return out.astype(dtype, order="F", copy=False)

    def row_products(self, support: NDArray[np.intp], weights: FloatArray, dtype: Any = np.float64) -> NDArray[Any]:
        return super().row_products(support, weights).astype(dtype, order="F", copy=False)


def power_means(inputs: Any, power: int) -> FloatArray:
    """Means of a power of every column of an array or of sparse inputs, shape (d,)."""
    if isinstance(inputs, SparseInputs):
        return inputs.power_means(power)
    return np.asarray((inputs**power).mean(axis=0), dtype=np.float64)


def row_mean_squares(inputs: Any) -> FloatArray:
    """Means of the squares of every row of an array or of sparse inputs, shape (n,)."""
    if isinstance(inputs, SparseInputs):
        return inputs.row_squares() / inputs.shape[1]
    return np.asarray(np.square(inputs).mean(axis=1), dtype=np.float64)


def is_sparse(inputs: Any) -> bool:
    """Whether these are sparse inputs, or a sparse matrix or array of SciPy.

    Parameters
    ----------
    inputs : object

    Returns
    -------
    bool

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.sparse import csr_array
    >>> from shallows.operators import is_sparse
    >>> is_sparse(csr_array([[1.0]])), is_sparse(np.ones((1, 1)))
    (True, False)
    """
    return isinstance(inputs, SparseInputs) or bool(issparse(inputs))
