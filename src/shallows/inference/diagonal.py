"""What the diagonal network's data say: single weights, each with the same normal noise (theory note, section 10)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import minimize

from ..networks import network_named
from ..teachers import PowerLaw
from .concerns import ASSUMPTIONS, Assumptions, Concern
from .error_and_noise import READERS, Reader, Reading
from .power_law import LARGEST_GAMMA, SMALLEST_GAMMA, TEACHER_FITS, TeacherFit
from .pruning import PRUNERS, Cleaned, Pruner, Selection
from .weight_decay_path import SEARCHES, Search

if TYPE_CHECKING:
    from .._types import FloatArray
    from ..teachers import Teacher
    from ..training import Fit
    from .pruning import Values
    from .result import Inference

#: Entries of the unbiased weights are grouped into at most this many cells for the likelihood.
CELLS = 120

SEARCHES.register("diagonal")(Search(step=1.25, patience=8, theory_chooses=True))


@READERS.register("diagonal")
class DiagonalReader(Reader):
    """Degrees of freedom are the active weights."""

    risk_drift = 0.0

    def __init__(self, fit: Fit, operator: Any, residual: FloatArray, samples: int) -> None:
        self.fit, self.operator, self.residual, self.samples = fit, operator, residual, samples
        self.test_error_drift = 0.0
        self.share = network_named("diagonal").features(fit.weights) / samples

    @staticmethod
    def spread(share: float) -> float:
        """That of least squares; simulations show it to be right for the LASSO at every weight decay."""
        return (1 + share) / (1 - share)

    def read(self, test_error: float, relative: float) -> Reading:
        n, d, weights = self.samples, self.operator.dim, np.asarray(self.fit.weights)
        freedom = self.share * n
        scale = np.sqrt(test_error / n)
        unbiased = weights + self.operator.adjoint(self.residual) / (n - freedom)
        energy = float(unbiased @ unbiased) - d * scale**2
        risk = float(np.square(weights - unbiased).sum()) - d * scale**2 + 2 * scale**2 * freedom
        # Fluctuations: of the noise's own energy, of its overlap with the teacher, and of the noise scale.
        energy_error = np.sqrt(2 * d * scale**4 + 4 * scale**2 * max(energy, 0.0) + (d * scale**2 * relative) ** 2)
        risk_error = np.sqrt(2 * d * scale**4 + (scale**2 * (d - 2 * freedom) * relative) ** 2)
        return Reading(
            noise_scale=float(scale),
            threshold=float(self.fit.weight_decay * np.sqrt(d) / (n - freedom)),
            unbiased=unbiased,
            observed=unbiased,
            learned=weights,
            excess_risk=(float(risk), float(risk_error)),
            energy=(float(energy), float(energy_error)),
        )


@TEACHER_FITS.register("diagonal")
class DiagonalTeacherFit(TeacherFit):
    """Maximum likelihood of the entries as a mixture of ``+-theta_k + tau Z`` over all `k`."""

    calibration = 1.35

    def fit(self, observed: FloatArray, noise_scale: float, dim: int, start: FloatArray) -> FloatArray:
        points, counts = _cells(np.sort(np.abs(observed) / noise_scale))
        unit = PowerLaw(dim, 1.0).spectrum("diagonal")
        ranks = unit.values[0] / unit.values
        weights = unit.multiplicities

        def loss(parameters: FloatArray) -> float:
            gamma, log_energy = 0.5 + np.exp(parameters[0]), parameters[1]
            if not SMALLEST_GAMMA <= gamma <= LARGEST_GAMMA or abs(log_energy) > 100:
                return 1e30
            shape = ranks**-gamma
            modes = shape * np.sqrt(np.exp(log_energy) / (weights @ shape**2)) / noise_scale
            density = np.exp(-0.5 * (points[:, None] - modes) ** 2)
            density += np.exp(-0.5 * (points[:, None] + modes) ** 2)
            return -float(counts @ np.log(density @ weights + 1e-300))

        first = np.array([np.log(start[0] - 0.5), np.log(start[1])])
        done = minimize(loss, first, method="Nelder-Mead", options={"xatol": 5e-3, "fatol": 2e-3, "maxiter": 120})
        return np.array([0.5 + np.exp(done.x[0]), np.exp(done.x[1])])

    def simulate(self, teacher: PowerLaw, noise_scale: float, generator: np.random.Generator) -> FloatArray:
        return teacher.values("diagonal") + noise_scale * generator.standard_normal(teacher.dim)

    def freedom_error(self, found: float, predicted: float, dim: int) -> float:
        return float(np.sqrt(max(min(predicted, dim - predicted), 1.0)) + 0.02 * predicted)


def _cells(sizes: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Increasing `sizes` as points and counts: the largest one by one, the rest in cells of equal count."""
    if sizes.size <= CELLS:
        return sizes, np.ones(sizes.size)
    top, rest = sizes[-CELLS // 3 :], sizes[: -CELLS // 3]
    groups = np.array_split(rest, CELLS - top.size)
    points = np.concatenate([[group.mean() for group in groups], top])
    counts = np.concatenate([[float(group.size) for group in groups], np.ones(top.size)])
    return points, counts


@PRUNERS.register("diagonal")
class DiagonalPruner(Pruner):
    """A weight stays where its unbiased value is beyond the threshold; its best size is that value."""

    def select(self, inference: Inference, threshold: float, values: Values, teacher: Teacher | None) -> Selection:
        tau, u, learned = inference.noise_scale, inference.unbiased, inference.learned
        keep = (np.abs(u) > threshold) & (learned != 0)
        new = np.where(keep, u if values == "shrunk" else learned, 0.0)
        before = float(np.square(learned - u).sum() + 2 * tau**2 * np.count_nonzero(learned))
        # Stein's formula for a discontinuous rule: the jump counts with the density of the unbiased weights there.
        crossing = 0.0
        if tau > 0:
            jump = threshold if values == "shrunk" else threshold - inference.threshold
            modes = np.zeros(u.size) if teacher is None else np.abs(teacher.values("diagonal"))
            density = np.exp(-0.5 * ((threshold - modes) / tau) ** 2) + np.exp(-0.5 * ((threshold + modes) / tau) ** 2)
            crossing = jump * float(density.sum()) / (tau * np.sqrt(2 * np.pi))
        after = float(np.square(new - u).sum() + 2 * tau**2 * (np.count_nonzero(keep) + crossing))
        return Selection(new, int(keep.sum()), after - before)

    def clean(self, unbiased: FloatArray, noise_scale: float) -> Cleaned:
        d = unbiased.size
        cut = network_named("diagonal").noise_edge(noise_scale, d)
        keep = np.abs(unbiased) > cut
        # The jump of the rule, met with the density of the noise.
        height = 2 * d * (cut / noise_scale if noise_scale > 0 else 0.0)
        freedom = keep.sum() + height * np.exp(-np.log(max(d, 2))) / np.sqrt(2 * np.pi)
        return Cleaned(np.where(keep, unbiased, 0.0), float(freedom), cut, int(keep.sum()))

    def weights(self, estimate: FloatArray) -> FloatArray:
        return estimate


@ASSUMPTIONS.register("diagonal")
class DiagonalAssumptions(Assumptions):
    """Columns of unit variance, and independent noise."""

    kurtosis_allowance = 1.0
    error_correlation = 0.2

    def concerns(self, inputs: FloatArray, labels: FloatArray, inference: Inference) -> list[Concern]:
        return []
