"""Scaling laws: the phase diagram, its exponents, universality of the two networks, spectra along the way."""

from __future__ import annotations

from .table import ExponentRow, exponents_table, format_table

__all__ = ["ExponentRow", "exponents_table", "format_table"]
