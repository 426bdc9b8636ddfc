"""The diagonal network's data as a linear map: ``X theta``, ``X^T r`` and products of its columns.

In double precision on the data themselves, and in single precision (`rough`) on a copy whose columns have unit mean
square, made when first asked for. Half the memory traffic is half the time, and columns of any
scale fit into the range of single precision that way.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.linalg.blas import dsyrk, ssyrk

from ..errors import InvalidArgument
from .base import Operator

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .._types import FloatArray

#: Numbers in a block of gathered columns, and in one that stays in the cache.
BLOCK_NUMBERS, CACHE_NUMBERS = 1 << 22, 1 << 16


def column_squares(inputs: FloatArray) -> FloatArray:
    """Sums of squares of the columns, shape (d,), in blocks that stay in the cache."""
    if not inputs.flags.c_contiguous:
        return np.einsum("ij,ij->i", inputs.T, inputs.T)
    out = np.zeros(inputs.shape[1])
    rows = max(1, CACHE_NUMBERS // inputs.shape[1])
    ones = np.ones(rows)
    for start in range(0, inputs.shape[0], rows):
        block = np.square(inputs[start : start + rows])
        out += ones[: block.shape[0]] @ block
    return out


def _columns(matrix: NDArray[Any], support: NDArray[np.intp]) -> NDArray[Any]:
    """Columns, in the memory order of the matrix: gathered along what lies together."""
    if matrix.flags.c_contiguous:
        return np.take(matrix, support, axis=1)
    return np.take(matrix.T, support, axis=0).T


def unit_single(values: FloatArray) -> tuple[NDArray[np.float32], float]:
    """The values over their largest size, in single precision, and that size."""
    size = float(np.abs(values).max(initial=0.0)) or 1.0
    return (values / size).astype(np.float32), size


class DiagonalOperator(Operator):
    """The map ``theta -> X theta`` of the diagonal network and its adjoint.

    Parameters
    ----------
    inputs : ndarray, shape (n, d)
        Never modified.

    Examples
    --------
    >>> import numpy as np
    >>> from shallows.operators import DiagonalOperator
    >>> operator = DiagonalOperator(np.array([[1.0, 2.0], [3.0, -1.0]]))
    >>> operator.forward(np.array([1.0, 1.0])), operator.adjoint(np.array([1.0, 0.0]))
    (array([3., 2.]), array([1., 2.]))
    """

    def __init__(self, inputs: FloatArray) -> None:
        self.inputs = inputs
        self.samples, self.dim = inputs.shape

    @property
    def by_columns(self) -> bool:
        """Whether the columns lie one after the other in the host's memory."""
        return bool(self.inputs.flags.f_contiguous and not self.inputs.flags.c_contiguous)

    def for_coordinate_descent(self) -> tuple[Any, bool]:
        """The inputs, column by column in memory, and whether the columns' means are still to be taken off."""
        return np.asfortranarray(self.inputs), False

    @cached_property
    def squares(self) -> FloatArray:
        """Sums of squares of the columns, shape (d,)."""
        return column_squares(self.inputs)

    def sizes(self, columns: NDArray[np.intp]) -> FloatArray:
        """The largest size of a number in each of the `columns`."""
        return np.asarray(np.abs(self.columns(columns)).max(axis=0, initial=0.0))

    @cached_property
    def scales(self) -> FloatArray:
        """Root mean squares of the columns, shape (d,); 1 for a column of zeros.

        Raises
        ------
        InvalidArgument
            If the squares of a column vanish in floating point, but not the column.
        """
        faint = np.flatnonzero(self.squares < 1e-250)
        for j in faint[self.sizes(faint) > 0]:
            raise InvalidArgument("X", f"column {j}", "its values are too small: rescale them")
        return np.sqrt(np.where(self.squares > 0, self.squares, self.samples) / self.samples)

    @cached_property
    def single(self) -> NDArray[np.float32]:
        """``X / scales`` in single precision and in the memory order of ``X``."""
        out = np.empty_like(self.inputs, dtype=np.float32)
        lines, columns = self.inputs.shape if self.inputs.flags.c_contiguous else self.inputs.T.shape
        step = max(1, CACHE_NUMBERS // columns)
        for start in range(0, lines, step):
            part = slice(start, start + step)
            if self.inputs.flags.c_contiguous:
                out[part] = self.inputs[part] / self.scales
            else:
                out[:, part] = self.inputs[:, part] / self.scales[part]
        return out

    def forward(self, theta: FloatArray, *, rough: bool = False) -> FloatArray:
        """``X theta``, shape (n,); from the columns with a weight alone where they are few."""
        support = np.flatnonzero(theta)
        if 32 * support.size <= self.dim:
            return self.inputs[:, support] @ theta[support]
        if rough:
            unit, size = unit_single(self.scales * theta)
            return size * (self.single @ unit).astype(np.float64)
        return self.inputs @ theta

    def adjoint(self, values: FloatArray, *, rough: bool = False) -> FloatArray:
        """``X^T values``, shape (d,)."""
        if rough:
            unit, size = unit_single(values)
            return size * self.scales * (self.single.T @ unit)
        return self.inputs.T @ values

    def output(self, weights: FloatArray) -> FloatArray:
        return self.forward(weights)

    def output_of_modes(self, modes: FloatArray) -> FloatArray:
        return self.inputs @ modes

    def silencing_strength(self, labels: FloatArray) -> float:
        return float(np.abs(self.adjoint(labels)).max() / np.sqrt(self.dim))

    def columns(self, support: NDArray[np.intp]) -> FloatArray:
        """The columns in `support`, shape (n, k), in the memory order of ``X``."""
        return _columns(self.inputs, support)

    def products(self, columns: NDArray[np.intp], *, rough: bool = False) -> FloatArray:
        """``X^T X_J`` for the `columns` J, shape (d, p)."""
        if rough:
            return self.scales[:, None] * (self.single.T @ self.single[:, columns]) * self.scales[columns]
        return self.inputs.T @ self.inputs[:, columns]

    def gram(self, support: NDArray[np.intp], dtype: Any = np.float64) -> NDArray[Any]:
        """Lower triangle of the Gram matrix of the columns in `support`, each scaled to unit mean square.

        Shape (k, k), Fortran order, of the `dtype` float32 or float64.
        """
        rough = np.dtype(dtype) == np.float32
        source, rank_update = (self.single, ssyrk) if rough else (self.inputs, dsyrk)
        size = support.size
        out = np.zeros((size, size), dtype=dtype, order="F")
        rows = max(512, BLOCK_NUMBERS // max(size, 1))
        for start in range(0, self.samples if size else 0, rows):
            block = np.take(source[start : start + rows], support, axis=1)
            if not rough:
                np.divide(block, self.scales[support], out=block)
            out = rank_update(1.0, block.T, beta=1.0, c=out, lower=1, overwrite_c=1)
        return out

    def row_products(self, support: NDArray[np.intp], weights: FloatArray, dtype: Any = np.float64) -> NDArray[Any]:
        """Lower triangle of ``X_A W X_A^T`` over the columns in `support`, each scaled to unit mean square.

        `weights`, of the shape of `support` and positive, are the diagonal of ``W``. Shape (n, n), Fortran order, of
        the `dtype` float32 or float64.
        """
        rough, roots = np.dtype(dtype) == np.float32, np.sqrt(weights).astype(dtype)
        rank_update = ssyrk if rough else dsyrk
        out = np.zeros((self.samples, self.samples), dtype=dtype, order="F")
        width = max(512, BLOCK_NUMBERS // max(self.samples, 1))
        for start in range(0, support.size, width):
            part = support[start : start + width]
            block = _columns(self.single, part) if rough else self.columns(part) / self.scales[part]
            block *= roots[start : start + width]
            if block.flags.c_contiguous:
                out = rank_update(1.0, block.T, beta=1.0, c=out, trans=1, lower=1, overwrite_c=1)
            else:
                out = rank_update(1.0, block, beta=1.0, c=out, lower=1, overwrite_c=1)
        return out
