"""Training sets as linear maps: products with the data on the host or a GPU, and the checks of what comes in.

One file per network and place; :func:`operator_for` is the one way to make one.
"""

from __future__ import annotations

from typing import Any

from ..errors import InvalidArgument
from .attention import AttentionOperator, TorchAttentionOperator
from .base import OPERATORS, Operator, operator_for
from .checks import as_pair, check_data
from .devices import find_device, is_tensor, place, require_torch, to_host
from .diagonal import DiagonalOperator
from .diagonal_torch import TorchDiagonalOperator
from .quadratic import QuadraticOperator
from .quadratic_torch import TorchQuadraticOperator
from .sparse import SparseDiagonalOperator, SparseInputs, is_sparse

__all__ = [
    "OPERATORS",
    "AttentionOperator",
    "DiagonalOperator",
    "Operator",
    "QuadraticOperator",
    "SparseDiagonalOperator",
    "SparseInputs",
    "TorchAttentionOperator",
    "TorchDiagonalOperator",
    "TorchQuadraticOperator",
    "as_pair",
    "check_data",
    "find_device",
    "is_sparse",
    "is_tensor",
    "operator_for",
    "place",
    "require_torch",
    "to_host",
]


def __dir__() -> list[str]:
    return sorted(__all__)


@OPERATORS.register("deep_diagonal")
@OPERATORS.register("diagonal")
def _diagonal(inputs: object) -> DiagonalOperator:
    if isinstance(inputs, SparseInputs):
        return SparseDiagonalOperator(inputs)
    return TorchDiagonalOperator(inputs) if is_tensor(inputs) else DiagonalOperator(inputs)  # type: ignore[arg-type]


@OPERATORS.register("deep_quadratic")
@OPERATORS.register("quadratic")
def _quadratic(inputs: object) -> QuadraticOperator:
    if is_sparse(inputs):
        words = "the quadratic network multiplies pairs of columns, which fills a sparse X: pass X.toarray()"
        raise InvalidArgument("X", "sparse inputs", words)
    return TorchQuadraticOperator(inputs) if is_tensor(inputs) else QuadraticOperator(inputs)


@OPERATORS.register("attention")
def _attention(inputs: Any) -> Operator:
    if inputs.shape[1] == 1:  # one token, one score: the quadratic network
        return _quadratic(inputs[:, 0])
    return TorchAttentionOperator(inputs) if is_tensor(inputs) else AttentionOperator(inputs)
