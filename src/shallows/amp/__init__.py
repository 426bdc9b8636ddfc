"""Approximate message passing, and state evolution beside it (theory note, section 9)."""

from __future__ import annotations

from .iterate import amp, bayes_rule
from .policies import FixedRule, Policy, ThresholdForPenalty, ThresholdMultiple
from .result import AmpRun, AmpStatus, Trajectory

__all__ = [
    "AmpRun",
    "AmpStatus",
    "FixedRule",
    "Policy",
    "ThresholdForPenalty",
    "ThresholdMultiple",
    "Trajectory",
    "amp",
    "bayes_rule",
]
