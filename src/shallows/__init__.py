"""Exact high-dimensional theory of shallow networks trained with weight decay.

>>> from shallows import Problem, PowerLaw, predict
>>> problem = Problem("quadratic", PowerLaw(dim=400, gamma=1.25), samples=26515, noise=0.1)
>>> predict(problem, penalty=0.0407).excess_risk  # doctest: +SKIP

Names load on first use: importing the package costs neither PyTorch nor any other heavy library.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import amp, scaling, sweeps
    from .errors import InvalidArgument, MissingDependency, ShallowsError, SolveFailed
    from .estimators import DiagonalNetworkRegressor, QuadraticNetworkRegressor, WhiteningTransformer
    from .exponents import fit_power_laws
    from .inference import forecast, infer, prune, tune
    from .optimum import optimal_weight_decay
    from .prediction import Prediction, predict, predict_grid
    from .problems import Problem
    from .state_evolution import Status, bayes_optimal
    from .sweeps import load
    from .teachers import FromValues, LowRank, PowerLaw
    from .training import Dataset, Fit, sample, train
    from .verification import Verification, verify

from ._version import __version__

#: Module of each public name.
_HOME = {
    "Dataset": "training",
    "Fit": "training",
    "FromValues": "teachers",
    "InvalidArgument": "errors",
    "LowRank": "teachers",
    "MissingDependency": "errors",
    "PowerLaw": "teachers",
    "Prediction": "prediction",
    "Problem": "problems",
    "ShallowsError": "errors",
    "SolveFailed": "errors",
    "Status": "state_evolution",
    "bayes_optimal": "state_evolution",
    "load": "sweeps",
    "predict": "prediction",
    "predict_grid": "prediction",
    "sample": "training",
    "train": "training",
    "Verification": "verification",
    "verify": "verification",
    "DiagonalNetworkRegressor": "estimators",
    "QuadraticNetworkRegressor": "estimators",
    "WhiteningTransformer": "estimators",
    "forecast": "inference",
    "infer": "inference",
    "prune": "inference",
    "tune": "inference",
    "fit_power_laws": "exponents",
    "optimal_weight_decay": "optimum",
}
#: Public subpackages, reached as attributes without importing them first.
_SUBPACKAGES = ("amp", "scaling", "sweeps")

__all__ = [
    "Dataset",
    "DiagonalNetworkRegressor",
    "Fit",
    "FromValues",
    "InvalidArgument",
    "LowRank",
    "MissingDependency",
    "PowerLaw",
    "Prediction",
    "Problem",
    "QuadraticNetworkRegressor",
    "ShallowsError",
    "SolveFailed",
    "Status",
    "Verification",
    "WhiteningTransformer",
    "__version__",
    "amp",
    "bayes_optimal",
    "fit_power_laws",
    "forecast",
    "infer",
    "load",
    "optimal_weight_decay",
    "predict",
    "predict_grid",
    "prune",
    "sample",
    "scaling",
    "sweeps",
    "train",
    "tune",
    "verify",
]


def __getattr__(name: str) -> Any:
    """Import a public name from its module on first use (PEP 562)."""
    if name in _SUBPACKAGES:
        return import_module(f".{name}", __name__)
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{home}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(set(globals()) | set(__all__))
