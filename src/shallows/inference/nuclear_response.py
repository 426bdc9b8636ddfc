"""How the quadratic network's fit answers to its labels: a ridge regression on the directions in which ``S`` moves.

What is moved and what moving costs is said in :mod:`.nuclear_without_a_row`. The regression is solved with a matrix of
all pairs of directions, or of rows, whichever are fewer.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import cholesky, solve_triangular

from ..errors import EstimateUndefined, InvalidArgument

if TYPE_CHECKING:
    from .._types import FloatArray

#: The matrix that is factorised has at most so many rows.
MOST_UNKNOWNS = 6000
#: Numbers of features that are held at once.
BLOCK_NUMBERS = 1 << 22
#: A dual matrix closer to singular than this on the rest, relative to the bound, counts as if at this distance.
DEGENERATE = 1e-9


class Manifold:
    """Coordinates ``A`` and ``C`` about a minimum, and what moving along them costs.

    Parameters
    ----------
    factor : ndarray, shape (d, r)
        Of ``S``, at the minimum or next to it.
    adjoint : ndarray, shape (d, d)
        ``sum r Z``.
    bound : float
    samples : int

    Attributes
    ----------
    modes, rest : ndarrays, shapes (d, r) and (d, d - r)
        ``U`` and ``V``.
    sizes, slack : ndarrays, shapes (r,) and (d - r,)
        Eigenvalues of ``S``, and of the dual matrix on the rest.
    """

    def __init__(self, factor: FloatArray, adjoint: FloatArray, bound: float, samples: int) -> None:
        # A step of proximal gradient tells modes from the rest, also where training left a trace of one.
        step = adjoint.shape[0] / (2 * samples)
        values, vectors = np.linalg.eigh(factor @ factor.T + step * adjoint)
        above = values - step * bound
        learned = above > 0
        self.modes, self.rest = vectors[:, learned], vectors[:, ~learned]
        self.sizes = above[learned]
        self.slack = np.maximum(-above[~learned] / step, DEGENERATE * max(bound, float(np.abs(values).max()) / step))
        self.first, self.second = np.triu_indices(self.sizes.size)
        #: Of the entries of ``A``: those off the diagonal stand twice in it.
        self.twice = np.where(self.first == self.second, 1.0, 2.0)
        #: Entries of ``C`` per unit of their coordinates, in which moving costs the same for all.
        self.units = np.sqrt(self.sizes[:, None] / (2 * self.slack))

    @property
    def flat_size(self) -> int:
        """Coordinates of ``A``."""
        return self.first.size

    @property
    def unknowns(self) -> int:
        """All coordinates."""
        return self.flat_size + self.units.size

    def flat(self, rows: FloatArray) -> FloatArray:
        """What the coordinates of ``A`` add to the outputs of the `rows`, shape (m, r (r + 1)/2)."""
        along = rows @ self.modes
        out = along[:, self.first] * along[:, self.second] * self.twice
        out[:, self.first == self.second] -= 1.0
        return np.asarray(out / np.sqrt(rows.shape[1]))

    def bent(self, rows: FloatArray) -> FloatArray:
        """The same of the coordinates of ``C``, shape (m, r (d - r))."""
        along, across = rows @ self.modes, rows @ self.rest
        out = 2 * (along[:, :, None] * across[:, None, :] * self.units) / np.sqrt(rows.shape[1])
        return np.asarray(out.reshape(rows.shape[0], -1))

    def features(self, rows: FloatArray) -> FloatArray:
        """Both, shape (m, unknowns)."""
        return np.concatenate([self.flat(rows), self.bent(rows)], axis=1)

    def gradient(self, a: FloatArray, c: FloatArray, dual: FloatArray) -> FloatArray:
        """Of the objective at ``(A, C)`` in all coordinates, `dual` being the dual matrix there."""
        turned = np.linalg.solve(a, c)
        on_rest = dual @ self.rest
        inner = turned @ (self.rest.T @ on_rest)
        by_a = self.modes.T @ dual @ self.modes - inner @ turned.T
        by_c = 2 * (self.modes.T @ on_rest + inner) * self.units
        return np.concatenate([by_a[self.first, self.second] * self.twice, by_c.ravel()])

    def unpack(self, step: FloatArray) -> tuple[FloatArray, FloatArray]:
        """``A`` and ``C`` of a step in coordinates."""
        a = np.zeros((self.sizes.size, self.sizes.size))
        a[self.first, self.second] = step[: self.flat_size]
        a[self.second, self.first] = step[: self.flat_size]
        return a, step[self.flat_size :].reshape(self.units.shape) * self.units


class Response(ABC):
    """The ridge regression on the coordinates: no ridge on those of ``A``, 1 on those of ``C``."""

    @abstractmethod
    def leverages(self) -> FloatArray:
        """``H_ii``, shape (n,)."""

    @abstractmethod
    def solve(self, right: FloatArray) -> FloatArray:
        """The inverse of its matrix on a vector of all coordinates."""


class ByDirections(Response):
    """With the matrix of all pairs of coordinates."""

    def __init__(self, inputs: FloatArray, manifold: Manifold) -> None:
        self.inputs, self.manifold = inputs, manifold
        self.rows = max(1, BLOCK_NUMBERS // max(manifold.unknowns, 1))
        matrix = np.zeros((manifold.unknowns, manifold.unknowns))
        bent = np.arange(manifold.flat_size, manifold.unknowns)
        matrix[bent, bent] = 1.0
        for start in range(0, inputs.shape[0], self.rows):
            part = manifold.features(inputs[start : start + self.rows])
            matrix += part.T @ part
        self.lower = _lower(matrix)

    def leverages(self) -> FloatArray:
        parts = []
        for start in range(0, self.inputs.shape[0], self.rows):
            features = self.manifold.features(self.inputs[start : start + self.rows])
            parts.append(np.square(solve_triangular(self.lower, features.T, lower=True)).sum(axis=0))
        return np.concatenate(parts)

    def solve(self, right: FloatArray) -> FloatArray:
        half = solve_triangular(self.lower, right, lower=True)
        return np.asarray(solve_triangular(self.lower, half, lower=True, trans="T"))


class ByRows(Response):
    """With the matrix of all pairs of rows: the coordinates of ``C`` never stand beside each other in memory."""

    def __init__(self, inputs: FloatArray, manifold: Manifold) -> None:
        n, d = inputs.shape
        self.manifold = manifold
        self.along, self.across = inputs @ manifold.modes, inputs @ manifold.rest
        kernel = (self.along * manifold.sizes) @ self.along.T
        kernel *= (self.across * (2 / manifold.slack)) @ self.across.T
        kernel /= d
        kernel[np.diag_indices(n)] += 1.0
        self.lower = _lower(kernel)
        self.flat = solve_triangular(self.lower, manifold.flat(inputs), lower=True)
        self.flat_lower = _lower(self.flat.T @ self.flat)
        self.root = np.sqrt(d)

    def leverages(self) -> FloatArray:
        # What is left of each row after the fit.
        inverse = solve_triangular(self.lower, np.eye(self.lower.shape[0]), lower=True)
        basis = solve_triangular(self.flat_lower, self.flat.T, lower=True)
        return np.asarray(1 - np.square(inverse).sum(axis=0) + np.square(basis @ inverse).sum(axis=0))

    def solve(self, right: FloatArray) -> FloatArray:
        flat, bent = right[: self.manifold.flat_size], right[self.manifold.flat_size :]
        seen = solve_triangular(self.lower, self._forward(bent), lower=True)
        half = solve_triangular(self.flat_lower, flat - self.flat.T @ seen, lower=True)
        first = solve_triangular(self.flat_lower, half, lower=True, trans="T")
        back = solve_triangular(self.lower, self.flat @ first + seen, lower=True, trans="T")
        return np.concatenate([first, bent - self._adjoint(back)])

    def _forward(self, bent: FloatArray) -> FloatArray:
        """Outputs of coordinates of ``C``."""
        c = bent.reshape(self.manifold.units.shape) * self.manifold.units
        return np.asarray(2 * np.einsum("ij,ij->i", self.along @ c, self.across) / self.root)

    def _adjoint(self, values: FloatArray) -> FloatArray:
        return np.asarray(2 * ((self.along.T * values) @ self.across * self.manifold.units).ravel() / self.root)


def response_of(inputs: FloatArray, manifold: Manifold) -> Response:
    """By directions or by rows.

    Raises
    ------
    EstimateUndefined
        If the penalty leaves as many directions free as there are rows.
    InvalidArgument
        If there are too many rows and directions for a matrix of either.
    """
    (n, d), unknowns = inputs.shape, manifold.unknowns
    if manifold.flat_size >= n:
        raise EstimateUndefined("the network interpolates its data: it has as many free directions as rows")
    if min(unknowns, n) > MOST_UNKNOWNS:
        words = f"leverages of {n} rows in {unknowns} directions need a matrix of the fewer, at most {MOST_UNKNOWNS}"
        raise InvalidArgument("X", f"{n} rows and {d} columns", f"{words}; `infer` estimates the test error without")
    return ByDirections(inputs, manifold) if unknowns <= n else ByRows(inputs, manifold)


def _lower(matrix: FloatArray) -> FloatArray:
    try:
        return np.asarray(cholesky(matrix, lower=True, overwrite_a=True, check_finite=False))
    except np.linalg.LinAlgError as error:
        raise EstimateUndefined("the network interpolates its data: the labels do not determine the weights") from error
