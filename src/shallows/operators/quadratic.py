"""The quadratic network's data as a linear map, in row blocks so that memory stays a small multiple of the data.

``f = Tr[S Z(x)]``, ``Z(x) = (x x^T - I)/sqrt(d)`` (theory note, section 1). The `n` matrices `Z` are never formed.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from .base import Operator

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .._types import FloatArray
    from ..weights import LowRankPSD

#: Work arrays of one block hold at most this many numbers.
BLOCK_NUMBERS = 1 << 19


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

    def __init__(self, inputs: FloatArray) -> None:
        self.inputs = inputs
        self.samples, self.dim = inputs.shape
        self.root = np.sqrt(self.dim)
        self.rows = max(1, min(self.samples, self.block_numbers() // self.dim))

    def centred(self, covariance: FloatArray) -> QuadraticOperator:
        return centred_kind(type(self))(self.inputs, covariance)

    def block_numbers(self) -> int:
        """Numbers in one block: what stays in the cache, and a small share of the data."""
        return min(BLOCK_NUMBERS, max(BLOCK_NUMBERS // 8, self.samples * self.dim // 24))

    def blocks(self) -> Iterator[slice]:
        """Row blocks."""
        for start in range(0, self.samples, self.rows):
            yield slice(start, min(start + self.rows, self.samples))

    def raised(self, outputs: FloatArray, number: float) -> FloatArray:
        """Outputs (n,) of weights whose outputs have another mean by this `number`."""
        return outputs + number

    def total(self, values: FloatArray) -> float:
        """The adjoint of :meth:`raised`."""
        return float(values.sum())

    def forward(self, matrix: FloatArray) -> FloatArray:
        """``Tr[S Z_mu]``, shape (n,), of a symmetric `matrix` of shape (d, d)."""
        out = np.empty(self.samples)
        for rows in self.blocks():
            block = self.inputs[rows]
            out[rows] = np.einsum("ij,ij->i", block @ matrix, block)
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


class _Centred(QuadraticOperator):
    """Corrections by ``1 - Sigma`` to the products of the class that it is mixed into.

    For inputs with a covariance ``f = Tr[S (x x^T - Sigma)]/sqrt(d)`` (theory note, section 13).
    """

    def __init__(self, inputs: Any, covariance: FloatArray) -> None:
        super().__init__(inputs)
        matrix = np.diag(covariance) if covariance.ndim == 1 else covariance
        self.shift: FloatArray = (np.eye(self.dim) - matrix) / self.root

    def forward(self, matrix: FloatArray) -> FloatArray:
        return self.raised(super().forward(matrix), float(np.einsum("ij,ij->", self.shift, matrix)))

    def output_of_modes(self, modes: FloatArray) -> FloatArray:
        return self.raised(super().output_of_modes(modes), float(np.diag(self.shift) @ modes))

    def forward_factor(self, factor: FloatArray, signs: FloatArray | None = None) -> FloatArray:
        moved = np.einsum("ij,ij->j", factor, self.shift @ factor)
        mean = float(moved.sum() if signs is None else moved @ signs)
        return self.raised(super().forward_factor(factor, signs), mean)

    def adjoint(self, values: FloatArray) -> FloatArray:
        return super().adjoint(values) + self.total(values) * self.shift

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
