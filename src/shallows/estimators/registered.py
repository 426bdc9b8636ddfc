"""The regressors of all networks: who asks for one by its network asks here, where all of them are registered."""

from __future__ import annotations

from .base import REGRESSORS
from .diagonal import DiagonalNetworkRegressor
from .quadratic import QuadraticNetworkRegressor

__all__ = ["REGRESSORS", "DiagonalNetworkRegressor", "QuadraticNetworkRegressor"]
