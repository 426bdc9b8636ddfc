"""Scaling laws: the phase diagram, its exponents, universality of the two networks, spectra along the way."""

from __future__ import annotations

from .agreement import agreement, reading
from .diagram import phase_diagram
from .table import ExponentRow, exponents_table, format_table

__all__ = ["ExponentRow", "agreement", "exponents_table", "format_table", "phase_diagram", "reading"]
