"""How far products with the quadratic network's data may be from exact ones, in whatever order is summed.

Every bound takes twice the unit roundoff for an operation, which leaves room for its own rounding. Outputs are bounded
in coordinates whose columns have about unit size, so that they stay tight where columns differ by orders of magnitude.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from .._types import FloatArray

#: Twice the unit roundoff.
EPSILON = float(np.finfo(float).eps)
#: Roundings of a sum that NumPy makes in pairs, of up to 2^40 terms.
PAIRWISE = 64.0


@dataclass(frozen=True, eq=False)
class Sizes:
    """Sizes of the columns, and of every observation's matrix ``sqrt(d) Z + I``.

    Attributes
    ----------
    scales : ndarray, shape (d,)
        The power of two next to the root mean square of each column; 1 for a column of zeros.
    plain, scaled : ndarray, shape (n,)
        Operator norms as the inputs are, and with every column divided by its scale.
    """

    scales: FloatArray
    plain: FloatArray
    scaled: FloatArray


def sizes_of(operator: Any) -> Sizes:
    """Two passes over the data."""
    sizes = np.sqrt(operator.column_squares() / operator.samples)
    scales = np.exp2(np.round(np.log2(np.where(sizes > 0, sizes, 1.0))))
    return Sizes(scales, operator.row_squares(np.ones(operator.dim)), operator.row_squares(1 / scales**2))


def rounding_of_outputs(operator: Any, factor: FloatArray, outputs: FloatArray) -> FloatArray:
    """Bound (n,) of the error of ``forward_factor(factor)``, which gave these `outputs`."""
    d, rank = factor.shape
    spread = 1 + operator.root * operator.shift_size
    square = float(np.square(factor).sum())
    # Hidden states and their largest possible values: the outputs tell their sum of squares.
    largest = operator.sizes.scaled * float(np.square(factor * operator.sizes.scales[:, None]).sum())
    hidden = np.minimum(largest, operator.hidden_squares(outputs, square * spread))
    products = (2 * d + 2) * np.sqrt(hidden * largest) + d * d * EPSILON * largest + (rank + 4) * hidden
    return np.asarray(
        EPSILON * ((products + (2 * d + rank + 4) * spread * square) / operator.root + 2 * np.abs(outputs))
    )


def rounding_of_adjoint(operator: Any, values: FloatArray) -> float:
    """Bound of the operator norm of the error of ``adjoint(values)``."""
    sizes = np.abs(values)
    return EPSILON * (
        (operator.additions + 8) * float(sizes @ operator.sizes.plain) / operator.root
        + (PAIRWISE + 8) * float(sizes.sum()) * (1 / operator.root + operator.shift_size)
    )
