"""Sweeps: grids of problems, computed anywhere, stored so that nothing is lost.

A :class:`Sweep` says what to compute, :func:`run` computes what a store lacks, :func:`load` gives the results as
labelled arrays. :func:`run_points` does the same for any list of points.
"""

from ..errors import CallFailed, PointFailed, StoreError, WorkersFailed
from .calls import run_calls
from .engine import RunReport
from .output import load
from .planning import Plan, plan
from .points import Point
from .progress import Bar, LineLog, Silent
from .quantities import Field, Quantity, register
from .running import Ask, run, run_points
from .spec import Sweep
from .store import Failure, Store

__all__ = [
    "Ask",
    "Bar",
    "CallFailed",
    "Failure",
    "Field",
    "LineLog",
    "Plan",
    "Point",
    "PointFailed",
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
