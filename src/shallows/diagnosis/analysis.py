"""From a matrix to what is known of it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from .._arguments import check_level
from .outliers import Strengths, localised, outlier_p_values, weight_outlier
from .preparation import prepared
from .singular_values import Decomposition, checked
from .spectrum import MatrixSpectrum, NoiseBulk
from .tail import tail_of
from .variance_profile import cleaned

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from .._types import FloatArray
    from .noise_fit import NoiseFit
    from .spectrum import WeightOutlier

#: No bulk is fitted to fewer singular values.
SMALLEST_BULK = 16
#: Singular values within this share of one another are equal: those of an orthogonal matrix, in half precision too.
EQUAL = 0.01
#: A law that misses the distribution function by this much, where chance cannot, is not that of the bulk.
GROSS, IMPOSSIBLE = 0.12, 1e-6
#: At which level a singular value is called an outlier, over the whole matrix.
LEVEL = 0.01
#: Why a matrix of zeros has neither bulk nor tail.
ZERO = "all entries are zero"


def analyse_matrix(matrix: ArrayLike, *, level: float = LEVEL, seed: int = 0) -> MatrixSpectrum:
    """Singular values of a matrix, and what of them is noise (theory note, section 16).

    The bulk is that of independent entries of one variance, after rows or columns of very different variance were
    brought to one; the edge of a finite matrix fluctuates by the Tracy-Widom law.

    Parameters
    ----------
    matrix : array_like, shape (m, n)
        Real and finite.
    level : float
        Chance that noise has any outlier.
    seed : int
        Of the bootstrap of the tail.

    Returns
    -------
    MatrixSpectrum

    Raises
    ------
    InvalidArgument
        For what is no matrix of finite real numbers.

    Examples
    --------
    Noise, and a planted direction in it:

    >>> import numpy as np
    >>> from shallows.diagnosis import analyse_matrix
    >>> noise = np.random.default_rng(0).standard_normal((100, 200))
    >>> len(analyse_matrix(noise).outliers)
    0
    >>> planted = noise + 30.0 * np.outer(np.full(100, 0.1), np.full(200, 200**-0.5))
    >>> (outlier,) = analyse_matrix(planted).outliers
    >>> outlier.strength_interval[0] < 30.0 < outlier.strength_interval[1]
    True
    """
    check_level(level)
    scaled, rounding = checked(matrix)
    shape, exponent = scaled.shape, scaled.exponent
    given = Decomposition(scaled)
    values = given.values
    energy = float(np.sum(values**2))
    if not energy:
        return MatrixSpectrum(shape, values, None, ZERO, (), None, ZERO, None, 0.0, 0.0)
    shares = values[values > 0] / values.sum()
    found = MatrixSpectrum(
        shape,
        values,
        None,
        "",
        (),
        None,
        "",
        None,
        energy / float(values[0] ** 2),
        float(np.exp(-np.sum(shares * np.log(shares)))),
    )
    found = _with_bulk(found, given, level, rounding, seed)
    given.release()
    real = values[values > _rounding_floor(values, shape, rounding)]
    beyond = real if found.bulk is None else np.array([one.strength for one in found.outliers])
    tail, no_tail = tail_of(beyond**2, seed)
    half = exponent // 2  # two steps: one power of two alone may overflow
    return replace(found, tail=tail, no_tail=no_tail).times(2.0**half).times(2.0 ** (exponent - half))


def _with_bulk(found: MatrixSpectrum, given: Decomposition, level: float, rounding: float, seed: int) -> MatrixSpectrum:
    """The bulk and what lies beyond it."""
    values = given.values
    if rank := _rank_up_to_rounding(values, found.shape, rounding):
        return replace(found, no_bulk=f"no noise: of rank {rank} up to rounding")
    core = cleaned(given.matrix)
    found = replace(found, remarks=core.remarks)
    if core.matrix.size == 0 or min(core.matrix.shape) < SMALLEST_BULK:
        short = min(core.matrix.shape) if core.matrix.size else 0
        left = " of what is not constant or repeated" if core.remarks else ""
        return replace(found, no_bulk=f"too small: the shorter side{left} is {short}, a bulk takes {SMALLEST_BULK}")
    if core.remarks:
        given.release()
        given = Decomposition(core.matrix)
        values = given.values
    if orthogonal := _orthogonal(values, core.matrix.shape):
        return replace(found, bulk=orthogonal, energy_outliers=0.0)
    if rank := _rank_up_to_rounding(values, core.matrix.shape, rounding):
        return replace(found, no_bulk=f"no noise: of rank {rank} up to rounding")
    ready = prepared(given, seed)
    fit = ready.fit
    if 2 * fit.set_aside > fit.short or not fit.variance > 0:
        return replace(found, no_bulk="no noise: most singular values lie beyond any edge")
    if fit.distance() > GROSS and fit.p_value() < IMPOSSIBLE:
        return replace(found, no_bulk="no noise: the law of Marchenko and Pastur fits no part of the spectrum")
    bulk = NoiseBulk(
        "Marchenko-Pastur",
        float(np.sqrt(fit.variance)),
        fit.scale_interval(),
        *fit.edges,
        fit.edge_fluctuation(),
        fit.p_value(),
        fit.distance(),
    )
    outliers, single, next_p_value = _outliers(fit, ready.decomposition, level)
    due = tuple(f"singular value number {place} is due to one {where}" for place, where in single)
    share = float(sum(one.singular_value**2 for one in outliers) / np.sum(fit.eigenvalues))
    return replace(
        found,
        bulk=bulk,
        outliers=tuple(outliers),
        energy_outliers=share,
        edge_p_value=next_p_value,
        equalised=ready.equalised,
        remarks=(*found.remarks, *ready.remarks, *due),
        beyond=len(outliers) + len(single),
        fitted_values=np.sqrt(fit.eigenvalues) if ready.equalised or ready.remarks or core.remarks else None,
    )


def _rank_up_to_rounding(values: FloatArray, shape: tuple[int, ...], rounding: float) -> int:
    """Rank of a matrix most of whose singular values are what rounding makes of zero; 0 where they are not."""
    floor = _rounding_floor(values, shape, rounding)
    return int(np.count_nonzero(values > floor)) if np.median(values) <= floor else 0


def _rounding_floor(values: FloatArray, shape: tuple[int, ...], rounding: float) -> float:
    """Singular values up to this one may be what rounding of the entries makes of zero."""
    entry = rounding * np.sqrt(np.sum(values**2) / (shape[0] * shape[1]))
    return float(4 * entry * (np.sqrt(shape[0]) + np.sqrt(shape[1])))


def _orthogonal(values: FloatArray, shape: tuple[int, ...]) -> NoiseBulk | None:
    """The bulk of zero width of orthogonal rows or columns."""
    short, long = sorted(shape)
    middle = float(np.median(values))
    if values[0] > (1 + EQUAL) * middle or values[-1] < (1 - EQUAL) * middle or 0.2 * np.sqrt(short / long) < EQUAL:
        return None
    scale = float(np.sqrt(np.mean(values**2) / long))
    return NoiseBulk("orthogonal", scale, (scale, scale), middle, middle, 0.0, 1.0, 0.0)


def _outliers(
    fit: NoiseFit, decomposition: Decomposition, level: float
) -> tuple[list[WeightOutlier], list[tuple[int, str]], float]:
    """Outliers; those due to one row, column or entry; and the p-value of the first that is none."""
    p_values = outlier_p_values(fit, level)
    count = sum(p_value <= level for p_value in p_values)
    if not count:
        return [], [], p_values[-1]
    left, _, right = decomposition.leading(count)
    strengths = Strengths(fit, level, count)
    transposed = fit.short < decomposition.matrix.shape[0]
    shared, single = [], []
    for rank in range(count):
        one = weight_outlier(fit, strengths, rank, p_values[rank], transposed)
        row, column = localised(left[:, rank]), localised(right[:, rank])
        if row or column:
            single.append((rank + 1, "entry" if row and column else "row" if row else "column"))
        else:
            shared.append(one)
    return shared, single, p_values[-1]
