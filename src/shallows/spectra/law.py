"""What the laws of both networks' learned weights have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from ..problems import Problem


@dataclass(frozen=True)
class Outlier:
    """A mode of the teacher that stands out of the noise in the learned weights.

    Attributes
    ----------
    teacher : float
        The teacher's mode: ``s`` (quadratic) or ``|theta*|`` (diagonal).
    multiplicity : float
        How many modes of the teacher it stands for (not an integer in a compressed teacher).
    learned : float
        Where it shows in the learned weights: ``nu - zeta`` (quadratic), ``|theta*| - zeta`` (diagonal).
    overlap : float
        Quadratic network: squared overlap ``1 - delta^2/s^2`` of the learned with the true direction.
        Diagonal network: probability that the weight is not zero.
    """

    teacher: float
    multiplicity: float
    learned: float
    overlap: float

    def to_dict(self) -> dict[str, float]:
        """JSON-ready."""
        return asdict(self)


@dataclass(frozen=True)
class LearnedLaw(ABC):
    """Law of the learned weights: a mass at zero, a bulk of learned noise, and outliers.

    Parameters
    ----------
    problem : Problem
    noise_scale, threshold : float
        ``tau`` or ``delta``, and ``zeta``; both ``>= 0``.
    """

    problem: Problem
    noise_scale: float
    threshold: float

    @property
    @abstractmethod
    def mass_at_zero(self) -> float:
        """Share of weights (eigenvalues) that are exactly zero."""

    @property
    @abstractmethod
    def bulk(self) -> tuple[float, float] | None:
        """Interval of learned noise, or None where nothing of it is left."""

    @property
    @abstractmethod
    def outliers(self) -> tuple[Outlier, ...]:
        """Learned modes, largest first."""

    @abstractmethod
    def density(self, x: ArrayLike) -> NDArray[Any]:
        """Density at `x` of the learned weights other than zero; integrates to ``1 - mass_at_zero``."""

    def rank_positions(self, ranks: NDArray[Any]) -> NDArray[Any]:
        """Predicted size of the `ranks`-th largest learned weight, 0 where none is left, shape of `ranks`.

        The median position: where the expected number of larger weights is ``rank - 1/2``.
        """
        if self.noise_scale == 0.0:
            spectrum = self.problem.spectrum
            tops = np.cumsum(spectrum.multiplicities)
            places = np.searchsorted(tops, ranks - 0.5)
            kept = np.maximum(spectrum.values[np.minimum(places, tops.size - 1)] - self.threshold, 0.0)
            return np.where(ranks <= self.problem.effective_width, kept, 0.0)
        return self._noisy_rank_positions(ranks)

    @abstractmethod
    def _noisy_rank_positions(self, ranks: NDArray[Any]) -> NDArray[Any]:
        """:meth:`rank_positions` where there is noise."""

    @property
    def outlier_count(self) -> float:
        """Number of learned modes, with multiplicity."""
        return sum(o.multiplicity for o in self.outliers)

    def to_dict(self, most: int = 50) -> dict[str, Any]:
        """JSON-ready summary with at most `most` outliers."""
        return {
            "mass_at_zero": self.mass_at_zero,
            "bulk": None if self.bulk is None else list(self.bulk),
            "outliers": [o.to_dict() for o in self.outliers[:most]],
            "outlier_count": self.outlier_count,
        }
