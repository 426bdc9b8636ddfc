"""Do the data look like what the theory assumes? Everything that says so before anyone trusts a number.

Tests with p-values are in :mod:`.signatures`; here are the limits of what was tested, which are plain to see, and all
of it together.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtr

from ..operators import SparseInputs
from .concern import NOISE, OF_THE_TEACHER, QUANTITIES, RISK, TEST_ERROR, Concern, Diagnosis
from .signatures import ASSUMPTIONS, expected_error, found_in_fit
from .signatures.expected import NOTHING
from .signatures.looking import PERFECT, SMALLEST_SIZE, SMALLEST_SLACK
from .signatures.residuals import ranks

if TYPE_CHECKING:
    from .._types import FloatArray
    from .result import Inference

#: Numbers this close, over the standard deviation of their column, are the same.
SAME = 1e-3
#: Share of the rows beyond chance that are copies of others where rows are not independent.
COPIED = 0.05
#: What a fit with nothing left, or too little, says nothing of.
OF_NOISE = (NOISE, RISK)
#: Rank correlation of the errors of neighbouring rows that matters, how sure it has to be, and rows it takes.
ALIKE, SURE_OF_ORDER, FEWEST_ORDERED = 0.1, 1e-4, 30
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
    plain = [*_of_the_fit(inference), *_of_what_is_left(labels, inference)]
    found = [*inference.input_concerns, *plain, *found_in_fit(inputs, labels, inference)]
    clean = expected_error(inference.network, NOTHING, labels.size)
    return Diagnosis(tuple(concern.without(inference.known_otherwise(concern)) for concern in found), clean)


def _of_what_is_left(labels: FloatArray, inference: Inference) -> list[Concern]:
    """What residuals say beside signatures: nothing left, noise and risk that cannot be told apart, their order."""
    if inference.slack < SMALLEST_SLACK:
        return []
    left = float(np.square(inference.residuals).mean()) / max(float(labels.var()), 1e-300)
    if left <= PERFECT:
        words = f"nothing is left of the labels but rounding ({left:.1g} of their variance): a column may hold them"
        return [
            Concern("perfect", True, left, words, OF_NOISE, advice="look for a column made from the labels (--drop)")
        ]
    out = []
    error, doubt = inference.test_error.value, inference.excess_risk.standard_error
    if doubt > error:
        words = "excess risk and label noise cannot be told apart on so few rows"
        out.append(Concern("noise and risk", False, doubt / error, words, OF_NOISE, advice="collect more rows"))
    steps = np.diff(labels)
    if labels.size >= FEWEST_ORDERED and (steps < 0).any() and (steps > 0).any():  # else sorted by the labels
        places = ranks(inference.residuals)
        alike = float(places[1:] @ places[:-1])
        p_value = float(ndtr(-alike * np.sqrt(labels.size)))
        if p_value < SURE_OF_ORDER and alike > ALIKE:
            seen = f"errors of rows that follow each other are alike (rank correlation {alike:.2g})"
            words = f"{seen}: rows of one time or group are not independent"
            advice = "intervals are too narrow, and new times or groups worse than told: hold out later rows, or groups"
            out.append(Concern("row order", True, alike, words, (), p_value, advice))
    return out


def check_rows(inputs: FloatArray, labels: FloatArray) -> list[Concern]:
    """Concerns about rows with their labels: copies of others, to :data:`SAME` of what their columns vary.

    Where columns and labels take few values each, independent rows are alike by chance; so many are no concern.

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
    >>> coins = np.random.default_rng(0).integers(0, 2, (100, 3))
    >>> check_rows(coins[:, :2], coins[:, 2])
    []
    """
    if isinstance(inputs, SparseInputs):
        # A few sums with random factors tell rows apart that are not the same.
        factors = np.random.default_rng(0).standard_normal((inputs.shape[1], 4))
        rows = np.column_stack([inputs.matrix @ factors, labels])
    else:
        rows = np.column_stack([inputs, labels])
    deviations = rows.std(axis=0)
    unit = (rows - rows.mean(axis=0)) / np.where(deviations > SMALLEST_SIZE, deviations, 1.0)
    n, kinds = rows.shape[0], np.unique(np.round(unit / SAME), axis=0)
    distinct = kinds.shape[0]
    if n - distinct <= COPIED * n or n - distinct - _alike_by_chance(inputs, kinds, n) <= COPIED * n:
        return []
    message = f"{n - distinct} of {n} rows are copies of others: not independent"
    advice = "remove copies, or hold out all copies of a row together"
    return [Concern("duplicates", True, 1 - distinct / n, message, (TEST_ERROR, *QUANTITIES), advice=advice)]


def _alike_by_chance(inputs: FloatArray, kinds: FloatArray, rows: int) -> float:
    """At most so many of independent `rows` are copies by chance, judged by the `kinds` of rows that there are.

    Columns depend on each other: they are taken to tell two rows apart as half as many independent ones would.
    """
    count = kinds.shape[0]
    if count < 2:
        return float(rows)
    if isinstance(inputs, SparseInputs):
        columns = kinds[:, -1:]
        log_chance = 2 * float(np.log(np.maximum(1 - np.diff(inputs.matrix.indptr) / rows, 1 / rows)).sum())
    else:
        columns, log_chance = kinds, 0.0
    for column in columns.T:
        same = np.unique(column, return_counts=True)[1].astype(float)
        share = float((same * (same - 1)).sum()) / (count * (count - 1))
        if share == 0:
            return 0.0
        log_chance += np.log(share)
    return rows * (rows - 1) / 2 * float(np.exp(log_chance / 2))


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
