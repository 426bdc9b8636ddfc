"""What speaks against the numbers of a fit, and which of them it voids."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from .._display import Displayed, Summary, words

if TYPE_CHECKING:
    from collections.abc import Mapping

#: What a fit says beside its test error, and that; a concern may void any of them.
TEST_ERROR = "test_error"
NOISE, RISK, WEIGHTS, MODES = "noise", "excess_risk", "weights", "modes"
POWER_LAW, FORECAST, PRUNING = "power_law", "forecast", "pruning"
QUANTITIES = (NOISE, RISK, WEIGHTS, MODES, POWER_LAW, FORECAST, PRUNING)
#: What quantities are called where their own words would not do.
WORDS = {NOISE: "label noise", WEIGHTS: "single weights", MODES: "teacher modes"}
#: What least squares says as well, whatever the law of the columns.
BY_LEAST_SQUARES = (NOISE, RISK, WEIGHTS)
#: What rests on a law of the teacher behind them.
OF_THE_TEACHER = (POWER_LAW, FORECAST, PRUNING)


@dataclass(frozen=True, repr=False)
class Concern(Displayed):
    """One thing about the data that theory does not cover.

    Attributes
    ----------
    name : str
        Which assumption.
    serious : bool
        Whether the test-error estimate itself is in doubt (otherwise only what builds on the noise scale is).
    statistic : float
        How far off, in the words of `message`.
    message : str
        What was seen and what it means.
    voids : tuple of str
        What cannot be said because of it, among :data:`QUANTITIES` and the test error.

    Examples
    --------
    >>> from shallows.inference import Concern
    >>> Concern("mean", serious=False, statistic=0.5, message="columns are not centred").to_dict()["name"]
    'mean'
    """

    name: str
    serious: bool
    statistic: float
    message: str
    voids: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        # NumPy's own types are none of JSON's.
        object.__setattr__(self, "serious", bool(self.serious))
        object.__setattr__(self, "statistic", float(self.statistic))

    def without(self, mended: tuple[str, ...]) -> Concern:
        """The concern without what is known from elsewhere."""
        return replace(self, voids=tuple(quantity for quantity in self.voids if quantity not in mended))

    def _summary(self) -> Summary:
        rows = [("warning" if self.serious else "note", self.message)]
        void = ", ".join(map(words, self.voids))
        return Summary("Concern", [*rows, ("cannot be told", void)] if void else rows)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return asdict(self) | {"voids": list(self.voids)}


@dataclass(frozen=True, repr=False)
class Diagnosis(Displayed):
    """All concerns about one fit.

    Attributes
    ----------
    concerns : tuple of Concern
        Empty where the data look like what the theory assumes.

    Examples
    --------
    >>> from shallows.inference import Diagnosis
    >>> diagnosis = Diagnosis(())
    >>> diagnosis.ok
    True
    >>> print(diagnosis)
    the data look like what the theory assumes
    """

    concerns: tuple[Concern, ...]

    @property
    def ok(self) -> bool:
        """Whether no serious concern was found."""
        return not any(concern.serious for concern in self.concerns)

    def against(self, quantity: str) -> str | None:
        """Why a quantity, such as ``"noise"`` or ``"forecast"``, cannot be said; None where it can."""
        return next((concern.message for concern in self.concerns if quantity in concern.voids), None)

    def _summary(self) -> Summary:
        rows = [row for concern in self.concerns for row in concern._summary().rows]
        notes = [] if rows else [str(self)]
        return Summary("Do the data look as assumed?", rows, notes=notes)

    def __str__(self) -> str:
        if not self.concerns:
            return "the data look like what the theory assumes"
        return "; ".join(concern.message for concern in self.concerns)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {"ok": self.ok, "concerns": [concern.to_dict() for concern in self.concerns]}


def grouped(reasons: Mapping[str, str]) -> list[tuple[str, str]]:
    """What is not there, as words, and why: one pair for each reason.

    >>> grouped({"noise": "too few rows", "excess_risk": "too few rows"})
    [('label noise, excess risk', 'too few rows')]
    """
    names: dict[str, list[str]] = {}
    for key, reason in reasons.items():
        names.setdefault(reason, []).append(WORDS.get(key, words(key)))
    return [(", ".join(named), reason) for reason, named in names.items()]
