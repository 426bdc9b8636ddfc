"""Scaling laws: the phase diagram, its exponents, universality of the two networks, spectra along the way."""

from __future__ import annotations

from .agreement import agreement, reading
from .diagram import phase_diagram
from .files import write_diagram
from .spectra_along import Snapshot, snapshot, spectra_along
from .table_of_exponents import ExponentRow, exponents_table, format_table
from .universality import compare_networks, universality

__all__ = [
    "ExponentRow",
    "Snapshot",
    "agreement",
    "compare_networks",
    "exponents_table",
    "format_table",
    "phase_diagram",
    "reading",
    "snapshot",
    "spectra_along",
    "universality",
    "write_diagram",
]


def __dir__() -> list[str]:
    return sorted(__all__)
