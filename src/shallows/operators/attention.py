"""The data of attention without softmax as a linear map: scores of all pairs of tokens, on the host or a device.

An observation is an unordered pair of tokens (theory note, section 17): ``Tr[S Z]``, where ``Z`` is ``(x_a x_a^T -
I)/sqrt(d)`` or ``(x_a x_b^T + x_b x_a^T)/sqrt(2 d)``. The pairs of a sequence are taken together, as products of its
tokens: ``T`` hidden states are computed, not ``T (T + 1)/2``, and ``Z`` is never formed.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import numpy as np

from .devices import OnDevice
from .quadratic import QuadraticOperator
from .quadratic_torch import device_block_numbers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .._types import FloatArray


class AttentionOperator(QuadraticOperator):
    """The map from ``S`` to the scores of all pairs of tokens, and its adjoint.

    Values have one number per pair: sequence by sequence, in the order of ``numpy.triu_indices``, those off the
    diagonal multiplied by ``sqrt(2)``.

    Parameters
    ----------
    inputs : ndarray, shape (n, T, d)
        Never modified, never copied.

    Examples
    --------
    >>> import numpy as np
    >>> from shallows.operators import AttentionOperator
    >>> operator = AttentionOperator(np.array([[[2.0, 0.0, 0.0, 0.0], [1.0, 1.0, 1.0, 1.0]]]))
    >>> operator.samples, operator.forward(np.eye(4)).round(6).tolist()  # 0, sqrt(2) * 2/sqrt(4), 0
    (3, [0.0, 1.414214, 0.0])
    """

    inputs: Any

    def __init__(self, inputs: Any) -> None:
        self.inputs = inputs
        self.sequences, self.tokens, self.dim = inputs.shape
        first, second = np.triu_indices(self.tokens)
        self.samples, self.root = self.sequences * first.size, np.sqrt(self.dim)
        self.diagonal = np.flatnonzero(first == second)
        self.place(first, second, np.where(first == second, 1.0, np.sqrt(2.0)))
        self.rows = max(1, min(self.sequences, self.block_numbers() // (self.tokens * self.dim)))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.sequences} sequences of {self.tokens} tokens and {self.dim} columns>"

    def place(self, first: Any, second: Any, scale: Any) -> None:
        """Keep the pairs where the inputs are."""
        self.first, self.second, self.scale = self.send(first), self.send(second), self.send(scale)

    def send(self, array: Any) -> Any:
        """The array where the inputs are."""
        return array

    def fetch(self, array: Any) -> FloatArray:
        """The array on the host."""
        return np.asarray(array)

    def zeros(self, *shape: int) -> Any:
        """Zeros where the inputs are."""
        return np.zeros(shape)

    def blocks(self, rough: bool = False) -> Iterator[slice]:
        """Blocks of sequences."""
        for start in range(0, self.sequences, self.rows):
            yield slice(start, min(start + self.rows, self.sequences))

    def raised(self, outputs: FloatArray, number: float) -> FloatArray:
        out = outputs.reshape(self.sequences, -1).copy()
        out[:, self.diagonal] += number  # independent tokens have scores of zero mean
        return out.reshape(-1)

    def total(self, values: FloatArray) -> float:
        return float(values.reshape(self.sequences, -1)[:, self.diagonal].sum())

    def _pairs(self, left: Any, right: Any) -> Any:
        """Observations (b, pairs) of the scores ``left right^T`` of hidden states (b, T, r)."""
        scores = left @ right.swapaxes(1, 2)
        if left is not right:
            scores = 0.5 * (scores + scores.swapaxes(1, 2))
        return scores[:, self.first, self.second] * self.scale

    def _spread(self, values: Any) -> Any:
        """The symmetric matrices (b, T, T) by which observations of these `values` (b, pairs) weight products."""
        out = self.zeros(values.shape[0], self.tokens, self.tokens)
        out[:, self.first, self.second] = (0.5 * self.scale) * values
        return out + out.swapaxes(1, 2)

    def _observe(self, left: Any, right: Any, trace: float) -> FloatArray:
        """Observations of ``S = L R^T`` of this `trace`, symmetrised; sides (d, r), None for the identity."""
        out = self.zeros(self.sequences, len(self.first))
        for rows in self.blocks():
            block = self.inputs[rows]
            hidden = block if left is None else block @ left
            out[rows] = self._pairs(hidden, hidden if right is left else block @ right)
        return self.raised(self.fetch(out).reshape(-1), -trace) / self.root

    def forward(self, matrix: FloatArray, *, rough: bool = False) -> FloatArray:
        return self._observe(None, self.send(matrix), float(np.trace(matrix)))

    def output_of_modes(self, modes: FloatArray) -> FloatArray:
        return self._observe(None, self.send(np.diag(modes)), float(modes.sum()))

    def forward_factor(self, factor: FloatArray, signs: FloatArray | None = None, *, rough: bool = False) -> FloatArray:
        if factor.shape[1] == 0:
            return np.zeros(self.samples)
        left = self.send(factor)
        squares = np.square(factor).sum(axis=0)
        if signs is None:
            return self._observe(left, left, float(squares.sum()))
        return self._observe(left, self.send(factor * signs), float(squares @ signs))

    def forward_mixed(self, factor: FloatArray, direction: FloatArray) -> tuple[FloatArray, FloatArray]:
        along = self.send(direction)
        inner = float(np.einsum("ij,ij->", factor, direction))
        first = 2 * self._observe(self.send(factor), along, inner)
        return first, self._observe(along, along, float(np.square(direction).sum()))

    def adjoint(self, values: FloatArray, *, rough: bool = False) -> FloatArray:
        sent, out = self.send(values.reshape(self.sequences, -1)), self.zeros(self.dim, self.dim)
        for rows in self.blocks():
            block = self.inputs[rows]
            mixed = self._spread(sent[rows]) @ block
            out += block.reshape(-1, self.dim).T @ mixed.reshape(-1, self.dim)
        found = self.fetch(out)
        found = 0.5 * (found + found.T)  # up to rounding it was symmetric
        found[np.diag_indices(self.dim)] -= self.total(values)
        return found / self.root

    unit = 1.0  # nothing is in single precision here

    def hidden(self, basis: FloatArray) -> Any:
        return self.inputs @ self.send(basis)

    def column_squares(self) -> FloatArray:
        out = self.zeros(self.dim)
        for rows in self.blocks():
            out += (self.inputs[rows] ** 2).sum(0).sum(0)
        return self.fetch(out) * self.samples / (self.sequences * self.tokens)

    def row_squares(self, weights: FloatArray) -> FloatArray:
        """Of a pair of tokens: the product of their lengths, times its scale."""
        sent, out = self.send(weights), self.zeros(self.sequences, len(self.first))
        for rows in self.blocks():
            lengths = (self.inputs[rows] ** 2 @ sent) ** 0.5
            out[rows] = lengths[:, self.first] * lengths[:, self.second] * self.scale
        return self.fetch(out).reshape(-1)

    @property
    def additions(self) -> int:
        return self.rows * self.tokens + self.tokens + -(-self.sequences // self.rows)

    def hidden_squares(self, outputs: FloatArray, square: float) -> FloatArray:
        return np.full_like(outputs, np.inf)  # an output of two tokens says nothing about either

    def adjoint_times(self, values: FloatArray, factor: FloatArray) -> FloatArray:
        sent, sides = self.send(values.reshape(self.sequences, -1)), self.send(factor)
        out = self.zeros(*factor.shape)
        for rows in self.blocks():
            block = self.inputs[rows]
            mixed = self._spread(sent[rows]) @ (block @ sides)
            out += block.reshape(-1, self.dim).T @ mixed.reshape(-1, factor.shape[1])
        return (self.fetch(out) - self.total(values) * factor) / self.root

    def normal_times(self, factor: FloatArray, direction: FloatArray) -> FloatArray:
        inner = float(np.einsum("ij,ij->", factor, direction))
        values = 2 * self._observe(self.send(factor), self.send(direction), inner)
        return self.adjoint_times(values, factor)


class TorchAttentionOperator(OnDevice, AttentionOperator):
    """The same with the inputs on a device.

    Parameters
    ----------
    inputs : torch.Tensor, shape (n, T, d)
        float64, free of gradients. Never modified, never copied.

    Examples
    --------
    >>> import numpy as np
    >>> from shallows.operators import TorchAttentionOperator
    >>> try:
    ...     import torch
    ...     inputs = torch.tensor([[[2.0, 0.0], [1.0, 1.0]]], dtype=torch.float64)
    ...     found = TorchAttentionOperator(inputs).forward(np.eye(2)).round(6).tolist()
    ... except ImportError:
    ...     found = [1.414214, 2.0, 0.0]
    >>> found
    [1.414214, 2.0, 0.0]
    """

    projects = False

    def __init__(self, inputs: Any) -> None:
        self.device = inputs.device
        super().__init__(inputs)

    def block_numbers(self) -> int:
        return device_block_numbers(self.samples * self.dim)

    def zeros(self, *shape: int) -> Any:
        return self.inputs.new_zeros(shape)

    def eigh(self, matrix: FloatArray) -> tuple[FloatArray, FloatArray]:
        values, vectors = sys.modules["torch"].linalg.eigh(self.send(matrix))
        return self.fetch(values), self.fetch(vectors)

    def eigvalsh(self, matrix: FloatArray) -> FloatArray:
        return self.fetch(sys.modules["torch"].linalg.eigvalsh(self.send(matrix)))
