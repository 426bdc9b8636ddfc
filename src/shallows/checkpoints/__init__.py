"""Files and modules that hold trained weights: what lies in them, read one tensor at a time."""

from __future__ import annotations

from .._text_tables import printable
from .changes import Factors, tensor_changes
from .contents import Checkpoint, Skipped, StoredTensor, WeightMatrix
from .layouts import Layout
from .matrices import weight_matrices
from .merging import merged
from .opening import open_checkpoint
from .result_store import ResultStore, fingerprint
from .writing import WrittenCheckpoint, write_checkpoint

__all__ = [
    "Checkpoint",
    "Factors",
    "Layout",
    "ResultStore",
    "Skipped",
    "StoredTensor",
    "WeightMatrix",
    "WrittenCheckpoint",
    "fingerprint",
    "merged",
    "open_checkpoint",
    "printable",
    "tensor_changes",
    "weight_matrices",
    "write_checkpoint",
]


def __dir__() -> list[str]:
    return sorted(__all__)
