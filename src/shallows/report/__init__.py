"""The reports: figures and self-contained HTML pages about a verification, a curve, training time, a fit to data."""

from __future__ import annotations

from .amp_figure import write_amp_figure
from .diagnosis_page import write_diagnosis_report
from .dynamics_page import write_dynamics_report, write_frontier_report
from .exponents_figure import write_exponents_figure
from .fit_page import write_fit_report
from .verification_page import write_report

__all__ = [
    "write_amp_figure",
    "write_diagnosis_report",
    "write_dynamics_report",
    "write_exponents_figure",
    "write_fit_report",
    "write_frontier_report",
    "write_report",
]
