"""Do the data look like what the theory assumes? Cheap tests that say so before anyone trusts a number.

Every check compares a statistic with its own fluctuation under Gaussian inputs, so that a warning means that the data
betray the assumption, not that they are few.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from scipy.special import ndtri

from ..networks import Capability, network_named
from ..operators import SparseInputs
from ..operators.sparse import power_means, row_mean_squares
from .concern import OF_THE_TEACHER, QUANTITIES, TEST_ERROR, Concern, Diagnosis

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .._types import FloatArray
    from ..networks import Network
    from .result import Inference

#: A statistic this many standard errors off counts as evidence.
SIGNIFICANT = 5.0
#: Probability that independent columns show a pair as correlated as counts as evidence.
CHANCE_OF_A_PAIR = 1e-3
#: Not looked for single correlated pairs beyond this many products of numbers.
MOST_PRODUCTS = 2e10
#: Columns that vary by less carry nothing: their squares leave the range of floating-point numbers.
SMALLEST_SIZE = 1e-70
#: Columns and rows of sparse inputs, drawn at random, that correlations are looked for in.
MOST_COLUMNS, MOST_ROWS = 2000, 10_000
#: Numbers this close, over the standard deviation of their column, are the same.
SAME = 1e-3
#: On fewer rows nothing can be seen of the columns' law.
FEWEST_ROWS = 30
#: Below this share of the samples left after the fit, estimates are unstable.
SMALLEST_SLACK = 0.15


class Assumptions(ABC):
    """What a network's theory assumes of the data, as far as it differs from other networks'."""

    #: Largest distance of the inputs' mean kurtosis from that of normal numbers that raises no concern.
    kurtosis_allowance: ClassVar[float]
    #: Correlation of squared errors with anything that raises no concern.
    error_correlation: ClassVar[float]

    @abstractmethod
    def concerns(self, inputs: FloatArray, labels: FloatArray, inference: Inference) -> list[Concern]:
        """What speaks against this network alone."""


#: For each network, its :class:`Assumptions`.
ASSUMPTIONS: Capability[type[Assumptions]] = Capability("assumptions to check data against")


def check_inputs(inputs: FloatArray, network: str) -> list[Concern]:
    """Concerns about the inputs alone.

    Parameters
    ----------
    inputs : ndarray, shape (n, d)
        As the network sees them.
    network : {"diagonal", "quadratic"}

    Returns
    -------
    list of Concern

    Raises
    ------
    UnknownNetwork, NotSupported
        If there is no such network, or its assumptions are not known.

    Examples
    --------
    >>> import numpy as np
    >>> from shallows.inference import check_inputs
    >>> inputs = np.random.default_rng(0).standard_normal((300, 10))
    >>> check_inputs(inputs, "diagonal")
    []
    >>> [concern.name for concern in check_inputs(3 * inputs + 2, "diagonal")]
    ['mean', 'scale']
    """
    architecture = network_named(network)
    if isinstance(inputs, SparseInputs):
        varying = inputs.sizes() > SMALLEST_SIZE
    else:
        varying = np.ptp(inputs, axis=0) > SMALLEST_SIZE
    found = [_constant(varying), _few_rows(inputs)]
    if varying.any():
        if not varying.all():
            inputs = _columns(inputs, varying)
        moments = _Moments(inputs)
        found += [
            _mean(moments, architecture),
            _scale(moments, architecture),
            _correlation(inputs, moments, architecture),
            _kurtosis(moments, architecture),
            _row_norms(inputs, moments, architecture),
        ]
    return [concern for concern in found if concern is not None]


def check_assumptions(inputs: FloatArray, labels: FloatArray, inference: Inference | None) -> Diagnosis:
    """Everything about data and fit that puts the estimates in doubt.

    Parameters
    ----------
    inputs, labels : ndarrays, shapes (n, d) and (n,)
        As the network saw them.
    inference : Inference or None
        None where the fit interpolates.

    Returns
    -------
    Diagnosis

    Raises
    ------
    NotSupported
        If the assumptions of the network are not known.

    Examples
    --------
    >>> from shallows import PowerLaw, Problem, infer, sample, train
    >>> from shallows.inference import check_assumptions
    >>> data = sample(Problem("diagonal", PowerLaw(50, 1.0), samples=200, noise=0.5), seed=0)
    >>> check_assumptions(*data, infer(data, train(data, weight_decay=1.0))).ok
    True
    >>> check_assumptions(*data, None).concerns[0].name
    'interpolation'
    """
    if inference is None:
        interpolates = "the network interpolates its data: no estimate of the test error exists at this weight decay"
        return Diagnosis((Concern("interpolation", True, 0.0, interpolates, (TEST_ERROR, *QUANTITIES)),))
    out = [_mended(concern, inference) for concern in inference.input_concerns]
    out += _of_the_fit(inference)
    square = np.square(inference.residuals)
    if float(square.mean()) <= 1e-8 * float(labels.var()):  # a perfect fit: what is left has no law to speak of
        return Diagnosis(tuple(out))
    assumptions = ASSUMPTIONS.of(inference.network)()
    out += _of_the_residuals(inputs, labels, inference, assumptions.error_correlation)
    out += assumptions.concerns(inputs, labels, inference)
    return Diagnosis(tuple(out))


def _mended(concern: Concern, inference: Inference) -> Concern:
    """The concern without what least squares or rows held out say, whatever the law of the columns."""
    return concern.without(inference.known_otherwise(concern))


def _few_rows(inputs: FloatArray) -> Concern | None:
    rows = inputs.shape[0]
    if rows >= FEWEST_ROWS:
        return None
    words = f"{rows} rows are too few to see whether columns are correlated ({FEWEST_ROWS} are needed)"
    return Concern("few rows", False, rows, words, QUANTITIES)


def _constant(varying: NDArray[np.bool_]) -> Concern | None:
    count = int((~varying).sum())
    if not count:
        return None
    return Concern("constant", not varying.any(), count, f"{count} column(s) never vary and carry nothing")


def _columns(inputs: Any, chosen: NDArray[np.bool_]) -> Any:
    return inputs.select(chosen) if isinstance(inputs, SparseInputs) else inputs[:, chosen]


class _Moments:
    """First, second and fourth moments of the columns, all of shape (d,)."""

    def __init__(self, inputs: FloatArray) -> None:
        self.samples, self.dim = inputs.shape
        self.means, self.squares = power_means(inputs, 1), power_means(inputs, 2)
        self.kurtosis = power_means(inputs, 4) / np.maximum(self.squares, 1e-300) ** 2
        self.mean_kurtosis = float(self.kurtosis.mean())
        #: Root mean square beyond chance; set where correlations are looked at.
        self.typical_correlation = 0.0


def _mean(moments: _Moments, network: Network) -> Concern | None:
    shift = float(np.abs(moments.means).max())
    if shift <= SIGNIFICANT / np.sqrt(moments.samples) * np.sqrt(max(float(moments.squares.max()), 1e-300)):
        return None
    message = f"columns are not centred (largest mean {shift:.3g})"
    return Concern("mean", network.needs_white_inputs, shift, message, QUANTITIES)


def _scale(moments: _Moments, network: Network) -> Concern | None:
    off = float(np.abs(moments.squares - 1).max())
    if off <= SIGNIFICANT * np.sqrt(max(float(moments.kurtosis.max()) - 1, 2.0) / moments.samples):
        return None
    message = f"columns do not have unit variance (off by up to {off:.3g}): standardise"
    return Concern("scale", network.needs_white_inputs, off, message, QUANTITIES)


def _correlation(inputs: FloatArray, moments: _Moments, network: Network) -> Concern | None:
    n, d = inputs.shape
    if d < 2 or n < 3:
        return None
    if isinstance(inputs, SparseInputs):  # filled as far as they are looked at
        unit = inputs.standardised_part(MOST_ROWS, MOST_COLUMNS)
        n, d = unit.shape
    else:
        unit = (inputs - moments.means) / np.maximum(inputs.std(axis=0), 1e-300)
    largest = 0.0
    if d <= n or n * d**2 <= MOST_PRODUCTS:
        gram = unit.T @ unit / n
        diagonal = float(np.square(np.diag(gram)).sum())
        np.fill_diagonal(gram, 0.0)
        squares, largest = float(np.square(gram).sum()), float(np.abs(gram).max())
    else:
        gram = unit @ unit.T / n
        diagonal = float(np.square(np.square(unit).mean(axis=0)).sum())
        squares = float(np.square(gram).sum()) - diagonal
    pairs = d * (d - 1)
    excess = (squares - pairs / n) / (np.sqrt(2 * pairs * 2) / n)
    typical = moments.typical_correlation = float(np.sqrt(max(squares / pairs - 1 / n, 0.0)))
    if excess > SIGNIFICANT and typical > 0.01:
        words = f"columns are correlated (root mean square {typical:.2g} beyond chance)"
        return Concern("correlation", network.needs_white_inputs and typical > 0.05, typical, words, QUANTITIES)
    if np.arctanh(min(largest, 1 - 1e-12)) * np.sqrt(max(n - 3, 1)) > -ndtri(CHANCE_OF_A_PAIR / pairs):
        words = f"two columns are correlated ({largest:.2g}, more than chance)"
        return Concern("correlation", False, largest, words, QUANTITIES)
    return None


def _kurtosis(moments: _Moments, network: Network) -> Concern | None:
    kurtosis = moments.mean_kurtosis
    limit = SIGNIFICANT * np.sqrt(24 / (moments.samples * moments.dim)) + 6 / moments.samples
    if abs(kurtosis - 3) <= max(limit, ASSUMPTIONS.of(network).kurtosis_allowance):
        return None
    kind = "heavy-tailed" if kurtosis > 3 else "light-tailed (binary or bounded)"
    message = f"inputs are {kind}: mean kurtosis {kurtosis:.3g} instead of 3"
    serious = network.needs_white_inputs or kurtosis > 9
    return Concern("kurtosis", serious, kurtosis, message, _of_uneven_rows(network, kurtosis > 3) if serious else ())


def _row_norms(inputs: FloatArray, moments: _Moments, network: Network) -> Concern | None:
    n, d = inputs.shape
    if d < 2:
        return None
    norms = row_mean_squares(inputs)
    spread = float(norms.var() / max(float(norms.mean()) ** 2, 1e-300)) * d / 2
    expected = max((moments.mean_kurtosis - 1) / 2, 1.0)
    if spread <= expected * (1 + SIGNIFICANT * np.sqrt(8 / n)) or spread <= 1.5 * expected:
        return None
    message = f"some rows are much longer than others (spread {spread:.3g} times that of independent columns)"
    # Correlated columns lengthen rows as well, by the mean square of their covariance's eigenvalues.
    serious = spread > 4 * (1 + (d - 1) * moments.typical_correlation**2)
    return Concern("row norms", serious, spread, message, _of_uneven_rows(network, True))


def _of_uneven_rows(network: Network, uneven: bool) -> tuple[str, ...]:
    """What rows of uneven length void: where weights are a matrix, also what residuals say of the test error."""
    return (TEST_ERROR, *QUANTITIES) if uneven and network.is_matrix else QUANTITIES


def check_rows(inputs: FloatArray, labels: FloatArray) -> list[Concern]:
    """Concerns about rows with their labels: copies of others, to :data:`SAME` of what their columns vary.

    Parameters
    ----------
    inputs, labels : ndarrays, shapes (n, d) and (n,)

    Returns
    -------
    list of Concern

    Examples
    --------
    >>> import numpy as np
    >>> from shallows.inference.concerns import check_rows
    >>> inputs = np.random.default_rng(0).standard_normal((50, 3))
    >>> check_rows(inputs, inputs[:, 0])
    []
    >>> check_rows(np.tile(inputs, (2, 1)), np.tile(inputs[:, 0], 2))[0].message
    '50 of 100 rows are copies of others: not independent'
    """
    if isinstance(inputs, SparseInputs):
        # A few sums with random factors tell rows apart that are not the same.
        factors = np.random.default_rng(0).standard_normal((inputs.shape[1], 4))
        rows = np.column_stack([inputs.matrix @ factors, labels])
    else:
        rows = np.column_stack([inputs, labels])
    deviations = rows.std(axis=0)
    unit = (rows - rows.mean(axis=0)) / np.where(deviations > SMALLEST_SIZE, deviations, 1.0)
    n, distinct = rows.shape[0], np.unique(np.round(unit / SAME), axis=0).shape[0]
    if distinct >= 0.95 * n:
        return []
    message = f"{n - distinct} of {n} rows are copies of others: not independent"
    return [Concern("duplicates", True, 1 - distinct / n, message, (TEST_ERROR, *QUANTITIES))]


def _of_the_fit(inference: Inference) -> list[Concern]:
    """Too few samples, or too few left after the fit."""
    out = []
    effective, slack = inference.effective_samples, inference.slack
    if effective < 30:
        words = f"n_eff = {effective:.3g} < 30: theory drifts, by about 10 % at n_eff = 10"
        out.append(Concern("few samples", effective < 10, effective, words, OF_THE_TEACHER if effective < 10 else ()))
    if slack < SMALLEST_SLACK:
        words = f"only {100 * slack:.2g} % of the samples are left after the fit: the estimate is unstable"
        out.append(Concern("near interpolation", True, slack, words, QUANTITIES))
    return out


def _of_the_residuals(inputs: FloatArray, labels: FloatArray, inference: Inference, allowance: float) -> list[Concern]:
    """Heavy tails, and squared errors that depend on the prediction or on the row by more than the `allowance`."""
    out, n = [], inputs.shape[0]
    square = np.square(inference.residuals)
    unit = square / max(float(square.mean()), 1e-300)
    kurtosis = float(np.square(unit).mean())
    if kurtosis > 3 + max(SIGNIFICANT * np.sqrt(24 / n), 1.5):
        message = f"residuals are heavy-tailed (kurtosis {kurtosis:.3g}); the standard error allows for it"
        out.append(Concern("residual tails", kurtosis > 12, kurtosis, message))
    fitted = np.abs(labels - inference.residuals * inference.slack)
    norms = row_mean_squares(inputs)
    for name, other in (("size of the prediction", fitted), ("length of the row", norms)):
        deviation = other - other.mean()
        size = float(np.sqrt((deviation**2).sum()))
        if size <= 1e-12 * max(float(np.abs(other).sum()), 1e-300):
            continue
        correlation = float(deviation @ unit) / size / float(np.sqrt(max(kurtosis - 1, 1e-300) * n))
        if abs(correlation) > max(SIGNIFICANT / np.sqrt(n), allowance):
            message = f"errors depend on the {name} (correlation {correlation:.2g}): noise is not the same everywhere"
            out.append(Concern("heteroscedasticity", False, correlation, message))
            break
    return out
