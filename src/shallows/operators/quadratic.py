"""The quadratic network's data as a linear map, in row blocks so that memory stays a small multiple of the data.

``f = Tr[S Z(x)]``, ``Z(x) = (x x^T - I)/sqrt(d)`` (theory note, section 1). The `n` matrices `Z` are never formed.
"""

from __future__ import annotations

from copy import copy
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from .base import Operator
from .quadratic_rounding import Sizes, rounding_of_adjoint, rounding_of_outputs, sizes_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Self

    from .._types import FloatArray
    from ..weights import LowRankPSD

#: Work arrays of one block hold at most this many numbers.
BLOCK_NUMBERS = 1 << 19
#: Data and hidden states of at most this many numbers are kept in single precision as well once they are asked for so.
KEPT_NUMBERS = 1 << 21
#: Numbers in one block in single precision.
ROUGH_NUMBERS = 1 << 18


class QuadraticOperator(Operator):
    """The map ``S -> (Tr[S Z_mu])_mu`` of the quadratic network and its adjoint.

    Parameters
    ----------
    inputs : ndarray, shape (n, d)
        Never modified, never copied.

    Examples
    --------
    >>> import numpy as np
    >>> from shallows.operators import QuadraticOperator
    >>> operator = QuadraticOperator(np.array([[2.0, 0.0, 0.0, 0.0], [1.0, 1.0, 1.0, 1.0]]))
    >>> operator.forward(np.eye(4))  # (|x|^2 - d) / sqrt(d)
    array([0., 0.])
    >>> operator.forward_factor(np.array([[1.0], [0.0], [0.0], [0.0]]))
    array([1.5, 0. ])
    """

    #: Norm of what a covariance adds to every observation's matrix.
    shift_size: float = 0.0
    #: Whether :meth:`projected` keeps to blocks of the data.
    projects = True
    #: What rows in single precision are multiplied by, where that is not kept.
    basis: Any = None

    def __init__(self, inputs: Any) -> None:
        self.inputs = inputs
        self.samples, self.dim = inputs.shape
        self.root = np.sqrt(self.dim)
        self.rows = max(1, min(self.samples, self.block_numbers() // self.dim))

    def centred(self, covariance: FloatArray) -> QuadraticOperator:
        return centred_kind(type(self))(self.inputs, covariance)

    def block_numbers(self) -> int:
        """Numbers in one block: what stays in the cache, and a small share of the data."""
        return min(BLOCK_NUMBERS, max(BLOCK_NUMBERS // 8, self.samples * self.dim // 24))

    def blocks(self, rough: bool = False) -> Iterator[slice]:
        """Row blocks."""
        rows = max(self.rows, ROUGH_NUMBERS // self.dim) if rough else self.rows
        for start in range(0, self.samples, rows):
            yield slice(start, min(start + rows, self.samples))

    def raised(self, outputs: FloatArray, number: float) -> FloatArray:
        """Outputs (n,) of weights whose outputs have another mean by this `number`."""
        return outputs + number

    def total(self, values: FloatArray) -> float:
        """The adjoint of :meth:`raised`."""
        return float(values.sum())

    def forward(self, matrix: FloatArray, *, rough: bool = False) -> FloatArray:
        """``Tr[S Z_mu]``, shape (n,), of a symmetric `matrix` of shape (d, d); `rough` in single precision."""
        out = np.empty(self.samples)
        sent, size = _in_unit(matrix) if rough else (matrix, 1.0)
        for rows in self.blocks(rough):
            block = self.single_rows(rows) if rough else self.inputs[rows]
            out[rows] = np.einsum("ij,ij->i", block @ sent, block)
        if rough:
            out *= size * self.unit**2
        return (out - np.trace(matrix)) / self.root

    def output(self, weights: LowRankPSD) -> FloatArray:
        return self.forward_factor(weights.factor)

    def output_of_modes(self, modes: FloatArray) -> FloatArray:
        out = np.empty(self.samples)
        for rows in self.blocks():
            out[rows] = ((np.square(self.inputs[rows]) - 1.0) @ modes) / self.root
        return out

    def silencing_strength(self, labels: FloatArray) -> float:
        return max(2 * float(self.eigvalsh(self.adjoint(labels))[-1]) / self.dim, 0.0)

    def forward_factor(self, factor: FloatArray, signs: FloatArray | None = None, *, rough: bool = False) -> FloatArray:
        """``Tr[F diag(signs) F^T Z_mu]``, shape (n,), for a `factor` F of shape (d, r); `rough` in single precision."""
        if factor.shape[1] == 0:
            return np.zeros(self.samples)
        weights = np.ones(factor.shape[1]) if signs is None else signs
        out = np.empty(self.samples)
        sent, size = _in_unit(factor) if rough else (factor, 1.0)
        sent_weights = weights.astype(sent.dtype)
        for rows in self.blocks(rough):
            hidden = (self.single_rows(rows) if rough else self.inputs[rows]) @ sent
            np.square(hidden, out=hidden)
            out[rows] = hidden @ sent_weights
        if rough:
            out *= (size * self.unit) ** 2
        return (out - weights @ np.square(factor).sum(axis=0)) / self.root

    @cached_property
    def unit(self) -> float:
        """What inputs in single precision are divided by, so that their squares neither overflow nor vanish there."""
        largest = max(float(self.inputs.max()), -float(self.inputs.min()))
        return 1.0 if 1e-4 <= largest <= 1e6 or largest == 0.0 else float(np.exp2(np.round(np.log2(largest))))

    @cached_property
    def single(self) -> Any:
        """The inputs over their unit in single precision, None where they are too many to be kept twice."""
        return self._in_single(slice(None)) if self.inputs.size <= KEPT_NUMBERS else None

    def _in_single(self, rows: slice) -> Any:
        block = self.inputs[rows]
        if block.dtype == np.float32:
            return block  # hidden states, which are made of inputs over their unit
        return (block if self.unit == 1.0 else block / self.unit).astype(np.float32)

    def single_rows(self, rows: slice) -> Any:
        """A block of the inputs over their unit, in single precision."""
        block = self._in_single(rows) if self.single is None else self.single[rows]
        return block if self.basis is None else block @ self.basis

    def _rough_adjoint(self, values: FloatArray) -> FloatArray:
        """``sum_mu values_mu x_mu x_mu^T`` in single precision, summed over blocks in double."""
        out = np.zeros((self.dim, self.dim))
        largest = float(np.abs(values).max())
        if not 0 < largest < np.inf:
            return out
        sizes = np.sqrt(np.abs(values) / largest).astype(np.float32)
        for rows in self.blocks(rough=True):
            block, part = self.single_rows(rows), values[rows]
            for sign in (1.0, -1.0):
                chosen = np.flatnonzero(sign * part > 0)
                if chosen.size:
                    scaled = block.take(chosen, axis=0)
                    scaled *= sizes[rows][chosen, None]
                    product = scaled.T @ scaled
                    out += product if sign > 0 else -product
        return out * (largest * self.unit**2)

    def adjoint(self, values: FloatArray, *, rough: bool = False) -> FloatArray:
        """``sum_mu values_mu Z_mu``, shape (d, d); `values` of shape (n,); `rough` in single precision."""
        if rough:
            out = self._rough_adjoint(values)
            out[np.diag_indices(self.dim)] -= values.sum()
            return out / self.root
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

    def projected(self, basis: FloatArray) -> Self:
        """The map ``E -> Tr[B E B^T Z_mu]`` of small matrices (r, r), `basis` B (d, r) of orthogonal unit columns.

        On the host for rough products only, and its inputs (n, r) are kept unless they are many and more than half as
        many as the data.
        """
        found = copy(self)
        found.unit = self.unit
        for name in ("single", "sizes"):
            found.__dict__.pop(name, None)
        found.dim = basis.shape[1]
        hidden: Any = self.hidden(basis)
        if hidden is None:
            found.basis = basis.astype(np.float32)
        else:
            found.inputs = hidden
        return found

    def hidden(self, basis: FloatArray) -> Any:
        """The inputs' components along the columns of `basis` (d, r), where the inputs are; None if not to be kept."""
        if self.samples * basis.shape[1] > KEPT_NUMBERS and 2 * basis.shape[1] > self.dim:
            return None
        out = np.empty((self.samples, basis.shape[1]), dtype=np.float32)
        sent = basis.astype(np.float32)
        for rows in self.blocks(rough=True):
            np.matmul(self.single_rows(rows), sent, out=out[rows])
        return out

    def column_squares(self) -> FloatArray:
        """Sums of squares of the columns, shape (d,)."""
        out = np.zeros(self.dim)
        for rows in self.blocks():
            out += np.einsum("ij,ij->j", self.inputs[rows], self.inputs[rows])
        return out

    def row_squares(self, weights: FloatArray) -> FloatArray:
        """``|x_mu|^2`` with columns weighted by `weights` (d,), shape (n,): the norm of ``sqrt(d) Z + I``."""
        out = np.empty(self.samples)
        for rows in self.blocks():
            out[rows] = np.square(self.inputs[rows]) @ weights
        return out

    @cached_property
    def sizes(self) -> Sizes:
        """Sizes of columns and rows."""
        return sizes_of(self)

    @property
    def centre(self) -> FloatArray:
        """Diagonal (d,) of what is subtracted from ``x x^T``."""
        return np.ones(self.dim)

    @property
    def additions(self) -> int:
        """The most additions in a row that make one entry of the adjoint."""
        return self.rows + 2 * -(-self.samples // self.rows)

    def hidden_squares(self, outputs: FloatArray, square: float) -> FloatArray:
        """What sums of squares of hidden states (n,) are at most, by the `outputs` and the factor's own `square`."""
        return np.maximum(self.root * outputs + square, 0.0)

    def rounding_of_outputs(self, factor: FloatArray, outputs: FloatArray) -> FloatArray:
        """Bound (n,) of the error of :meth:`forward_factor`."""
        return rounding_of_outputs(self, factor, outputs)

    def rounding_of_adjoint(self, values: FloatArray) -> float:
        """Bound of the norm of the error of :meth:`adjoint`."""
        return rounding_of_adjoint(self, values)

    def eigh(self, matrix: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Increasing eigenvalues (d,) and eigenvectors (d, d) of a symmetric `matrix`, where the data are."""
        values, vectors = np.linalg.eigh(matrix)
        return values, vectors

    def eigvalsh(self, matrix: FloatArray) -> FloatArray:
        """The eigenvalues alone."""
        return np.asarray(np.linalg.eigvalsh(matrix), dtype=np.float64)


def _in_unit(array: FloatArray) -> tuple[Any, float]:
    """The array over its largest entry, in single precision, and that entry."""
    size = float(np.abs(array).max(initial=0.0)) or 1.0
    return (array / size).astype(np.float32), size


class _Centred(QuadraticOperator):
    """Corrections by ``1 - Sigma`` to the products of the class that it is mixed into.

    For inputs with a covariance ``f = Tr[S (x x^T - Sigma)]/sqrt(d)`` (theory note, section 13).
    """

    def __init__(self, inputs: Any, covariance: FloatArray) -> None:
        super().__init__(inputs)
        matrix = np.diag(covariance) if covariance.ndim == 1 else covariance
        self.shift: FloatArray = (np.eye(self.dim) - matrix) / self.root
        self.shift_size = float(np.linalg.norm(self.shift))

    def forward(self, matrix: FloatArray, *, rough: bool = False) -> FloatArray:
        return self.raised(super().forward(matrix, rough=rough), float(np.einsum("ij,ij->", self.shift, matrix)))

    def output_of_modes(self, modes: FloatArray) -> FloatArray:
        return self.raised(super().output_of_modes(modes), float(np.diag(self.shift) @ modes))

    def forward_factor(self, factor: FloatArray, signs: FloatArray | None = None, *, rough: bool = False) -> FloatArray:
        moved = np.einsum("ij,ij->j", factor, self.shift @ factor)
        mean = float(moved.sum() if signs is None else moved @ signs)
        return self.raised(super().forward_factor(factor, signs, rough=rough), mean)

    def adjoint(self, values: FloatArray, *, rough: bool = False) -> FloatArray:
        return super().adjoint(values, rough=rough) + self.total(values) * self.shift

    @property
    def centre(self) -> FloatArray:
        return np.maximum(1.0 - self.root * np.diag(self.shift), 1e-200)

    def projected(self, basis: FloatArray) -> Self:
        found = super().projected(basis)
        found.shift = basis.T @ self.shift @ basis
        return found

    def forward_mixed(self, factor: FloatArray, direction: FloatArray) -> tuple[FloatArray, FloatArray]:
        first, second = super().forward_mixed(factor, direction)
        moved = self.shift @ direction
        return (
            self.raised(first, 2 * float(np.einsum("ij,ij->", factor, moved))),
            self.raised(second, float(np.einsum("ij,ij->", direction, moved))),
        )

    def adjoint_times(self, values: FloatArray, factor: FloatArray) -> FloatArray:
        return super().adjoint_times(values, factor) + self.total(values) * (self.shift @ factor)

    def normal_times(self, factor: FloatArray, direction: FloatArray) -> FloatArray:
        return self.adjoint_times(self.forward_mixed(factor, direction)[0], factor)


@cache
def centred_kind(kind: type[QuadraticOperator]) -> type[_Centred]:
    """The centred operator on the host or on a device."""
    return type(f"Centred{kind.__name__}", (_Centred, kind), {})
