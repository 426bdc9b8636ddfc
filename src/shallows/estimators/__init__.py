"""scikit-learn estimators: networks that choose their weight decay and estimate their test error.

>>> model = QuadraticNetworkRegressor().fit(X, y)                    # doctest: +SKIP
>>> model.test_error_estimate_.value, model.diagnosis_               # doctest: +SKIP
"""

from __future__ import annotations

from .regressors import AssumptionWarning, DiagonalNetworkRegressor, QuadraticNetworkRegressor
from .whitening import WhiteningTransformer

__all__ = ["AssumptionWarning", "DiagonalNetworkRegressor", "QuadraticNetworkRegressor", "WhiteningTransformer"]
