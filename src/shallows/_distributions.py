"""Tails of the distributions that tests and intervals need, from the special functions that they are made of.

They are what ``scipy.stats`` calls, whose hundreds of distributions take longer to load than most commands to run.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special

__all__ = ["adjusted", "chi_squared_isf", "chi_squared_sf", "f_isf", "gamma_sf", "student_ppf", "student_sf"]


def chi_squared_sf(x: Any, freedom: Any) -> Any:
    """Probability that chi-squared with so many degrees of freedom exceeds `x`.

    Parameters
    ----------
    x, freedom : float or array_like
        Of shapes that go together; below zero is as zero.

    Examples
    --------
    >>> from shallows._distributions import chi_squared_sf
    >>> round(float(chi_squared_sf(3.841, 1)), 3)
    0.05
    """
    return special.chdtrc(freedom, np.maximum(x, 0.0))


def chi_squared_isf(probability: Any, freedom: Any) -> Any:
    """What chi-squared with so many degrees of freedom exceeds with a probability.

    Parameters
    ----------
    probability, freedom : float or array_like

    Examples
    --------
    >>> from shallows._distributions import chi_squared_isf
    >>> round(float(chi_squared_isf(0.05, 1)), 3)
    3.841
    """
    return special.chdtri(freedom, probability)


def gamma_sf(x: Any, shape: Any, scale: Any) -> Any:
    """Probability that a gamma-distributed number of mean ``shape * scale`` exceeds `x`.

    Parameters
    ----------
    x, shape, scale : float or array_like
        `x` below zero is as zero.

    Examples
    --------
    >>> from shallows._distributions import gamma_sf
    >>> round(float(gamma_sf(2.0, 1.0, 1.0)), 3)
    0.135
    """
    return special.gammaincc(shape, np.maximum(x, 0.0) / scale)


def student_sf(x: Any, freedom: Any) -> Any:
    """Probability that Student's t with so many degrees of freedom exceeds `x`.

    Parameters
    ----------
    x, freedom : float or array_like

    Examples
    --------
    >>> from shallows._distributions import student_sf
    >>> round(float(student_sf(2.228, 10)), 3)
    0.025
    """
    return special.stdtr(freedom, -np.asarray(x))


def student_ppf(probability: Any, freedom: Any) -> Any:
    """Below which number Student's t with so many degrees of freedom lies with a probability.

    Parameters
    ----------
    probability, freedom : float or array_like

    Examples
    --------
    >>> from shallows._distributions import student_ppf
    >>> round(float(student_ppf(0.975, 10)), 3)
    2.228
    """
    return special.stdtrit(freedom, probability)


def f_isf(probability: float, numerator: float, denominator: float) -> float:
    """What a ratio of two variances, of so many degrees of freedom each, exceeds with a probability.

    Parameters
    ----------
    probability, numerator, denominator : float

    Examples
    --------
    >>> from shallows._distributions import f_isf
    >>> round(f_isf(0.05, 3, 10), 3)
    3.708
    """
    return 1 / float(special.fdtri(denominator, numerator, probability))


def adjusted(p_values: Any) -> Any:
    """Smallest false-discovery rates at which each of several tests is a discovery (Benjamini and Hochberg 1995).

    Parameters
    ----------
    p_values : array_like, shape (m,)

    Returns
    -------
    ndarray, shape (m,)

    Examples
    --------
    >>> from shallows._distributions import adjusted
    >>> adjusted([0.01, 0.04, 0.5]).round(2)
    array([0.03, 0.06, 0.5 ])
    """
    values = np.asarray(p_values, dtype=float)
    order = np.argsort(-values)
    rates = values[order] * values.size / np.arange(values.size, 0, -1)
    out = np.empty_like(values)
    out[order] = np.minimum.accumulate(rates)
    return np.minimum(out, 1.0)
