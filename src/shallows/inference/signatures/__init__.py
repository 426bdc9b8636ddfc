"""Signatures: what a fit shows, without the truth, of an assumption that does not hold.

Each is a test with a p-value under the theory's assumptions (:mod:`.inputs`, :mod:`.residuals`, :mod:`.weights`); what
differs by network is asked of its :class:`.base.Assumptions`. All of them together raise a false alarm on at most
:data:`.base.FALSE_ALARMS` of data sets: each has the same share of that.
"""

from __future__ import annotations

from ..concern import ExpectedError
from .base import ASSUMPTIONS, FALSE_ALARMS, Assumptions, Look, Seen, Signature
from .expected import expected_error
from .looking import check_inputs, found_in_fit, look_for_signatures, signatures_of
from .moments import Moments

__all__ = [
    "ASSUMPTIONS",
    "FALSE_ALARMS",
    "Assumptions",
    "ExpectedError",
    "Look",
    "Moments",
    "Seen",
    "Signature",
    "check_inputs",
    "expected_error",
    "found_in_fit",
    "look_for_signatures",
    "signatures_of",
]
