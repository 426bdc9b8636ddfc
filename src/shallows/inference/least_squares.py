"""Every weight by least squares: what can be said about single weights whatever the columns look like.

The noise of the unbiased weights is the same for all, and independent, only where columns are uncorrelated and rows
alike (theory note, section 10). Where they are not, and there are enough rows, least squares needs neither.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import solve_triangular

from .._arguments import check_level
from .._display import Displayed
from .._distributions import chi_squared_isf
from ..operators import is_sparse
from .estimate import LEVEL, Estimate, excess_kurtosis

if TYPE_CHECKING:
    from .._types import FloatArray

#: Rows that must be left after a weight for each column: so many, and this share of the columns.
SPARE_ROWS, SPARE_SHARE = 5, 0.25
#: A column of which other columns leave less than this share (of its length) is a combination of them.
DEPENDENT = 1e-6
#: Evidence, in standard errors, that the squared errors depend on where a row lies.
UNEVEN = 3.0


@dataclass(frozen=True, eq=False, repr=False)
class LeastSquares(Displayed):
    """The weights of least squares, and the noise that it leaves.

    Attributes
    ----------
    values, standard_errors : ndarrays, shape (d,)
    freedom : int
        Rows beyond the fitted numbers; the values are distributed like Student's t with it.
    noise : Estimate
        Variance of the label noise.
    robust : bool
        Whether the errors were seen to depend on the row, so that the standard errors allow for it.

    Examples
    --------
    >>> import numpy as np
    >>> from shallows.inference import fit_least_squares
    >>> rng = np.random.default_rng(0)
    >>> inputs = rng.standard_normal((200, 3))
    >>> found = fit_least_squares(inputs, inputs[:, 0] + 0.5 * rng.standard_normal(200))
    >>> found.freedom, found.noise.covers(0.25), found.robust
    (197, True, False)
    """

    values: FloatArray
    standard_errors: FloatArray
    freedom: int
    noise: Estimate
    robust: bool


def fit_least_squares(
    inputs: FloatArray, labels: FloatArray, *, centred: bool = False, level: float = LEVEL
) -> LeastSquares | None:
    """Least squares with standard errors that hold for any columns.

    Where squared errors depend on the row (White 1980), standard errors are those of MacKinnon and White (1985), known
    as HC3, which allow for it.

    Parameters
    ----------
    inputs, labels : ndarrays, shapes (n, d) and (n,)
    centred : bool
        Whether the mean was taken off columns and labels (one more fitted number).
    level : float
        Of the interval of the noise.

    Returns
    -------
    LeastSquares or None
        None where rows are too few (fewer than ``1.25 d + 5``), columns are combinations of others, or the inputs are
        sparse: an orthogonal basis of them is not.

    Raises
    ------
    InvalidArgument
        For a level that does not lie between 0 and 1.

    Examples
    --------
    >>> import numpy as np
    >>> from shallows.inference import fit_least_squares
    >>> rng = np.random.default_rng(0)
    >>> common = rng.standard_normal((300, 1))
    >>> inputs = common + rng.standard_normal((300, 4))
    >>> found = fit_least_squares(inputs, inputs[:, 0] + rng.standard_normal(300))
    >>> bool(abs(found.values[0] - 1) < 3 * found.standard_errors[0])
    True
    >>> fit_least_squares(inputs[:8], np.ones(8)) is None
    True
    """
    check_level(level)
    n, d = inputs.shape
    fitted = d + int(centred)
    if n < fitted + SPARE_ROWS + SPARE_SHARE * d or is_sparse(inputs):
        return None
    lengths = np.sqrt(np.square(inputs).sum(axis=0))
    if not lengths.all():
        return None
    basis, triangle = np.linalg.qr(inputs / lengths)
    if np.abs(np.diag(triangle)).min() < DEPENDENT:
        return None
    inverse = solve_triangular(triangle, np.eye(d)) / lengths[:, None]
    seen = basis.T @ labels
    residual = labels - basis @ seen
    freedom = n - fitted
    variance = float(residual @ residual) / freedom
    leverage = np.square(basis).sum(axis=1) + int(centred) / n
    robust = _uneven(basis, residual / np.sqrt(np.maximum(1 - leverage, 1e-9)))
    if robust:
        errors = residual / np.maximum(1 - leverage, 1e-9)
        standard_errors = np.sqrt(np.square((inverse @ basis.T) * errors).sum(axis=1))
    else:
        standard_errors = np.sqrt(variance * np.square(inverse).sum(axis=1))
    noise = _variance(variance, freedom, excess_kurtosis(residual), level)
    return LeastSquares(inverse @ seen, standard_errors, freedom, noise, robust)


def _uneven(basis: FloatArray, errors: FloatArray) -> bool:
    """Whether squared `errors` depend on the place of the row, along any direction or with its length."""
    square = np.square(errors)
    square = square - square.mean()
    size = float(np.sqrt(square @ square))
    if size == 0:
        return False
    places = np.square(basis)
    places = np.column_stack([places, places.sum(axis=1)])
    places = places - places.mean(axis=0)
    lengths = np.sqrt(np.square(places).sum(axis=0))
    correlations = (square @ places)[lengths > 0] / (size * lengths[lengths > 0])
    strength = np.sqrt(errors.size) * np.abs(correlations)
    # The largest of many is larger by itself.
    return bool(strength.max(initial=0.0) > UNEVEN + np.sqrt(2 * np.log(max(strength.size, 1))) / 2)


def _variance(variance: float, freedom: int, excess: float, level: float) -> Estimate:
    """A variance with its interval: chi-squared for normal errors, wider by their `excess` kurtosis."""
    relative = float(np.sqrt((2 + excess) / freedom))
    effective = 2 / relative**2
    low, high = chi_squared_isf([0.5 - level / 2, 0.5 + level / 2], effective) / effective
    return Estimate(variance, variance * relative, float(variance / low), float(variance / high), level)
