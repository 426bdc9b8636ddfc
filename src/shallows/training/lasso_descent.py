"""Coordinate descent for the LASSO, as a first guess for any design, and where it is the fastest way."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np

from .certificates import Certificate, lasso_certificate

if TYPE_CHECKING:
    from .._types import FloatArray
    from ..operators import DiagonalOperator


def coordinate_descent(
    operator: DiagonalOperator, labels: FloatArray, bound: float, tolerance: float
) -> tuple[FloatArray, FloatArray, Certificate]:
    """A first guess for any design, by scikit-learn, with its subgradient and certificate."""
    from sklearn.linear_model import Lasso

    inputs, centre = operator.for_coordinate_descent()
    # its tolerance is relative to ||y||^2 rather than to the objective: where that shows, a second run goes on
    model = Lasso(alpha=bound / labels.size, fit_intercept=centre, max_iter=300, warm_start=True, copy_X=False)
    model.tol = min(0.1 * tolerance, 1e-6)
    while True:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # not converged, or a small penalty: what follows sees to it
            theta = np.array(model.fit(inputs, labels, check_input=False).coef_, dtype=float)
        miss = labels - operator.forward(theta)
        correlations = operator.adjoint(miss)
        proof = lasso_certificate(operator, labels, theta, bound, residual=miss, correlations=correlations)
        if not tolerance < proof.gap <= 100 * tolerance or model.tol < 0.1 * min(0.1 * tolerance, 1e-6):
            return theta, np.clip(correlations / bound, -1.0, 1.0), proof
        model.tol *= min(0.5, max(0.03, 0.5 * tolerance / proof.gap))
