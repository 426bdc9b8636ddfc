"""What the spectrum of a trained matrix says of its training (theory note, sections 3, 5, 7 and 16)."""

from __future__ import annotations

from ..freeprob.spiked import shrink
from .analysis import analyse_matrix
from .judgement import judge
from .law_fit import LawFit, fit_law
from .layer import Change, LayerDiagnosis
from .model import TABLE_FILES, DiagnosisSeries, ModelDiagnosis
from .network_reading import NetworkReading, read_network
from .pruning import PrunedLayer, PrunedModel, prune_checkpoint
from .run import diagnose, diagnose_series, principal_angles
from .spectrum import MatrixSpectrum, NoiseBulk, WeightOutlier, WeightTail, noise_density
from .spectrum_reading import analyse_network, read_spectrum, risk_of_spectrum
from .theory_networks import Training
from .verdict import VERDICTS, Verdict

__all__ = [
    "TABLE_FILES",
    "VERDICTS",
    "Change",
    "DiagnosisSeries",
    "LawFit",
    "LayerDiagnosis",
    "MatrixSpectrum",
    "ModelDiagnosis",
    "NetworkReading",
    "NoiseBulk",
    "PrunedLayer",
    "PrunedModel",
    "Training",
    "Verdict",
    "WeightOutlier",
    "WeightTail",
    "analyse_matrix",
    "analyse_network",
    "diagnose",
    "diagnose_series",
    "fit_law",
    "judge",
    "noise_density",
    "principal_angles",
    "prune_checkpoint",
    "read_network",
    "read_spectrum",
    "risk_of_spectrum",
    "shrink",
]


def __dir__() -> list[str]:
    return sorted(__all__)
