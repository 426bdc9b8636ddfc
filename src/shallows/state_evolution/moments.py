"""The moment kernels of both networks under one roof; :mod:`.diagonal` and :mod:`.quadratic` hold them."""

from __future__ import annotations

from .diagonal import diagonal_moments, excess_moments, soft_threshold_moments
from .quadratic import quadratic_moments, quadratic_moments_at

__all__ = [
    "diagonal_moments",
    "excess_moments",
    "quadratic_moments",
    "quadratic_moments_at",
    "soft_threshold_moments",
]
