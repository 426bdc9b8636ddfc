"""The standardisation of columns as a scikit-learn transformer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from .standardising import Standardiser

if TYPE_CHECKING:
    from .._types import FloatArray


class WhiteningTransformer(OneToOneFeatureMixin, TransformerMixin, BaseEstimator, Standardiser):
    """Centre, scale and decorrelate columns, as learned on training data.

    Whitening is symmetric (ZCA): of all ways to decorrelate the one that changes the columns least, so that column `j`
    of the output still is mostly column `j` of the input.

    Parameters
    ----------
    method : {"auto", "center", "scale", "whiten"}
        ``"scale"`` divides by standard deviations, ``"whiten"`` also decorrelates, ``"auto"`` decorrelates only where
        correlations exceed what chance gives independent columns: with few samples whitening adds noise of its own.
    shrinkage : "auto" or float in [0, 1]
        Weight of the identity in the correlation matrix before it is inverted; ``"auto"`` is Ledoit and Wolf's (2004).

    Attributes
    ----------
    mean_, scale_ : ndarrays, shape (d,)
        Of the columns; constant columns have scale 1 and come out as zeros.
    matrix_ : ndarray, shape (d, d), or None
        Applied after centring and scaling; None where columns are only centred or scaled.
    condition_number_ : float
        Of the correlation matrix before shrinkage, over the directions kept.
    shrinkage_ : float
    dropped_ : int
        Directions left out for want of variance.
    changed_ : str
        One sentence about what was done.

    Examples
    --------
    >>> import numpy as np
    >>> from shallows import WhiteningTransformer
    >>> rng = np.random.default_rng(0)
    >>> inputs = rng.standard_normal((500, 2)) @ [[1.0, 0.5], [0.0, 1.0]] + 3
    >>> whitener = WhiteningTransformer("whiten", shrinkage=0.0).fit(inputs)
    >>> bool(np.allclose(np.cov(whitener.transform(inputs).T, bias=True), np.eye(2)))
    True
    """

    def _validated(self, X: Any, **options: Any) -> FloatArray:
        out: FloatArray = validate_data(self, X, dtype=np.float64, **options)
        return out

    def _check_fitted(self) -> None:
        check_is_fitted(self)

    def transform(self, X: Any) -> FloatArray:  # scikit-learn wraps what a class defines itself
        return super().transform(X)
