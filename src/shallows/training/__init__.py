"""Training the network: to the minimum, with a proof where there is one.

One file per network holds its convex problem and its gradients; data, settings and fits are the same for all.

>>> import numpy as np
>>> from shallows.training import SOLVERS, train
>>> X, y = np.eye(3), np.array([3.0, -1.0, 0.2])
>>> fit = train((X, y), network="diagonal", weight_decay=0.5 / np.sqrt(3))
>>> fit.weights.round(4)
array([ 2.5, -0.5,  0. ])
>>> fit.status.value, fit.gap < 1e-6
('converged', True)
>>> SOLVERS
('auto', 'convex', 'amp', 'gradient')
"""

from __future__ import annotations

from . import (  # noqa: F401, each registers its network
    attention,
    deep_diagonal,
    deep_quadratic,
    diagonal,
    quadratic,
)
from .certificates import Certificate
from .files import load_weights, save_weights
from .fit import Fit, FitStatus
from .sampling import Dataset, sample
from .solve import SOLVERS, train, train_path
from .task import Task, TrainSettings
from .trainer import GRADIENT_MODELS, TRAINERS, GradientModel, Solution, TensorProblem, Trainer

__all__ = [
    "GRADIENT_MODELS",
    "SOLVERS",
    "TRAINERS",
    "Certificate",
    "Dataset",
    "Fit",
    "FitStatus",
    "GradientModel",
    "Solution",
    "Task",
    "TensorProblem",
    "TrainSettings",
    "Trainer",
    "load_weights",
    "sample",
    "save_weights",
    "train",
    "train_path",
]


def __dir__() -> list[str]:
    return sorted(__all__)
