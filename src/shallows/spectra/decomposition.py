"""The four-term decomposition of the excess risk (theory note, section 6; arXiv 2509.24882)."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Decomposition:
    """Where the excess risk comes from; the four terms add up to it.

    Attributes
    ----------
    overfitting : float
        Learned noise: energy of the learned weights inside the bulk, ``>= 0``.
    underfitting : float
        Energy of the teacher's modes that stay in the bulk, ``>= 0``.
    approximation : float
        Error on the learned modes (shrinkage and rotation), ``>= 0``.
    alignment : float
        Signal hidden in the bulk that the learned noise happens to fit, ``<= 0``.

    Examples
    --------
    >>> from shallows import PowerLaw, Problem, predict
    >>> problem = Problem("quadratic", PowerLaw(dim=400, gamma=1.25), samples=26515, noise=0.1)
    >>> prediction = predict(problem, weight_decay=0.02)
    >>> {name: round(term, 3) for name, term in prediction.decomposition.to_dict().items()}
    {'overfitting': 0.092, 'underfitting': 0.041, 'approximation': 0.035, 'alignment': -0.036}
    >>> abs(prediction.decomposition.total / prediction.excess_risk - 1) < 1e-9
    True
    """

    overfitting: float
    underfitting: float
    approximation: float
    alignment: float

    @property
    def total(self) -> float:
        """Sum of the four terms."""
        return math.fsum((self.overfitting, self.underfitting, self.approximation, self.alignment))

    def to_dict(self) -> dict[str, float]:
        """JSON-ready."""
        return asdict(self)
