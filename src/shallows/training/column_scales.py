"""The quadratic network's products in coordinates whose columns have about unit size.

With ``x = D z`` the outputs of `S` on `x` are those of ``T = D S D`` on `z`, and ``Tr S`` is ``sum_i T_ii / D_ii^2``:
the problem is the same, but what a step does to one column and to another no longer differs by the fourth power of
their scales. The scales are powers of two, so that the change of coordinates does not round.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from .._types import FloatArray
    from ..operators import QuadraticOperator

#: Columns whose scales differ by less than this are left as they are.
ALIKE = 8.0


class ScaledColumns:
    """Products with an operator's data in these coordinates; factors are those of ``T``.

    Attributes
    ----------
    scales : ndarray, shape (d,)
        ``D``; ones where the columns are of like size.
    costs : ndarray, shape (d,)
        What a diagonal entry of ``T`` adds to ``Tr S``.
    """

    def __init__(self, operator: QuadraticOperator) -> None:
        self.operator, self.dim, self.samples = operator, operator.dim, operator.samples
        # An observation is of ``x x^T - C``: a column below the root of its entry of `C` is as large as that.
        scales = np.maximum(operator.sizes.scales, np.exp2(np.ceil(np.log2(np.sqrt(operator.centre)))))
        self.scales = scales if scales.max() > ALIKE * scales.min() else np.ones(self.dim)
        self.costs = 1 / self.scales**2

    def into(self, factor: FloatArray) -> FloatArray:
        """The factor of ``T``, (d, r), of one of `S`."""
        return factor * self.scales[:, None]

    def out_of(self, factor: FloatArray) -> FloatArray:
        """The factor of `S` of one of ``T``; also what the adjoint of a product with a factor needs."""
        return factor / self.scales[:, None]

    def matrix(self, adjoint: FloatArray) -> FloatArray:
        """The adjoint (d, d) in these coordinates."""
        return adjoint / self.scales / self.scales[:, None]

    def trace(self, factor: FloatArray) -> float:
        """``Tr S``."""
        return float(self.costs @ np.square(factor).sum(axis=1))

    def forward_factor(self, factor: FloatArray) -> FloatArray:
        """Outputs (n,)."""
        return self.operator.forward_factor(self.out_of(factor))

    def forward_mixed(self, factor: FloatArray, direction: FloatArray) -> tuple[FloatArray, FloatArray]:
        """As of the operator."""
        return self.operator.forward_mixed(self.out_of(factor), self.out_of(direction))

    def adjoint(self, values: FloatArray) -> FloatArray:
        """As of the operator."""
        return self.matrix(self.operator.adjoint(values))

    def normal_times(self, factor: FloatArray, direction: FloatArray) -> FloatArray:
        """As of the operator."""
        return self.out_of(self.operator.normal_times(self.out_of(factor), self.out_of(direction)))

    def eigh(self, matrix: FloatArray) -> tuple[FloatArray, FloatArray]:
        """As of the operator."""
        return self.operator.eigh(matrix)
