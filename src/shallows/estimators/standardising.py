"""Bring inputs to what the theory assumes: mean zero, unit variance, and for the quadratic network no correlation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np

from ..errors import InvalidArgument
from ..operators import SparseInputs
from ..operators.sparse import scaled

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .._types import FloatArray

METHODS = ("center", "scale", "whiten", "auto")
#: Directions with less variance than this, relative to the largest, are left out rather than blown up.
NEGLIGIBLE = 1e-10
#: In ``"auto"``, whiten if correlations exceed chance by this many standard errors.
SIGNIFICANT = 5.0


class Standardiser:
    """What :class:`.whitening.WhiteningTransformer` does, without scikit-learn, on inputs that are checked already.

    Parameters and attributes are the same.
    """

    def __init__(self, method: str = "auto", shrinkage: str | float = "auto") -> None:
        self.method = method
        self.shrinkage = shrinkage

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn the transformation from `X`, shape (n, d).

        Raises
        ------
        InvalidArgument
            For an unknown method, or a shrinkage that is no number from 0 to 1.
        """
        if self.method not in METHODS:
            raise InvalidArgument("method", self.method, f"must be one of {', '.join(METHODS)}")
        if self.shrinkage != "auto" and not (
            isinstance(self.shrinkage, (int, float)) and 0 <= float(self.shrinkage) <= 1
        ):
            raise InvalidArgument("shrinkage", self.shrinkage, 'must be "auto" or a number from 0 to 1')
        X = self._validated(X, ensure_min_samples=2)
        n, d = X.shape
        self.mean_ = X.mean(axis=0)
        self.scale_ = np.ones(d)
        self.matrix_: FloatArray | None = None
        self.condition_number_, self.shrinkage_, self.dropped_ = 1.0, 0.0, 0
        if self.method == "center":
            self.changed_ = "columns were centred"
            return self
        # Squares of numbers as small or large as users' units make them leave the range of floating-point numbers.
        sizes = np.abs(X - self.mean_).max(axis=0)
        sizes[sizes == 0] = 1.0
        constant = self._scale((X / sizes).std(axis=0) * sizes, X[0])
        if self.method == "scale" or d == 1:
            return self
        unit = (X - self.mean_) / self.scale_
        unit[:, constant] = 0.0
        correlations = unit.T @ unit / n
        if self.method == "auto":
            pairs = d * (d - 1)
            squares = float(np.square(correlations).sum() - np.square(np.diag(correlations)).sum())
            if (squares - pairs / n) * n / np.sqrt(4 * pairs) < SIGNIFICANT:
                return self
        self._whiten(unit, correlations)
        return self

    def _validated(self, X: Any, **_: Any) -> FloatArray:
        out: FloatArray = np.asarray(X, dtype=np.float64)
        self.n_features_in_ = int(out.shape[1])
        return out

    def _check_fitted(self) -> None:
        """Raise unless there was a fit."""

    def _scale(self, deviation: FloatArray, first: FloatArray) -> NDArray[np.bool_]:
        """Scale by the deviations of the columns; `first` is their first row. Which columns are constant."""
        # A constant column's deviation is rounding, not zero.
        constant: NDArray[np.bool_] = deviation <= 1e-10 * np.maximum(np.abs(self.mean_), 1e-290)
        self.scale_ = np.where(constant, 1.0, deviation)
        self.mean_ = np.where(constant, first, self.mean_)  # to the last digit, so that they come out as zeros
        self.changed_ = "columns were centred and scaled to unit variance"
        if constant.any():
            self.changed_ += f" ({int(constant.sum())} constant ones carry nothing)"
        return constant

    def _whiten(self, unit: FloatArray, correlations: FloatArray) -> None:
        from sklearn.covariance import ledoit_wolf_shrinkage

        values, vectors = np.linalg.eigh(correlations)
        kept = values > NEGLIGIBLE * values[-1]
        share = ledoit_wolf_shrinkage(unit, assume_centered=True) if self.shrinkage == "auto" else float(self.shrinkage)
        centre = float(values[kept].mean())
        shrunk = (1 - share) * values[kept] + share * centre
        basis = vectors[:, kept]
        self.matrix_ = (basis / np.sqrt(shrunk)) @ basis.T
        self.condition_number_ = float(values[kept][-1] / values[kept][0])
        self.shrinkage_, self.dropped_ = float(share), int((~kept).sum())
        self.changed_ = (
            f"columns were centred, scaled and decorrelated (condition number {self.condition_number_:.3g}, "
            f"shrinkage {share:.2g}"
            + (f", {self.dropped_} directions without variance left out)" if self.dropped_ else ")")
        )

    def fit_sparse(self, X: Any) -> Self:
        """Learn means and scales from the columns of a sparse matrix, without filling it."""
        raw = SparseInputs(X)
        self.n_features_in_ = raw.shape[1]
        self.mean_, self.matrix_ = raw.power_means(1), None
        self.condition_number_, self.shrinkage_, self.dropped_ = 1.0, 0.0, 0
        deviation = np.sqrt(SparseInputs(raw.matrix, self.mean_).power_means(2))
        self._scale(deviation, raw[:1][0])
        return self

    def transform_sparse(self, X: Any) -> SparseInputs:
        """Columns of a sparse matrix, centred and scaled without filling it."""
        return scaled(X, self.mean_, 1 / self.scale_)

    def transform(self, X: Any) -> FloatArray:
        """Transformed `X`, shape (n, d)."""
        self._check_fitted()
        X = self._validated(X, reset=False)
        out: FloatArray = (X - self.mean_) / self.scale_
        return out if self.matrix_ is None else out @ self.matrix_

    @property
    def total_matrix_(self) -> FloatArray:
        """``(X - mean_) @ total_matrix_`` is the whole transformation; shape (d, d)."""
        self._check_fitted()
        return np.diag(1 / self.scale_) if self.matrix_ is None else self.matrix_ / self.scale_[:, None]
