"""The linear maps of the two networks, in row blocks so that memory stays a small multiple of the data.

``f = X theta`` for the diagonal network and ``f = Tr[S Z(x)]``, ``Z(x) = (x x^T - I)/sqrt(d)``, for the
quadratic one (theory note, section 1). The `n` matrices `Z` are never formed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

#: Work arrays of one block hold at most this many numbers.
BLOCK_NUMBERS = 1 << 19


def check_data(inputs: Any, labels: Any) -> tuple[FloatArray, FloatArray]:
    """Inputs (n, d) and labels (n,) as float64 arrays, copied only where they cannot be used as they are.

    Raises
    ------
    InvalidArgument
        Unless the shapes match, there is at least one sample and one column, and every number is finite and
        small enough that sums of squares over the data do not overflow.
    """
    arrays = []
    for name, value, ndim in (("X", inputs, 2), ("y", labels, 1)):
        try:
            array = np.asarray(value)
            if array.dtype.kind not in "fiub":
                raise TypeError
            array = array.astype(np.float64, copy=False)
        except (TypeError, ValueError) as error:
            raise InvalidArgument(name, type(value).__name__, "must be an array of real numbers") from error
        if name == "y" and array.ndim == 2 and array.shape[1] == 1:
            array = array[:, 0]
        if array.ndim != ndim:
            raise InvalidArgument(name, f"array of shape {array.shape}", f"must have {ndim} dimension(s)")
        arrays.append(array)
    x, y = arrays
    if x.shape[0] < 1 or x.shape[1] < 1:
        raise InvalidArgument("X", f"array of shape {x.shape}", "needs at least one sample and one column")
    if y.shape[0] != x.shape[0]:
        raise InvalidArgument("y", f"{y.shape[0]} labels", f"must have one label per row of X, {x.shape[0]}")
    if not (x.flags.c_contiguous or x.flags.f_contiguous):
        x = np.ascontiguousarray(x)
    y = np.ascontiguousarray(y)
    for name, array in (("X", x), ("y", y)):
        flat = (array if array.flags.c_contiguous else array.T).reshape(-1)
        with np.errstate(over="ignore", invalid="ignore"):
            square = float(flat @ flat)  # one pass at memory speed: any value that is not finite shows
        if not square < 1e140:
            bad = np.argwhere(~(np.abs(array) < 1e65))
            if bad.size == 0:
                raise InvalidArgument(name, f"a sum of squares of {square:.3g}", "values are too large: rescale")
            place = tuple(int(i) for i in bad[0])
            raise InvalidArgument(name, f"{array[place]} at position {place}", "must be finite, at most 1e65 in size")
    return x, y


def column_squares(inputs: FloatArray) -> FloatArray:
    """Sums of squares of the columns, shape (d,), in blocks that stay in the cache."""
    out = np.zeros(inputs.shape[1])
    rows = max(1, (1 << 16) // inputs.shape[1])
    if inputs.flags.c_contiguous:
        ones = np.ones(rows)
        for start in range(0, inputs.shape[0], rows):
            block = np.square(inputs[start : start + rows])
            out += ones[: block.shape[0]] @ block
        return out
    return np.array([column @ column for column in inputs.T])


class QuadraticOperator:
    """The map ``S -> (Tr[S Z_mu])_mu`` of the quadratic network and its adjoint.

    Parameters
    ----------
    inputs : ndarray, shape (n, d)
        Never modified, never copied.
    """

    def __init__(self, inputs: FloatArray) -> None:
        self.inputs = inputs
        self.samples, self.dim = inputs.shape
        self.root = np.sqrt(self.dim)
        numbers = min(BLOCK_NUMBERS, max(BLOCK_NUMBERS // 8, inputs.size // 24))
        self.rows = max(1, min(self.samples, numbers // self.dim))

    def blocks(self) -> Iterator[slice]:
        """Row blocks."""
        for start in range(0, self.samples, self.rows):
            yield slice(start, min(start + self.rows, self.samples))

    def forward(self, matrix: FloatArray) -> FloatArray:
        """``Tr[S Z_mu]``, shape (n,), of a symmetric `matrix` of shape (d, d)."""
        out = np.empty(self.samples)
        for rows in self.blocks():
            block = self.inputs[rows]
            out[rows] = np.einsum("ij,ij->i", block @ matrix, block)
        return (out - np.trace(matrix)) / self.root

    def forward_factor(self, factor: FloatArray, signs: FloatArray | None = None) -> FloatArray:
        """``Tr[F diag(signs) F^T Z_mu]``, shape (n,), for a `factor` F of shape (d, r)."""
        if factor.shape[1] == 0:
            return np.zeros(self.samples)
        weights = np.ones(factor.shape[1]) if signs is None else signs
        out = np.empty(self.samples)
        for rows in self.blocks():
            hidden = self.inputs[rows] @ factor
            np.square(hidden, out=hidden)
            out[rows] = hidden @ weights
        return (out - weights @ np.square(factor).sum(axis=0)) / self.root

    def adjoint(self, values: FloatArray) -> FloatArray:
        """``sum_mu values_mu Z_mu``, shape (d, d); `values` of shape (n,)."""
        out = np.zeros((self.dim, self.dim))
        for rows in self.blocks():
            # A product of a matrix with its own transpose costs half a general one: hence rows split by sign.
            part, block = values[rows], self.inputs[rows]
            for sign in (1.0, -1.0):
                chosen = sign * part > 0
                if chosen.any():
                    scaled = block[chosen]
                    scaled *= np.sqrt(sign * part[chosen])[:, None]
                    out += sign * (scaled.T @ scaled)
        out[np.diag_indices(self.dim)] -= values.sum()
        return out / self.root

    def adjoint_times(self, values: FloatArray, factor: FloatArray) -> FloatArray:
        """``(sum_mu values_mu Z_mu) F`` without the (d, d) matrix, shape (d, r)."""
        out = np.zeros_like(factor)
        for rows in self.blocks():
            block = self.inputs[rows]
            out += block.T @ (values[rows, None] * (block @ factor))
        return (out - values.sum() * factor) / self.root
