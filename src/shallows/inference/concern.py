"""What speaks against the numbers of a fit, and which of them it voids."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

#: What a fit says beside its test error, and that; a concern may void any of them.
TEST_ERROR = "test_error"
NOISE, RISK, WEIGHTS, MODES = "noise", "excess_risk", "weights", "modes"
POWER_LAW, FORECAST, PRUNING = "power_law", "forecast", "pruning"
QUANTITIES = (NOISE, RISK, WEIGHTS, MODES, POWER_LAW, FORECAST, PRUNING)
#: What least squares says as well, whatever the law of the columns.
BY_LEAST_SQUARES = (NOISE, RISK, WEIGHTS)
#: What rests on a law of the teacher behind them.
OF_THE_TEACHER = (POWER_LAW, FORECAST, PRUNING)


@dataclass(frozen=True)
class Concern:
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

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return asdict(self) | {"voids": list(self.voids)}


@dataclass(frozen=True)
class Diagnosis:
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

    def __str__(self) -> str:
        if not self.concerns:
            return "the data look like what the theory assumes"
        return "; ".join(concern.message for concern in self.concerns)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {"ok": self.ok, "concerns": [concern.to_dict() for concern in self.concerns]}
