"""Rows and columns that break a bulk by themselves: dead or repeated ones, and those of another variance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .blocked_matrix import BlockedMatrix

if TYPE_CHECKING:
    from .._types import FloatArray

#: Variances of rows or of columns differ where chance has less to do with it than with a normal variable of this size.
SURE = 5.0
#: Rounds of scaling rows and columns in turn: exact after one where the variances are a product, as good as exact else.
ROUNDS = 4


@dataclass(frozen=True, eq=False)
class Cleaned:
    """A matrix without its dead and repeated rows and columns, and what was taken out, a clause each."""

    matrix: BlockedMatrix
    remarks: tuple[str, ...]


def counted(count: int, what: str, one: str = "", many: str = "s") -> str:
    """``1 row`` or ``3 rows``."""
    return f"{count} {what}{one if count == 1 else many}"


def repeated(matrix: BlockedMatrix) -> np.ndarray:
    """Which rows are equal to an earlier one."""
    direction = np.random.default_rng(0).standard_normal(matrix.shape[1])
    probe = matrix.product(direction) if matrix.tall else matrix.adjoint(direction)
    order = np.argsort(probe, kind="stable")
    again = np.zeros(matrix.shape[0], dtype=bool)
    near = np.abs(np.diff(probe[order])) <= 1e-9 * (np.abs(probe[order[1:]]) + np.abs(probe[order[:-1]]))
    for place in np.flatnonzero(near):
        first, second = order[place], order[place + 1]
        again[second] = np.array_equal(matrix.stored[first], matrix.stored[second])
    return again


def cleaned(matrix: BlockedMatrix) -> Cleaned:
    """Takes out zero rows and columns, and all but one of equal rows and of equal columns."""
    remarks: list[str] = []
    array = matrix.stored
    for axis, name in ((0, "row"), (1, "column")):
        along = array if axis == 0 else array.T
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
            again = repeated(BlockedMatrix(along, matrix.exponent))
            if again.any():
                remarks.append(f"{counted(int(again.sum()), name)} equal to an earlier one left out of the noise")
                along = along[~again]
        array = along if axis == 0 else along.T
    return Cleaned(BlockedMatrix(array, matrix.exponent) if remarks else matrix, tuple(remarks))


def excess_kurtosis(matrix: BlockedMatrix) -> float:
    """Of the entries, about zero."""
    mean = matrix.mean_square
    return float(matrix.energies.fourth_rows.sum()) / matrix.size / mean**2 - 3 if mean > 0 else 0.0


def scales(matrix: BlockedMatrix, rows: bool, columns: bool) -> tuple[FloatArray | None, FloatArray | None]:
    """Factors of rows and of columns that bring their mean squares to the mean of all; None where there are none."""
    mean, (height, width) = matrix.mean_square, matrix.shape

    def factors(sums: FloatArray, count: int) -> FloatArray:
        return np.asarray(np.sqrt(mean / np.maximum(sums / count, 1e-300)))

    if not rows:
        return None, factors(matrix.energies.columns, height) if columns else None
    row = factors(matrix.energies.rows, width)
    if not columns:
        return row, None
    if matrix.tall:
        column = factors(matrix.energies_across(row**2), height)
        for _ in range(ROUNDS - 1):
            row, sums = matrix.energies_in_turn(column**2, lambda sums: factors(sums, width))
            column = factors(sums, height)
        return row, column
    for turn in range(ROUNDS):
        row = factors(sums, width) if turn else row
        column, sums = matrix.energies_in_turn(row**2, lambda sums: factors(sums, height))
    return row, column


def uneven(matrix: BlockedMatrix) -> tuple[bool, bool]:
    """Whether the mean squares of the rows, and those of the columns, differ by more than chance."""
    sums = matrix.energies
    return (
        disparity(sums.rows, sums.columns, sums.fourth_columns) > SURE,
        disparity(sums.columns, sums.rows, sums.fourth_rows) > SURE,
    )


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
    return float(together / np.sqrt(variance)) if variance > 0 else 0.0
