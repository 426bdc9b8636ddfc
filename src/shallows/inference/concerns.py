"""Do the data look like what the theory assumes? Everything that says so before anyone trusts a number.

Tests with p-values are in :mod:`.signatures`; here are the limits of what was tested, which are plain to see, and all
of it together.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ..operators import SparseInputs
from .concern import OF_THE_TEACHER, QUANTITIES, TEST_ERROR, Concern, Diagnosis
from .signatures import ASSUMPTIONS, expected_error, found_in_fit
from .signatures.expected import NOTHING
from .signatures.looking import SMALLEST_SIZE, SMALLEST_SLACK

if TYPE_CHECKING:
    from .._types import FloatArray
    from .result import Inference

#: Numbers this close, over the standard deviation of their column, are the same.
SAME = 1e-3
#: Rows to a column in the data that signatures and estimates were tested on.
TESTED_RATIOS = (0.1, 300.0)


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
        advice = "take a larger weight decay"
        return Diagnosis((Concern("interpolation", True, 0.0, interpolates, (TEST_ERROR, *QUANTITIES), advice=advice),))
    ASSUMPTIONS.of(inference.network)
    found = [*inference.input_concerns, *_of_the_fit(inference), *found_in_fit(inputs, labels, inference)]
    clean = expected_error(inference.network, NOTHING, labels.size)
    return Diagnosis(tuple(_mended(concern, inference) for concern in found), clean)


def _mended(concern: Concern, inference: Inference) -> Concern:
    """The concern without what least squares or rows held out say, whatever the law of the columns."""
    return concern.without(inference.known_otherwise(concern))


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
    advice = "remove copies, or hold out all copies of a row together"
    return [Concern("duplicates", True, 1 - distinct / n, message, (TEST_ERROR, *QUANTITIES), advice=advice)]


def _of_the_fit(inference: Inference) -> list[Concern]:
    """Too few samples, too few left after the fit, or a table of another shape than any that was tested."""
    out = []
    effective, slack = inference.effective_samples, inference.slack
    if effective < 30:
        words = f"n_eff = {effective:.3g} < 30: theory drifts, by about 10 % at n_eff = 10"
        voids = OF_THE_TEACHER if effective < 10 else ()
        out.append(Concern("few samples", effective < 10, effective, words, voids, advice="collect more rows"))
    if slack < SMALLEST_SLACK:
        words = f"only {100 * slack:.2g} % of the samples are left after the fit: the estimate is unstable"
        advice = "take a larger weight decay"
        out.append(Concern("near interpolation", True, slack, words, QUANTITIES, advice=advice))
    ratio = inference.samples / inference.dim
    low, high = TESTED_RATIOS
    if not low <= ratio <= high:
        words = f"{ratio:.3g} rows to a column: tests and estimates were tried from {low:g} to {high:g}"
        out.append(Concern("aspect ratio", False, ratio, words, advice="check the test error on rows held out"))
    named = []
    for concern in out:
        named.append(replace(concern, expected=expected_error(inference.network, concern.name, inference.samples)))
    return named
