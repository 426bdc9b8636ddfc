"""What the spectrum of a trained matrix says of its training (theory note, sections 3, 5, 7 and 16)."""

from __future__ import annotations

from ..freeprob.spiked import shrink
from .analysis import analyse_matrix
from .spectrum import MatrixSpectrum, NoiseBulk, WeightOutlier, WeightTail
from .verdict import VERDICTS, Verdict

__all__ = [
    "VERDICTS",
    "MatrixSpectrum",
    "NoiseBulk",
    "Verdict",
    "WeightOutlier",
    "WeightTail",
    "analyse_matrix",
    "shrink",
]
