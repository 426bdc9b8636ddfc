"""What a trained network says about the world from its training data alone (theory note, section 10).

>>> from shallows import PowerLaw, Problem, sample, tune
>>> data = sample(Problem("diagonal", PowerLaw(50, 1.0), samples=200, noise=0.5), seed=0)
>>> fit, inference, path = tune(data, network="diagonal")
>>> inference.test_error.covers(0.5 + fit.excess_risk(data))
True

What differs by network is in one file for each, :mod:`.diagonal` and :mod:`.quadratic`, behind one narrow protocol for
each piece of work: :class:`.error_and_noise.Reader`, :class:`.weight_decay_path.Search`,
:class:`.teacher_fits.TeacherFit`, :class:`.pruning.Pruner` and :class:`.signatures.Assumptions`.
"""

from __future__ import annotations

from . import diagonal, lasso_without_a_row, nuclear_without_a_row, quadratic  # noqa: F401 - each registers what it can do
from .concern import Concern, Diagnosis, ExpectedError
from .concerns import check_assumptions
from .error_and_noise import infer
from .estimate import LEVEL, Estimate
from .extrapolation import NaiveExtrapolation, extrapolate_naively
from .forecasting import Forecast, ForecastPoint, forecast
from .label_noise import NoiseVariance, noise_variance
from .least_squares import LeastSquares, fit_least_squares
from .leave_one_out import LeaveOneOut, leave_out_rows
from .modes import Modes, recover_modes
from .power_law import PowerLawFit, estimated_problem, fit_power_law_teacher, fit_teacher
from .pruning import Pruned, predicted_risk, prune
from .result import Inference
from .signatures import check_inputs, look_for_signatures
from .teacher_law import TeacherLaw, fit_teacher_law
from .tuning import silencing_weight_decay, tune
from .weight_decay_path import WeightDecayPath
from .weight_tests import WeightTests, check_weights

__all__ = [
    "LEVEL",
    "Concern",
    "Diagnosis",
    "Estimate",
    "ExpectedError",
    "Forecast",
    "ForecastPoint",
    "Inference",
    "LeastSquares",
    "LeaveOneOut",
    "Modes",
    "NaiveExtrapolation",
    "NoiseVariance",
    "PowerLawFit",
    "Pruned",
    "TeacherLaw",
    "WeightDecayPath",
    "WeightTests",
    "check_assumptions",
    "check_inputs",
    "check_weights",
    "estimated_problem",
    "extrapolate_naively",
    "fit_least_squares",
    "fit_power_law_teacher",
    "fit_teacher",
    "fit_teacher_law",
    "forecast",
    "infer",
    "leave_out_rows",
    "look_for_signatures",
    "noise_variance",
    "predicted_risk",
    "prune",
    "recover_modes",
    "silencing_weight_decay",
    "tune",
]


def __dir__() -> list[str]:
    return sorted(__all__)
