"""How what a teacher would look like behind its noise is compared with what was seen: one file per network does it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

from ..networks import Capability

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np

    from .._types import FloatArray
    from ..teachers import PowerLaw

#: Exponents searched.
SMALLEST_GAMMA, LARGEST_GAMMA = 0.51, 6.0


class TeacherFit(ABC):
    """How a power-law teacher, with parameters ``(gamma, energy)``, is fitted to a network's unbiased weights."""

    #: Refits on synthetic weights spread less than refits on new data: simulations of training show this much less.
    calibration: ClassVar[float]

    @abstractmethod
    def fit(self, observed: FloatArray, noise_scale: float, dim: int, start: FloatArray) -> FloatArray:
        """Parameters, shape (2,), from the `observed` unbiased weights (d,), searched from `start`."""

    @abstractmethod
    def simulate(self, teacher: PowerLaw, noise_scale: float, generator: np.random.Generator) -> FloatArray:
        """Unbiased weights as :attr:`Inference.observed` has them, of a teacher seen through this noise."""

    @abstractmethod
    def likelihood(self, observed: FloatArray, dim: int) -> tuple[FloatArray, Callable[[FloatArray], float]]:
        """Ranks, and the log-likelihood of sizes of the teacher's weights at them.

        Of the `observed` unbiased weights, everything in units of their noise scale.
        """

    @abstractmethod
    def freedom_error(self, found: float, predicted: float, dim: int) -> float:
        """Rough standard error of the difference of found and predicted degrees of freedom."""


#: For each network, its :class:`TeacherFit`.
TEACHER_FITS: Capability[type[TeacherFit]] = Capability("fit of a power-law teacher")
