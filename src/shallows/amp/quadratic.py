"""Message passing of the quadratic network: modes are eigenvalues, in the eigenvectors of the observation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..denoisers import Denoised
from ..denoisers.divergence import soft_divergence
from .models import COVARIANCE_MODELS, MODELS, SIMULATIONS, CovarianceModel, Model, Simulation

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .._types import FloatArray

#: Replicas where none are asked for, while a data set holds at most so many numbers.
REPLICAS, REPLICA_NUMBERS = 4, 1 << 24
#: Up to this dimension the overlaps of errors at different times are simulated; above, they are taken to be nested.
MOST_SIMULATED = 1500
#: Eigenvalues that are simulated at least, over all copies.
SIMULATED = 400


class QuadraticModel(Model):
    """The trace direction oscillates without damping."""

    damping = 0.6

    def replicas(self, samples: int, dim: int) -> int:
        return REPLICAS if samples * dim <= REPLICA_NUMBERS else 0

    def decompose(self, observed: FloatArray, operator: Any) -> tuple[FloatArray, FloatArray]:
        values, vectors = operator.eigh(observed)
        return values, vectors

    def compose(self, modes: FloatArray, basis: FloatArray, operator: Any) -> tuple[FloatArray, FloatArray]:
        learned = modes != 0
        factor, signs = basis[:, learned] * np.sqrt(np.abs(modes[learned])), np.sign(modes[learned])
        return (factor * signs) @ factor.T, operator.forward_factor(factor, signs)


class QuadraticSimulation(Simulation):
    """Matrices of the Gaussian orthogonal ensemble about the teacher."""

    def needed(self, dim: int, mixes: Sequence[float]) -> bool:
        return dim <= MOST_SIMULATED

    def teacher(self, modes: FloatArray) -> FloatArray:
        return np.diag(modes)

    def copies(self, dim: int) -> int:
        return max(1, SIMULATED // dim)

    def noise(self, rng: Any, shape: tuple[int, ...]) -> FloatArray:
        draw = rng.standard_normal(shape)
        return np.asarray((draw + draw.transpose(0, 2, 1)) / np.sqrt(2 * shape[-1]))

    def denoise(self, apply: Callable[[FloatArray, float], Denoised], observed: FloatArray, scale: float) -> FloatArray:
        values, vectors = np.linalg.eigh(observed)
        images = np.array([apply(copy, scale).values for copy in values])
        return (vectors * images[:, None, :]) @ vectors.transpose(0, 2, 1)

    def fourth_cumulant(self, error: FloatArray) -> float:
        copies, dim = error.shape[:2]
        squares = error @ error
        return 48 * float(np.vdot(squares, squares)) / (copies * dim**2)


class MatrixModel(QuadraticModel):
    """The observed matrix as a whole: its estimate has other eigenvectors."""

    def decompose(self, observed: FloatArray, operator: Any) -> tuple[FloatArray, FloatArray]:
        return observed, observed

    def compose(self, modes: FloatArray, basis: FloatArray, operator: Any) -> tuple[FloatArray, FloatArray]:
        return modes, operator.forward(modes)


class MatrixSimulation(QuadraticSimulation):
    """The same for simulated observations."""

    def denoise(self, apply: Callable[[FloatArray, float], Denoised], observed: FloatArray, scale: float) -> FloatArray:
        return np.array([apply(copy, scale).values for copy in observed])


class QuadraticCovarianceModel(CovarianceModel):
    """The positive part of the observed matrix less a multiple of the costs (theory note, section 13)."""

    model, simulation = MatrixModel(), MatrixSimulation()

    def shrink(self, observed: FloatArray, threshold: float, costs: FloatArray) -> Denoised:
        values, vectors = np.linalg.eigh(observed - np.diag(threshold * costs))
        learned = vectors[:, values > 0]
        return Denoised((learned * values[values > 0]) @ learned.T, soft_divergence(values, 0.0))

    def freedom(self, observed: FloatArray, threshold: float, costs: FloatArray) -> float:
        values = np.asarray(np.linalg.eigvalsh(observed - np.diag(threshold * costs)), dtype=float)
        return soft_divergence(values, 0.0)

    def modes(self, observed: FloatArray) -> FloatArray:
        return np.asarray(np.linalg.eigvalsh(observed))


COVARIANCE_MODELS.register("quadratic", "attention")(QuadraticCovarianceModel())
MODELS.register("quadratic", "attention", "deep_quadratic")(QuadraticModel())
SIMULATIONS.register("quadratic", "attention", "deep_quadratic")(QuadraticSimulation())
