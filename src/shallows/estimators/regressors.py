"""The networks as scikit-learn regressors: who asks for one by its network asks here, where all are registered."""

from __future__ import annotations

from typing import Any

from .base import REGRESSORS, NetworkRegressor
from .diagonal import DiagonalLearner
from .quadratic import QuadraticLearner

__all__ = ["REGRESSORS", "DiagonalNetworkRegressor", "QuadraticNetworkRegressor"]


@REGRESSORS.register("diagonal")
class DiagonalNetworkRegressor(NetworkRegressor, DiagonalLearner):
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


@REGRESSORS.register("quadratic")
class QuadraticNetworkRegressor(NetworkRegressor, QuadraticLearner):
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
    intercept_, weight_decay_, penalty_, degrees_of_freedom_ : float
    train_error_, label_variance_ : float
        Mean squared residual, and variance of the labels, which errors are to be compared with.
    n_samples_fit_ : int
    noise_scale_ : float or None
        ``delta``.
    test_error_estimate_, noise_variance_, diagnosis_, inference_, path_, power_law_, transformer_, fit_
        As in :class:`DiagonalNetworkRegressor`.

    Examples
    --------
    >>> import numpy as np
    >>> from shallows import QuadraticNetworkRegressor
    >>> rng = np.random.default_rng(0)
    >>> inputs = rng.standard_normal((600, 10))
    >>> labels = (inputs[:, 0] + inputs[:, 1]) ** 2 + 0.1 * rng.standard_normal(600)
    >>> model = QuadraticNetworkRegressor().fit(inputs, labels)
    >>> model.recover_modes().values.size
    1
    >>> bool(model.score(inputs, labels) > 0.99)
    True
    """

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        # A linear function, which scikit-learn's common test learns, is outside what this network can represent.
        tags.regressor_tags.poor_score = True
        return tags
