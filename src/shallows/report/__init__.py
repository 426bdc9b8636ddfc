"""The report: figures and one self-contained HTML page.

>>> write_report(verification, "report")   # doctest: +SKIP
PosixPath('report/report.html')
"""

from __future__ import annotations

from .page import write_report

__all__ = ["write_report"]
