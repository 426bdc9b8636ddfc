"""`leave_one_out`: of the estimators here, of scikit-learn's linear models, and of fits."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.sparse import issparse
from sklearn.linear_model import LinearRegression, Ridge, RidgeCV
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from .._arguments import check_level
from ..errors import EstimateUndefined, InvalidArgument
from ..inference import LeaveOneOut, leave_out_rows
from ..inference.estimate import LEVEL
from ..inference.lasso_without_a_row import LassoRows
from ..operators import SparseInputs, check_data, operator_for
from ..training import Fit
from .base import NetworkRegressor

if TYPE_CHECKING:
    from .._types import FloatArray

#: By how much the objective of a model may exceed the smallest on the data that it is said to be fitted to, over the
#: labels' sum of squares: three times what scikit-learn's coordinate descent stops at.
BELONGS = 3e-4
#: A ridge adds a row for each column, up to so many numbers.
MOST_NUMBERS = 1 << 26
#: What models are taken.
ALLOWED = (
    "must be fitted: a DiagonalNetworkRegressor, QuadraticNetworkRegressor or Fit, or a linear model of scikit-learn "
    "such as Lasso, LassoCV, ElasticNet, Ridge or LinearRegression, also as the last step of a Pipeline"
)


def leave_one_out(X: Any, y: Any, model: Any, *, exact: bool = True, level: float = LEVEL) -> LeaveOneOut:
    """What a fitted model would predict for each of its training rows, had it not seen the row.

    Nothing is fitted again from scratch. For the LASSO, the elastic net and the diagonal network the minimum without a
    row is reached along the exact path of its label, through every weight that enters or leaves: the errors are those
    of ``cross_val_predict(model, X, y, cv=LeaveOneOut())``, at a hundredth of the cost or less. For the quadratic
    network rows that the approximate formula moves far are followed to their minimum as well, and the others are
    within a percent or so; ``exact`` of the result says which is which.

    Parameters
    ----------
    X : array_like or sparse matrix, shape (n, d)
        What the model was fitted to.
    y : array_like, shape (n,)
    model : estimator or Fit
        Fitted to these data: a regressor of this package; a linear model of scikit-learn, or one with its attributes
        ``coef_`` and ``alpha_`` or ``alpha``, that minimises ``1/(2 n) ||y - b - X w||^2 + alpha l1_ratio ||w||_1 +
        alpha (1 - l1_ratio)/2 ||w||^2``, ridge regression or least squares; a pipeline that ends in one; or a
        :class:`shallows.Fit`, whose arrays are taken as they are, without an intercept.
    exact : bool
        False leaves out every row by the approximate formula ``residual / (1 - leverage)`` alone.
    level : float
        Of the interval of the test error.

    Returns
    -------
    LeaveOneOut

    Raises
    ------
    InvalidArgument
        If the model is of another kind, was fitted to other data, or the data are too large.
    EstimateUndefined
        If without a row the weights are not determined: least squares with as many columns as rows.

    Notes
    -----
    The penalty stays what it was beside the sum of squares, or, for models of scikit-learn that have a mean there,
    beside the mean, as if the same model were fitted again. Where it was chosen on the same rows the error is low for
    that, by little on hundreds of rows. The scales of the columns stay as well, and what a pipeline learned of them; an
    intercept does not. A model stopped short of its minimum is taken to it first. Sources: Rad and Maleki (2020) and
    Wang, Zhou, Lu, Maleki and Mirrokni (2018) for the formula, Lei (2019) for the path along a label.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.linear_model import LassoCV
    >>> from shallows import leave_one_out
    >>> X, y = load_diabetes(return_X_y=True)
    >>> found = leave_one_out(X, y, LassoCV(cv=5).fit(X, y))
    >>> round(found.test_error.value, -1), bool(found.exact.all())
    (2990.0, True)
    """
    check_level(level)
    if isinstance(model, Fit):
        return leave_out_rows((X, y), model, exact=exact, level=level)
    if isinstance(model, Pipeline):
        check_is_fitted(model)
        steps = model[:-1]
        return leave_one_out(steps.transform(X) if len(steps) else X, y, model[-1], exact=exact, level=level)
    if isinstance(model, NetworkRegressor):
        return _of_regressor(X, y, model, exact, level)
    return _of_linear(X, y, model, exact, level)


def _of_regressor(X: Any, y: Any, model: NetworkRegressor, exact: bool, level: float) -> LeaveOneOut:
    """Of an estimator of this package."""
    check_is_fitted(model)
    raw = model._validated(X, reset=False)
    inputs = model._transformed(raw)
    labels = np.asarray(check_data(np.zeros((raw.shape[0], 1)), y)[1], dtype=np.float64)
    mean = float(labels.mean()) if model.fit_intercept else 0.0
    found = leave_out_rows(
        (inputs, labels - mean), model.fit_, centred=bool(model.fit_intercept), exact=exact, level=level
    )
    return found.moved(mean)


@dataclass(frozen=True)
class _Penalties:
    """``bound ||w||_1 + ridge/2 ||w||^2`` beside half the sum of squares, as a linear model says it.

    Beside a mean of squares, as `of_mean` says, the same model has less of both on a row less.
    """

    bound: float
    ridge: float
    of_mean: bool = False

    @classmethod
    def of(cls, model: Any, rows: int) -> _Penalties:
        name = type(model).__name__
        if getattr(model, "positive", False):
            raise InvalidArgument("model", f"{name}(positive=True)", "weights must be free to have both signs")
        if isinstance(model, LinearRegression):
            return cls(0.0, 0.0)
        alpha = getattr(model, "alpha_", None)
        alpha = getattr(model, "alpha", None) if alpha is None else alpha
        if not np.isscalar(alpha) or not np.isfinite(float(alpha)) or float(alpha) < 0:  # type: ignore[arg-type]
            raise InvalidArgument("model", name, ALLOWED)
        strength = float(alpha)  # type: ignore[arg-type]
        if isinstance(model, (Ridge, RidgeCV)):
            return cls(0.0, strength)
        share = getattr(model, "l1_ratio_", None)
        share = float(getattr(model, "l1_ratio", 1.0) if share is None else share)
        return cls(strength * share * rows, strength * (1 - share) * rows, of_mean=True)

    def without_a_row(self, rows: int) -> _Penalties:
        """What the same model has on a row less."""
        share = (rows - 1) / rows if self.of_mean else 1.0
        return _Penalties(self.bound * share, self.ridge * share, self.of_mean)


def _of_linear(X: Any, y: Any, model: Any, exact: bool, level: float) -> LeaveOneOut:
    """Of a linear model by its coefficients and penalty."""
    if not hasattr(model, "coef_") or not hasattr(model, "intercept_"):
        given = model if isinstance(model, (str, int, float, type(None))) else type(model).__name__
        raise InvalidArgument("model", given, ALLOWED)
    inputs, labels = check_data(SparseInputs(X) if issparse(X) else X, y)
    n, d = inputs.shape
    weights = np.asarray(model.coef_, dtype=np.float64).ravel()
    if weights.size != d:
        raise InvalidArgument("X", f"{d} columns", f"must be what the model was fitted to, {weights.size} columns")
    penalties = _Penalties.of(model, n)
    centred = bool(getattr(model, "fit_intercept", np.any(model.intercept_)))
    offset = float(labels.mean()) if centred else 0.0
    data = _Centred(inputs, labels - offset, centred)
    whole = data.minimum(weights, penalties)
    data.check_belongs(whole, weights, penalties.bound)
    rows = data.minimum(whole.weights, penalties.without_a_row(n)) if penalties.of_mean else whole
    out = rows.without(None if exact else np.zeros(0, dtype=np.intp), count=n)
    out = replace(out, leverages=whole.leverages[:n])
    train_error = float(np.square(whole.residual[:n]).mean())
    return LeaveOneOut.of("diagonal", labels - offset, out, train_error, level).moved(offset)


class _Centred:
    """Data of a linear model without their means where it has an intercept; a ridge makes rows of its own."""

    def __init__(self, inputs: Any, labels: FloatArray, centred: bool) -> None:
        if centred and isinstance(inputs, SparseInputs):
            inputs = SparseInputs(inputs.matrix, inputs.power_means(1))
        elif centred:
            inputs = inputs - inputs.mean(axis=0)
        self.inputs, self.labels, self.centred = inputs, labels, centred

    def minimum(self, weights: FloatArray, penalties: _Penalties) -> LassoRows:
        """The minimum with these penalties, started from `weights`."""
        (n, d), ridge = self.inputs.shape, penalties.ridge
        inputs, labels = self.inputs, self.labels
        mean = np.full(n, n**-0.5) if self.centred else None
        if ridge > 0:
            if isinstance(inputs, SparseInputs) or (n + d) * d > MOST_NUMBERS:
                words = f"with a ridge X must be a full array, of at most {MOST_NUMBERS} numbers with d rows more"
                raise InvalidArgument("X", f"{n} rows and {d} columns", words)
            inputs = np.concatenate([inputs, np.sqrt(ridge) * np.eye(d)])
            labels = np.concatenate([labels, np.zeros(d)])
            mean = None if mean is None else np.concatenate([mean, np.zeros(d)])
        operator = operator_for("diagonal", inputs)
        if penalties.bound == 0:
            fitted = d + int(self.centred)
            if ridge == 0 and fitted >= n:
                words = f"least squares fits {fitted} numbers to {n} rows: without a row they are not determined"
                raise EstimateUndefined(f"{words}; use a penalty")
            weights = np.linalg.lstsq(operator.columns(np.arange(d)), labels, rcond=None)[0]
        return LassoRows(operator, labels, weights, penalties.bound, mean)

    def check_belongs(self, rows: LassoRows, weights: FloatArray, bound: float) -> None:
        """Raise unless the `weights` are near the minimum on these data."""

        def objective(at: FloatArray) -> float:
            miss = rows.labels - rows.operator.forward(at)
            return 0.5 * float(miss @ miss) + bound * float(np.abs(at).sum())

        given, smallest = objective(weights), objective(rows.weights)
        if given - smallest > BELONGS * float(self.labels @ self.labels):
            raise InvalidArgument(
                "model",
                f"objective {given:.4g}",
                f"on these X and y its penalty has the minimum {smallest:.4g}: it was fitted to other data, with "
                "sample weights, for another objective, or not to its minimum",
            )
