"""scikit-learn estimators: networks that choose their weight decay and estimate their test error.

>>> import numpy as np
>>> from shallows import DiagonalNetworkRegressor
>>> rng = np.random.default_rng(0)
>>> inputs = rng.standard_normal((200, 10))
>>> model = DiagonalNetworkRegressor().fit(inputs, inputs[:, 0] + 0.5 * rng.standard_normal(200))
>>> model.test_error_estimate_.covers(0.26), model.diagnosis_.ok
(True, True)
"""

from __future__ import annotations

from .base import REGRESSORS, AssumptionWarning
from .comparison import Candidate, Comparison, compare_networks
from .diagonal import DiagonalNetworkRegressor
from .quadratic import QuadraticNetworkRegressor
from .rows_left_out import leave_one_out
from .whitening import WhiteningTransformer

__all__ = [
    "REGRESSORS",
    "AssumptionWarning",
    "Candidate",
    "Comparison",
    "DiagonalNetworkRegressor",
    "QuadraticNetworkRegressor",
    "WhiteningTransformer",
    "compare_networks",
    "leave_one_out",
]


def __dir__() -> list[str]:
    return sorted(__all__)
