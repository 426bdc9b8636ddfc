"""Rows and columns that break a bulk by themselves: dead or repeated ones, and those of another variance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import chi2

if TYPE_CHECKING:
    from .._types import FloatArray

#: Variances of rows or of columns are told from one another at this level: by chance once in ten thousand matrices.
LEVEL = 1e-4
#: Rounds of scaling rows and columns in turn: exact after one where the variances are a product, as good as exact else.
ROUNDS = 4


@dataclass(frozen=True, eq=False)
class Cleaned:
    """A matrix without its dead and repeated rows and columns, and what was taken out, a clause each."""

    matrix: FloatArray
    remarks: tuple[str, ...]


def counted(count: int, what: str) -> str:
    """``1 row`` or ``3 rows``."""
    return f"{count} {what}{'' if count == 1 else 's'}"


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


def uneven(squares: FloatArray) -> tuple[bool, bool]:
    """Whether the mean squares of the rows, and those of the columns, differ by more than chance.

    Each is taken from `squares` with the other side brought to one variance, and compared with what independent entries
    of the kurtosis found give: a chi-squared law.
    """
    row, column = scales(squares, True, True)
    even = squares * row[:, None] ** 2 * column**2
    kurtosis = float(np.mean(even**2)) / float(np.mean(even)) ** 2 - 3
    answers = []
    for means in ((squares * column**2).mean(axis=1), (squares * row[:, None] ** 2).mean(axis=0)):
        other = squares.size // means.size
        score = np.sum((means / means.mean() - 1) ** 2) * other / max(2 + kurtosis, 0.1)
        answers.append(float(chi2.sf(score, means.size - 1)) < LEVEL)
    return answers[0], answers[1]
