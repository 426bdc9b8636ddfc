"""A prediction and a verification as people read them on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..networks import network_named
from ..result_rows import prediction_sections, verification_sections
from ._sections import print_sections

if TYPE_CHECKING:
    from collections.abc import Mapping


def print_prediction(content: Mapping[str, Any]) -> None:
    """Print a prediction's dictionary for people."""
    print_sections(f"Prediction for {network_named(content['network']).phrase}", prediction_sections(content))


def print_verification(content: Mapping[str, Any]) -> None:
    """Print a verification's dictionary for people."""
    print_sections(f"Verification of {network_named(content['network']).phrase}", verification_sections(content))
