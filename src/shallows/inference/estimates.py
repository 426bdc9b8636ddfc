"""Test error, noise scale and unbiased weights from one training set (theory note, section 10).

At the training minimum the residual divided by ``1 - degrees_of_freedom/n`` behaves like the error on new samples. The
quadratic network's degrees of freedom follow from the spectrum of its own solution; the diagonal one's are its active
weights. Sources: Bayati, Erdogdu and Montanari 2013 (risk and noise of the LASSO); Miolane and Montanari 2021; Bellec
2023 (test error from residuals and degrees of freedom).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtri

from .._arguments import check_instance
from ..errors import EstimateUndefined, InvalidArgument
from ..operators import as_pair, check_data, operator_for
from ..training import Fit
from ..weights import LowRankPSD

if TYPE_CHECKING:
    from .._types import FloatArray

#: Probability that intervals are meant to cover.
LEVEL = 0.9
#: Closer to interpolation than this nothing can be read off the residuals.
LEAST_SLACK = 1e-6
#: Relative finite-size error of the quadratic network's estimate, times ``n_eff``: simulations show it 9 % low at
#: ``n_eff = 10``, 3 % at 30 and too little to see at 100.
DRIFT = 0.9
#: Least distance of a learned and a cut-off mode, over the learned one, that a limited width is let to make.
CUT_OFF = 0.25


@dataclass(frozen=True)
class Estimate:
    """A number with its standard error and interval.

    Attributes
    ----------
    value, standard_error : float
    low, high : float
        Ends of the interval.
    level : float
        Probability that the interval is meant to cover the truth with.
    """

    value: float
    standard_error: float
    low: float
    high: float
    level: float = LEVEL

    @classmethod
    def normal(cls, value: float, standard_error: float, *, minimum: float = -np.inf, level: float = LEVEL) -> Estimate:
        """Symmetric interval, cut at `minimum`."""
        reach = float(ndtri(0.5 + level / 2)) * standard_error
        return cls(float(value), float(standard_error), max(value - reach, minimum), max(value + reach, minimum), level)

    @classmethod
    def positive(cls, value: float, relative: float, *, level: float = LEVEL) -> Estimate:
        """Interval symmetric in the logarithm; `relative` is the standard error over the value."""
        factor = float(np.exp(ndtri(0.5 + level / 2) * relative))
        return cls(float(value), float(value * relative), float(value / factor), float(value * factor), level)

    def covers(self, truth: float) -> bool:
        """Whether the interval holds `truth`."""
        return self.low <= truth <= self.high

    def to_dict(self) -> dict[str, float]:
        """JSON-ready."""
        return {
            "value": self.value,
            "standard_error": self.standard_error,
            "low": self.low,
            "high": self.high,
            "level": self.level,
        }


@dataclass(frozen=True, eq=False)
class Inference:
    """What one fit says about the world it was trained in. All in the units of the theory note, section 1.

    Attributes
    ----------
    network : {"diagonal", "quadratic"}
    samples : int
        Independent residuals: rows, less one where the labels were centred.
    dim : int
    weight_decay : float
    penalty : float or None
    degrees_of_freedom : float
        ``D``, or ``A d^2/2``.
    train_error : float
        Mean squared residual.
    test_error : Estimate
        ``Delta + R`` of this very fit on new samples.
    noise_scale : float
        ``tau`` or ``delta``: standard deviation of the noise on the unbiased weights.
    threshold : float
        ``zeta``: how far training has shrunk them.
    unbiased : ndarray, shape (d,) or (d, d)
        ``theta + X^T r/(n - D)``, or ``U = S + G/(1 - A/(2 alpha))``: teacher plus Gaussian noise of the noise scale.
    eigenvalues : ndarray, shape (d,), or None
        Of ``U``, decreasing.
    excess_risk, noise, energy : Estimate
        ``R``, ``Delta`` and ``Q0``, without assuming anything about the teacher's spectrum.
    residuals : ndarray, shape (n,)
        Adjusted: distributed like errors on new samples.
    width : int or None
        Hidden units where they limit the rank of ``S``.
    """

    network: str
    samples: int
    dim: int
    weight_decay: float
    penalty: float | None
    degrees_of_freedom: float
    train_error: float
    test_error: Estimate
    noise_scale: float
    threshold: float
    unbiased: FloatArray = field(repr=False)
    eigenvalues: FloatArray | None = field(repr=False)
    learned: FloatArray = field(repr=False)
    excess_risk: Estimate
    noise: Estimate
    energy: Estimate
    residuals: FloatArray = field(repr=False)
    width: int | None = None

    @property
    def slack(self) -> float:
        """``1 - degrees_of_freedom/n``."""
        return 1 - self.degrees_of_freedom / self.samples

    @property
    def alpha(self) -> float:
        """``n/d`` or ``n/d^2``."""
        return self.samples / (self.dim if self.network == "diagonal" else self.dim**2)

    @property
    def effective_samples(self) -> float:
        """``n_eff``."""
        return self.samples if self.network == "diagonal" else self.samples / self.dim

    @property
    def relative_error(self) -> float:
        """Standard error of the test error over its value."""
        return self.test_error.standard_error / self.test_error.value if self.test_error.value > 0 else 0.0

    @property
    def learned_features(self) -> int:
        """Active weights, or rank of ``S``."""
        return int(np.count_nonzero(self.learned))

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready summary."""
        return {
            "network": self.network,
            "samples": self.samples,
            "effective_samples": self.effective_samples,
            "dim": self.dim,
            "weight_decay": self.weight_decay,
            "penalty": self.penalty,
            "degrees_of_freedom": self.degrees_of_freedom,
            "learned_features": self.learned_features,
            "train_error": self.train_error,
            "test_error": self.test_error.to_dict(),
            "noise_scale": self.noise_scale,
            "threshold": self.threshold,
            "excess_risk": self.excess_risk.to_dict(),
            "noise": self.noise.to_dict(),
            "energy": self.energy.to_dict(),
        }


def relative_standard_error(residuals: FloatArray, samples: int, share: float, network: str = "diagonal") -> float:
    """Standard error of the degrees-of-freedom estimate of the test error, over its value.

    For least squares on Gaussian data the variance of the estimate about the true error of the same fit is
    ``(2/n)(1 + s)/(1 - s)``, ``s = D/n`` being the share of degrees of freedom; heavier tails of the residuals raise
    the 2 to their kurtosis less one. Simulations show the same factor to be right for the LASSO at every weight
    decay. For the quadratic network, whose degrees of freedom are spread over many weak directions, they show
    ``(1 + s/2)/(1 - s)``.
    """
    square = np.square(residuals)
    mean = float(square.mean())
    if mean <= 0:
        return 0.0
    spread = float(np.square(square).mean()) / mean**2 - 1
    if spread < 2 + 3 * np.sqrt(24 / residuals.size):  # no evidence against Gaussian residuals
        spread = 2.0
    factor = (1 + share) / (1 - share) if network == "diagonal" else (1 + share / 2) / (1 - share)
    return float(np.sqrt(spread / samples * factor))


def effective_share(values: FloatArray, gaps: FloatArray, samples: int, dim: int) -> float:
    """``A/(2 alpha)`` at the training minimum of the quadratic network, from its own spectrum.

    Parameters
    ----------
    values : ndarray, shape (k,)
        Positive eigenvalues of ``S``.
    gaps : ndarray, shape (d - k,)
        ``pen/(4 alpha)`` less the other eigenvalues of ``G = sum r Z/(2 alpha d)``, all ``>= 0`` unless the width cuts
        off more than the threshold does.

    Notes
    -----
    ``S`` and ``G`` commute at the minimum, ``G`` is ``pen/(4 alpha)`` on the support, so ``U`` has eigenvalues
    ``values + zeta`` there and ``zeta - gaps/(1 - A/(2 alpha))`` elsewhere: one equation, with one root.
    """
    k, alpha = values.size, samples / dim**2
    if k == 0:
        return 0.0

    def excess(share: float) -> float:
        spread = gaps / (1 - share)
        total = values[:, None] + spread[None, :]
        # Where the width cuts, neighbouring levels make a principal value, which their own fluctuation cuts off.
        total = np.maximum(total, CUT_OFF * values[:, None])
        pairs = np.divide(values[:, None], total, out=np.full_like(total, 0.5), where=total > 0).sum()
        return float(2 * alpha * share - (k * (k + 1) + 2 * pairs) / dim**2)

    top = 1 - LEAST_SLACK
    # With cut-off modes beyond the threshold there may be more than one root: the least is the one that continues the
    # solution without.
    low = 0.0
    for high in (*np.linspace(0.05, 0.95, 19), top):
        if excess(float(high)) > 0:
            return float(brentq(excess, low, float(high), xtol=1e-12))
        low = float(high)
    return 1.0


def infer(data: Any, fit: Fit, *, centred: bool = False, level: float = LEVEL) -> Inference:
    """Test error, noise and unbiased weights, from a fit and the data it was trained on.

    Parameters
    ----------
    data : Dataset or pair (X, y)
        What `fit` was trained on, shapes (n, d) and (n,). The theory behind is for columns of mean zero and unit
        variance; for the quadratic network also uncorrelated ones.
    fit : Fit
        At its training minimum: the estimate is only as good as ``fit.gap``.
    centred : bool
        Whether the mean was taken off the labels (one more fitted number).
    level : float
        Of the intervals.

    Returns
    -------
    Inference

    Raises
    ------
    InvalidArgument
        If data and fit do not belong together.
    EstimateUndefined
        If the network interpolates the data: the residual then holds no information.
    """
    if isinstance(level, bool) or not isinstance(level, (int, float)) or not 0 < level < 1:
        raise InvalidArgument("level", level, "must be a number between 0 and 1, such as 0.9")
    check_instance("fit", fit, Fit)
    inputs, labels = check_data(*as_pair(data), device=None)
    rows, d = inputs.shape
    n = rows - int(centred)
    if n < 2:
        raise InvalidArgument("X", f"{rows} rows", "an estimate of the test error needs at least 3")
    quadratic = isinstance(fit.weights, LowRankPSD)
    if (fit.weights.dim if isinstance(fit.weights, LowRankPSD) else fit.weights.size) != d:
        raise InvalidArgument("X", f"{d} columns", "must be the data that the fit was trained on")
    operator = operator_for(fit.network, inputs)
    residual = labels - operator.output(fit.weights)
    if isinstance(fit.weights, LowRankPSD):
        field_ = operator.adjoint(residual) * (d / (2 * n))  # G, with n/d^2 = alpha
        share, unbiased_of, learned = _quadratic_share(fit, field_, n, d)
    else:
        share, learned = np.count_nonzero(fit.weights) / n, np.asarray(fit.weights)
    found = float(residual @ residual) / rows
    if abs(found - fit.train_error) > 0.01 * max(fit.train_error, found) + 1e-12 * float(labels @ labels) / rows:
        raise InvalidArgument(
            "data",
            f"train error {found:.4g}",
            f"the weights had {fit.train_error:.4g} when trained: they were trained on other data",
        )
    if share >= 1 - LEAST_SLACK:
        raise EstimateUndefined(
            "the network interpolates its data (as many degrees of freedom as samples): the training residual says "
            "nothing about the test error; use a larger weight decay"
        )
    adjusted = residual / (1 - share)
    error = float(adjusted @ adjusted) / n
    relative = relative_standard_error(adjusted, n, share, fit.network)
    if quadratic:
        relative = float(np.hypot(relative, DRIFT * d / n))
        dof = share * n
        scale = np.sqrt(error * d**2 / (4 * n))
        unbiased = unbiased_of(share)
        zeta = (fit.penalty or 0.0) * d**2 / (4 * n * (1 - share))
        eigenvalues = np.linalg.eigvalsh(unbiased)[::-1].copy()
        full = np.zeros(d)
        full[: learned.size] = learned
        learned = full
        divergence = 2 * dof / d**2
        noise_energy = scale**2 * (1 + 1 / d)
        second = float(np.square(eigenvalues).sum()) / d
        # S and U share their eigenvectors, in the same order of eigenvalues.
        distance = float(np.square(eigenvalues - learned).sum()) / d
        energy = second - noise_energy
        risk = 2 * (distance - noise_energy + 2 * scale**2 * divergence)
        # Fluctuations: of the noise's own energy, of its overlap with the teacher, and of the noise scale.
        energy_error = np.sqrt(
            4 * scale**4 / d**2 + 8 * scale**2 * max(energy, 0.0) / d**2 + (noise_energy * relative) ** 2
        )
        risk_error = 2 * np.sqrt(
            4 * scale**4 / d**2 * (1 - divergence) ** 2 + (scale**2 * (1 - 2 * divergence) * relative) ** 2
        )
        # Theory's own drift at finite size, as far as simulations show it.
        risk_error = np.hypot(risk_error, 0.5 * abs(risk) * np.sqrt(d / n))
    else:
        assert isinstance(fit.weights, np.ndarray)
        dof = share * n
        scale = np.sqrt(error / n)
        unbiased, eigenvalues = fit.weights + operator.adjoint(residual) / (n - dof), None
        zeta = fit.weight_decay * np.sqrt(d) / (n - dof)
        second = float(unbiased @ unbiased)
        energy = second - d * scale**2
        risk = float(np.square(fit.weights - unbiased).sum()) - d * scale**2 + 2 * scale**2 * dof
        energy_error = np.sqrt(2 * d * scale**4 + 4 * scale**2 * max(energy, 0.0) + (d * scale**2 * relative) ** 2)
        risk_error = np.sqrt(2 * d * scale**4 + (scale**2 * (d - 2 * dof) * relative) ** 2)
    risk_estimate = Estimate.normal(min(max(risk, 0.0), error), float(risk_error), minimum=0.0, level=level)
    return Inference(
        network=fit.network,
        samples=n,
        dim=d,
        weight_decay=fit.weight_decay,
        penalty=fit.penalty,
        degrees_of_freedom=float(dof),
        train_error=float(residual @ residual) / rows,
        test_error=Estimate.positive(error, relative, level=level),
        noise_scale=float(scale),
        threshold=float(zeta),
        unbiased=unbiased,
        eigenvalues=eigenvalues,
        learned=learned,
        excess_risk=risk_estimate,
        noise=Estimate.normal(
            error - risk_estimate.value, float(np.hypot(error * relative, risk_error)), minimum=0.0, level=level
        ),
        energy=Estimate.normal(max(energy, 0.0), float(energy_error), minimum=0.0, level=level),
        residuals=adjusted,
        width=fit.width if quadratic and fit.width is not None and fit.width < d else None,
    )


def _quadratic_share(fit: Fit, field_: FloatArray, n: int, d: int) -> tuple[float, Any, FloatArray]:
    """Share of degrees of freedom, ``U`` as a function of it, and the learned eigenvalues."""
    assert isinstance(fit.weights, LowRankPSD)
    factor = fit.weights.factor
    if factor.shape[1]:
        basis, singular, _ = np.linalg.svd(factor, full_matrices=True)
        kept = int((singular > 1e-7 * singular[0]).sum())
        values, others = singular[:kept] ** 2, basis[:, kept:]
    else:
        values, others = np.zeros(0), np.eye(d)
    ceiling = (fit.penalty or 0.0) * d**2 / (4 * n)
    below = np.linalg.eigvalsh(others.T @ field_ @ others) if others.shape[1] else np.zeros(0)
    gaps = ceiling - below
    # A width that cuts off more than the threshold does leaves modes beyond the threshold unlearned.
    limited = fit.width is not None and fit.width < d
    share = effective_share(values, gaps if limited else np.maximum(gaps, 0.0), n, d)
    matrix = fit.weights.matrix()
    return share, (lambda s: matrix + field_ / (1 - s)), values
