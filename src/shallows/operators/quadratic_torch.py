"""The linear maps of the quadratic network on a GPU, in PyTorch: the twin of :class:`.quadratic.QuadraticOperator`.

What has the size of the data stays on the device and is worked on there, in float64 and in row blocks. What the
solvers see are arrays on the host: vectors of length n, factors (d, r) and matrices (d, d), a few of which travel with
each product. Eigenvalues of (d, d) matrices are found on the device too: they cost of order ``d^3``, their transfer
``d^2``.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import numpy as np

from .devices import OnDevice
from .quadratic import QuadraticOperator

if TYPE_CHECKING:
    from .._types import FloatArray

#: Numbers in one block on a device: large products keep it busy (at least the first, even of small data), and the work
#: arrays of a block stay a share of the data's memory (at most the second).
DEVICE_BLOCK_NUMBERS = (1 << 22, 1 << 26)


def device_block_numbers(size: int) -> int:
    """Numbers in one block of data of `size` numbers on a device."""
    smallest, largest = DEVICE_BLOCK_NUMBERS
    return min(largest, max(smallest, size // 8))


class TorchQuadraticOperator(OnDevice, QuadraticOperator):
    """The map ``S -> (Tr[S Z_mu])_mu`` and its adjoint, with the inputs on a device.

    Parameters
    ----------
    inputs : torch.Tensor, shape (n, d)
        float64, free of gradients. Never modified, never copied.

    Examples
    --------
    >>> import numpy as np
    >>> from shallows.operators import TorchQuadraticOperator
    >>> try:
    ...     import torch
    ...     operator = TorchQuadraticOperator(torch.tensor([[1.0, 2.0], [3.0, -1.0]], dtype=torch.float64))
    ...     found = operator.output_of_modes(np.array([1.0, 1.0])).round(6).tolist()
    ... except ImportError:
    ...     found = [2.12132, 5.656854]
    >>> found
    [2.12132, 5.656854]
    """

    inputs: Any

    def __init__(self, inputs: Any) -> None:
        super().__init__(inputs)
        self.device = inputs.device

    def block_numbers(self) -> int:
        return device_block_numbers(self.samples * self.dim)

    def forward(self, matrix: FloatArray, *, rough: bool = False) -> FloatArray:
        sent, out = self.send(matrix), self.inputs.new_empty(self.samples)
        for rows in self.blocks():
            block = self.inputs[rows]
            out[rows] = (block @ sent).mul_(block).sum(1)
        return (self.fetch(out) - np.trace(matrix)) / self.root

    def output_of_modes(self, modes: FloatArray) -> FloatArray:
        sent, out = self.send(modes), self.inputs.new_empty(self.samples)
        for rows in self.blocks():
            out[rows] = self.inputs[rows].square().sub_(1.0) @ sent
        return self.fetch(out.div_(float(self.root)))

    def forward_factor(self, factor: FloatArray, signs: FloatArray | None = None, *, rough: bool = False) -> FloatArray:
        if factor.shape[1] == 0:
            return np.zeros(self.samples)
        weights = np.ones(factor.shape[1]) if signs is None else signs
        sent, sent_weights, out = self.send(factor), self.send(weights), self.inputs.new_empty(self.samples)
        for rows in self.blocks():
            out[rows] = (self.inputs[rows] @ sent).square_() @ sent_weights
        return (self.fetch(out) - weights @ np.square(factor).sum(axis=0)) / self.root

    def forward_mixed(self, factor: FloatArray, direction: FloatArray) -> tuple[FloatArray, FloatArray]:
        pair = self.send(np.concatenate([factor, direction], axis=1))
        rank = factor.shape[1]
        out = self.inputs.new_empty((2, self.samples))
        for rows in self.blocks():
            hidden = self.inputs[rows] @ pair
            along = hidden[:, rank:]
            out[0, rows] = 2 * hidden[:, :rank].mul_(along).sum(1)
            out[1, rows] = along.square_().sum(1)
        first, second = self.fetch(out)
        first -= 2 * float(np.einsum("ij,ij->", factor, direction))
        second -= float(np.square(direction).sum())
        return first / self.root, second / self.root

    def adjoint(self, values: FloatArray, *, rough: bool = False) -> FloatArray:
        sent, out = self.send(values), self.inputs.new_zeros((self.dim, self.dim))
        for rows in self.blocks():
            block = self.inputs[rows]
            out.addmm_((block * sent[rows, None]).T, block)
        out.diagonal().sub_(float(values.sum()))
        return self.fetch(out.div_(float(self.root)))

    def adjoint_times(self, values: FloatArray, factor: FloatArray) -> FloatArray:
        sent, sent_factor = self.send(values), self.send(factor)
        out = self.inputs.new_zeros(factor.shape)
        for rows in self.blocks():
            block = self.inputs[rows]
            out.addmm_(block.T, (block @ sent_factor).mul_(sent[rows, None]))
        return (self.fetch(out) - values.sum() * factor) / self.root

    def normal_times(self, factor: FloatArray, direction: FloatArray) -> FloatArray:
        pair = self.send(np.concatenate([factor, direction], axis=1))
        rank = factor.shape[1]
        inner = 2 * float(np.einsum("ij,ij->", factor, direction))
        out, total = self.inputs.new_zeros(factor.shape), self.inputs.new_zeros(())
        for rows in self.blocks():
            block = self.inputs[rows]
            both = block @ pair
            hidden, along = both[:, :rank], both[:, rank:]
            q = along.mul_(hidden).sum(1).mul_(2).sub_(inner).div_(float(self.root))
            out.addmm_(block.T, hidden.mul_(q[:, None]))
            total += q.sum()
        return (self.fetch(out) - float(total) * factor) / self.root

    projects = False

    def column_squares(self) -> FloatArray:
        out = self.inputs.new_zeros(self.dim)
        for rows in self.blocks():
            out += self.inputs[rows].square().sum(0)
        return self.fetch(out)

    def row_squares(self, weights: FloatArray) -> FloatArray:
        sent, out = self.send(weights), self.inputs.new_empty(self.samples)
        for rows in self.blocks():
            out[rows] = self.inputs[rows].square() @ sent
        return self.fetch(out)

    def eigh(self, matrix: FloatArray) -> tuple[FloatArray, FloatArray]:
        values, vectors = sys.modules["torch"].linalg.eigh(self.send(matrix))
        return self.fetch(values), self.fetch(vectors)

    def eigvalsh(self, matrix: FloatArray) -> FloatArray:
        return self.fetch(sys.modules["torch"].linalg.eigvalsh(self.send(matrix)))
