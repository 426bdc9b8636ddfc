"""Sweeps: grids of problems, computed anywhere, stored so that nothing is lost.

A :class:`Sweep` says what to compute, :func:`run` computes what a store lacks, :func:`load` gives the results as
labelled arrays. :func:`run_points` does the same for any list of points.
"""

from .backends import WorkersFailed
from .calls import CallFailed, run_calls
from .engine import RunReport
from .output import load
from .planning import Plan, plan
from .points import Point
from .progress import Bar, LineLog, Silent
from .quantities import Field, Quantity, register
from .running import Ask, PointFailed, run, run_points
from .spec import Sweep
from .store import Failure, Store, StoreError

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
