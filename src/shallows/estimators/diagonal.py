"""The diagonal network as a scikit-learn regressor."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ..errors import InvalidArgument
from ..inference import WeightTests, check_weights
from .base import REGRESSORS, NetworkRegressor
from .whitening import WhiteningTransformer

if TYPE_CHECKING:
    from .._types import FloatArray


@REGRESSORS.register("diagonal")
class DiagonalNetworkRegressor(NetworkRegressor):
    """Diagonal linear network ``f = sum_i a_i w_i x_i / sqrt(d)``, trained to its minimum (a LASSO).

    Minimises ``sum (y - b - f)^2 + lam (||a||^2 + ||w||^2)``, which is ``1/2 sum (y - b - theta.x)^2 + lam sqrt(d)
    ||theta||_1`` in the effective weights (theory note, section 1). scikit-learn's ``Lasso(alpha)`` has ``alpha = lam
    sqrt(d)/n``.

    Parameters
    ----------
    weight_decay : "auto" or float >= 0
        ``lam`` on standardised columns, in units of the labels: labels ten times as large need ten times the weight
        decay. ``"auto"`` chooses it from the training data alone (:func:`shallows.inference.tune`); 0 is the limit
        ``0+``.
    standardize : bool
        Centre columns and scale them to unit variance. Without it, columns should come that way.
    fit_intercept : bool
        Take the mean off the labels.
    tolerance : float
        Relative duality gap of the training minimum.

    Attributes
    ----------
    weights_ : ndarray, shape (d,)
        Effective weights ``theta`` on standardised columns: per standard deviation of the column.
    coef_, intercept_ : ndarray, shape (d,), and float
        The same in the units of the data.
    spectrum_ : ndarray, shape (d,)
        Sizes of the weights, decreasing.
    weight_decay_, penalty_ : float, None
    degrees_of_freedom_ : float
    noise_scale_ : float or None
        ``tau``: standard error of every unbiased weight, where columns are uncorrelated.
    test_error_estimate_ : Estimate or None
        Mean squared error on new samples; None where the network interpolates its data.
    noise_variance_ : Estimate or None
        Of the labels; None where ``diagnosis_.against("noise")`` says why it cannot be told.
    train_error_, label_variance_ : float
        Mean squared residual, and variance of the labels, which errors are to be compared with.
    n_samples_fit_ : int
    diagnosis_ : Diagnosis
        What in the data speaks against the estimates.
    inference_ : Inference or None
    path_ : WeightDecayPath or None
        Every weight decay tried, with ``weight_decay="auto"``.
    teacher_law_ : TeacherLaw
    power_law_ : PowerLawFit
        Computed when first read; not there where the data do not tell them.
    transformer_ : WhiteningTransformer or None
    fit_ : Fit
        Certificate of the training minimum.

    Examples
    --------
    >>> import numpy as np
    >>> from shallows import DiagonalNetworkRegressor
    >>> rng = np.random.default_rng(0)
    >>> inputs = rng.standard_normal((200, 10))
    >>> labels = 2 * inputs[:, 0] - inputs[:, 3] + 5 + 0.5 * rng.standard_normal(200)
    >>> model = DiagonalNetworkRegressor().fit(inputs, labels)
    >>> model.check_weights(false_discovery_rate=0.001).discovered.nonzero()[0]
    array([0, 3])
    >>> model.noise_variance_.covers(0.25), round(model.intercept_, 1)
    (True, 5.0)
    """

    network = "diagonal"
    standardize_choices: ClassVar[dict[str, Any]] = {"auto": True, "scale": True, "none": False}
    learned_table = "weights"
    width = None

    def __init__(
        self,
        weight_decay: str | float = "auto",
        *,
        standardize: bool = True,
        fit_intercept: bool = True,
        tolerance: float = 1e-6,
    ) -> None:
        self.weight_decay = weight_decay
        self.standardize = standardize
        self.fit_intercept = fit_intercept
        self.tolerance = tolerance

    def _check_settings(self, dim: int) -> None:
        if self.standardize not in (True, False):
            raise InvalidArgument("standardize", self.standardize, "must be True or False")
        super()._check_settings(dim)

    def _make_transformer(self) -> WhiteningTransformer | None:
        return WhiteningTransformer("scale") if self.standardize else None

    def _describe(self, inputs: FloatArray, labels: FloatArray) -> None:
        super()._describe(inputs, labels)
        weights = np.asarray(self.weights_)
        self.coef_ = weights / (np.ones(weights.size) if self.transformer_ is None else self.transformer_.scale_)

    def check_weights(self, *, level: float = 0.9, false_discovery_rate: float = 0.1) -> WeightTests:
        """Interval and p-value of every weight, per standard deviation of its column where columns are scaled.

        See :func:`shallows.inference.check_weights`; names are those of the data frame that the model was fitted to.

        Raises
        ------
        EstimateUndefined
            If the columns are not what the theory is for, and rows are too few for least squares.
        """
        tests = check_weights(self._told("weights"), level=level, false_discovery_rate=false_discovery_rate)
        names = getattr(self, "feature_names_in_", None)
        unit = tests.unit if self.transformer_ is None else "standard deviation of the column"
        return replace(tests, names=None if names is None else tuple(map(str, names)), unit=unit)

    def describe_learned(self, names: list[str] | None = None) -> dict[str, Any]:
        return self.check_weights().to_dict(names)
