"""A family of predictions in a grid, from which a page without a server interpolates; and by how much it is wrong.

Samples, weight decay, the teacher's exponent and the label noise change along the grid; the rest stays.
"""

from __future__ import annotations

import base64
import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from .._numbers import number
from ..errors import InvalidArgument, SolveFailed
from ..prediction import predict
from ..spectra import has_law, learned_law
from ..state_evolution import bayes_optimal
from .answers import curve, diagram, sight, spectrum
from .boundaries import phase_map
from .views import View

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .._types import FloatArray
    from ..problems import Problem

    Progress = Callable[[str, int, int], None]

#: Values along samples, weight decay, exponent of the teacher, noise.
SIZES = (41, 29, 7, 5)
#: Ranges of exponent and noise.
GAMMA, NOISE = (0.75, 2.0), (0.01, 1.0)
#: What is interpolated, and whether in its logarithm.
FIELDS = {
    "excess_risk": True,
    "train_error": True,
    "noise_scale": True,
    "threshold": True,
    "overfitting": False,
    "underfitting": False,
    "approximation": False,
    "mass_at_zero": False,
}
TERMS = ("overfitting", "underfitting", "approximation")
#: Values of the noise scale, of the threshold over it, and sizes over it, at which laws of the weights are kept.
LAW_SIZES, LAW_POINTS, LAW_MODES = (13, 15), 72, 40
LARGEST_SIZE = 4.0
#: Settings off the grid at which the error is measured, and its seed.
PROBES, PROBE_SEED = 200, 1
