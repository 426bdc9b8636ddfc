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
    from .errors import InvalidArgument, MissingDependency, ShallowsError, SolveFailed
    from .problems import Problem
    from .teachers import FromValues, LowRank, PowerLaw

__version__ = "0.1.0"

_HOME = {
    "FromValues": "teachers",
    "InvalidArgument": "errors",
    "LowRank": "teachers",
    "MissingDependency": "errors",
    "PowerLaw": "teachers",
    "Problem": "problems",
    "ShallowsError": "errors",
    "SolveFailed": "errors",
    "predict": "prediction",
    "Prediction": "prediction",
}

__all__ = [
    "FromValues",
    "InvalidArgument",
    "LowRank",
    "MissingDependency",
    "PowerLaw",
    "Prediction",
    "Problem",
    "ShallowsError",
    "SolveFailed",
    "__version__",
    "predict",
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
    return sorted(set(globals()) | set(__all__))
