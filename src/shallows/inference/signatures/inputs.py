"""Signatures in the inputs alone; p-values are those of independent normal columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import chdtr, ndtr

from ..._distributions import chi_squared_sf, gamma_sf, student_sf
from ..concern import QUANTITIES, TEST_ERROR
from .base import Look, Seen, Signature
from .moments import any_of

if TYPE_CHECKING:
    from ..._types import FloatArray

#: Root mean square correlation beyond chance that matters, and that is serious where columns must be uncorrelated.
CORRELATED, STRONGLY_CORRELATED = 0.01, 0.05
#: A p-value of all pairs together that is enough to speak of all of them.
SURE = 5e-4
#: Spread of the rows' lengths over that of independent columns that matters, and that is serious.
UNEVEN, VERY_UNEVEN = 1.5, 4.0
#: Length of the longest row over the mean one that matters.
LONG = 1.5
#: Rows from which a kurtosis has a law to compare it with.
FEWEST_FOR_KURTOSIS = 20


def look_at_means(seen: Seen) -> Look | None:
    """Largest Student's t of the columns' means."""
    moments = seen.moments
    n, d = moments.samples, moments.dim
    if n < 3:
        return None
    variance = np.maximum(moments.squares - moments.means**2, 1e-300) * n / (n - 1)
    strength = float((np.abs(moments.means) / np.sqrt(variance / n)).max())
    shift = float(np.abs(moments.means).max())
    return Look(
        statistic=shift,
        p_value=any_of(2 * float(student_sf(strength, n - 1)), d),
        message=f"columns are not centred (largest mean {shift:.3g})",
        serious=seen.network.needs_white_inputs,
        voids=QUANTITIES,
    )


def look_at_scales(seen: Seen) -> Look | None:
    """Largest deviation of the columns' mean squares: chi-squared, with fewer degrees of freedom for heavy tails."""
    moments = seen.moments
    off = float(np.abs(moments.squares - 1).max())
    freedom = 2 * moments.samples / max(float(moments.kurtosis.max()) - 1, 2.0)
    scaled = moments.squares * freedom
    one = 2 * float(np.minimum(chi_squared_sf(scaled, freedom), chdtr(freedom, scaled)).min())
    return Look(
        statistic=off,
        p_value=any_of(one, moments.dim),
        message=f"columns do not have unit variance (off by up to {off:.3g}): standardise",
        serious=seen.network.needs_white_inputs,
        voids=QUANTITIES,
    )


def look_at_correlations(seen: Seen) -> Look | None:
    """All pairs of columns together, by the sum of their squared correlations, and the most correlated pair."""
    found = seen.moments.correlations
    if found is None:
        return None
    n, pairs = found.rows, found.pairs / 2
    # Squared correlations of independent normal columns have mean 1/(n - 1) and are uncorrelated (Schott 2005).
    mean, variance = pairs / (n - 1), pairs * 2 * (n - 2) / ((n - 1) ** 2 * (n + 1))
    of_all = float(gamma_sf(found.squares / 2, mean**2 / variance, scale=variance / mean))
    of_one = found.chance_of_largest() if found.largest else 1.0
    p_value = min(2 * min(of_all, of_one), 1.0)
    together = of_all <= max(of_one, SURE)
    if together and found.typical > CORRELATED:
        serious = seen.network.needs_white_inputs and found.typical > STRONGLY_CORRELATED
        words = f"columns are correlated (root mean square {found.typical:.2g} beyond chance)"
        return Look(found.typical, p_value, words, True, serious, QUANTITIES)
    words = f"two columns are correlated ({found.largest:.2g}, more than chance)"
    return Look(found.largest, p_value, words, not together, False, QUANTITIES)


def look_at_kurtosis(seen: Seen) -> Look | None:
    """Mean kurtosis of the columns, each brought to a normal number (Anscombe and Glynn 1983)."""
    moments, kurtosis = seen.moments, seen.moments.mean_kurtosis
    if moments.samples < FEWEST_FOR_KURTOSIS:
        return None
    strength = float(normal_kurtosis(moments.kurtosis, moments.samples).sum()) / np.sqrt(moments.dim)
    heavy = kurtosis > 3
    kind = "heavy-tailed" if heavy else "light-tailed (binary or bounded)"
    serious = seen.network.needs_white_inputs or kurtosis > 9
    return Look(
        statistic=kurtosis,
        p_value=2 * float(ndtr(-abs(strength))),
        message=f"inputs are {kind}: mean kurtosis {kurtosis:.3g} instead of 3",
        matters=abs(kurtosis - 3) > seen.assumptions.kurtosis_allowance,
        serious=serious,
        voids=of_uneven_rows(seen, heavy) if serious else (),
    )


def normal_kurtosis(kurtosis: FloatArray, samples: int) -> FloatArray:
    """Kurtoses of samples of normal numbers as standard normal numbers."""
    n = float(samples)
    mean = 3 * (n - 1) / (n + 1)
    deviation = np.sqrt(24 * n * (n - 2) * (n - 3) / ((n + 1) ** 2 * (n + 3) * (n + 5)))
    skewness = 6 * (n**2 - 5 * n + 2) / ((n + 7) * (n + 9)) * np.sqrt(6 * (n + 3) * (n + 5) / (n * (n - 2) * (n - 3)))
    freedom = 6 + 8 / skewness * (2 / skewness + np.sqrt(1 + 4 / skewness**2))
    unit = 1 + (np.asarray(kurtosis) - mean) / deviation * np.sqrt(2 / (freedom - 4))
    root = np.cbrt((1 - 2 / freedom) / np.where(unit == 0, 1e-300, unit))
    out: FloatArray = (1 - 2 / (9 * freedom) - root) / np.sqrt(2 / (9 * freedom))
    return out


def look_at_row_spread(seen: Seen) -> Look | None:
    """Spread of the rows' lengths: shares of normal rows in the sum of squares follow Dirichlet's law."""
    moments = seen.moments
    n, d = moments.samples, moments.dim
    if d < 2 or n < 4:
        return None
    spread, usual = moments.row_spread, moments.independent_spread
    # With a = d/2, the sum of the squared shares has these moments exactly; (n sum - 1) a is the spread.
    # Correlated columns act as fewer independent ones.
    a = d / 2 / moments.lengthening
    total = n * a
    fourth = a * (a + 1) * (a + 2) * (a + 3)
    second = n * a * (a + 1) / (total * (total + 1))
    squared = n * fourth + n * (n - 1) * (a * (a + 1)) ** 2
    squared /= total * (total + 1) * (total + 2) * (total + 3)
    mean, variance = (n * second - 1) * a, (squared - second**2) * (n * a) ** 2
    p_value = float(gamma_sf(spread / (usual * moments.lengthening), mean**2 / variance, scale=variance / mean))
    serious = spread > VERY_UNEVEN * moments.lengthening
    return Look(
        statistic=spread,
        p_value=p_value,
        message=f"some rows are much longer than others (spread {spread:.3g} times that of independent columns)",
        matters=spread > UNEVEN * usual * moments.lengthening,
        serious=serious,
        voids=of_uneven_rows(seen, True),
    )


def look_at_longest_row(seen: Seen) -> Look | None:
    """The longest of all rows: chi-squared, with fewer degrees of freedom for heavy tails."""
    moments = seen.moments
    if moments.dim < 2 or moments.samples < 4:
        return None
    sizes = moments.row_sizes / max(float(moments.row_sizes.mean()), 1e-300)
    row, freedom = int(np.argmax(sizes)), moments.dim / (moments.independent_spread * moments.lengthening)
    longest = float(np.sqrt(sizes[row]))
    return Look(
        statistic=longest,
        p_value=any_of(float(chi_squared_sf(freedom * longest**2, freedom)), moments.samples),
        message=f"row {row + 1} is {longest:.2g} times as long as rows are on average and decides much by itself",
        matters=longest > LONG,
    )


def of_uneven_rows(seen: Seen, uneven: bool) -> tuple[str, ...]:
    """What rows of uneven length void: where weights are a matrix, also what residuals say of the test error."""
    return (TEST_ERROR, *QUANTITIES) if uneven and seen.network.is_matrix else QUANTITIES


#: In the order in which they are told.
OF_INPUTS = (
    Signature("mean", "take the means off the columns (--standardize does)", look_at_means),
    Signature("scale", "divide columns by their standard deviations (--standardize does)", look_at_scales),
    Signature(
        "correlation",
        "trust the test error, and single weights where least squares gives them; nothing else here applies",
        look_at_correlations,
    ),
    Signature("kurtosis", "transform heavy columns (logarithm, ranks), or check on rows held out", look_at_kurtosis),
    Signature("row norms", "look for rows of another kind or unit; scale rows, or take logarithms", look_at_row_spread),
    Signature("leverage", "look at that row; fit once without it", look_at_longest_row),
)
