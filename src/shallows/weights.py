"""Effective weights as objects.

The diagonal network's are a vector and stay a plain array; the quadratic network's are a positive semidefinite matrix,
kept as its factor.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .errors import InvalidArgument

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from ._types import FloatArray


class LowRankPSD:
    """A positive semidefinite matrix ``S = F F^T`` kept as its factor.

    Parameters
    ----------
    factor : array_like, shape (d, r)
        ``F``; copied and made read-only.

    Raises
    ------
    InvalidArgument
        If `factor` is no matrix.

    Examples
    --------
    >>> from shallows.weights import LowRankPSD
    >>> weights = LowRankPSD.diagonal([3.0, 1.0, 0.0])
    >>> weights
    LowRankPSD(dim=3, rank=2)
    >>> weights.eigenvalues()
    array([3., 1., 0.])
    """

    def __init__(self, factor: ArrayLike) -> None:
        array = np.array(factor, dtype=float)
        if array.ndim != 2:
            raise InvalidArgument("factor", f"array of shape {array.shape}", "must be a (d, r) matrix")
        array.setflags(write=False)
        self.factor: FloatArray = array

    @classmethod
    def diagonal(cls, values: ArrayLike) -> LowRankPSD:
        """``diag(values)``, with its zero modes left out of the factor."""
        values = np.asarray(values, dtype=float)
        if not (values >= 0).all():
            raise InvalidArgument("values", float(values.min()), "must be >= 0: eigenvalues of a semidefinite matrix")
        keep = np.flatnonzero(values)
        factor = np.zeros((values.size, keep.size))
        factor[keep, np.arange(keep.size)] = np.sqrt(values[keep])
        return cls(factor)

    @classmethod
    def of_rows(cls, rows: FloatArray) -> LowRankPSD:
        """``R^T R`` for the `rows` R of shape (p, d), with a factor of at most `d` columns."""
        if rows.shape[0] <= rows.shape[1]:
            return cls(np.ascontiguousarray(rows.T))
        return cls(np.asarray(np.linalg.qr(rows, mode="r")).T)

    @property
    def dim(self) -> int:
        """Number of rows `d`."""
        return int(self.factor.shape[0])

    @property
    def rank(self) -> int:
        """Number of columns of the factor."""
        return int(self.factor.shape[1])

    @property
    def trace(self) -> float:
        """``Tr S``."""
        return float(np.square(self.factor).sum())

    def matrix(self) -> FloatArray:
        """``S``, shape (d, d)."""
        return self.factor @ self.factor.T

    def eigenvalues(self) -> FloatArray:
        """All `d` eigenvalues of ``S``, decreasing, shape (d,)."""
        values = np.zeros(self.dim)
        if self.rank:
            singular = np.linalg.svd(self.factor, compute_uv=False)
            values[: singular.size] = singular**2
        return values

    def distance_squared(self, other: LowRankPSD) -> float:
        """``||S - S'||_F^2``."""
        if other.dim != self.dim:
            raise InvalidArgument("other", f"{other.dim} rows", f"must have {self.dim} rows")
        return float(np.square(self.matrix() - other.matrix()).sum())

    def __repr__(self) -> str:
        return f"LowRankPSD(dim={self.dim}, rank={self.rank})"
