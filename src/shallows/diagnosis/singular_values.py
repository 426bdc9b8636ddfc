"""Singular values of a matrix, fast where the smallest do not matter, and vectors of the largest."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.linalg import eigh_tridiagonal, eigvalsh_tridiagonal
from scipy.linalg.blas import dsyrk
from scipy.linalg.lapack import dormqr, dsytrd, dsytrd_lwork

from ..errors import InvalidArgument
from .blocked_matrix import BlockedMatrix

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from .._types import FloatArray, RealArray

#: Values below this share of the largest are lost in the rounding of ``X X^T``: they are computed from the matrix.
SMALLEST_SHARE = 1e-5
#: Unless its shorter side is longer than this: then they are known to :data:`ABSOLUTE` of the largest only.
LONGEST = 1024
ABSOLUTE = 1e-7


def checked(matrix: ArrayLike) -> tuple[BlockedMatrix, float]:
    """`matrix` with its largest entry about 1, a power of two taken out, and its relative rounding.

    Raises
    ------
    InvalidArgument
        Unless it is a matrix of finite real numbers with at least one entry.
    """
    try:
        array = np.asarray(matrix)
    except (ValueError, TypeError) as error:
        raise InvalidArgument(
            "matrix", type(matrix).__name__, "must be an array of numbers, of shape (m, n)"
        ) from error
    if array.ndim != 2 or not array.size:
        raise InvalidArgument("matrix", f"shape {array.shape}", "must have two axes, and at least one entry")
    if array.dtype.kind not in "buif":
        raise InvalidArgument("matrix", f"entries of type {array.dtype}", "must hold real numbers")
    if not np.isfinite(array).all():
        bad = int(array.size - np.count_nonzero(np.isfinite(array)))
        raise InvalidArgument("matrix", f"{bad} entries that are NaN or infinite", "must be finite")
    rounding = float(np.finfo(array.dtype).eps) if array.dtype.kind == "f" else 2.0**-52
    largest = max(float(array.max()), -float(array.min()))
    exponent = int(np.frexp(largest)[1]) if largest else 0
    return BlockedMatrix(array, exponent), rounding


class Decomposition:
    """Singular values of a matrix, and singular vectors of the largest, from one reduction of ``X X^T``.

    The inner products along the longer side are brought to tridiagonal form, which gives all singular values, and
    vectors of as many as are wanted without beginning anew.

    Parameters
    ----------
    matrix : BlockedMatrix
    """

    def __init__(self, matrix: BlockedMatrix) -> None:
        self.matrix = matrix
        self._reduced: Reduced | None = None
        squares = eigenvalues(self._reduce())
        if squares[-1] > SMALLEST_SHARE**2 * squares[0] or squares[0] <= 0 or squares.size > LONGEST:
            self.values = np.sqrt(np.maximum(squares, 0))
        else:
            self.values = np.asarray(np.linalg.svd(triangular(matrix), compute_uv=False), dtype=float)

    def _reduce(self) -> Reduced:
        if self._reduced is None:
            self._reduced = reduced(gram(self.matrix))
        return self._reduced

    def release(self) -> None:
        """Free what the vectors are made of; it is made again where they are asked for."""
        self._reduced = None

    def leading(self, count: int) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Left vectors, singular values and right vectors of the `count` largest, as columns, decreasing."""
        squares, vectors = eigenvectors(self._reduce(), count)
        values = np.sqrt(np.maximum(squares[::-1], 0))
        short = vectors[:, ::-1]
        long = self.matrix.product(short)
        long /= np.where(values > 0, values, 1.0)
        return (long, values, short) if self.matrix.tall else (short, values, long)


class Reduced(NamedTuple):
    """A symmetric matrix in tridiagonal form, and the reflectors that brought it there, with zeros above them."""

    reflectors: FloatArray
    diagonal: FloatArray
    beside: FloatArray
    tau: FloatArray


def reduced(symmetric: FloatArray) -> Reduced:
    """The tridiagonal form of a lower triangle with zeros above it, which is overwritten."""
    work = int(dsytrd_lwork(len(symmetric), lower=1)[0])
    return Reduced(*dsytrd(symmetric, lower=1, lwork=work, overwrite_a=1)[:4])


def eigenvalues(form: Reduced) -> FloatArray:
    """All of them, decreasing."""
    if form.diagonal.size == 1:
        return form.diagonal.copy()
    return np.asarray(eigvalsh_tridiagonal(form.diagonal, form.beside), dtype=float)[::-1]


def eigenvectors(form: Reduced, count: int) -> tuple[FloatArray, FloatArray]:
    """The `count` largest eigenvalues, increasing, and their vectors as columns.

    The reflectors lie below the first subdiagonal, as those of a QR decomposition that begins one row further down.
    Read from one entry further on, columns end with the first entry of the next, a zero above the diagonal: so nothing
    is copied.
    """
    size = form.diagonal.size
    if size == 1:
        return form.diagonal.copy(), np.ones((1, 1))
    found, vectors = eigh_tridiagonal(form.diagonal, form.beside, select="i", select_range=(size - count, size - 1))
    shifted = form.reflectors.T.reshape(-1)[1 : 1 + size * (size - 1)].reshape((size, size - 1), order="F")
    turned = np.zeros(vectors.shape, order="F")
    turned[:-1] = vectors[1:]
    work = int(dormqr("L", "N", shifted, form.tau, turned, lwork=-1)[1][0])
    vectors[1:] = dormqr("L", "N", shifted, form.tau, turned, lwork=work, overwrite_c=1)[0][:-1]
    return np.asarray(found, dtype=float), np.asarray(vectors, dtype=float)


def gram(matrix: BlockedMatrix) -> FloatArray:
    """Inner products along the longer side: the lower triangle, zeros above."""
    short = min(matrix.shape)
    total = np.zeros((short, short), order="F")
    for _, block in matrix.blocks():
        rows_first = block.flags.c_contiguous
        total = dsyrk(1.0, block.T if rows_first else block, 1.0, total, trans=not rows_first, lower=1, overwrite_c=1)
    return np.asarray(total)


def triangular(matrix: BlockedMatrix) -> FloatArray:
    """A matrix with the same singular values and few rows, by orthogonal steps alone."""
    short, parts = min(matrix.shape), []
    for _, block in matrix.blocks():
        parts.append(block)
        if sum(map(len, parts)) > 2 * short:
            parts = [np.asarray(np.linalg.qr(np.vstack(parts), mode="r"))]
    return np.vstack(parts)


def singular_values(matrix: RealArray) -> FloatArray:
    """Singular values of an array, decreasing.

    From the eigenvalues of ``X X^T``, to a relative 1e-6 down to 1e-5 of the largest. Smaller ones are computed from
    the matrix where its shorter side is at most 1024; else they are known to 1e-7 of the largest.
    """
    return Decomposition(BlockedMatrix(matrix)).values


def leading_vectors(matrix: RealArray, count: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Left vectors, singular values and right vectors of the `count` largest of an array, as columns, decreasing."""
    return Decomposition(BlockedMatrix(matrix)).leading(count)
