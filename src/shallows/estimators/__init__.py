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

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .comparison import Candidate, Comparison, compare_networks
    from .learner import AssumptionWarning
    from .regressors import REGRESSORS, DiagonalNetworkRegressor, QuadraticNetworkRegressor
    from .rows_left_out import leave_one_out
    from .whitening import WhiteningTransformer

#: Module of each public name, loaded when it is first used: files of weights are read and written without scikit-learn,
#: which takes longer to load than most commands to run.
_HOME = {
    "REGRESSORS": "regressors",
    "AssumptionWarning": "learner",
    "Candidate": "comparison",
    "Comparison": "comparison",
    "DiagonalNetworkRegressor": "regressors",
    "QuadraticNetworkRegressor": "regressors",
    "WhiteningTransformer": "whitening",
    "compare_networks": "comparison",
    "leave_one_out": "rows_left_out",
}

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


def __getattr__(name: str) -> Any:
    """Import a public name from its module on first use (PEP 562)."""
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{home}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
