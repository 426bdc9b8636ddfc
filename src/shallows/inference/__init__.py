"""What a trained network says about the world from its training data alone (theory note, section 10).

>>> fit, inference, path = tune((X, y), network="diagonal")     # doctest: +SKIP
>>> inference.test_error.value, inference.test_error.low        # doctest: +SKIP
"""

from __future__ import annotations

from .checks import Concern, Diagnosis, check_assumptions, check_inputs
from .estimates import LEVEL, Estimate, Inference, infer
from .modes import Modes, WeightTests, check_weights, recover_modes
from .power_law import PowerLawFit, estimated_problem, fit_power_law, fit_teacher
from .tuning import WeightDecayPath, largest_weight_decay, tune

__all__ = [
    "LEVEL",
    "Concern",
    "Diagnosis",
    "Estimate",
    "Inference",
    "Modes",
    "PowerLawFit",
    "WeightDecayPath",
    "WeightTests",
    "check_assumptions",
    "check_inputs",
    "check_weights",
    "estimated_problem",
    "fit_power_law",
    "fit_teacher",
    "infer",
    "largest_weight_decay",
    "recover_modes",
    "tune",
]
