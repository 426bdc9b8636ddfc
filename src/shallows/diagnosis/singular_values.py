"""Singular values of a matrix, fast where the smallest do not matter."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import eigh, qr

from ..errors import InvalidArgument

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from .._types import FloatArray

#: Values below this share of the largest are lost in the rounding of ``X X^T``: they are computed from the matrix.
SMALLEST_SHARE = 1e-5
#: Unless its shorter side is longer than this: then they are known to :data:`ABSOLUTE` of the largest only.
LONGEST = 1024
ABSOLUTE = 1e-7


def checked(matrix: ArrayLike) -> tuple[FloatArray, int, float]:
    """`matrix` in doubles with its largest entry about 1, the power of two taken out, and its relative rounding.

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
    return np.ldexp(np.asarray(array, dtype=float), -exponent), exponent, rounding


def short_side_first(matrix: FloatArray) -> FloatArray:
    """The matrix or its transpose, whichever has no more rows than columns."""
    return matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T


def gram(matrix: FloatArray) -> FloatArray:
    """Inner products along the longer side."""
    wide = short_side_first(matrix)
    return wide @ wide.T


def singular_values(matrix: FloatArray) -> FloatArray:
    """Singular values, decreasing.

    From the eigenvalues of ``X X^T``, to a relative 1e-6 down to 1e-5 of the largest. Smaller ones are computed from
    the matrix where its shorter side is at most 1024; else they are known to 1e-7 of the largest.
    """
    short, long = sorted(matrix.shape)
    squares = np.linalg.eigvalsh(gram(matrix))[::-1]
    if squares[-1] > SMALLEST_SHARE**2 * squares[0] or squares[0] == 0 or short > LONGEST:
        return np.sqrt(np.maximum(squares, 0))
    tall = short_side_first(matrix).T
    if long > 2 * short:
        tall = qr(tall, mode="r", check_finite=False)[0][:short]
    return np.asarray(np.linalg.svd(tall, compute_uv=False), dtype=float)


def leading_vectors(matrix: FloatArray, count: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Left vectors, singular values and right vectors of the `count` largest, as columns, decreasing."""
    wide = short_side_first(matrix)
    size = wide.shape[0]
    squares, vectors = eigh(gram(matrix), subset_by_index=[size - count, size - 1], driver="evr")
    values = np.sqrt(np.maximum(squares[::-1], 0))
    first = vectors[:, ::-1]
    second = (wide.T @ first) / np.where(values > 0, values, 1.0)
    return (first, values, second) if wide is matrix else (second, values, first)
