"""State evolution: the scalar equations that predict training, solved by nested bracketing."""

from .fixed_point import moments, solve
from .result import FixedPoint, Status

__all__ = ["FixedPoint", "Status", "moments", "solve"]
