"""What the spectrum of a trained matrix says of its training (theory note, sections 3, 5, 7 and 16)."""

from __future__ import annotations

from .spectrum import MatrixSpectrum, NoiseBulk, WeightOutlier, WeightTail
from .verdict import VERDICTS, Verdict

__all__ = ["VERDICTS", "MatrixSpectrum", "NoiseBulk", "Verdict", "WeightOutlier", "WeightTail"]
