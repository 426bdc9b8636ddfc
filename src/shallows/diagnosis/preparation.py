"""A matrix made ready for the law of noise: what breaks a bulk by itself is taken out, evened out, or known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import eigvalsh

from .noise_fit import AS_PREDICTED, Reference, fit_noise
from .outliers import CLEARLY_BEYOND, beyond_noise
from .singular_values import Decomposition
from .variance_profile import counted, excess_kurtosis, scales, uneven

if TYPE_CHECKING:
    from .._types import FloatArray
    from .blocked_matrix import BlockedMatrix
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
    decomposition : Decomposition
        Of the matrix as prepared.
    fit : NoiseFit
    equalised : str
        What was brought to one variance: ``""``, ``"rows"``, ``"columns"`` or ``"rows and columns"``.
    remarks : tuple of str
    """

    decomposition: Decomposition
    fit: NoiseFit
    equalised: str
    remarks: tuple[str, ...]


def prepared(given: Decomposition, seed: int) -> Prepared:
    """The matrix with rows, columns and entries evened out as its noise needs it.

    The noise is judged by what is left without the clear outliers.

    Parameters
    ----------
    given : Decomposition
    seed : int
        Of the shuffles.
    """
    even, long = given.matrix, max(given.matrix.shape)
    rest = without_outliers(given)
    rows, columns = uneven(rest)
    equalised = " and ".join(name for name, found in (("rows", rows), ("columns", columns)) if found)
    remarks: tuple[str, ...] = ()
    if equalised:
        row, column = scales(rest, rows, columns)
        even, rest = even.scaled(row, column), rest.scaled(row, column)
    limit = max(LARGEST_SHARE * even.size**0.25, ORDINARY) * float(np.sqrt(rest.mean_square))
    excess = rest.beyond(limit) if rest.energies.largest > limit**2 else None
    huge = 0 if excess is None else excess.values.size
    if excess is not None:
        even, rest = even.less(excess), rest.cut(limit)
        remarks = (f"{counted(huge, 'huge entr', 'y', 'ies')} taken down to {LARGEST_SHARE:g} of a singular value",)
    kurtosis = excess_kurtosis(rest)
    reference = AS_PREDICTED
    if kurtosis > WIDE * np.sqrt(even.size):
        given.release()
        reference = shuffled(rest, kurtosis, seed)
    del rest  # before what is as large is made
    if equalised or huge:
        given.release()
    decomposition = Decomposition(even) if equalised or huge else given
    fit = fit_noise(decomposition.values**2, long, kurtosis, reference)
    return Prepared(decomposition, fit, equalised, remarks)


def without_outliers(given: Decomposition) -> BlockedMatrix:
    """The matrix less its clear outliers.

    Uneven rows or columns look like outliers, and outliers like uneven rows. Outliers whose vectors spread over rows
    and columns, and leave even ones behind, are no uneven rows. Else outliers are those of the matrix with its rows and
    columns brought to one variance, where they look uneven, and are taken out of that.
    """
    rows, columns = uneven(given.matrix)
    if not (rows or columns):
        return _less_clear(given)[1]
    spread, rest = _less_clear(given)
    if spread > SPREAD and not any(uneven(rest)):
        return rest
    del rest
    given.release()
    row, column = scales(given.matrix, rows, columns)
    rest = _less_clear(Decomposition(given.matrix.scaled(row, column)))[1]
    return rest.scaled(None if row is None else 1 / row, None if column is None else 1 / column)


def _less_clear(given: Decomposition) -> tuple[float, BlockedMatrix]:
    """The smallest share of rows or columns that a clear outlier spreads over, and the matrix without them."""
    matrix = given.matrix
    fit = fit_noise(given.values**2, max(matrix.shape), excess_kurtosis(matrix))
    clear = sum(beyond_noise(fit, rank) > CLEARLY_BEYOND for rank in range(fit.set_aside))
    if not clear:
        return 1.0, matrix
    left, strong, right = given.leading(clear)
    spread = min(_spread(left), _spread(right))
    long, short = (left, right) if matrix.tall else (right, left)
    long *= strong
    return spread, matrix.without(long, short)


def _spread(vectors: FloatArray) -> float:
    """The smallest share of the coordinates that one of these unit vectors, columns, spreads over."""
    fourth = np.einsum("ij,ij,ij,ij->j", vectors, vectors, vectors, vectors)
    return float(1 / np.max(fourth)) / vectors.shape[0]


def shuffled(noise: BlockedMatrix, kurtosis: float, seed: int) -> Reference:
    """What the measures of a fit come to where the entries of `noise` are put in a random order.

    Independent entries of one law, whichever it is, are as likely in any order. Single precision is enough for what so
    few draws tell.
    """
    rng = np.random.default_rng(seed)
    entries = noise.dense(np.float32)
    short, long = sorted(noise.shape)
    count = int(np.clip(WORK / (short**2 * long), FEWEST_SHUFFLES, MOST_SHUFFLES))
    edges, moments = [], []
    for _ in range(count):
        wide = rng.permutation(entries.reshape(-1)).reshape(entries.shape)
        wide = wide.T if noise.tall else wide
        squares = eigvalsh(wide @ wide.T, overwrite_a=True, check_finite=False)[::-1]
        fit = fit_noise(np.maximum(squares, 0).astype(float), long, kurtosis)
        edges.append(beyond_noise(fit, 0))
        moments.append(fit.cosine_scores())
    more = np.sqrt(1 + 1 / count)  # the means are those of so many
    return Reference(
        float(np.mean(edges)),
        float(np.std(edges, ddof=1)) * more,
        np.mean(moments, axis=0),
        np.std(moments, axis=0, ddof=1) * more,
    )
