"""The quadratic network's data for inputs with a covariance: outputs are centred by their own mean.

``f = Tr[S (x x^T - Sigma)]/sqrt(d)`` (theory note, section 13): every product is the one for white inputs, corrected by
``1 - Sigma``.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from .quadratic import QuadraticOperator

if TYPE_CHECKING:
    from .._types import FloatArray


class _Centred(QuadraticOperator):
    """Corrections to the products of the class that it is mixed into."""

    def __init__(self, inputs: Any, covariance: FloatArray) -> None:
        super().__init__(inputs)
        matrix = np.diag(covariance) if covariance.ndim == 1 else covariance
        self.shift: FloatArray = (np.eye(self.dim) - matrix) / self.root

    def forward(self, matrix: FloatArray) -> FloatArray:
        return super().forward(matrix) + float(np.einsum("ij,ij->", self.shift, matrix))

    def output_of_modes(self, modes: FloatArray) -> FloatArray:
        return super().output_of_modes(modes) + float(np.diag(self.shift) @ modes)

    def forward_factor(self, factor: FloatArray, signs: FloatArray | None = None) -> FloatArray:
        moved = np.einsum("ij,ij->j", factor, self.shift @ factor)
        return super().forward_factor(factor, signs) + float(moved.sum() if signs is None else moved @ signs)

    def adjoint(self, values: FloatArray) -> FloatArray:
        return super().adjoint(values) + float(values.sum()) * self.shift

    def forward_mixed(self, factor: FloatArray, direction: FloatArray) -> tuple[FloatArray, FloatArray]:
        first, second = super().forward_mixed(factor, direction)
        moved = self.shift @ direction
        return (
            first + 2 * float(np.einsum("ij,ij->", factor, moved)),
            second + float(np.einsum("ij,ij->", direction, moved)),
        )

    def adjoint_times(self, values: FloatArray, factor: FloatArray) -> FloatArray:
        return super().adjoint_times(values, factor) + float(values.sum()) * (self.shift @ factor)

    def normal_times(self, factor: FloatArray, direction: FloatArray) -> FloatArray:
        return self.adjoint_times(self.forward_mixed(factor, direction)[0], factor)


@cache
def centred(kind: type[QuadraticOperator]) -> type[_Centred]:
    """The centred operator on the host or on a device."""
    return type(f"Centred{kind.__name__}", (_Centred, kind), {})
