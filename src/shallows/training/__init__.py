"""Training the network: to the minimum, with a proof where there is one.

>>> fit = train((X, y), network="diagonal", weight_decay=0.1)   # doctest: +SKIP
>>> fit.weights, fit.objective, fit.gap, fit.status             # doctest: +SKIP
"""

from __future__ import annotations

from .data import Dataset, sample
from .fit import Fit, FitStatus
from .solve import SOLVERS, train, train_path
from .weights_io import load_weights, save_weights

__all__ = [
    "SOLVERS",
    "Dataset",
    "Fit",
    "FitStatus",
    "load_weights",
    "sample",
    "save_weights",
    "train",
    "train_path",
]
