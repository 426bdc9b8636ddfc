"""What the quadratic network's data say: a matrix seen through a semicircle of noise (theory note, section 10)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from scipy.optimize import brentq, least_squares

from ..denoisers import spectral_divergence
from ..freeprob.tracy_widom import MEAN, STANDARD_DEVIATION, survival
from ..networks import network_named
from ..operators import operator_for, to_host
from ..weights import LowRankPSD
from .concern import NOISE, OF_THE_TEACHER, RISK
from .cross_validation import predict_held_out
from .error_and_noise import READERS, SMALLEST_SLACK, Reader, Reading
from .pruning import PRUNERS, Cleaned, Pruner, Selection
from .signatures import ASSUMPTIONS, Assumptions, Look, Signature
from .signatures.base import deviation_of_rest
from .teacher_fits import LARGEST_GAMMA, SMALLEST_GAMMA, TEACHER_FITS, TeacherFit
from .weight_decay_path import SEARCHES, Search

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._types import FloatArray
    from ..teachers import PowerLaw
    from ..training import Fit
    from .pruning import Values
    from .result import Inference
    from .signatures import Seen

#: Relative finite-size error of the estimated test error, times ``n_eff``: simulations show it 9 % low at
#: ``n_eff = 10``, 3 % at 30 and too little to see at 100.
DRIFT = 0.9
#: By how much the excess risk varies more in simulations than its noise alone would make it.
WIDER = 1.2
#: Smallest distance of a learned and a cut-off mode, over the learned one, that a limited width is let to make.
CUT_OFF = 0.25
#: A learned eigenvalue whose root is below this share of the largest one's is rounding.
NEGLIGIBLE = 1e-7
#: Outliers that a teacher is fitted to, at most.
OUTLIERS = 40
#: What labels void that the network cannot represent.
NOT_REPRESENTED = (NOISE, RISK, *OF_THE_TEACHER)
#: A row's pull on its own fit counts as this at most.
LARGEST_PULL = 1e4
#: Numbers of the inputs that are copied at once.
LARGEST_BLOCK = 1 << 22
#: A mode this many fluctuations of the edge below it counts as negative.
NEGATIVE = 3.0
#: Half of the semicircle's eigenvalues lie within this many noise scales.
QUARTILE = 0.80795
#: Misses beyond this count linearly.
SOFT = 3.0
#: Largest slope of the rule that shrinks a mode, which rises from the edge of the noise like a root.
STEEPEST = 3.0

SEARCHES.register("quadratic")(
    Search(
        step=1.4,
        patience=5,
        enough=30.0,
        theory_chooses=False,
        predict=partial(predict_held_out, "quadratic"),
    )
)


@READERS.register("quadratic")
class QuadraticReader(Reader):
    """Degrees of freedom follow from the spectrum of the network's own solution."""

    risk_drift = 0.8
    forecasts_from = (20, 25.0)

    def __init__(self, fit: Fit, operator: Any, residual: FloatArray, samples: int) -> None:
        self.fit, self.residual, self.samples, self.dim = fit, residual, samples, operator.dim
        self.test_error_drift = DRIFT * self.dim / samples
        lengths = to_host((operator.inputs**2).sum(1))
        # |x x^T - 1|^2
        self.row_energies = lengths**2 - 2 * lengths + self.dim
        # G, with alpha = samples/d^2
        self.gradient = operator.adjoint(residual) * (self.dim / (2 * samples))
        self.values, gaps = self._levels()
        # A width that cuts off more than the threshold does leaves modes beyond the threshold unlearned.
        limited = not network_named("quadratic").is_convex(self.dim, fit.width)
        self.share = effective_share(self.values, gaps if limited else np.maximum(gaps, 0.0), samples, self.dim)

    def _levels(self) -> tuple[FloatArray, FloatArray]:
        """Positive eigenvalues of ``S``, and how far those of ``G`` on the rest stay below the threshold."""
        factor, d = self.fit.weights.factor, self.dim  # type: ignore[union-attr]
        if factor.shape[1]:
            basis, singular, _ = np.linalg.svd(factor, full_matrices=True)
            kept = int((singular > NEGLIGIBLE * singular[0]).sum())
            values, others = singular[:kept] ** 2, basis[:, kept:]
        else:
            values, others = np.zeros(0), np.eye(d)
        ceiling = (self.fit.penalty or 0.0) * d**2 / (4 * self.samples)
        below = np.linalg.eigvalsh(others.T @ self.gradient @ others) if others.shape[1] else np.zeros(0)
        return values, ceiling - below

    def _noise_in_rows(self) -> float:
        """Energy of the noise in ``U`` over ``delta^2``: ``1 + 1/d`` where residuals do not depend on the rows.

        They do: what is not yet learned is a quadratic form of the row, larger on long rows.
        """
        square = np.square(self.residual)
        mean = float(square.mean())
        if mean <= 0:
            return 1 + 1 / self.dim
        return float(square @ self.row_energies) / (mean * square.size * self.dim**2)

    @staticmethod
    def spread(share: float) -> float:
        """What simulations show: degrees of freedom are spread over many weak directions."""
        return (1 + share / 2) / (1 - share)

    def read(self, test_error: float, relative: float) -> Reading:
        n, d, share = self.samples, self.dim, self.share
        scale = np.sqrt(test_error * d**2 / (4 * n))
        unbiased = self.fit.weights.matrix() + self.gradient / (1 - share)  # type: ignore[union-attr]
        observed = np.linalg.eigvalsh(unbiased)[::-1].copy()
        learned = np.zeros(d)
        learned[: self.values.size] = self.values
        divergence = 2 * (share * n) / d**2
        noise_energy = scale**2 * self._noise_in_rows()
        # S and U share their eigenvectors, in the same order of eigenvalues.
        distance = float(np.square(observed - learned).sum()) / d
        energy = float(np.square(observed).sum()) / d - noise_energy
        risk = 2 * (distance - noise_energy + 2 * scale**2 * divergence)
        # Fluctuations: of the noise's own energy, of its overlap with the teacher, and of the noise scale.
        energy_error = np.sqrt(
            4 * scale**4 / d**2 + 8 * scale**2 * max(energy, 0.0) / d**2 + (noise_energy * relative) ** 2
        )
        risk_error = 2 * np.sqrt(
            4 * scale**4 / d**2 * (1 - divergence) ** 2 + (scale**2 * (1 - 2 * divergence) * relative) ** 2
        )
        risk_error = np.hypot(WIDER * risk_error, self.risk_drift * abs(risk) * np.sqrt(d / n))
        return Reading(
            noise_scale=float(scale),
            threshold=float((self.fit.penalty or 0.0) * d**2 / (4 * n * (1 - share))),
            unbiased=unbiased,
            observed=observed,
            learned=learned,
            excess_risk=(float(risk), float(risk_error)),
            energy=(float(energy), float(energy_error)),
        )


def effective_share(values: FloatArray, gaps: FloatArray, samples: int, dim: int) -> float:
    """``A/(2 alpha)`` at the training minimum of the quadratic network, from its own spectrum.

    Parameters
    ----------
    values : ndarray, shape (k,)
        Positive eigenvalues of ``S``.
    gaps : ndarray, shape (d - k,)
        ``pen/(4 alpha)`` less the other eigenvalues of ``G = sum r Z/(2 alpha d)``, all ``>= 0`` unless the width cuts
        off more than the threshold does.
    samples, dim : int

    Returns
    -------
    float
        1 where the network interpolates.

    Notes
    -----
    ``S`` and ``G`` commute at the minimum, ``G`` is ``pen/(4 alpha)`` on the support, so ``U`` has eigenvalues
    ``values + zeta`` there and ``zeta - gaps/(1 - A/(2 alpha))`` elsewhere: one equation, with one root.
    """
    k, alpha = values.size, samples / dim**2
    if k == 0:
        return 0.0

    def excess(share: float) -> float:
        spread = gaps / (1 - share)
        total = values[:, None] + spread[None, :]
        # Where the width cuts, neighbouring levels make a principal value, which their own fluctuation cuts off.
        total = np.maximum(total, CUT_OFF * values[:, None])
        pairs = np.divide(values[:, None], total, out=np.full_like(total, 0.5), where=total > 0).sum()
        return float(2 * alpha * share - (k * (k + 1) + 2 * pairs) / dim**2)

    # With cut-off modes beyond the threshold there may be more than one root: the smallest is the one that continues
    # the solution without.
    low = 0.0
    for high in (*np.linspace(0.05, 0.95, 19), 1 - SMALLEST_SLACK):
        if excess(float(high)) > 0:
            return float(brentq(excess, low, float(high), xtol=1e-12))
        low = float(high)
    return 1.0


@TEACHER_FITS.register("quadratic")
class QuadraticTeacherFit(TeacherFit):
    """Least squares on trace, energy and outliers of ``U``, each over its own fluctuation."""

    calibration = 1.6

    def fit(self, observed: FloatArray, noise_scale: float, dim: int, start: FloatArray) -> FloatArray:
        ranks, misses = _misses(observed / noise_scale, dim)

        def of_power_law(parameters: FloatArray) -> FloatArray:
            gamma, q0 = 0.5 + np.exp(min(parameters[0], 3.0)), np.exp(min(max(parameters[1], -200.0), 200.0))
            shape = ranks**-gamma
            return misses(shape * np.sqrt(q0 * dim / (shape @ shape)) / noise_scale)

        first = np.array([np.log(start[0] - 0.5), np.log(start[1])])
        options: dict[str, Any] = {"x_scale": "jac", "loss": "soft_l1", "f_scale": SOFT, "max_nfev": 60}
        done = least_squares(of_power_law, first, method="trf", **options)
        gamma = min(max(0.5 + np.exp(min(done.x[0], 3.0)), SMALLEST_GAMMA), LARGEST_GAMMA)
        return np.array([gamma, np.exp(min(max(done.x[1], -200.0), 200.0))])

    def likelihood(self, observed: FloatArray, dim: int) -> tuple[FloatArray, Callable[[FloatArray], float]]:
        ranks, misses = _misses(observed, dim)

        def value(sizes: FloatArray) -> float:
            square = np.square(misses(sizes) / SOFT)
            return -float(SOFT**2 * (np.sqrt(1 + square) - 1).sum()) / self.calibration**2

        return ranks, value

    def simulate(self, teacher: PowerLaw, noise_scale: float, generator: np.random.Generator) -> FloatArray:
        d = teacher.dim
        noise = generator.standard_normal((d, d))
        matrix = np.diag(teacher.values("quadratic")) + noise_scale * (noise + noise.T) / np.sqrt(2 * d)
        return np.linalg.eigvalsh(matrix)[::-1].copy()

    def freedom_error(self, found: float, predicted: float, dim: int) -> float:
        return 0.05 * found + dim


def _misses(observed: FloatArray, dim: int) -> tuple[FloatArray, Callable[[FloatArray], FloatArray]]:
    """Ranks, and by how many standard errors trace, energy and outliers of ``U`` differ from those of modes at them.

    Everything in units of the noise scale.
    """
    edge = network_named("quadratic").noise_edge(1.0, dim, 1.5)
    outliers = observed[observed > edge][:OUTLIERS]
    trace = float(observed.sum()) / dim
    energy = float(np.square(observed).sum()) / dim - (1 + 1 / dim)
    trace_error = np.sqrt(2) / dim
    energy_error = np.sqrt(4 + 8 * max(energy, 1.0)) / dim

    def misses(modes: FloatArray) -> FloatArray:
        top = np.maximum(modes[: outliers.size], 1.0001)
        positions = top + _repulsion(top, modes, 1.0, dim)
        fluctuation = np.sqrt(2 / dim * np.maximum(1 - 1 / top**2, dim ** (-1 / 3)))
        q0 = float(modes @ modes) / dim
        whole = [(float(modes.mean()) - trace) / trace_error, (q0 - energy) / energy_error]
        return np.concatenate([whole, (positions - outliers) / fluctuation])

    return np.arange(1.0, dim + 1), misses


def _repulsion(top: FloatArray, modes: FloatArray, delta: float, dim: int) -> FloatArray:
    """By how much all `modes` together push each of the `top` ones outwards in the noise."""
    gaps = top[:, None] - modes[None, :]
    soft = 2 * delta**2 / dim
    return delta**2 / dim * (gaps / (gaps**2 + soft)).sum(axis=1)


@PRUNERS.register("quadratic")
class QuadraticPruner(Pruner):
    """A mode stays where its unbiased eigenvalue is an outlier; its best size is ``sqrt(x^2 - 4 delta^2)``."""

    def select(self, inference: Inference, threshold: float, values: Values) -> Selection:
        d, delta, learned = inference.dim, inference.noise_scale, inference.learned
        x, vectors = np.linalg.eigh(inference.unbiased)
        x, vectors = x[::-1], vectors[:, ::-1]
        keep = (x > threshold) & (learned > 0)
        if values == "shrunk":
            new = np.where(keep, np.sqrt(np.maximum(x**2 - 4 * delta**2, 0.0)), 0.0)
            slope = np.where(keep, x / np.maximum(new, 1e-300), 0.0)
        else:
            new, slope = np.where(keep, learned, 0.0), keep.astype(float)
        before = spectral_divergence(x, learned, (learned > 0).astype(float))
        freedom = spectral_divergence(x, new, np.minimum(slope, d)) - before
        change = float(2 * ((np.square(new - x).sum() - np.square(learned - x).sum()) / d + 2 * delta**2 * freedom))
        # Fluctuations: of the noise in what is changed, and of the noise scale.
        in_noise = 4 * delta * np.sqrt(2) * np.linalg.norm(new - learned) / d
        error = np.hypot(in_noise, 4 * delta**2 * freedom * inference.relative_error)
        weights = LowRankPSD(vectors[:, keep] * np.sqrt(new[keep]))
        return Selection(weights, int(keep.sum()), change, float(error))

    def clean(self, unbiased: FloatArray, noise_scale: float) -> Cleaned:
        d = unbiased.shape[0]
        x, vectors = np.linalg.eigh(unbiased)
        cut = network_named("quadratic").noise_edge(noise_scale, d)
        keep = x > cut
        f = np.where(keep, np.sqrt(np.maximum(x**2 - 4 * noise_scale**2, 0.0)), 0.0)
        slope = np.where(keep, np.minimum(x / np.maximum(f, 1e-300), STEEPEST), 0.0)
        divergence = spectral_divergence(x, f, slope)
        return Cleaned((vectors * f) @ vectors.T, divergence, cut, int(keep.sum()))

    def weights(self, estimate: FloatArray) -> LowRankPSD:
        values, vectors = np.linalg.eigh(estimate)
        top = values > 1e-10 * max(values[-1], 1e-300)
        return LowRankPSD(vectors[:, top] * np.sqrt(values[top]))


def _learned(inference: Inference, vectors: FloatArray) -> FloatArray:
    """``S`` from its eigenvalues; it shares the `vectors` of the unbiased weights, in increasing order of modes."""
    out: FloatArray = (vectors * inference.learned[::-1]) @ vectors.T
    return out


def _blocks(inputs: FloatArray) -> list[FloatArray]:
    """Rows in blocks of which copies fit in memory."""
    return np.array_split(inputs, 1 + inputs.size // LARGEST_BLOCK)


def _pull(rows: FloatArray, vectors: FloatArray, response: FloatArray) -> FloatArray:
    squares = np.square(rows @ vectors)
    out: FloatArray = ((squares @ response) * squares).sum(axis=1)
    return out


def _without_noise(values: FloatArray, noise_scale: float) -> FloatArray:
    """What of a teacher lies along each eigenvector of the unbiased weights, whatever its law.

    The eigenvalue less twice the noise's variance times the principal value of the Stieltjes transform there, which the
    eigenvalues themselves give (Bun, Allez, Bouchaud and Potters 2016).
    """
    gaps = values[:, None] - values
    cut = noise_scale**2 / np.sqrt(values.size)
    repulsion = (gaps / (gaps**2 + cut)).sum(axis=1) / values.size
    out: FloatArray = values - 2 * noise_scale**2 * repulsion
    return out


def _slopes(values: FloatArray, learned: FloatArray) -> FloatArray:
    """``(f_i - f_j)/(x_i - x_j)`` of the modes, shape (d, d), and on the diagonal whether they are learned."""
    steps = values[:, None] - values
    equal = steps == 0
    same = np.broadcast_to((learned > 0).astype(float), steps.shape)
    return np.where(equal, same, (learned[:, None] - learned) / np.where(equal, 1.0, steps))


def look_at_negative_modes(seen: Seen) -> Look | None:
    """The smallest eigenvalue of the unbiased weights: Tracy and Widom's law, and the noise scale's own uncertainty."""
    found, d = seen.inference, seen.inference.dim
    if found.noise_scale <= 0:
        return None
    unit = d ** (2 / 3)
    strength = (-float(found.observed[-1]) / found.noise_scale - 2) * unit
    own = found.relative_error / 2 * 2 * unit  # of the edge at twice the noise scale
    strength = MEAN + (strength - MEAN) * STANDARD_DEVIATION / float(np.hypot(STANDARD_DEVIATION, own))
    edge = found.architecture.noise_edge(found.noise_scale, d, NEGATIVE)
    negative = int((found.observed < -edge).sum())
    return Look(
        statistic=float(found.observed[-1]),
        p_value=float(survival(strength)),
        message=f"{max(negative, 1)} mode(s) of the labels are negative; a quadratic network of this kind learns only "
        "positive ones",
        matters=negative > 0,
        voids=NOT_REPRESENTED,
    )


@ASSUMPTIONS.register("quadratic")
class QuadraticAssumptions(Assumptions):
    """Normal, uncorrelated columns, and labels that are a positive quadratic form."""

    kurtosis_allowance = 0.3
    remainders: ClassVar[dict[int, str]] = {1: "linear part", 3: "cubic part"}
    moved_by_centring: ClassVar[dict[int, float]] = {1: 2.0}
    remainder_voids = NOT_REPRESENTED
    row_power = 2
    echo = 1.4
    own = (
        Signature(
            "negative modes",
            "compare networks (--network auto), or transform columns",
            look_at_negative_modes,
        ),
    )

    def left_out(self, inputs: Any, labels: FloatArray, inference: Inference) -> FloatArray:
        share = inference.degrees_of_freedom / inference.samples
        values, vectors = np.linalg.eigh(inference.unbiased)
        residual = labels - operator_for(inference.network, inputs).forward(_learned(inference, vectors))
        if share == 0:
            return residual
        # The response of the network to a row: its features weighted by the slopes of the rule that shrinks modes.
        response = _slopes(values, inference.learned[::-1])
        pull = np.concatenate([_pull(rows, vectors, response) for rows in _blocks(inputs)])
        pull /= pull.mean()

        def excess(strength: float) -> float:
            return float((strength * pull / (1 + strength * pull)).mean()) - share

        strength = float(brentq(excess, 0.0, LARGEST_PULL)) if excess(LARGEST_PULL) > 0 else LARGEST_PULL
        return residual * (1 + strength * pull)

    def expected_errors(self, inputs: Any, inference: Inference) -> tuple[FloatArray, FloatArray]:
        values, vectors = np.linalg.eigh(inference.unbiased)
        estimate = (vectors * _without_noise(values, inference.noise_scale)) @ vectors.T
        known = operator_for(inference.network, inputs).forward(estimate - _learned(inference, vectors))
        return known, deviation_of_rest(inputs, inference, known, self.row_power)

    def narrow_bulk(self, inference: Inference) -> tuple[float, float]:
        d, observed = inference.dim, inference.observed
        reach = QUARTILE * inference.noise_scale
        inside = float((np.abs(observed - np.median(observed)) < reach).mean())
        density = np.sqrt(4 - QUARTILE**2) / (2 * np.pi)
        of_scale = 2 * density * QUARTILE * inference.relative_error / 2
        # Variance of the number of eigenvalues in an interval that holds half of them (Mehta).
        count = 2 / np.pi**2 * (np.log(np.pi * d) + np.euler_gamma + 1 - np.pi**2 / 8)
        return inside - 0.5, float(np.hypot(np.sqrt(count) / d, of_scale))
