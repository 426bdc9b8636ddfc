"""Shallow networks as scikit-learn regressors that tune themselves and know their test error."""

from __future__ import annotations

import os
import warnings
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from .._arguments import check_number
from ..errors import EstimateUndefined, InvalidArgument, SolveFailed
from ..inference import (
    Estimate,
    Inference,
    Modes,
    PowerLawFit,
    WeightTests,
    check_assumptions,
    check_weights,
    fit_power_law,
    infer,
    recover_modes,
    tune,
)
from ..operators import operator_for
from ..training import Fit, train
from ..weights import LowRankPSD
from .whitening import WhiteningTransformer

if TYPE_CHECKING:
    from .._types import FloatArray
    from ..forecasting import Forecast
    from ..pruning import Pruned

#: Work arrays of the quadratic network's training hold about this many matrices of shape (d, d).
MATRICES = 24
#: A fit that missed its tolerance is still used below this relative duality gap.
USABLE_GAP = 1e-3


class AssumptionWarning(UserWarning):
    """The data betray an assumption behind the test-error estimate; ``diagnosis_`` has the details."""


class _NetworkRegressor(RegressorMixin, BaseEstimator):
    """What both networks share."""

    network: str
    width: int | None

    def _transformer(self) -> WhiteningTransformer:
        raise NotImplementedError

    def fit(self, X: Any, y: Any) -> Any:
        """Train the network.

        Parameters
        ----------
        X : array_like, shape (n, d)
        y : array_like, shape (n,)

        Returns
        -------
        self

        Raises
        ------
        InvalidArgument
            For unusable data or settings, before any work.
        SolveFailed
            If training did not reach a usable minimum.
        """
        X, y = validate_data(self, X, y, dtype=np.float64, y_numeric=True, ensure_min_samples=2)
        decay = self._check(X.shape[1])
        y = np.asarray(y, dtype=np.float64)
        self.transformer_ = self._transformer().fit(X) if self._transformed() else None
        inputs = X if self.transformer_ is None else self.transformer_.transform(X)
        self.intercept_ = float(y.mean()) if self.fit_intercept else 0.0
        labels = y - self.intercept_
        self._forget()
        self.path_, inference = None, None
        centred = bool(self.fit_intercept) and X.shape[0] > 2
        if decay is None:
            try:
                self.fit_, inference, self.path_ = tune(
                    (inputs, labels), network=self.network, width=self.width, centred=centred, tolerance=self.tolerance
                )
            except (EstimateUndefined, InvalidArgument) as error:
                if X.shape[0] - int(centred) >= 3 and isinstance(error, InvalidArgument):
                    raise
                # Nothing to choose by: half of what silences the network.
                from ..inference import largest_weight_decay

                decay = 0.5 * largest_weight_decay(inputs, labels, self.network, self.width)
        if decay is not None:
            self.fit_ = self._train(inputs, labels, decay)
            try:
                inference = infer((inputs, labels), self.fit_, centred=centred)
            except (EstimateUndefined, InvalidArgument):
                inference = None
        root = self._root(X.shape[1])
        self.weight_decay_ = self.fit_.weight_decay / root if self.fit_.width == X.shape[1] else self.fit_.weight_decay
        self.penalty_ = self.fit_.penalty
        self.inference_: Inference | None = inference
        self.weights_ = self.fit_.weights
        self._describe(inputs, labels)
        return self

    def _describe(self, inputs: FloatArray, labels: FloatArray) -> None:
        found = self.inference_
        fitted = self._raw(inputs)
        if self.fit_intercept:  # what training left of the mean
            self.intercept_ += float((labels - fitted).mean())
        weights = self.weights_
        if isinstance(weights, LowRankPSD):
            self.spectrum_ = weights.eigenvalues()
        else:
            self.spectrum_ = np.sort(np.abs(weights))[::-1]
            scale = np.ones(weights.size) if self.transformer_ is None else self.transformer_.scale_
            self.coef_ = weights / scale
        self.train_error_ = float(np.square(labels - fitted).mean())
        self.degrees_of_freedom_ = float(labels.size) if found is None else found.degrees_of_freedom
        self.noise_scale_ = None if found is None else found.noise_scale
        self.test_error_estimate_: Estimate | None = None if found is None else found.test_error
        self.noise_variance_: Estimate | None = None if found is None else found.noise
        self.diagnosis_ = check_assumptions(inputs, labels, found)
        if not self.diagnosis_.ok:
            serious = "; ".join(c.message for c in self.diagnosis_.concerns if c.serious)
            warnings.warn(f"the test-error estimate may not apply: {serious}", AssumptionWarning, stacklevel=4)

    def _check(self, dim: int) -> float | None:
        """The weight decay as a number, or None for "auto"; raises for settings that cannot be used."""
        check_number("tolerance", self.tolerance, strict=True)
        if isinstance(self.weight_decay, str):
            if self.weight_decay != "auto":
                raise InvalidArgument("weight_decay", self.weight_decay, 'must be "auto" or a number >= 0')
            return None
        return check_number("weight_decay", self.weight_decay)

    def _transformed(self) -> bool:
        return True

    def _root(self, dim: int) -> float:
        """``pen / lam``."""
        return 1.0 if self.width is None else float(np.sqrt(self.width / dim))

    def _train(self, inputs: FloatArray, labels: FloatArray, decay: float) -> Fit:
        fit = train(
            (inputs, labels),
            network=self.network,
            weight_decay=decay * self._root(inputs.shape[1]),
            tolerance=self.tolerance,
            throw=False,
        )
        return _usable(fit)

    def _raw(self, inputs: FloatArray) -> FloatArray:
        """The network's output on transformed inputs, without the intercept."""
        out: FloatArray = operator_for(self.network, inputs).output(self.weights_)
        return out

    def predict(self, X: Any) -> FloatArray:
        """Predictions, shape (n,)."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, reset=False)
        inputs = X if self.transformer_ is None else self.transformer_.transform(X)
        out: FloatArray = self._raw(inputs) + self.intercept_
        return out

    def _known(self) -> Inference:
        check_is_fitted(self)
        if self.inference_ is None:
            raise EstimateUndefined("the network interpolates its data: nothing can be inferred at this weight decay")
        return self.inference_

    def _forget(self) -> None:
        self.__dict__.pop("power_law_", None)

    @cached_property
    def power_law_(self) -> PowerLawFit:
        """Power-law teacher fitted to the unbiased weights, with intervals; computed when first read."""
        return fit_power_law(self._known())

    def prune(self, X: Any = None, y: Any = None) -> Pruned:
        """Weights without the bulk of learned noise; refined if given the training data again.

        See :func:`shallows.pruning.prune`.
        """
        from ..pruning import prune

        found, data = self._known(), None
        if X is not None and y is not None:
            X = validate_data(self, X, dtype=np.float64, reset=False)
            inputs = X if self.transformer_ is None else self.transformer_.transform(X)
            y = np.asarray(y, dtype=float)
            data = (inputs, y - y.mean() if self.fit_intercept else y)
        return prune(self.fit_, found, data=data)

    def forecast(self, samples: Any, **options: Any) -> Forecast:
        """Learning curve at other numbers of samples; see :func:`shallows.forecasting.forecast`."""
        from ..forecasting import forecast

        options.setdefault("width", self.width)
        return forecast(self._known(), samples, teacher=self.power_law_, **options)


def _usable(fit: Fit) -> Fit:
    if not fit.status.ok and (fit.gap is None or fit.gap > USABLE_GAP):
        raise SolveFailed(f"training ended with status {fit.status.value}: {fit.status.advice}", fit)
    return fit


class DiagonalNetworkRegressor(_NetworkRegressor):
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
        Effective weights ``theta`` on standardised columns.
    coef_, intercept_ : ndarray, shape (d,), and float
        The same in the units of the data.
    spectrum_ : ndarray, shape (d,)
        Sizes of the weights, decreasing.
    weight_decay_, penalty_ : float, None
    degrees_of_freedom_ : float
    noise_scale_ : float or None
        ``tau``: standard error of every unbiased weight.
    test_error_estimate_, noise_variance_ : Estimate or None
        Mean squared error on new samples and variance of the label noise, with intervals; None where the network
        interpolates its data.
    train_error_ : float
    diagnosis_ : Diagnosis
        What in the data speaks against the estimates.
    inference_ : Inference or None
    path_ : WeightDecayPath or None
        Every weight decay tried, with ``weight_decay="auto"``.
    power_law_ : PowerLawFit
        Computed when first read.
    transformer_ : WhiteningTransformer or None
    fit_ : Fit
        Certificate of the training minimum.
    """

    network = "diagonal"
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

    def _check(self, dim: int) -> float | None:
        if self.standardize not in (True, False):
            raise InvalidArgument("standardize", self.standardize, "must be True or False")
        return super()._check(dim)

    def _transformer(self) -> WhiteningTransformer:
        return WhiteningTransformer("scale")

    def _transformed(self) -> bool:
        return self.standardize

    def check_weights(self, *, level: float = 0.9, false_discovery_rate: float = 0.1) -> WeightTests:
        """Interval and p-value of every weight, on standardised columns.

        See :func:`shallows.inference.check_weights`.
        """
        return check_weights(self._known(), level=level, false_discovery_rate=false_discovery_rate)


class QuadraticNetworkRegressor(_NetworkRegressor):
    """Two-layer network with quadratic activation, ``f = (||W x||^2 - ||W||_F^2) / sqrt(p d) / sqrt(d)``.

    Minimises ``sum (y - b - f)^2 + lam ||W||_F^2``, a nuclear-norm problem in ``S = W^T W / sqrt(p d)`` (theory note,
    section 1), to a certified minimum. It can represent positive semidefinite quadratic forms and nothing else: a
    linear trend in the labels is noise to it.

    Parameters
    ----------
    width : int or None
        Hidden units `p`; None means as many as columns. Below that, training is convex as long as the minimum has rank
        at most `p`; ``weight_decay="auto"`` stays there, and an explicit smaller one needs PyTorch.
    weight_decay : "auto" or float >= 0
        ``lam``; scales with the labels. ``"auto"`` chooses it from the training data alone.
    standardize : {"auto", "whiten", "scale", False}
        Theory needs uncorrelated columns of unit variance. ``"auto"`` decorrelates where the data are visibly
        correlated; ``transformer_.changed_`` says what was done.
    fit_intercept : bool
        Take the mean off the labels.
    tolerance : float
        Relative duality gap of the training minimum.

    Attributes
    ----------
    weights_ : LowRankPSD
        ``S`` in the transformed columns.
    spectrum_ : ndarray, shape (d,)
        Eigenvalues of ``S``, decreasing.
    intercept_, weight_decay_, penalty_, degrees_of_freedom_, train_error_ : float
    noise_scale_ : float or None
        ``delta``.
    test_error_estimate_, noise_variance_, diagnosis_, inference_, path_, power_law_, transformer_, fit_
        As in :class:`DiagonalNetworkRegressor`.
    """

    network = "quadratic"

    def __init__(
        self,
        width: int | None = None,
        weight_decay: str | float = "auto",
        *,
        standardize: str | bool = "auto",
        fit_intercept: bool = True,
        tolerance: float = 1e-6,
    ) -> None:
        self.width = width
        self.weight_decay = weight_decay
        self.standardize = standardize
        self.fit_intercept = fit_intercept
        self.tolerance = tolerance

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        # A linear function, which scikit-learn's common test learns, is outside what this network can represent.
        tags.regressor_tags.poor_score = True
        return tags

    def _check(self, dim: int) -> float | None:
        decay = super()._check(dim)
        if self.standardize not in ("auto", "whiten", "scale", True, False):
            raise InvalidArgument("standardize", self.standardize, 'must be "auto", "whiten", "scale" or False')
        if self.width is not None:
            width = check_number("width", self.width, minimum=1)
            if width != int(width):
                raise InvalidArgument("width", self.width, "must be an integer >= 1")
        most = most_columns()
        if dim > most:
            raise InvalidArgument(
                "X",
                f"{dim} columns",
                f"the quadratic network holds {MATRICES} matrices of d x d numbers while training, and this machine's "
                f"memory has room for d <= {most}: choose fewer columns, or the diagonal network",
            )
        return decay

    def _transformer(self) -> WhiteningTransformer:
        return WhiteningTransformer("auto" if self.standardize is True else str(self.standardize))

    def _transformed(self) -> bool:
        return self.standardize is not False

    def _train(self, inputs: FloatArray, labels: FloatArray, decay: float) -> Fit:
        fit = super()._train(inputs, labels, decay)
        assert isinstance(fit.weights, LowRankPSD)
        if self.width is not None and fit.weights.rank > self.width:
            fit = _usable(
                train(
                    (inputs, labels),
                    network="quadratic",
                    weight_decay=decay,
                    width=self.width,
                    tolerance=max(self.tolerance, 1e-6),
                    throw=False,
                )
            )
        return fit

    def recover_modes(self, *, level: float = 0.9) -> Modes:
        """Teacher modes beyond the bulk edge; see :func:`shallows.inference.recover_modes`."""
        return recover_modes(self._known(), level=level)


def most_columns() -> int:
    """How many columns the quadratic network can have in half of this machine's memory."""
    try:
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError, AttributeError):
        memory = 8 << 30
    return int(np.sqrt(0.5 * memory / (8 * MATRICES)))
