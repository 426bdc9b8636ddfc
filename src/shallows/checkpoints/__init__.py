"""Files and modules that hold trained weights: what lies in them, read one tensor at a time."""

from __future__ import annotations

from .._text_tables import printable
from .contents import Checkpoint, Skipped, StoredTensor, WeightMatrix
from .layouts import Layout
from .matrices import weight_matrices
from .opening import open_checkpoint

__all__ = [
    "Checkpoint",
    "Layout",
    "Skipped",
    "StoredTensor",
    "WeightMatrix",
    "open_checkpoint",
    "printable",
    "weight_matrices",
]
