"""`noise_variance`: of the label noise, also where there are fewer rows than columns.

With rows enough, least squares. With fewer no formula is right whatever the weights are, and two that lean on opposite
assumptions stand in: the residual of the LASSO over the rows that its active weights leave (few weights matter; Reid,
Tibshirani and Friedman 2016), and the variance components of weights drawn alike (all matter alike; restricted maximum
likelihood, as Dicker and Erdogdu 2016 study it). The second tells by its information how much it knows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import expit

from .._arguments import check_level
from .._display import Displayed, Summary
from .._numbers import terminal_number as number
from ..errors import EstimateUndefined, InvalidArgument
from ..operators import check_data
from .estimate import LEVEL, Estimate
from .least_squares import fit_least_squares
from .tuning import tune

if TYPE_CHECKING:
    from .._types import FloatArray

#: By how much of itself the residual of the LASSO is off where many weights matter, in simulations.
BIAS = 0.3
#: Rows at least, where least squares does not serve: errors were measured on a hundred and more.
FEWEST_ROWS = 40
#: A matrix of all pairs of rows is decomposed for at most so many.
MOST_ROWS = 8000
#: Logits of the share of the labels' variance that weights make, over which the likelihood is searched.
LOGITS = np.linspace(-9.0, 9.0, 37)
#: What the estimate rests on, by its method.
ASSUMES = {
    "least squares": "labels linear in the columns",
    "LASSO and variance components": "labels linear in the columns, and either few weights that matter or many alike",
}


@dataclass(frozen=True, eq=False, repr=False)
class NoiseVariance(Displayed):
    """Variance of the label noise, and how it was found.

    Attributes
    ----------
    value : float
        In squared units of the labels.
    method : {"least squares", "LASSO and variance components"}
        What it was found by.
    assumes : str
        What that leans on.
    estimate : Estimate or None
        With an interval; None with fewer rows than ``1.25 d + 5``, where none was found to hold.
    routes : mapping of str to float
        What each route says by itself: where they are far apart, so is the truth from any of them.

    Examples
    --------
    >>> import numpy as np
    >>> from shallows import noise_variance
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((300, 20))
    >>> found = noise_variance(X, X[:, 0] + 0.5 * rng.standard_normal(300))
    >>> found.method, found.estimate.covers(0.25)
    ('least squares', True)
    """

    value: float
    method: str
    assumes: str
    estimate: Estimate | None = None
    routes: Mapping[str, float] = field(default_factory=dict)

    def __float__(self) -> float:
        return self.value

    def _summary(self) -> Summary:
        interval = (
            "" if self.estimate is None else f"{self.estimate.in_words}, {100 * self.estimate.level:g} % interval"
        )
        rows: list[tuple[str, ...]] = [("noise variance", number(self.value), interval), ("method", self.method)]
        rows.append(("assumes", self.assumes))
        rows += [(f"by {name}", number(value)) for name, value in self.routes.items() if len(self.routes) > 1]
        notes = [] if self.estimate is not None else ["no interval: with so few rows none was found to hold"]
        return Summary("Label noise", rows, notes=notes)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        estimate = None if self.estimate is None else self.estimate.to_dict()
        return {
            "value": self.value,
            "method": self.method,
            "assumes": self.assumes,
            "estimate": estimate,
            "routes": dict(self.routes),
        }


def noise_variance(X: Any, y: Any, *, fit_intercept: bool = True, level: float = LEVEL) -> NoiseVariance:
    """Variance of the noise on labels that are linear in the columns, for any numbers of rows and columns.

    Parameters
    ----------
    X : array_like, shape (n, d)
        Columns in any units; they are scaled.
    y : array_like, shape (n,)
    fit_intercept : bool
        Take means off columns and labels.
    level : float
        Of the interval.

    Returns
    -------
    NoiseVariance
        ``value`` is what ``LassoLarsIC(noise_variance=...)`` of scikit-learn takes, which refuses to estimate it itself
        with fewer rows than columns.

    Raises
    ------
    InvalidArgument
        For unusable data, or too many rows for a matrix of all their pairs where least squares does not serve.
    EstimateUndefined
        If labels or columns do not vary, or nothing is left to estimate from; for less than 40 rows where least squares
        does not serve.

    Notes
    -----
    From ``1.25 d + 5`` rows on it is the residual of least squares over the rows that it leaves, as in scikit-learn.
    Below, the mean of two routes, each weighted by one over its squared error: for variance components the one of their
    Fisher information, for the LASSO's residual 0.3 of itself.

    Examples
    --------
    >>> import numpy as np
    >>> from shallows import noise_variance
    >>> rng = np.random.default_rng(1)
    >>> X = rng.standard_normal((150, 300))
    >>> y = X[:, :5].sum(axis=1) + rng.standard_normal(150)
    >>> found = noise_variance(X, y)
    >>> bool(0.4 < found.value < 1.6), found.estimate is None
    (True, True)
    """
    check_level(level)
    inputs, labels = check_data(X, y)
    inputs, labels = _prepared(np.asarray(inputs), labels, fit_intercept)
    n, d = inputs.shape
    by_columns = fit_least_squares(inputs, labels, centred=fit_intercept, level=level)
    if by_columns is not None:
        found = by_columns.noise
        return _told("least squares", found.value, {"least squares": found.value}, found)
    if n < FEWEST_ROWS:
        raise EstimateUndefined(
            f"{n} rows are too few to tell noise from weights beside {d} columns; "
            f"take {FEWEST_ROWS} rows or fewer columns"
        )
    if n > MOST_ROWS:
        words = f"with fewer rows than 1.25 columns + 5, or columns that depend on others, at most {MOST_ROWS} rows"
        raise InvalidArgument("X", f"{n} rows and {d} columns", words)
    sparse = residual_of_lasso(inputs, labels, centred=fit_intercept)
    dense, error = variance_components(inputs, labels, centred=fit_intercept)
    weight = (BIAS * sparse) ** 2 / max((BIAS * sparse) ** 2 + error**2, 1e-300)
    value = weight * dense + (1 - weight) * sparse
    return _told("LASSO and variance components", value, {"LASSO": sparse, "variance components": dense})


def _told(method: str, value: float, routes: dict[str, float], estimate: Estimate | None = None) -> NoiseVariance:
    return NoiseVariance(float(value), method, ASSUMES[method], estimate, routes)


def _prepared(inputs: FloatArray, labels: FloatArray, centre: bool) -> tuple[FloatArray, FloatArray]:
    """Columns that vary, at unit mean square, and labels; without their means if `centre`."""
    if centre:
        means = inputs.mean(axis=0)
        inputs, labels = inputs - means, labels - labels.mean()
        rounding = 1e-10 * np.maximum(np.abs(means), 1e-290)
    else:
        rounding = np.zeros(inputs.shape[1])
    scales = np.sqrt(np.square(inputs).mean(axis=0))
    kept = scales > rounding
    if not kept.any():
        raise EstimateUndefined("no column varies: nothing can be told from noise")
    if not np.square(labels).sum() > 0:
        raise EstimateUndefined("the labels are all the same")
    return inputs[:, kept] / scales[kept], labels


def residual_of_lasso(inputs: FloatArray, labels: FloatArray, *, centred: bool) -> float:
    """Mean square of the residual at the tuned weight decay over the rows that the active weights leave."""
    fit, found, _ = tune((inputs, labels), network="diagonal", centred=centred, throw=False)
    return float(fit.train_error * labels.size / (found.samples - found.degrees_of_freedom))


def variance_components(inputs: FloatArray, labels: FloatArray, *, centred: bool) -> tuple[float, float]:
    """Noise of labels whose weights are drawn alike, by restricted maximum likelihood, and its standard error.

    Labels then have the covariance ``a X X^T/d + b``, and along its eigenvectors they are independent.
    """
    n, d = inputs.shape
    pairs = inputs @ inputs.T / d
    if centred:  # the mean, which is known to be zero, goes to the end and is left out
        pairs += 2 * np.trace(pairs) / n
    values, vectors = np.linalg.eigh(pairs)
    keep = n - int(centred)
    values = np.maximum(values[:keep], 0.0)
    squares = np.square(vectors[:, :keep].T @ labels)

    def loss(logit: float) -> float:
        share = expit(logit)
        variances = share * values + (1 - share)
        return 0.5 * float(np.log(variances).sum() + keep * np.log((squares / variances).mean()))

    losses = [loss(logit) for logit in LOGITS]
    near, step = LOGITS[int(np.argmin(losses))], LOGITS[1] - LOGITS[0]
    share = expit(float(minimize_scalar(loss, bounds=(near - step, near + step), method="bounded").x))
    total = float((squares / (share * values + (1 - share))).mean())
    variances = total * (share * values + (1 - share))
    mixed, own, noise = (float(0.5 * (values**k / variances**2).sum()) for k in (1, 2, 0))
    determinant = own * noise - mixed**2
    error = np.sqrt(own / determinant) if determinant > 1e-12 * own * noise else np.inf
    return total * float(1 - share), float(error)
