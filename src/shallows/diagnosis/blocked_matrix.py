"""A matrix that is read a block at a time, in doubles: nothing of its size is made of it beside what was stored."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .._types import FloatArray, RealArray

#: Entries of a block, and the fewest rows of the longer side in one: products of thinner ones are slow.
BLOCK, FEWEST = 2**16, 128


class Energies(NamedTuple):
    """Sums over rows and columns, of the squares of the entries and of their fourth powers; and the largest square."""

    rows: FloatArray
    columns: FloatArray
    fourth_rows: FloatArray
    fourth_columns: FloatArray
    largest: float


@dataclass(frozen=True, eq=False)
class Excess:
    """What is taken off single entries: places in the order of the longer side, and how much."""

    long: np.ndarray
    short: np.ndarray
    values: FloatArray


@dataclass(frozen=True, eq=False)
class BlockedMatrix:
    """A stored matrix, and what is to be done to its entries when they are read.

    In this order: times the power of two, times the factors, less the excess, cut off at the limit.

    Attributes
    ----------
    stored : ndarray, shape (m, n)
        Of any type of real number; only read.
    exponent : int
        Entries are those stored over two to this power.
    row, column : ndarray or None
        Factors.
    excess : Excess or None
    limit : float or None
        No entry is larger.

    Examples
    --------
    >>> import numpy as np
    >>> from shallows.diagnosis.blocked_matrix import BlockedMatrix
    >>> matrix = BlockedMatrix(np.array([[3.0, 4.0], [0.0, 2.0], [1.0, 0.0]]), exponent=1)
    >>> matrix.energies.rows.tolist(), matrix.scaled(None, np.array([2.0, 0.0])).dense().tolist()
    ([6.25, 1.0, 0.25], [[3.0, 0.0], [0.0, 0.0], [1.0, 0.0]])
    """

    stored: RealArray
    exponent: int = 0
    row: FloatArray | None = None
    column: FloatArray | None = None
    excess: Excess | None = None
    limit: float | None = None

    @property
    def shape(self) -> tuple[int, int]:
        return int(self.stored.shape[0]), int(self.stored.shape[1])

    @property
    def size(self) -> int:
        return int(self.stored.size)

    @property
    def tall(self) -> bool:
        """Whether rows are the longer side."""
        return self.shape[0] >= self.shape[1]

    def scaled(self, row: FloatArray | None, column: FloatArray | None) -> BlockedMatrix:
        """Rows and columns times these factors; of a matrix from which nothing was taken yet."""
        return replace(self, row=_times(self.row, row), column=_times(self.column, column))

    def cut(self, limit: float) -> BlockedMatrix:
        """No entry larger than `limit`."""
        return replace(self, limit=limit)

    def less(self, excess: Excess) -> BlockedMatrix:
        """Without `excess`."""
        return replace(self, excess=excess)

    def blocks(self) -> Iterator[tuple[slice, FloatArray]]:
        """Parts of the longer side, and the entries there: along the first axis of the block, which is a new array."""
        stored = self.stored if self.tall else self.stored.T
        along, across = (self.row, self.column) if self.tall else (self.column, self.row)
        half = self.exponent // 2  # two steps: one power of two alone may overflow
        steps = (2.0**-half, 2.0 ** (half - self.exponent))
        once = abs(self.exponent) < 1000
        count = max(BLOCK // max(stored.shape[1], 1), FEWEST)
        for start in range(0, stored.shape[0], count):
            part = slice(start, min(start + count, stored.shape[0]))
            block = np.multiply(stored[part], steps[0] * steps[1] if once else steps[0], dtype=float)
            if not once:
                block *= steps[1]
            if along is not None:
                block *= along[part, None]
            if across is not None:
                block *= across
            if self.excess is not None:
                low, high = np.searchsorted(self.excess.long, (part.start, part.stop))
                block[self.excess.long[low:high] - start, self.excess.short[low:high]] -= self.excess.values[low:high]
            if self.limit is not None:
                np.clip(block, -self.limit, self.limit, out=block)
            yield part, block

    @cached_property
    def energies(self) -> Energies:
        """Sums of squares and of fourth powers."""
        long, short = (max(self.shape), min(self.shape))
        squares, fourth = (np.empty(long), np.zeros(short)), (np.empty(long), np.zeros(short))
        largest = 0.0
        for part, block in self.blocks():
            np.square(block, out=block)
            squares[0][part] = block.sum(axis=1)
            squares[1][:] += block.sum(axis=0)
            fourth[0][part] = np.einsum("ij,ij->i", block, block)
            fourth[1][:] += np.einsum("ij,ij->j", block, block)
            largest = max(largest, float(block.max()))
        if self.tall:
            return Energies(squares[0], squares[1], fourth[0], fourth[1], largest)
        return Energies(squares[1], squares[0], fourth[1], fourth[0], largest)

    @property
    def mean_square(self) -> float:
        """Of the entries."""
        return float(self.energies.rows.sum()) / self.size

    def energies_across(self, weights: FloatArray) -> FloatArray:
        """Squares summed along the longer side, each times the weight of its place there."""
        total = np.zeros(min(self.shape))
        for part, block in self.blocks():
            total += weights[part] @ np.square(block, out=block)
        return total

    def energies_in_turn(
        self, weights: FloatArray, factors: Callable[[FloatArray], FloatArray]
    ) -> tuple[FloatArray, FloatArray]:
        """Factors of the places of the longer side, and with them the squares summed along it.

        Parameters
        ----------
        weights : ndarray
            Of the places of the shorter side.
        factors : callable
            Of weighted squares summed along the shorter side.
        """
        found, total = np.empty(max(self.shape)), np.zeros(min(self.shape))
        for part, block in self.blocks():
            np.square(block, out=block)
            found[part] = factors(block @ weights)
            total += found[part] ** 2 @ block
        return found, total

    def product(self, vectors: FloatArray) -> FloatArray:
        """The matrix, its longer side first, times `vectors` of the shorter side."""
        out = np.empty((max(self.shape), *vectors.shape[1:]))
        for part, block in self.blocks():
            out[part] = block @ vectors
        return out

    def adjoint(self, vector: FloatArray) -> FloatArray:
        """The matrix, its shorter side first, times a vector of the longer side."""
        total = np.zeros(min(self.shape))
        for part, block in self.blocks():
            total += vector[part] @ block
        return total

    def beyond(self, limit: float) -> Excess:
        """By how much entries are beyond `limit`, on either side."""
        found = []
        for part, block in self.blocks():
            long, short = np.nonzero(np.abs(block) > limit)
            values = block[long, short]
            found.append((long + part.start, short, values - np.clip(values, -limit, limit)))
        return Excess(*(np.concatenate(each) for each in zip(*found, strict=True)))

    def without(self, long: FloatArray, short: FloatArray) -> BlockedMatrix:
        """The matrix less the product of two factors, kept in single precision: for sums over its entries."""
        rest = np.empty((max(self.shape), min(self.shape)), dtype=np.float32)
        for part, block in self.blocks():
            block -= long[part] @ short.T
            rest[part] = block
        return BlockedMatrix(rest if self.tall else rest.T)

    def dense(self, dtype: type[np.floating] = np.float64) -> RealArray:
        """All entries, row by row."""
        out = np.empty(self.shape, dtype=dtype)
        view = out if self.tall else out.T
        for part, block in self.blocks():
            view[part] = block
        return out


def _times(one: FloatArray | None, other: FloatArray | None) -> FloatArray | None:
    """The product of two sets of factors, where None is one."""
    if one is None or other is None:
        return one if other is None else other
    return np.asarray(one * other)
