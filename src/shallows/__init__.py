"""Exact high-dimensional theory of shallow networks trained with weight decay.

>>> from shallows import PowerLaw, Problem, predict
>>> problem = Problem("quadratic", PowerLaw(dim=400, gamma=1.25), samples=26515, noise=0.1)
>>> round(predict(problem, penalty=0.0407).excess_risk, 4)
0.1067

What is public stands in ``__all__``, here and in the subpackages that are listed in it. Names load on first use:
importing the package costs neither PyTorch nor any other heavy library.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ._version import __version__

if TYPE_CHECKING:
    from . import (
        amp,
        checkpoints,
        denoisers,
        designs,
        diagnosis,
        dynamics,
        errors,
        estimators,
        explore,
        inference,
        networks,
        operators,
        scaling,
        spectra,
        state_evolution,
        sweeps,
        training,
        verification,
    )
    from .designs import GaussianDesign, Isotropic
    from .diagnosis import diagnose
    from .dynamics import Dynamics, compute_optimal, predict_dynamics
    from .errors import (
        EstimateUndefined,
        InvalidArgument,
        MissingDependency,
        NotSupported,
        ShallowsError,
        SolveFailed,
        UnknownNetwork,
    )
    from .estimators import (
        DiagonalNetworkRegressor,
        QuadraticNetworkRegressor,
        WhiteningTransformer,
        leave_one_out,
    )
    from .explore import Explorer
    from .exponents import fit_power_laws
    from .inference import forecast, infer, noise_variance, prune, tune
    from .optimum import optimal_weight_decay
    from .prediction import Prediction, predict, predict_grid
    from .problems import Problem
    from .state_evolution import Status, bayes_optimal
    from .sweeps import load
    from .teachers import FromValues, LowRank, PowerLaw, Teacher
    from .training import Dataset, Fit, sample, train, train_path
    from .verification import Verification, verify
    from .weights import LowRankPSD

#: Module of each public name.
_HOME = {
    "Dataset": "training",
    "DiagonalNetworkRegressor": "estimators",
    "Dynamics": "dynamics",
    "EstimateUndefined": "errors",
    "Explorer": "explore",
    "Fit": "training",
    "FromValues": "teachers",
    "GaussianDesign": "designs",
    "InvalidArgument": "errors",
    "Isotropic": "designs",
    "LowRank": "teachers",
    "LowRankPSD": "weights",
    "MissingDependency": "errors",
    "NotSupported": "errors",
    "PowerLaw": "teachers",
    "Prediction": "prediction",
    "Problem": "problems",
    "QuadraticNetworkRegressor": "estimators",
    "ShallowsError": "errors",
    "SolveFailed": "errors",
    "Status": "state_evolution",
    "Teacher": "teachers",
    "UnknownNetwork": "errors",
    "Verification": "verification",
    "WhiteningTransformer": "estimators",
    "bayes_optimal": "state_evolution",
    "diagnose": "diagnosis",
    "compute_optimal": "dynamics",
    "fit_power_laws": "exponents",
    "forecast": "inference",
    "infer": "inference",
    "leave_one_out": "estimators",
    "load": "sweeps",
    "noise_variance": "inference",
    "optimal_weight_decay": "optimum",
    "predict": "prediction",
    "predict_dynamics": "dynamics",
    "predict_grid": "prediction",
    "prune": "inference",
    "sample": "training",
    "train": "training",
    "train_path": "training",
    "tune": "inference",
    "verify": "verification",
}
#: Public subpackages, reached as attributes without importing them first.
_SUBPACKAGES = (
    "amp",
    "checkpoints",
    "denoisers",
    "designs",
    "diagnosis",
    "dynamics",
    "errors",
    "estimators",
    "explore",
    "inference",
    "networks",
    "operators",
    "scaling",
    "spectra",
    "state_evolution",
    "sweeps",
    "training",
    "verification",
)

__all__ = [
    "Dataset",
    "DiagonalNetworkRegressor",
    "Dynamics",
    "EstimateUndefined",
    "Explorer",
    "Fit",
    "FromValues",
    "GaussianDesign",
    "InvalidArgument",
    "Isotropic",
    "LowRank",
    "LowRankPSD",
    "MissingDependency",
    "NotSupported",
    "PowerLaw",
    "Prediction",
    "Problem",
    "QuadraticNetworkRegressor",
    "ShallowsError",
    "SolveFailed",
    "Status",
    "Teacher",
    "UnknownNetwork",
    "Verification",
    "WhiteningTransformer",
    "__version__",
    "amp",
    "bayes_optimal",
    "checkpoints",
    "compute_optimal",
    "denoisers",
    "designs",
    "diagnose",
    "diagnosis",
    "dynamics",
    "errors",
    "estimators",
    "explore",
    "fit_power_laws",
    "forecast",
    "infer",
    "inference",
    "leave_one_out",
    "load",
    "networks",
    "noise_variance",
    "operators",
    "optimal_weight_decay",
    "predict",
    "predict_dynamics",
    "predict_grid",
    "prune",
    "sample",
    "scaling",
    "spectra",
    "state_evolution",
    "sweeps",
    "train",
    "train_path",
    "training",
    "tune",
    "verification",
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
    return sorted(__all__)
