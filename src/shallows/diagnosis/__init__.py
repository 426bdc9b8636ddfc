"""What the spectrum of a trained matrix says of its training (theory note, sections 3, 5, 7 and 16)."""

from __future__ import annotations

from ..freeprob.spiked import shrink
from .analysis import analyse_matrix
from .judgement import judge
from .law_fit import LawFit, fit_law
from .network_reading import NetworkReading, read_network
from .spectrum import MatrixSpectrum, NoiseBulk, WeightOutlier, WeightTail
from .spectrum_reading import analyse_network, read_spectrum, risk_of_spectrum
from .verdict import VERDICTS, Verdict

__all__ = [
    "VERDICTS",
    "LawFit",
    "MatrixSpectrum",
    "NetworkReading",
    "NoiseBulk",
    "Verdict",
    "WeightOutlier",
    "WeightTail",
    "analyse_matrix",
    "analyse_network",
    "fit_law",
    "judge",
    "read_network",
    "read_spectrum",
    "risk_of_spectrum",
    "shrink",
]
