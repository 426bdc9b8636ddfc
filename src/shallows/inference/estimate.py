"""A number with its uncertainty."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtri

from .._display import Displayed, Summary
from .._numbers import span_of

if TYPE_CHECKING:
    from .._types import FloatArray

#: Probability that intervals are meant to cover.
LEVEL = 0.9
#: What the excess kurtosis of a sample is multiplied by: heavy tails show only some of theirs.
TAIL_ALLOWANCE = 1.5


def reach(level: float) -> float:
    """Half the width of an interval of a normal number, in standard errors."""
    return float(ndtri(0.5 + level / 2))


def excess_kurtosis(errors: FloatArray) -> float:
    """Kurtosis of errors beyond that of normal ones, 0 where chance explains it.

    The sample's own is low for heavy tails, so what exceeds chance counts :data:`TAIL_ALLOWANCE` times.
    """
    square = np.square(errors)
    mean = float(square.mean())
    if mean <= 0:
        return 0.0
    excess = float(np.square(square).mean()) / mean**2 - 3
    if excess < 3 * np.sqrt(24 / errors.size):
        return 0.0
    return TAIL_ALLOWANCE * excess


@dataclass(frozen=True, repr=False)
class Estimate(Displayed):
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

    @property
    def in_words(self) -> str:
        """Value and interval as people read them.

        >>> Estimate.normal(2.0, 0.1).in_words
        '2 (1.84 to 2.16)'
        """
        return span_of(self.value, self.low, self.high)

    def _summary(self) -> Summary:
        return Summary("Estimate", [("", self.in_words), ("level", f"{100 * self.level:g} %")])

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
