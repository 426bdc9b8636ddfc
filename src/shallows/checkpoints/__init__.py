"""Files and modules that hold trained weights: what lies in them, read one tensor at a time."""

from __future__ import annotations

from .contents import Checkpoint, Skipped, StoredTensor, WeightMatrix

__all__ = ["Checkpoint", "Skipped", "StoredTensor", "WeightMatrix"]
