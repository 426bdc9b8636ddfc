"""What the diagonal network's data say: single weights, each with the same normal noise (theory note, section 10)."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from scipy.linalg import qr
from scipy.optimize import minimize
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import Lasso, lasso_path

from ..networks import network_named
from ..operators import is_sparse, operator_for, to_host
from ..teachers import PowerLaw
from .concern import NOISE
from .error_and_noise import LARGEST_LEVERAGE, READERS, Reader, Reading
from .least_squares import DEPENDENT
from .pruning import PRUNERS, Cleaned, Pruner, Selection
from .signatures import ASSUMPTIONS, Assumptions
from .signatures.base import deviation_of_rest
from .teacher_fits import LARGEST_GAMMA, SMALLEST_GAMMA, TEACHER_FITS, TeacherFit
from .weight_decay_path import SEARCHES, Search

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._types import FloatArray
    from ..training import Fit
    from .pruning import Values
    from .result import Inference

#: Entries of the unbiased weights are grouped into at most this many cells for the likelihood.
CELLS = 120

#: An unbiased weight beyond so many noise scales stands clear of the noise.
CLEAR = 3.0
#: Rows of at least this leverage are left out one by one, where that reads at most so many numbers.
DECISIVE, MOST_REFITTED = 0.5, 2e8
#: Sweeps of coordinate descent in a fold, at most.
SWEEPS = 2000


def predict_by_lasso(
    inputs: Any, labels: FloatArray, held: Any, weight_decays: FloatArray, *, tolerance: float, centred: bool
) -> FloatArray:
    """:func:`.cross_validation.predict_held_out` by coordinate descent, on the Gram matrix where there are rows enough.

    Where labels are `centred`, so are columns: a held-out row knows nothing of the mean of the others.
    """
    inputs, held = to_host(inputs), to_host(held)
    rows, dim = inputs.shape
    means = inputs.mean(axis=0) if centred else np.zeros(dim)
    columns = np.asfortranarray(inputs - means)
    gram = {"precompute": columns.T @ columns, "Xy": columns.T @ labels} if rows > dim else {"precompute": False}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        alphas = weight_decays * np.sqrt(dim) / rows
        path = lasso_path(columns, labels, alphas=alphas, tol=tolerance, max_iter=SWEEPS, check_input=False, **gram)
    return (held - means) @ path[1]


def leverages_of(columns: FloatArray) -> FloatArray:
    """Share of its own label that least squares on `columns`, shape (n, k), takes for each row, shape (n,).

    Columns that are combinations of others span nothing more.
    """
    if columns.shape[1] == 0:
        return np.zeros(columns.shape[0])
    basis, triangle = np.linalg.qr(columns)
    sizes = np.abs(np.diag(triangle))
    if sizes.min() <= DEPENDENT * sizes.max():  # only pivoting tells which directions are of no column
        basis, triangle, _ = qr(columns, mode="economic", pivoting=True, check_finite=False)
        sizes = np.abs(np.diag(triangle))
    out: FloatArray = np.square(basis[:, sizes > DEPENDENT * sizes[0]]).sum(axis=1)
    return out


SEARCHES.register("diagonal")(Search(step=1.4, patience=6, enough=250.0, theory_chooses=True, predict=predict_by_lasso))


@READERS.register("diagonal")
class DiagonalReader(Reader):
    """Degrees of freedom are the active weights."""

    risk_drift = 0.0
    forecasts_from = (2, 60.0)

    def __init__(self, fit: Fit, operator: Any, residual: FloatArray, samples: int) -> None:
        self.fit, self.operator, self.residual, self.samples = fit, operator, residual, samples
        self.test_error_drift = 0.0
        self.share = network_named("diagonal").features(fit.weights) / samples

    def leverages(self) -> FloatArray:
        active = np.flatnonzero(np.asarray(self.fit.weights))
        own = leverages_of(self.operator.columns(active))
        out: FloatArray = own + (self.residual.size - self.samples) / self.residual.size
        return out

    def left_out(self) -> FloatArray:
        """Where a row nearly decides a weight by itself, the weights in use are others without it: it is left out."""
        out, leverages = super().left_out(), self.leverages()
        bound = float(self.fit.weight_decay) * np.sqrt(self.operator.dim)
        decisive = np.flatnonzero(leverages > DECISIVE)
        n, d = self.residual.size, self.operator.dim
        if bound == 0 or decisive.size == 0 or is_sparse(self.operator.inputs) or decisive.size * n * d > MOST_REFITTED:
            return out
        weights = np.asarray(self.fit.weights)
        inputs, labels = to_host(self.operator.inputs), self.residual + self.operator.output(weights)
        model = Lasso(bound / (n - 1), fit_intercept=False, warm_start=True, max_iter=SWEEPS, tol=1e-6)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            for row in decisive:
                others = np.arange(n) != row
                model.coef_ = weights.copy()
                out[row] = labels[row] - inputs[row] @ model.fit(inputs[others], labels[others]).coef_
        return out

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
        ranks, likelihood = self.likelihood(observed / noise_scale, dim)
        counts = PowerLaw(dim, 1.0).spectrum("diagonal").multiplicities

        def loss(parameters: FloatArray) -> float:
            gamma, log_energy = 0.5 + np.exp(parameters[0]), parameters[1]
            if not SMALLEST_GAMMA <= gamma <= LARGEST_GAMMA or abs(log_energy) > 100:
                return 1e30
            shape = ranks**-gamma
            return -likelihood(shape * np.sqrt(np.exp(log_energy) / (counts @ shape**2)) / noise_scale)

        first = np.array([np.log(start[0] - 0.5), np.log(start[1])])
        done = minimize(loss, first, method="Nelder-Mead", options={"xatol": 5e-3, "fatol": 2e-3, "maxiter": 120})
        return np.array([0.5 + np.exp(done.x[0]), np.exp(done.x[1])])

    def likelihood(self, observed: FloatArray, dim: int) -> tuple[FloatArray, Callable[[FloatArray], float]]:
        points, seen = _cells(np.sort(np.abs(observed)))
        unit = PowerLaw(dim, 1.0).spectrum("diagonal")
        share = unit.multiplicities / dim

        def value(sizes: FloatArray) -> float:
            density = np.exp(-0.5 * (points[:, None] - sizes) ** 2)
            density += np.exp(-0.5 * (points[:, None] + sizes) ** 2)
            return float(seen @ np.log(density @ share + 1e-300))

        return unit.values[0] / unit.values, value

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

    def select(self, inference: Inference, threshold: float, values: Values) -> Selection:
        tau, u, learned = inference.noise_scale, inference.unbiased, inference.learned
        keep = (np.abs(u) > threshold) & (learned != 0)
        new = np.where(keep, u if values == "shrunk" else learned, 0.0)
        jump = threshold if values == "shrunk" else threshold - inference.threshold
        freedom = np.count_nonzero(keep) + _jump_freedom(u, threshold, jump, tau)
        freedom -= np.count_nonzero(learned)
        change = float(np.square(new - u).sum() - np.square(learned - u).sum() + 2 * tau**2 * freedom)
        # Fluctuations: of the noise in what is changed, and of the noise scale.
        error = np.hypot(2 * tau * np.linalg.norm(new - learned), 2 * tau**2 * freedom * inference.relative_error)
        return Selection(new, int(keep.sum()), change, float(error))

    def clean(self, unbiased: FloatArray, noise_scale: float) -> Cleaned:
        cut = network_named("diagonal").noise_edge(noise_scale, unbiased.size)
        keep = np.abs(unbiased) > cut
        freedom = keep.sum() + _jump_freedom(unbiased, cut, cut, noise_scale)
        return Cleaned(np.where(keep, unbiased, 0.0), float(freedom), cut, int(keep.sum()))

    def weights(self, estimate: FloatArray) -> FloatArray:
        return estimate


def _jump_freedom(unbiased: FloatArray, threshold: float, jump: float, noise_scale: float) -> float:
    """Degrees of freedom of a rule's jump: its height times the density of the unbiased weights where it lies.

    Noise about what the weights that stand clear of it are without it; about zero for the others.
    """
    if noise_scale <= 0:
        return 0.0
    behind = np.sqrt(np.maximum((unbiased / noise_scale) ** 2 - CLEAR**2, 0.0))
    place = threshold / noise_scale
    density = (np.exp(-0.5 * (place - behind) ** 2) + np.exp(-0.5 * (place + behind) ** 2)).sum()
    return float(jump * density / (noise_scale * np.sqrt(2 * np.pi)))


@ASSUMPTIONS.register("diagonal")
class DiagonalAssumptions(Assumptions):
    """Columns of unit variance, independent noise, and labels linear in the columns."""

    kurtosis_allowance = 1.0
    remainders: ClassVar[dict[int, str]] = {2: "curvature", 3: "cubic part"}
    remainder_voids = (NOISE,)  # more data still bring what is linear
    row_power = 1
    echo = 1.15

    def left_out(self, inputs: Any, labels: FloatArray, inference: Inference) -> FloatArray:
        operator, active = operator_for(inference.network, inputs), np.flatnonzero(inference.learned)
        residual = labels - operator.output(inference.learned)
        leverages = leverages_of(operator.columns(active)) + 1 - inference.samples / labels.size
        out: FloatArray = residual / (1 - np.minimum(leverages, LARGEST_LEVERAGE))
        return out

    def expected_errors(self, inputs: Any, inference: Inference) -> tuple[FloatArray, FloatArray]:
        estimate = PRUNERS.of(inference.network)().clean(inference.unbiased, inference.noise_scale).estimate
        known = operator_for(inference.network, inputs).forward(estimate - inference.learned)
        return known, deviation_of_rest(inputs, inference, known, self.row_power)

    def narrow_bulk(self, inference: Inference) -> tuple[float, float]:
        d, quartile = inference.dim, 0.67449
        inside = float((np.abs(inference.unbiased) < quartile * inference.noise_scale).mean())
        density = np.exp(-0.5 * quartile**2) / np.sqrt(2 * np.pi)
        of_scale = 2 * density * quartile * inference.relative_error / 2
        return inside - 0.5, float(np.hypot(0.5 / np.sqrt(d), of_scale))
