"""Newton's method for the LASSO: solve on the support, correct the support, again.

The minimum is the zero of a piecewise linear map, and Newton's method on it (semismooth Newton, also called the
primal-dual active set method) takes a support and its signs, solves

    X_A^T (y - X_A theta_A) = bound s_A,

drops the weights whose sign came out wrong and adds the columns whose correlation exceeds the bound. From a support
with a few per cent of wrong entries it ends within some steps, whatever the condition of ``X_A``, where a path has a
breakpoint for each. It need not converge from afar: :mod:`.homotopy` does.

The Gram matrix and its factor are in single precision, at a quarter of the cost in double; each system is refined with
residuals in double precision until it is solved, and factorised in double where that stalls.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .certificates import Certificate, lasso_certificate
from .support_system import SupportSystem, factorise

if TYPE_CHECKING:
    from .._types import FloatArray
    from ..operators.diagonal import DiagonalOperator

#: The support is factorised anew once this share of it has changed.
BORDER = 0.1
#: A refinement must shrink the residual to this share; a system counts as solved at this share of the bound.
CONTRACTION, SOLVED = 0.3, 1e-3
#: Steps without a smaller gap after which the method gives up.
PATIENCE = 4


@dataclass
class NewtonResult:
    """Weights, their subgradient and certificate, and the Newton steps taken."""

    theta: FloatArray
    subgradient: FloatArray
    certificate: Certificate
    steps: int


def newton(
    operator: DiagonalOperator,
    labels: FloatArray,
    bound: float,
    theta: FloatArray,
    *,
    tolerance: float,
    max_steps: int = 30,
) -> NewtonResult:
    """Correct the support of `theta` until the relative gap is at most `tolerance`, or no longer shrinks.

    Parameters
    ----------
    operator : DiagonalOperator
    labels : ndarray, shape (n,)
    bound : float
        ``lam sqrt(d) > 0``.
    theta : ndarray, shape (d,)
        The guess.
    tolerance : float
    max_steps : int

    Returns
    -------
    NewtonResult
        The point of smallest gap met.
    """
    theta = theta.copy()
    active = (theta != 0) & (operator.squares > 0)
    signs = np.sign(theta)
    dtype: Any = np.float32
    system: SupportSystem | None = None
    best: NewtonResult | None = None
    without_progress, solved = 0, SOLVED
    miss = labels
    for step in range(1, max_steps + 1):
        if system is None or system.changes > max(16, BORDER * system.support.size):
            system, active = factorise(operator, theta, active, dtype)
        theta[~active], signs[~active] = 0.0, 0.0
        # Single precision is enough to move; whether that solved the system is then seen in double.
        correlations = operator.adjoint(labels - operator.forward(theta, rough=True), rough=True)
        size, goal = np.inf, solved * bound * float(np.linalg.norm(1 / operator.scales[active]))
        contracts = True
        while contracts and size > goal:
            theta += system.solve(np.where(active, correlations - bound * signs, 0.0))
            miss = labels - operator.forward(theta)
            correlations = operator.adjoint(miss)
            before = size
            size = float(np.linalg.norm(((correlations - bound * signs) / operator.scales)[active]))
            contracts = size <= CONTRACTION * before
        proof = lasso_certificate(operator, labels, theta, bound, residual=miss, correlations=correlations)
        if best is None or proof.gap < best.certificate.gap:
            subgradient = np.clip(correlations / bound, -1.0, 1.0)
            best, without_progress = NewtonResult(theta.copy(), subgradient, proof, step), 0
        else:
            without_progress += 1
        if proof.gap <= tolerance or without_progress >= PATIENCE:
            break
        if size > goal:  # too badly conditioned for single precision
            if dtype is np.float64:
                break
            dtype, system = np.float64, None
            continue
        wrong = np.flatnonzero(active & (theta * signs <= 0))
        beyond = np.flatnonzero(~active & (np.abs(correlations) > bound))
        if np.count_nonzero(active) - wrong.size + beyond.size > min(operator.samples, operator.dim):
            break
        if wrong.size + beyond.size == 0:
            solved *= 1e-3
            continue
        active[wrong], active[beyond] = False, True
        signs[beyond] = np.sign(correlations[beyond])
        if wrong.size + beyond.size > max(16, BORDER * system.support.size):
            system = None
        else:
            system.change(beyond, wrong, operator.products(beyond, rough=dtype is np.float32))
    assert best is not None
    best.steps = step
    return best
