"""A matrix made ready for the law of noise: what breaks a bulk by itself is taken out, evened out, or known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .noise_fit import AS_PREDICTED, Reference, fit_noise
from .outliers import CLEARLY_BEYOND, beyond_noise
from .singular_values import leading_vectors, singular_values
from .variance_profile import counted, excess_kurtosis, scales, uneven

if TYPE_CHECKING:
    from .._types import FloatArray
    from .noise_fit import NoiseFit

#: Entries of noise larger than this share of what would be a singular value of its own are taken down to it ...
LARGEST_SHARE = 0.7
#: ... unless they are within so many standard deviations.
ORDINARY = 5.0
#: Where excess kurtosis widens the bulk by more than this, its first-order law is replaced by shuffled entries.
WIDE = 0.02
#: Shuffles: as many as this work allows (multiply-adds), within these.
WORK, FEWEST_SHUFFLES, MOST_SHUFFLES = 1.5e9, 12, 100
#: Vectors that spread over a larger share of rows and columns are no uneven ones (of independent entries: a third).
SPREAD = 0.1


@dataclass(frozen=True, eq=False)
class Prepared:
    """A matrix whose noise is of one variance, and the fit of it.

    Attributes
    ----------
    matrix : ndarray
    fit : NoiseFit
    equalised : str
        What was brought to one variance: ``""``, ``"rows"``, ``"columns"`` or ``"rows and columns"``.
    remarks : tuple of str
    """

    matrix: FloatArray
    fit: NoiseFit
    equalised: str
    remarks: tuple[str, ...]


def prepared(matrix: FloatArray, values: FloatArray, seed: int) -> Prepared:
    """The matrix with rows, columns and entries evened out as its noise needs it.

    The noise is judged by what is left without the clear outliers.

    Parameters
    ----------
    matrix : ndarray
    values : ndarray
        Its singular values.
    seed : int
        Of the shuffles.
    """
    long = max(matrix.shape)
    rest = without_outliers(matrix, values)
    rows, columns = uneven(rest)
    equalised = " and ".join(name for name, found in (("rows", rows), ("columns", columns)) if found)
    remarks: tuple[str, ...] = ()
    even = matrix
    if equalised:
        row, column = scales(rest**2, rows, columns)
        even, rest = matrix * row[:, None] * column, rest * row[:, None] * column
    limit = max(LARGEST_SHARE * matrix.size**0.25, ORDINARY) * float(np.sqrt(np.mean(rest**2)))
    calm = np.clip(rest, -limit, limit)
    if huge := int(np.count_nonzero(calm != rest)):
        even, rest = even - (rest - calm), calm
        remarks = (f"{counted(huge, 'huge entr', 'y', 'ies')} taken down to {LARGEST_SHARE:g} of a singular value",)
    if equalised or huge:
        values = singular_values(even)
    kurtosis = excess_kurtosis(rest)
    reference = AS_PREDICTED
    if kurtosis > WIDE * np.sqrt(matrix.size):
        reference = shuffled(rest, kurtosis, seed)
    return Prepared(even, fit_noise(values**2, long, kurtosis, reference), equalised, remarks)


def without_outliers(matrix: FloatArray, values: FloatArray) -> FloatArray:
    """The matrix less its clear outliers.

    Uneven rows or columns look like outliers, and outliers like uneven rows. Outliers whose vectors spread over rows
    and columns, and leave even ones behind, are no uneven rows. Else outliers are those of the matrix with its rows and
    columns brought to one variance, where they look uneven, and are taken out of that.
    """
    rows, columns = uneven(matrix)
    if rows or columns:
        spread, rest = _less_clear(matrix, values)
        if spread > SPREAD and not any(uneven(rest)):
            return rest
    row, column = np.ones(matrix.shape[0]), np.ones(matrix.shape[1])
    if rows or columns:
        row, column = scales(matrix**2, rows, columns)
        matrix = matrix * row[:, None] * column
        values = singular_values(matrix)
    _, matrix = _less_clear(matrix, values)
    return matrix / row[:, None] / column if rows or columns else matrix


def _less_clear(matrix: FloatArray, values: FloatArray) -> tuple[float, FloatArray]:
    """The smallest share of rows or columns that a clear outlier spreads over, and the matrix without them."""
    fit = fit_noise(values**2, max(matrix.shape), excess_kurtosis(matrix))
    clear = sum(beyond_noise(fit, rank) > CLEARLY_BEYOND for rank in range(fit.set_aside))
    if not clear:
        return 1.0, matrix
    left, strong, right = leading_vectors(matrix, clear)
    spread = min(float(np.min(1 / np.mean(side**4, axis=0))) / side.shape[0] ** 2 for side in (left, right))
    return spread, matrix - (left * strong) @ right.T


def shuffled(noise: FloatArray, kurtosis: float, seed: int) -> Reference:
    """What the measures of a fit come to where the entries of `noise` are put in a random order.

    Independent entries of one law, whichever it is, are as likely in any order.
    """
    rng = np.random.default_rng(seed)
    short, long = sorted(noise.shape)
    count = int(np.clip(WORK / (short**2 * long), FEWEST_SHUFFLES, MOST_SHUFFLES))
    edges, moments = [], []
    for _ in range(count):
        values = singular_values(rng.permutation(noise.reshape(-1)).reshape(noise.shape))
        fit = fit_noise(values**2, long, kurtosis)
        edges.append(beyond_noise(fit, 0))
        moments.append(fit.cosine_scores())
    more = np.sqrt(1 + 1 / count)  # the means are those of so many
    return Reference(
        float(np.mean(edges)),
        float(np.std(edges, ddof=1)) * more,
        np.mean(moments, axis=0),
        np.std(moments, axis=0, ddof=1) * more,
    )
