"""Rows and columns that break a bulk by themselves: dead or repeated ones, and those of another variance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from .._types import FloatArray

#: Variances of rows or of columns differ where chance has less to do with it than with a normal variable of this size.
SURE = 5.0
#: Rounds of scaling rows and columns in turn: exact after one where the variances are a product, as good as exact else.
ROUNDS = 4


@dataclass(frozen=True, eq=False)
class Cleaned:
    """A matrix without its dead and repeated rows and columns, and what was taken out, a clause each."""

    matrix: FloatArray
    remarks: tuple[str, ...]


def counted(count: int, what: str, one: str = "", many: str = "s") -> str:
    """``1 row`` or ``3 rows``."""
    return f"{count} {what}{one if count == 1 else many}"


def repeated(matrix: FloatArray) -> np.ndarray:
    """Which rows are equal to an earlier one."""
    probe = matrix @ np.random.default_rng(0).standard_normal(matrix.shape[1])
    order = np.argsort(probe, kind="stable")
    again = np.zeros(matrix.shape[0], dtype=bool)
    near = np.abs(np.diff(probe[order])) <= 1e-9 * (np.abs(probe[order[1:]]) + np.abs(probe[order[:-1]]))
    for place in np.flatnonzero(near):
        first, second = order[place], order[place + 1]
        again[second] = np.array_equal(matrix[first], matrix[second])
    return again


def cleaned(matrix: FloatArray) -> Cleaned:
    """Takes out zero rows and columns, and all but one of equal rows and of equal columns."""
    remarks: list[str] = []
    for axis, name in ((0, "row"), (1, "column")):
        along = matrix if axis == 0 else matrix.T
        dead = ~along.any(axis=1)
        if dead.any():
            remarks.append(f"{counted(int(dead.sum()), name)} of zeros left out of the noise")
            along = along[~dead]
        if along.size:
            constant = (along == along[:, :1]).all(axis=1) if along.shape[1] > 1 else np.zeros(len(along), dtype=bool)
            if constant.any():
                remarks.append(f"{counted(int(constant.sum()), 'constant ' + name)} left out of the noise")
                along = along[~constant]
        if along.size:
            again = repeated(along)
            if again.any():
                remarks.append(f"{counted(int(again.sum()), name)} equal to an earlier one left out of the noise")
                along = along[~again]
        matrix = along if axis == 0 else along.T
    return Cleaned(matrix, tuple(remarks))


def excess_kurtosis(matrix: FloatArray) -> float:
    """Of the entries, about zero."""
    squares = np.square(matrix).reshape(-1)
    mean = float(squares.mean())
    return float(squares @ squares) / squares.size / mean**2 - 3 if mean > 0 else 0.0


def scales(squares: FloatArray, rows: bool, columns: bool) -> tuple[FloatArray, FloatArray]:
    """Factors of rows and of columns that bring their mean squares to the mean of all."""
    row, column = np.ones(squares.shape[0]), np.ones(squares.shape[1])
    mean = squares.mean()
    for _ in range(ROUNDS if rows and columns else 1):
        if rows:
            row = np.sqrt(mean / np.maximum(squares @ column**2 / column.size, 1e-300))
        if columns:
            column = np.sqrt(mean / np.maximum(row**2 @ squares / row.size, 1e-300))
    return row, column


def uneven(matrix: FloatArray) -> tuple[bool, bool]:
    """Whether the mean squares of the rows, and those of the columns, differ by more than chance."""
    squares = matrix**2
    rows, columns = squares.sum(axis=1), squares.sum(axis=0)
    fourth = np.einsum("ij,ij->i", squares, squares), np.einsum("ij,ij->j", squares, squares)
    return disparity(rows, columns, fourth[1]) > SURE, disparity(columns, rows, fourth[0]) > SURE


def disparity(sums: FloatArray, others: FloatArray, fourth: FloatArray) -> float:
    """By how many standard deviations the rows differ more in energy than if each column were shuffled.

    The deviations of the squares from the mean of their column, of any law and different from column to column, are
    uncorrelated from one column to the next if rows have no part in them. The sum of the products of those in a row is
    then centred, its variance known from the sums of squares of the columns: huge entries stand in both.

    Parameters
    ----------
    sums : ndarray
        Squares summed over each row.
    others, fourth : ndarray
        Squares, and fourth powers, summed over each column.
    """
    columns = np.maximum(fourth - others**2 / sums.size, 0)
    total = float(columns.sum())
    together = float(np.sum((sums - sums.mean()) ** 2)) - total
    variance = 2 * (total**2 - float(np.sum(columns**2))) / max(sums.size - 1, 1)
    return together / np.sqrt(variance) if variance > 0 else 0.0
