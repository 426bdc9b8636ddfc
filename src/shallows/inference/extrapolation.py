"""The learning curve continued without theory: a straight line through errors of subsets of the data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .._arguments import check_level, check_number
from .._display import Displayed
from ..errors import EstimateUndefined, InvalidArgument
from ..operators import as_pair, check_data
from .estimate import LEVEL, Estimate
from .tuning import tune

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from .._types import FloatArray


@dataclass(frozen=True, eq=False, repr=False)
class NaiveExtrapolation(Displayed):
    """A straight line through log test error against log samples: what one would do without theory.

    Attributes
    ----------
    samples, test_errors : ndarrays
        Of the subsets it was fitted to.
    exponent : float
        ``b`` in ``test error = a n^-b``.
    predicted : tuple of Estimate
        At the numbers of samples asked for.

    Examples
    --------
    >>> import numpy as np
    >>> from shallows.inference import Estimate, NaiveExtrapolation
    >>> line = NaiveExtrapolation(np.array([100.0, 200.0]), np.array([0.8, 0.4]), 1.0, (Estimate.positive(0.2, 0.1),))
    >>> line.exponent
    1.0
    """

    samples: FloatArray
    test_errors: FloatArray
    exponent: float
    predicted: tuple[Estimate, ...]


def extrapolate_naively(
    data: Any,
    samples: Sequence[float],
    *,
    network: str,
    fractions: Sequence[float] = (0.25, 0.35, 0.5, 0.7, 1.0),
    centred: bool = False,
    seed: int = 0,
    level: float = LEVEL,
) -> NaiveExtrapolation:
    """Fit a power law to the learning curve over subsets of the data and continue it.

    Every subset chooses its own weight decay and estimates its own test error, so this uses the same information as
    :func:`shallows.forecast`, less the theory.

    Parameters
    ----------
    data : Dataset or pair (X, y)
        Shapes (n, d) and (n,).
    samples : sequence of float
        Numbers of samples to continue to.
    network : {"diagonal", "quadratic"}
    fractions : sequence of float
        Sizes of the subsets, over that of the data.
    centred : bool
        Whether the mean was taken off the labels.
    seed : int
        Of the subsets.
    level : float
        Of the intervals.

    Returns
    -------
    NaiveExtrapolation

    Raises
    ------
    InvalidArgument
        For unusable data, numbers of samples or settings.
    EstimateUndefined
        If fewer than three subsets give an estimate.

    Examples
    --------
    >>> from shallows import PowerLaw, Problem, sample
    >>> from shallows.inference import extrapolate_naively
    >>> data = sample(Problem("diagonal", PowerLaw(20, 1.0), samples=200, noise=0.5), seed=0)
    >>> line = extrapolate_naively(data, [800], network="diagonal", fractions=(0.5, 0.7, 1.0))
    >>> line.samples
    array([100., 140., 200.])
    """
    check_level(level)
    counts = check_counts(samples)
    inputs, labels = check_data(*as_pair(data))
    sizes, errors, weights = [], [], []
    for rows in _subsets(labels.size, fractions, seed):
        pair = inputs[rows], labels[rows]
        try:
            found = tune(pair, network=network, centred=centred, tolerance=1e-4, throw=False)[1]
        except EstimateUndefined:
            continue
        sizes.append(float(rows.size))
        errors.append(found.test_error.value)
        weights.append(1 / max(found.relative_error, 1e-6))
    if len(sizes) < 3:
        raise EstimateUndefined("too few subsets gave an estimate to extrapolate from")
    (slope, offset), covariance = np.polyfit(np.log(sizes), np.log(errors), 1, w=weights, cov="unscaled")
    predicted = []
    for count in counts:
        point = np.array([np.log(count), 1.0])
        spread = float(np.sqrt(point @ covariance @ point))
        predicted.append(Estimate.positive(float(np.exp(slope * point[0] + offset)), spread, level=level))
    return NaiveExtrapolation(np.array(sizes), np.array(errors), -float(slope), tuple(predicted))


def _subsets(samples: int, fractions: Sequence[float], seed: int) -> Iterator[NDArray[np.int64]]:
    """Rows of nested random subsets."""
    order = np.random.default_rng(seed).permutation(samples)
    for fraction in fractions:
        yield order[: max(int(round(fraction * samples)), 3)]


def check_counts(samples: Any) -> list[float]:
    """Numbers of samples as floats, or :class:`InvalidArgument` unless there are some, all at least 2."""
    if not np.iterable(samples):
        raise InvalidArgument("samples", samples, "must be a sequence of numbers")
    counts = [check_number("samples", n, minimum=2) for n in samples]
    if not counts:
        raise InvalidArgument("samples", [], "must not be empty")
    return counts
