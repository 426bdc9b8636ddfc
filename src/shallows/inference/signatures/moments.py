"""Moments of columns and rows, which several signatures look at."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy.special import betainc

from ...operators import SparseInputs
from ...operators.sparse import power_means, row_mean_squares

#: Not looked for single correlated pairs beyond this many products of numbers.
MOST_PRODUCTS = 2e10
#: Columns and rows of sparse inputs, drawn at random, that correlations are looked for in.
MOST_COLUMNS, MOST_ROWS = 2000, 10_000


@dataclass(frozen=True)
class Correlations:
    """Of all pairs of columns.

    Attributes
    ----------
    rows, columns : int
        That were looked at.
    squares : float
        Sum of squared correlations, over pairs in both orders.
    largest : float
        Size of the largest one; 0 where single pairs were too many to look at.
    """

    rows: int
    columns: int
    squares: float
    largest: float

    @property
    def pairs(self) -> int:
        """In both orders."""
        return self.columns * (self.columns - 1)

    @property
    def typical(self) -> float:
        """Root mean square beyond chance."""
        return float(np.sqrt(max(self.squares / self.pairs - 1 / (self.rows - 1), 0.0)))

    def chance_of_largest(self) -> float:
        """Probability that independent normal columns show a pair as correlated as the most correlated one."""
        squared = min(self.largest**2, 1.0)
        # Of one pair, r^2 follows the law Beta(1/2, (n - 2)/2).
        one = float(betainc((self.rows - 2) / 2, 0.5, 1 - squared))
        return any_of(one, self.pairs / 2)


class Moments:
    """First, second and fourth moments of the columns, all of shape (d,)."""

    def __init__(self, inputs: Any) -> None:
        self.inputs = inputs
        self.samples, self.dim = inputs.shape
        self.means, self.squares = power_means(inputs, 1), power_means(inputs, 2)
        self.kurtosis = power_means(inputs, 4) / np.maximum(self.squares, 1e-300) ** 2
        self.mean_kurtosis = float(self.kurtosis.mean())

    @cached_property
    def row_sizes(self) -> Any:
        """Mean square of each row, shape (n,)."""
        return row_mean_squares(self.inputs)

    @property
    def row_spread(self) -> float:
        """Relative variance of the rows' mean squares over that of independent normal columns, ``2/d``."""
        norms = self.row_sizes
        return float(norms.var() / max(float(norms.mean()) ** 2, 1e-300)) * self.dim / 2

    @property
    def independent_spread(self) -> float:
        """:attr:`row_spread` of independent columns with these tails."""
        return max((self.mean_kurtosis - 1) / 2, 1.0)

    @cached_property
    def correlations(self) -> Correlations | None:
        """None for fewer than two columns or four rows."""
        n, d = self.inputs.shape
        if d < 2 or n < 4:
            return None
        if isinstance(self.inputs, SparseInputs):  # filled as far as they are looked at
            unit = self.inputs.standardised_part(MOST_ROWS, MOST_COLUMNS)
            n, d = unit.shape
            if d < 2 or n < 4:
                return None
        else:
            unit = (self.inputs - self.means) / np.maximum(self.inputs.std(axis=0), 1e-300)
        largest = 0.0
        if d <= n or n * d**2 <= MOST_PRODUCTS:
            gram = unit.T @ unit / n
            np.fill_diagonal(gram, 0.0)
            squares, largest = float(np.square(gram).sum()), float(np.abs(gram).max())
        else:
            gram = unit @ unit.T / n
            squares = float(np.square(gram).sum()) - float(np.square(np.square(unit).mean(axis=0)).sum())
        return Correlations(n, d, squares, largest)

    @property
    def typical_correlation(self) -> float:
        """Root mean square beyond chance; 0 where it was not looked for."""
        return 0.0 if self.correlations is None else self.correlations.typical

    @property
    def lengthening(self) -> float:
        """Spread of the rows' lengths by correlation alone: the mean square of the covariance's eigenvalues."""
        return 1 + (self.dim - 1) * self.typical_correlation**2


def any_of(p_value: float, count: float) -> float:
    """Probability that one of `count` independent tests has a p-value as small.

    >>> any_of(0.01, 10) < 0.1
    True
    """
    return float(-np.expm1(count * np.log1p(-min(max(p_value, 0.0), 1 - 1e-16))))
