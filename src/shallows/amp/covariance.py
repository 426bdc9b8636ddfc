"""Message passing for Gaussian inputs with a covariance: on whitened inputs, where thresholds have costs.

In ``M = Sigma^(1/2) S Sigma^(1/2)`` or ``phi = Sigma^(1/2) theta``, along the eigenvectors of ``Sigma``, inputs are
white and the penalty has a cost along each direction (theory note, section 13): the iteration is that of white inputs
with the prox of the costed penalty as its denoiser.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from scipy.optimize import brentq

from ..denoisers import Denoised, Denoiser
from ..errors import InvalidArgument, NotSupported
from ..operators import is_tensor
from ..state_evolution import COVARIANCE_EVOLUTIONS, moments, silencing_threshold
from .models import COVARIANCE_MODELS
from .threshold_policies import Observations, Policy

if TYPE_CHECKING:
    from .._types import FloatArray
    from ..problems import Problem

#: Relative accuracy of a threshold.
ACCURACY = 1e-10


class Whitening:
    """A problem in the coordinates where its inputs are white, along the eigenvectors of their covariance.

    Parameters
    ----------
    problem : Problem
        Of a Gaussian design with a covariance.

    Attributes
    ----------
    network_model : CovarianceModel
    costs : ndarray, shape (d,)
        Of the threshold along each direction.
    truth : ndarray, shape (d,) or (d, d)
        The teacher's effective weights.

    Raises
    ------
    NotSupported
        For a network without message passing for such inputs, one narrower than its inputs, weights that the
        covariance mixes where they are no matrix, and directions without variance.
    """

    def __init__(self, problem: Problem) -> None:
        network, design = problem.architecture, problem.design
        self.network_model = COVARIANCE_MODELS.of(network)
        covariance = design.covariance(network, problem.dim)
        assert covariance is not None
        self.vectors: FloatArray | None = None
        variances = covariance
        if covariance.ndim == 2:
            if not network.is_matrix:
                allowed = f"message passing of the {network.name} network needs inputs that do not mix its weights"
                raise NotSupported("design", design.describe(), allowed)
            variances, self.vectors = np.linalg.eigh(covariance)
        if not problem.is_convex:
            raise NotSupported("width", problem.width, f"inputs with a covariance need at least dim = {problem.dim}")
        if not variances.min() > 1e-12 * variances.max():
            allowed = "message passing needs variance in every direction; train and predict do not"
            raise NotSupported("design", design.describe(), allowed)
        self.scales = np.sqrt(variances)
        self.costs = COVARIANCE_EVOLUTIONS.of(network).costs(variances)
        given = design.weights(network, problem.teacher)
        self.truth = self.weights(network.dense(given) if network.is_weights(given) else np.asarray(given))

    def inputs(self, inputs: Any) -> Any:
        """Whitened inputs, of the same shape, where they are."""
        matrix = 1 / self.scales if self.vectors is None else self.vectors / self.scales
        sent = inputs.new_tensor(matrix) if is_tensor(inputs) else matrix
        return inputs * sent if self.vectors is None else inputs @ sent

    def weights(self, weights: FloatArray) -> FloatArray:
        """Effective weights as white inputs need them, both as arrays."""
        if weights.ndim == 1:
            return self.scales * weights
        turned = weights if self.vectors is None else self.vectors.T @ weights @ self.vectors
        return self.scales[:, None] * turned * self.scales

    def unwhitened(self, weights: FloatArray) -> FloatArray:
        """The inverse of :meth:`weights`."""
        if weights.ndim == 1:
            return weights / self.scales
        turned = weights / np.outer(self.scales, self.scales)
        return turned if self.vectors is None else self.vectors @ turned @ self.vectors.T


@dataclass(frozen=True, eq=False)
class CostedThreshold(Denoiser):
    """The prox of the costed penalty at one threshold, of one problem."""

    threshold: float
    whitening: Whitening
    network: ClassVar[str] = ""
    proximal: ClassVar[bool] = True

    def apply(self, observed: FloatArray, noise_scale: float) -> Denoised:
        return self.whitening.network_model.shrink(observed, self.threshold, self.whitening.costs)

    def moments(self, problem: Problem, noise_scale: float) -> tuple[float, float]:
        return moments(problem, noise_scale, self.threshold)

    @classmethod
    def default(cls, problem: Problem, noise_scale: float) -> CostedThreshold:
        return cls(noise_scale, Whitening(problem))


@dataclass(frozen=True, eq=False)
class PenaltyWithCosts(Policy):
    """The threshold that solves ``zeta (N - D) = L`` with costs: on the observations, and in state evolution."""

    strength: float
    whitening: Whitening

    def denoiser(self, seen: Observations) -> CostedThreshold:
        constraints = self._constraints(seen)
        costs, freedom = self.whitening.costs, self.whitening.network_model.freedom

        def excess(zeta: float) -> float:
            return zeta * (constraints - freedom(seen.values, zeta, costs)) - self.strength

        largest = float(np.linalg.norm(seen.values)) / float(costs.min())
        return CostedThreshold(self._root(excess, largest + 2 * self.strength / constraints), self.whitening)

    def divergence(self, rule: Denoiser, measured: float, seen: Observations) -> float:
        # As for white inputs: at a jump of D the share of it that solves the equation is right.
        assert isinstance(rule, CostedThreshold)
        return self._constraints(seen) - self.strength / rule.threshold

    def predicted(self, problem: Problem, noise_scale: float) -> CostedThreshold:
        constraints = problem.architecture.constraints(problem.samples, problem.dim)

        def excess(zeta: float) -> float:
            return zeta * (constraints - moments(problem, noise_scale, zeta)[1]) - self.strength

        high = silencing_threshold(problem, noise_scale) + 2 * self.strength / constraints
        return CostedThreshold(self._root(excess, high), self.whitening)

    def _root(self, excess: Any, high: float) -> float:
        if not excess(high) > 0:
            raise InvalidArgument("penalty", self.strength, "no threshold has this penalty on these data")
        return float(brentq(excess, 0.0, high, xtol=ACCURACY * high * 1e-3, rtol=ACCURACY))

    def _constraints(self, seen: Observations) -> float:
        samples = seen.samples / seen.network.labels_per_sample
        return float(seen.network.constraints(samples, seen.values.shape[0]))
