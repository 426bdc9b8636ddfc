"""One learned mode."""

from __future__ import annotations

from dataclasses import asdict, dataclass


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
