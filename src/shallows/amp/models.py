"""What message passing, and the simulation of its observations, need of a network."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

from ..networks import Capability

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .._types import FloatArray
    from ..denoisers import Denoised


class Model(ABC):
    """One network's weights, taken apart into the modes that a denoiser works on, and put together again.

    Examples
    --------
    >>> import numpy as np
    >>> from shallows.amp import MODELS
    >>> from shallows.operators import operator_for
    >>> operator, model = operator_for("quadratic", np.eye(2)), MODELS.of("quadratic")
    >>> modes, basis = model.decompose(np.array([[0.0, 2.0], [2.0, 0.0]]), operator)
    >>> modes
    array([-2.,  2.])
    >>> weights, outputs = model.compose(np.array([0.0, 2.0]), basis, operator)
    >>> weights.round(12)
    array([[1., 1.],
           [1., 1.]])
    """

    #: Share of the new estimate that is mixed in where none is asked for.
    damping: ClassVar[float]

    @abstractmethod
    def replicas(self, samples: int, dim: int) -> int:
        """Data sets that correct the prediction for finite size, where no number is asked for."""

    @abstractmethod
    def decompose(self, observed: FloatArray, operator: Any) -> tuple[FloatArray, Any]:
        """Modes (d,) of the observations, and the basis that they belong to."""

    @abstractmethod
    def compose(self, modes: FloatArray, basis: Any, operator: Any) -> tuple[FloatArray, FloatArray]:
        """Effective weights of the modes as an array, and the network's outputs (n,)."""


class Simulation(ABC):
    """Observations of one network at a problem's own dimension, with noise of a given covariance in time.

    Examples
    --------
    >>> import numpy as np
    >>> from shallows.amp import SIMULATIONS
    >>> simulation = SIMULATIONS.of("quadratic")
    >>> simulation.teacher(np.array([2.0, 1.0]))
    array([[2., 0.],
           [0., 1.]])
    >>> simulation.copies(dim=100)
    4
    """

    @abstractmethod
    def needed(self, dim: int, mixes: Sequence[float]) -> bool:
        """Whether overlaps of errors are simulated; they are taken to be nested otherwise."""

    @abstractmethod
    def teacher(self, modes: FloatArray) -> FloatArray:
        """The teacher's effective weights with these modes along the coordinates, as an array."""

    @abstractmethod
    def copies(self, dim: int) -> int:
        """Independent observations to take averages over."""

    @abstractmethod
    def noise(self, rng: Any, shape: tuple[int, ...]) -> FloatArray:
        """Noise of unit scale, of the `shape` of all copies."""

    @abstractmethod
    def denoise(self, apply: Callable[[FloatArray, float], Denoised], observed: FloatArray, scale: float) -> FloatArray:
        """Estimates of all copies."""

    @abstractmethod
    def fourth_cumulant(self, error: FloatArray) -> float:
        """Of the outputs of the errors of all copies, in Gaussian inputs."""


class CovarianceModel(ABC):
    """Message passing of one network on whitened inputs, where the threshold of each direction has a cost of its own.

    Examples
    --------
    >>> import numpy as np
    >>> from shallows.amp import COVARIANCE_MODELS
    >>> estimate = COVARIANCE_MODELS.of("diagonal").shrink(np.array([3.0, 1.0]), 1.0, costs=np.array([0.5, 2.0]))
    >>> estimate.values, estimate.divergence
    (array([2.5, 0. ]), 1.0)
    """

    #: What takes the observations as they are, without modes, and puts estimates together.
    model: ClassVar[Model]
    simulation: ClassVar[Simulation]

    @abstractmethod
    def shrink(self, observed: FloatArray, threshold: float, costs: FloatArray) -> Denoised:
        """Estimate, of the shape of `observed`, (d,) or (d, d), by the prox of the penalty with these `costs` (d,)."""

    @abstractmethod
    def freedom(self, observed: FloatArray, threshold: float, costs: FloatArray) -> float:
        """Its divergence alone."""

    def modes(self, observed: FloatArray) -> FloatArray:
        """Modes of the observations, shape (d,)."""
        return observed


#: For each network, its :class:`CovarianceModel`.
COVARIANCE_MODELS: Capability[CovarianceModel] = Capability("message passing for inputs with a covariance")
#: For each network, its :class:`Model`.
MODELS: Capability[Model] = Capability("message passing")
#: For each network, its :class:`Simulation`.
SIMULATIONS: Capability[Simulation] = Capability("simulated observations")
