"""Sweeps: grids of problems, computed anywhere, stored so that nothing is lost.

A :class:`Sweep` says what to compute, :func:`run` computes what a store lacks, :func:`load` gives the results as
labelled arrays. :func:`run_points` does the same for any list of points.
"""

from __future__ import annotations

from ..errors import CallFailed, PointFailed, StoreError, WorkersFailed
from . import builtin_quantities  # noqa: F401  registers the package's own quantities
from .engine import RunReport
from .function_calls import run_calls
from .output import load
from .planning import Plan, plan
from .point_lists import PointRequest, run_points
from .points import Point
from .progress import Bar, LineLog, Silent
from .quantities import Field, Quantity, register
from .spec import Sweep
from .store import Failure, Store
from .sweep_runs import run

__all__ = [
    "Bar",
    "CallFailed",
    "Failure",
    "Field",
    "LineLog",
    "Plan",
    "Point",
    "PointFailed",
    "PointRequest",
    "Quantity",
    "RunReport",
    "Silent",
    "Store",
    "StoreError",
    "Sweep",
    "WorkersFailed",
    "load",
    "plan",
    "register",
    "run",
    "run_calls",
    "run_points",
]


def __dir__() -> list[str]:
    return sorted(__all__)
