"""Measured against predicted: how far apart, and what explains it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from .._display import Displayed, Summary, words
from .._distributions import student_ppf
from .._numbers import number

if TYPE_CHECKING:
    from .measurements import Statistic

#: A quantity predicted to vanish is met by anything below this share of its natural scale.
VANISHING = 1e-3
#: Relative differences below this are rounding and the trainers' tolerance.
ROUNDING = 1e-5
#: A 95 % interval wider than this, relative, says too little to call it agreement.
UNTOLD = 0.2
#: Fewer data sets say too little of their own scatter for a number of standard errors.
FEWEST_FOR_Z = 5
#: Two trainers agree if their objectives on the same data differ by at most this, relative.
AGREEMENT = 1e-4


class Outcome(Enum):
    """What explains the difference between measured and predicted.

    Examples
    --------
    >>> from shallows.verification import Outcome
    >>> Outcome.FINITE_SIZE.agrees, Outcome.UNEXPLAINED.agrees, Outcome.TOO_SMALL.agrees
    (True, False, None)
    """

    STATISTICAL = "statistical"
    FINITE_SIZE = "finite_size"
    TOO_SMALL = "too_small"
    UNDETERMINED = "undetermined"
    OTHER_MINIMUM = "other_minimum"
    UNEXPLAINED = "unexplained"

    @property
    def agrees(self) -> bool | None:
        """Whether measurement and prediction are compatible; None where this cannot be told.

        That is so for problems too small for theory to be quantitative, and for differences beyond the finite-size
        allowance of which too few data sets cannot tell whether they are chance. So it is for training that ended at
        another minimum than the one that theory is about.
        """
        if self in (Outcome.TOO_SMALL, Outcome.UNDETERMINED, Outcome.OTHER_MINIMUM):
            return None
        return self is not Outcome.UNEXPLAINED


@dataclass(frozen=True, repr=False)
class Comparison(Displayed):
    """One measured quantity beside its prediction.

    Attributes
    ----------
    predicted : float
    measured : Statistic
    relative_deviation : float or None
        ``(measured - predicted) / predicted``; None where zero is predicted.
    z : float or None
        ``(measured - predicted) / standard error``; None for fewer than 5 data sets, whose standard error is itself
        known to a third at best.
    critical : float or None
        The ``|z|`` that chance alone exceeds in 5 % of cases (Student's t, one degree of freedom less than data sets).
    half_width : float or None
        Of the 95 % interval of `relative_deviation` (Student's t); None without a standard error.
    allowance : float or None
        Relative finite-size allowance of the theory; None where the problem is too small to state one.
    outcome : Outcome

    Examples
    --------
    >>> from shallows.verification import Statistic, compare
    >>> print(compare(1.0, Statistic((1.03, 1.031, 1.029)), scale=1.0, allowance=0.05).sentence(effective_samples=50.0))
    is 3 % above the prediction, more than the statistical error explains, and within the finite-size allowance of 5 % \
at n_eff = 50 and the statistical error together
    """

    predicted: float
    measured: Statistic
    relative_deviation: float | None
    z: float | None
    critical: float | None
    half_width: float | None
    allowance: float | None
    outcome: Outcome

    def _summary(self) -> Summary:
        away = "" if self.relative_deviation is None else f"{100 * self.relative_deviation:+.2g} %"
        rows = [("measured", self.measured.in_words, away), ("predicted", number(self.predicted))]
        return Summary("Comparison", [*rows, ("explained by", words(self.outcome.value))])

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "predicted": self.predicted,
            "mean": self.measured.mean,
            "standard_error": self.measured.standard_error,
            "relative_deviation": self.relative_deviation,
            "z": self.z,
            "critical_z": self.critical,
            "relative_half_width": self.half_width,
            "allowance": self.allowance,
            "outcome": self.outcome.value,
            "agrees": self.outcome.agrees,
        }

    def sentence(self, effective_samples: float) -> str:
        """The comparison in words, to follow the name of the quantity."""
        if self.relative_deviation is None:
            words = "vanishes, as predicted" if self.outcome.agrees else "does not vanish, against the prediction"
            return f"{words} (measured {self.measured.mean:.2g})"
        size = abs(self.relative_deviation)
        if self.half_width is None and size < ROUNDING:
            return "is as predicted"
        away = f"is {percent(size)} {'above' if self.relative_deviation > 0 else 'below'} the prediction"
        n_eff = f"n_eff = {effective_samples:.4g}"
        count, interval = len(self.measured.values), None
        if self.half_width is not None:
            interval = f"95 % interval +-{percent(self.half_width)}"
        if self.outcome is Outcome.STATISTICAL:
            beside = "" if interval is None else f"; {interval}"
            return f"agrees with the prediction within the statistical error ({away[3:]}{beside})"
        if self.outcome is Outcome.UNDETERMINED and interval is not None:
            return f"{away}, which {count} data sets cannot tell from chance ({interval})"
        allowed = None if self.allowance is None else percent(self.allowance)
        beyond = "" if self.half_width is None else ", more than the statistical error explains"
        if self.outcome is Outcome.FINITE_SIZE:
            chance = "" if self.half_width is None else " and the statistical error together"
            return f"{away}{beyond}, and within the finite-size allowance of {allowed} at {n_eff}{chance}"
        if self.outcome is Outcome.UNDETERMINED:
            return f"{away}, more than the finite-size allowance of {allowed} at {n_eff}"
        if self.outcome is Outcome.OTHER_MINIMUM:
            return f"{away}, at a local minimum of higher objective than the one that theory is about"
        if self.outcome is Outcome.TOO_SMALL:
            return f"{away}{beyond}, as can be expected at {n_eff}, where theory is not quantitative"
        return f"{away}{beyond}, and beyond the finite-size allowance of {allowed} at {n_eff}"


def percent(share: float) -> str:
    """`share` as a percentage of about two digits."""
    value = 100 * share
    if value >= 1000:
        return f"{float(f'{value:.2g}'):.0f} %" if value < 1e6 else "over a million %"
    return f"{value:.0f} %" if value >= 10 else f"{value:.2g} %"


def compare(predicted: float, measured: Statistic, scale: float, allowance: float | None) -> Comparison:
    """Compare `measured` with `predicted`.

    Parameters
    ----------
    predicted : float
    measured : Statistic
    scale : float
        Natural size of the quantity, by which "vanishing" is judged.
    allowance : float or None
        See :class:`Comparison`.

    Returns
    -------
    Comparison

    Examples
    --------
    >>> from shallows.verification import Statistic, compare
    >>> compare(1.0, Statistic((1.0, 1.02, 0.99, 1.01)), scale=1.0, allowance=0.05).outcome
    <Outcome.STATISTICAL: 'statistical'>
    """
    difference, error = measured.mean - predicted, measured.standard_error
    if predicted <= 1e-12 * scale:
        vanishes = abs(measured.mean) <= VANISHING * scale
        outcome = Outcome.STATISTICAL if vanishes else Outcome.UNEXPLAINED
        return Comparison(predicted, measured, None, None, None, None, allowance, outcome)
    relative = difference / predicted
    if error is not None and error <= 1e-12 * predicted:  # the same value for all data: nothing random about it
        error = None
    z = None if error is None or len(measured.values) < FEWEST_FOR_Z else difference / error
    critical = None if error is None else float(student_ppf(0.975, len(measured.values) - 1))
    half_width = None if error is None or critical is None else critical * error / predicted
    reach = half_width or 0.0
    if abs(relative) <= max(reach, ROUNDING):
        told = reach <= UNTOLD or (allowance is not None and abs(relative) <= allowance)
        outcome = Outcome.STATISTICAL if told else Outcome.UNDETERMINED
    elif allowance is None:
        outcome = Outcome.TOO_SMALL
    elif abs(relative) <= allowance + reach:
        outcome = Outcome.FINITE_SIZE
    else:
        outcome = Outcome.UNDETERMINED if len(measured.values) == 1 else Outcome.UNEXPLAINED
    return Comparison(predicted, measured, relative, z, critical, half_width, allowance, outcome)


def objective_disagreement(first: dict[int, float], second: dict[int, float]) -> float | None:
    """Largest relative difference of two trainers' objectives on the same data; None without common data."""
    differences = [
        abs(first[k] - second[k]) / max(abs(first[k]), abs(second[k]))
        for k in first.keys() & second.keys()
        if max(abs(first[k]), abs(second[k])) > 0
    ]
    if first.keys() & second.keys() and not differences:
        return 0.0
    return max(differences) if differences and all(map(math.isfinite, differences)) else None
