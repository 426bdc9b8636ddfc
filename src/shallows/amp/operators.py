"""The linear maps of the two networks, in row blocks so that memory stays a small multiple of the data.

``f = X theta`` for the diagonal network and ``f = Tr[S Z(x)]``, ``Z(x) = (x x^T - I)/sqrt(d)``, for the
quadratic one (theory note, section 1). The `n` matrices `Z` are never formed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InvalidArgument
from .devices import find_device, is_tensor, place, real_tensor

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    FloatArray = NDArray[np.float64]

#: Work arrays of one block hold at most this many numbers.
BLOCK_NUMBERS = 1 << 19


def as_pair(data: Any) -> tuple[Any, Any]:
    """``(X, y)`` of a pair or a sampled data set.

    Raises
    ------
    InvalidArgument
        For anything else.
    """
    try:
        inputs, labels = data
    except (TypeError, ValueError) as error:
        raise InvalidArgument("data", type(data).__name__, "must be a pair (X, y) or a sampled Dataset") from error
    return inputs, labels


def check_data(inputs: Any, labels: Any, device: Any = "cpu") -> tuple[Any, FloatArray]:
    """Inputs (n, d) and labels (n,) in float64, copied only where they cannot be used as they are.

    Parameters
    ----------
    inputs, labels : array_like or torch.Tensor
        A tensor on the CPU shares its memory with the array made of it.
    device : str, torch.device or None
        Where the inputs are to live (:func:`.devices.find_device`).

    Returns
    -------
    ndarray, or a tensor where the device is a GPU
        The inputs.
    ndarray
        The labels.

    Raises
    ------
    InvalidArgument
        Unless the shapes match, there is at least one sample and one column, and every number is finite and
        of a size whose sums of squares over the data neither overflow nor vanish; or if the device cannot be used.
    """
    where = find_device(device, inputs)
    x, y = _real("X", inputs, 2, where), _real("y", labels, 1, None)
    if x.shape[0] < 1 or x.shape[1] < 1:
        raise InvalidArgument("X", f"array of shape {tuple(x.shape)}", "needs at least one sample and one column")
    if y.shape[0] != x.shape[0]:
        raise InvalidArgument("y", f"{y.shape[0]} labels", f"must have one label per row of X, {x.shape[0]}")
    x, y = place(_dense(x), where), _dense(y)
    for name, array in (("X", x), ("y", y)):
        flat = (array if _in_order(array) else array.T).reshape(-1)
        with np.errstate(over="ignore", invalid="ignore"):
            square = float(flat @ flat)  # one pass at memory speed: any value that is not finite shows
        if not square < 1e140:
            array = place(array, None)
            bad = np.argwhere(~(np.abs(array) < 1e65))
            if bad.size == 0:
                raise InvalidArgument(name, f"a sum of squares of {square:.3g}", "values are too large: rescale")
            at = tuple(int(i) for i in bad[0])
            raise InvalidArgument(name, f"{array[at]} at position {at}", "must be finite, at most 1e65 in size")
        if square < 1e-140 and abs(array).max() > 0:
            raise InvalidArgument(name, f"a sum of squares of {square:.3g}", "values are too small: rescale")
    return x, y


def _real(name: str, value: Any, ndim: int, device: Any) -> Any:
    """An array of float64 with `ndim` dimensions; of a tensor that is to live on a GPU, the tensor there."""
    if is_tensor(value):
        array = real_tensor(name, value, device)
    else:
        try:
            array = np.asarray(value)
            if array.dtype.kind not in "fiub" or isinstance(value, np.ma.MaskedArray):
                raise TypeError
            array = array.astype(np.float64, copy=False)
        except (TypeError, ValueError) as error:
            given = type(value).__name__ + (f" of {value.dtype}" if isinstance(value, np.ndarray) else "")
            hint = "; call its .toarray()" if hasattr(value, "toarray") else ""
            raise InvalidArgument(name, given, f"must be a plain array of real numbers{hint}") from error
    if name == "y" and array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != ndim:
        raise InvalidArgument(name, f"array of shape {tuple(array.shape)}", f"must have {ndim} dimension(s)")
    return array


def _in_order(array: Any) -> bool:
    return bool(array.is_contiguous() if is_tensor(array) else array.flags.c_contiguous)


def _dense(array: Any) -> Any:
    """The same numbers without gaps in memory, copied only if there are some."""
    if _in_order(array) or _in_order(array.T):
        return array
    return array.contiguous() if is_tensor(array) else np.ascontiguousarray(array)


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
        self.rows = max(1, min(self.samples, self.block_numbers() // self.dim))

    def block_numbers(self) -> int:
        """Numbers in one block: what stays in the cache, and a small share of the data."""
        return min(BLOCK_NUMBERS, max(BLOCK_NUMBERS // 8, self.samples * self.dim // 24))

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

    def forward_mixed(self, factor: FloatArray, direction: FloatArray) -> tuple[FloatArray, FloatArray]:
        """``Tr[(F V^T + V F^T) Z_mu]`` and ``Tr[V V^T Z_mu]``, both of shape (n,), for F and `direction` V (d, r)."""
        first, second = np.empty(self.samples), np.empty(self.samples)
        for rows in self.blocks():
            block = self.inputs[rows]
            along = block @ direction
            first[rows] = 2 * np.einsum("ij,ij->i", block @ factor, along)
            second[rows] = np.einsum("ij,ij->i", along, along)
        first -= 2 * float(np.einsum("ij,ij->", factor, direction))
        second -= float(np.square(direction).sum())
        return first / self.root, second / self.root

    def adjoint_times(self, values: FloatArray, factor: FloatArray) -> FloatArray:
        """``(sum_mu values_mu Z_mu) F`` without the (d, d) matrix, shape (d, r)."""
        out = np.zeros_like(factor)
        for rows in self.blocks():
            block = self.inputs[rows]
            out += block.T @ (values[rows, None] * (block @ factor))
        return (out - values.sum() * factor) / self.root

    def normal_times(self, factor: FloatArray, direction: FloatArray) -> FloatArray:
        """``(sum_mu q_mu Z_mu) F`` with ``q_mu = Tr[(F V^T + V F^T) Z_mu]``, in one pass, shape (d, r)."""
        total = 0.0
        out = np.zeros_like(factor)
        inner = 2 * float(np.einsum("ij,ij->", factor, direction))
        for rows in self.blocks():
            block = self.inputs[rows]
            hidden = block @ factor
            q = (2 * np.einsum("ij,ij->i", hidden, block @ direction) - inner) / self.root
            hidden *= q[:, None]
            out += block.T @ hidden
            total += float(q.sum())
        return (out - total * factor) / self.root

    def eigh(self, matrix: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Increasing eigenvalues (d,) and eigenvectors (d, d) of a symmetric `matrix`, where the data are."""
        values, vectors = np.linalg.eigh(matrix)
        return values, vectors

    def eigvalsh(self, matrix: FloatArray) -> FloatArray:
        """The eigenvalues alone."""
        return np.asarray(np.linalg.eigvalsh(matrix), dtype=np.float64)
