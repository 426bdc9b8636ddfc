"""A number with its uncertainty."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

#: Probability that intervals are meant to cover.
LEVEL = 0.9


def reach(level: float) -> float:
    """Half the width of an interval of a normal number, in standard errors."""
    return float(ndtri(0.5 + level / 2))


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

    Examples
    --------
    >>> from shallows.inference import Estimate
    >>> estimate = Estimate.positive(2.0, 0.1)
    >>> round(estimate.low, 3), round(estimate.high, 3)
    (1.697, 2.358)
    >>> estimate.covers(2.2)
    True
    """

    value: float
    standard_error: float
    low: float
    high: float
    level: float = LEVEL

    @classmethod
    def normal(cls, value: float, standard_error: float, *, minimum: float = -np.inf, level: float = LEVEL) -> Estimate:
        """Symmetric interval, cut at `minimum`."""
        far = reach(level) * standard_error
        return cls(float(value), float(standard_error), max(value - far, minimum), max(value + far, minimum), level)

    @classmethod
    def positive(cls, value: float, relative: float, *, level: float = LEVEL) -> Estimate:
        """Interval symmetric in the logarithm; `relative` is the standard error over the value."""
        factor = float(np.exp(reach(level) * relative))
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
