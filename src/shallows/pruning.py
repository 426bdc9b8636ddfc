"""Pruning: remove the bulk of learned noise from an under-regularised network (theory note, section 10).

Whatever weight decay a network was trained with, what it learned is teacher plus noise of a scale that its own
residuals give away. Modes that noise of this scale would produce on its own are dropped; nothing is tuned.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ._arguments import check_instance
from .denoisers import HardThreshold, SpectralHardThreshold, spectral_divergence
from .errors import EstimateUndefined, InvalidArgument
from .inference import Estimate, Inference, fit_teacher
from .networks import network_named
from .operators import check_data, operator_for
from .problems import Problem
from .training import Fit
from .weights import LowRankPSD

if TYPE_CHECKING:
    from ._types import FloatArray
    from .teachers import Teacher

#: What becomes of the modes that stay: as trained, or at the size that is best for their noise.
Values = Literal["shrunk", "kept"]
#: Steps of message passing that refine a pruned network, and their damping.
STEPS, DAMPING = 20, 0.6


@dataclass(frozen=True, eq=False)
class Pruned:
    """A pruned network and what it gained. Units of the theory note, section 1.

    Attributes
    ----------
    network : {"diagonal", "quadratic"}
    weights : ndarray, shape (d,), or LowRankPSD
    threshold : float
        ``c``: weights are kept whose unbiased value is beyond it.
    values : {"shrunk", "kept", "refined"}
        ``"refined"``: shrunk, and freed of the noise that the dropped modes made.
    features_before, features_after : int
        Active weights, or rank.
    test_error_before, test_error : Estimate
        From the training data alone.
    excess_risk_before, excess_risk : float
        Estimated, without a teacher.
    predicted_excess_risk : float or None
        Theory at the fitted power-law teacher (``values="kept"`` only); None where none can be fitted.
    """

    network: str
    weights: FloatArray | LowRankPSD
    threshold: float
    values: str
    features_before: int
    features_after: int
    test_error_before: Estimate
    test_error: Estimate
    excess_risk_before: float
    excess_risk: float
    predicted_excess_risk: float | None

    @property
    def sparsity(self) -> float:
        """Share of the learned features that were dropped."""
        return 1 - self.features_after / self.features_before if self.features_before else 0.0

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready, without the weights."""
        return {
            "network": self.network,
            "threshold": self.threshold,
            "values": self.values,
            "features_before": self.features_before,
            "features_after": self.features_after,
            "sparsity": self.sparsity,
            "test_error_before": self.test_error_before.to_dict(),
            "test_error": self.test_error.to_dict(),
            "excess_risk_before": self.excess_risk_before,
            "excess_risk": self.excess_risk,
            "predicted_excess_risk": self.predicted_excess_risk,
        }


def noise_edge(inference: Inference) -> float:
    """The threshold ``c``: the largest that noise of the estimated scale produces by itself."""
    return network_named(inference.network).noise_edge(inference.noise_scale, inference.dim)


def prune(
    fit: Fit,
    inference: Inference,
    *,
    data: Any = None,
    threshold: float | None = None,
    values: Values = "shrunk",
) -> Pruned:
    """Drop learned modes that noise alone would produce.

    Parameters
    ----------
    fit : Fit
    inference : Inference
        Of this fit.
    data : Dataset or pair (X, y), optional
        What `fit` was trained on. The noise that the dropped modes made is still in the remaining ones; with the data
        it is taken out, by message passing (theory note, section 9) with pruning as its denoiser. ``"shrunk"`` only,
        with the default threshold, and where the width does not limit the rank.
    threshold : float, optional
        ``c``, at least the trained threshold; default :func:`noise_edge`.
    values : {"shrunk", "kept"}
        ``"kept"`` leaves the remaining modes as trained. ``"shrunk"`` sets each to the size that is best for the noise
        in it: ``s (1 - delta^2/s^2)`` for a mode `s` of the quadratic network (its overlap with the truth), the
        unbiased weight of the diagonal one.

    Returns
    -------
    Pruned

    Raises
    ------
    InvalidArgument
        If fit and inference do not belong together, or for unusable settings.
    """
    check_instance("fit", fit, Fit)
    check_instance("inference", inference, Inference)
    if fit.network != inference.network:
        raise InvalidArgument("inference", inference.network, f"must be of the {fit.network} network")
    if values not in ("shrunk", "kept"):
        raise InvalidArgument("values", values, 'must be "shrunk" or "kept"')
    if threshold is not None and not (np.isfinite(threshold) and threshold >= 0):
        raise InvalidArgument("threshold", threshold, "must be a finite number >= 0")
    cut = max(noise_edge(inference) if threshold is None else float(threshold), inference.threshold)
    try:
        teacher: Teacher | None = fit_teacher(inference)[0]
    except EstimateUndefined:
        teacher = None
    work = _prune_quadratic if inference.network == "quadratic" else _prune_diagonal
    weights, before, after, kept = work(inference, cut, values, teacher)
    if data is not None and threshold is None and values == "shrunk" and inference.width is None:
        refined = _refine(data, inference, weights)
        if refined is not None:
            return _refined(inference, *refined)
    change = after - before
    error = inference.test_error
    present = max(error.value + change, 1e-3 * error.value)
    predicted = None
    if teacher is not None and values == "kept":
        predicted = predicted_risk(teacher, inference, cut)
    return Pruned(
        network=inference.network,
        weights=weights,
        threshold=cut,
        values=values,
        features_before=inference.learned_features,
        features_after=kept,
        test_error_before=error,
        test_error=Estimate.positive(present, inference.relative_error, level=error.level),
        excess_risk_before=inference.excess_risk.value,
        excess_risk=max(inference.excess_risk.value + change, 0.0),
        predicted_excess_risk=predicted,
    )


def _refine(
    data: Any, inference: Inference, weights: FloatArray | LowRankPSD
) -> tuple[FloatArray | LowRankPSD, float, float, int] | None:
    """Message passing from the pruned weights with pruning as the denoiser.

    Weights, threshold, estimated test error and number of features; None where it does not settle below the error that
    it started from.
    """
    inputs, labels = check_data(*data, device=None)
    n, d = inputs.shape
    if n < inference.samples or d != inference.dim:
        raise InvalidArgument("data", f"{n} rows, {d} columns", "must be the data of the fit")
    # Before pruning, the same denoiser on the unbiased weights gives the first correction term.
    operator, quadratic = operator_for(inference.network, inputs), inference.network == "quadratic"
    network, residual = network_named(inference.network), inference.residuals
    state: FloatArray = weights.matrix() if isinstance(weights, LowRankPSD) else weights
    denoised, share, cut, kept = _denoise(inference.unbiased, inference.noise_scale, n)
    error = inference.test_error.value
    fitted = operator.forward(denoised)
    residual = labels - fitted + share * residual
    for _ in range(STEPS):
        scale = network.noise_scale(residual, d)
        if quadratic:
            denoised, share, cut, kept = _denoise(state + operator.adjoint(residual) * (d / (2 * n)), scale, n)
        else:
            denoised, share, cut, kept = _denoise(state + operator.adjoint(residual) / n, scale, n)
        fitted = operator.forward(denoised)
        following = labels - fitted + share * residual
        if not np.isfinite(following).all() or share >= 1:
            return None
        state = state + DAMPING * (denoised - state)
        residual = residual + DAMPING * (following - residual)
    error_after = float(residual @ residual) / n
    if not error_after < error:
        return None
    if not quadratic:
        return denoised, cut, error_after, kept
    values, vectors = np.linalg.eigh(denoised)
    top = values > 1e-10 * max(values[-1], 1e-300)
    return LowRankPSD(vectors[:, top] * np.sqrt(values[top])), cut, error_after, kept


def _denoise(noisy: FloatArray, scale: float, n: int) -> tuple[FloatArray, float, float, int]:
    """Pruned and shrunk, share of degrees of freedom, threshold, and number kept."""
    d = noisy.shape[0]
    if noisy.ndim == 2:
        x, vectors = np.linalg.eigh(noisy)
        cut = network_named("quadratic").noise_edge(scale, d)
        keep = x > cut
        f = np.where(keep, np.sqrt(np.maximum(x**2 - 4 * scale**2, 0.0)), 0.0)
        slope = np.where(keep, np.minimum(x / np.maximum(f, 1e-300), 3.0), 0.0)
        return (vectors * f) @ vectors.T, spectral_divergence(x, f, slope) * d**2 / (2 * n), float(cut), int(keep.sum())
    cut = network_named("diagonal").noise_edge(scale, d)
    keep = np.abs(noisy) > cut
    # The jump of the rule, met with the density of the noise.
    freedom = keep.sum() + 2 * d * (cut / scale if scale > 0 else 0.0) * np.exp(-np.log(max(d, 2))) / np.sqrt(2 * np.pi)
    return np.where(keep, noisy, 0.0), float(freedom / n), float(cut), int(keep.sum())


def _refined(inference: Inference, weights: FloatArray | LowRankPSD, cut: float, error: float, kept: int) -> Pruned:
    before = inference.test_error
    return Pruned(
        network=inference.network,
        weights=weights,
        threshold=cut,
        values="refined",
        features_before=inference.learned_features,
        features_after=kept,
        test_error_before=before,
        test_error=Estimate.positive(error, inference.relative_error, level=before.level),
        excess_risk_before=inference.excess_risk.value,
        excess_risk=max(inference.excess_risk.value + error - before.value, 0.0),
        predicted_excess_risk=None,
    )


def _prune_quadratic(
    inference: Inference, cut: float, values: str, teacher: Teacher | None
) -> tuple[LowRankPSD, float, float, int]:
    d, delta = inference.dim, inference.noise_scale
    x, vectors = np.linalg.eigh(inference.unbiased)
    x, vectors = x[::-1], vectors[:, ::-1]
    learned = inference.learned
    keep = (x > cut) & (learned > 0)
    new = np.where(keep, np.sqrt(np.maximum(x**2 - 4 * delta**2, 0.0)) if values == "shrunk" else learned, 0.0)
    slope = np.where(keep, x / np.maximum(new, 1e-300), 0.0) if values == "shrunk" else keep.astype(float)
    risks = []
    for f, derivative in ((learned, (learned > 0).astype(float)), (new, np.minimum(slope, d))):
        divergence = spectral_divergence(x, f, derivative)
        risks.append(2 * (np.square(f - x).sum() / d + 2 * delta**2 * divergence))
    factor = vectors[:, keep] * np.sqrt(new[keep])
    return LowRankPSD(factor), float(risks[0]), float(risks[1]), int(keep.sum())


def _prune_diagonal(
    inference: Inference, cut: float, values: str, teacher: Teacher | None
) -> tuple[FloatArray, float, float, int]:
    tau, u, zeta = inference.noise_scale, inference.unbiased, inference.threshold
    keep = (np.abs(u) > cut) & (inference.learned != 0)
    new = np.where(keep, u if values == "shrunk" else inference.learned, 0.0)
    jump = cut if values == "shrunk" else cut - zeta
    before = float(np.square(inference.learned - u).sum() + 2 * tau**2 * np.count_nonzero(inference.learned))
    # Stein's formula for a discontinuous rule: the jump counts with the density of the unbiased weights at the cut.
    crossing = 0.0
    if tau > 0:
        modes = np.zeros(u.size) if teacher is None else np.abs(teacher.values("diagonal"))
        density = np.exp(-0.5 * ((cut - modes) / tau) ** 2) + np.exp(-0.5 * ((cut + modes) / tau) ** 2)
        crossing = jump * float(density.sum()) / (tau * np.sqrt(2 * np.pi))
    after = float(np.square(new - u).sum() + 2 * tau**2 * (np.count_nonzero(keep) + crossing))
    return new, before, after, int(keep.sum())


def predicted_risk(teacher: Teacher, inference: Inference, cut: float) -> float:
    """Excess risk after pruning at `cut` that theory predicts for a known teacher, modes kept as trained.

    Theory note, section 10: ``f(x) = (x - zeta) 1[x > c]`` at the noise scale and threshold of the trained network.
    """
    scale, zeta = inference.noise_scale, inference.threshold
    problem = Problem(inference.network, teacher, inference.samples)
    spectrum = problem.spectrum
    if scale == 0:
        kept = np.where(spectrum.values > cut, zeta**2, spectrum.values**2)
        return float(spectrum.multiplicities @ kept) * (2 / inference.dim if inference.network == "quadratic" else 1.0)
    kind = SpectralHardThreshold if inference.network == "quadratic" else HardThreshold
    return problem.architecture.risk_per_error * kind(cut, zeta).moments(problem, scale)[0]
