"""Message passing of the diagonal network: each weight is a mode of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..denoisers import Denoised
from .models import COVARIANCE_MODELS, MODELS, SIMULATIONS, CovarianceModel, Model, Simulation

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .._types import FloatArray

#: Weights that are simulated at least, over all copies.
SIMULATED = 1 << 15


class DiagonalModel(Model):
    """Weights are their own modes, and nothing oscillates."""

    damping = 1.0

    def replicas(self, samples: int, dim: int) -> int:
        return 0

    def decompose(self, observed: FloatArray, operator: Any) -> tuple[FloatArray, None]:
        return observed, None

    def compose(self, modes: FloatArray, basis: None, operator: Any) -> tuple[FloatArray, FloatArray]:
        return modes, operator.output_of_modes(modes)


class DiagonalSimulation(Simulation):
    """Without memory, closed forms are enough."""

    def needed(self, dim: int, mixes: Sequence[float]) -> bool:
        return min(mixes, default=1.0) < 1

    def teacher(self, modes: FloatArray) -> FloatArray:
        return modes

    def copies(self, dim: int) -> int:
        return max(1, SIMULATED // dim)

    def noise(self, rng: Any, shape: tuple[int, ...]) -> FloatArray:
        return np.asarray(rng.standard_normal(shape))

    def denoise(self, apply: Callable[[FloatArray, float], Denoised], observed: FloatArray, scale: float) -> FloatArray:
        return np.array([apply(copy, scale).values for copy in observed])

    def fourth_cumulant(self, error: FloatArray) -> float:
        return 0.0


class DiagonalCovarianceModel(CovarianceModel):
    """A threshold for each weight."""

    model, simulation = DiagonalModel(), DiagonalSimulation()

    def shrink(self, observed: FloatArray, threshold: float, costs: FloatArray) -> Denoised:
        sizes = np.abs(observed) - threshold * costs
        values = np.where(sizes > 0, np.sign(observed) * sizes, 0.0)
        return Denoised(values, float(np.count_nonzero(values)))

    def freedom(self, observed: FloatArray, threshold: float, costs: FloatArray) -> float:
        return float(np.count_nonzero(np.abs(observed) > threshold * costs))


COVARIANCE_MODELS.register("diagonal")(DiagonalCovarianceModel())
MODELS.register("diagonal", "deep_diagonal")(DiagonalModel())
SIMULATIONS.register("diagonal", "deep_diagonal")(DiagonalSimulation())
