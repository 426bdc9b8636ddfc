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
class ExpectedError(Displayed):
    """How far estimates were off on data that showed the same, as measured over many departures from theory.

    Attributes
    ----------
    data_sets : int
        That showed it.
    test_error, test_error_ninety : float
        Median, and what nine of ten stayed below, of ``|estimated test error / true - 1|``.
    excess_risk, excess_risk_ninety : float or None
        The same of the excess risk; None where it was not told.
    rows : tuple of (int, int)
        Fewest and most rows of those data sets; on many more errors are smaller.

    Examples
    --------
    >>> from shallows.inference.concern import ExpectedError
    >>> ExpectedError(50, 0.043, 0.171, rows=(60, 600)).in_words
    'on such data of 60 to 600 rows: test error off by 4 %, below 17 % in 9 of 10'
    """

    data_sets: int
    test_error: float
    test_error_ninety: float
    excess_risk: float | None = None
    excess_risk_ninety: float | None = None
    rows: tuple[int, int] = (0, 0)

    def _summary(self) -> Summary:
        rows = [("test error", _percent(self.test_error), f"{_percent(self.test_error_ninety)} in 9 of 10")]
        if self.excess_risk is not None and self.excess_risk_ninety is not None:
            rows.append(("excess risk", _percent(self.excess_risk), f"{_percent(self.excess_risk_ninety)} in 9 of 10"))
        return Summary(f"How far off estimates were on {self.data_sets} data sets", rows)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return asdict(self) | {"rows": list(self.rows)}

    @property
    def in_words(self) -> str:
        """Of the test error, as people read it."""
        of = "on such data" + (f" of {self.rows[0]} to {self.rows[1]} rows" if self.rows[1] else "")
        typical, ninety = _percent(self.test_error), _percent(self.test_error_ninety)
        return f"{of}: test error off by {typical}, below {ninety} in 9 of 10"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share < 1 else f"a factor {1 + share:.2g}"


@dataclass(frozen=True, repr=False)
class Concern(Displayed):
    """One thing about the data that theory does not cover.

    Attributes
    ----------
    name : str
        Which assumption, or which limit of what was tested.
    serious : bool
        Whether the test-error estimate itself is in doubt (otherwise only what builds on the noise scale is).
    statistic : float
        How far off, in the words of `message`.
    message : str
        What was seen and what it means.
    voids : tuple of str
        What cannot be said because of it, among :data:`QUANTITIES` and the test error.
    p_value : float or None
        Probability of seeing as much where the assumption holds; None for what is plain to see, such as copied rows.
    advice : str
        What to do about it.
    expected : ExpectedError or None
        How far off estimates were on data that showed the same; None where that was not measured.

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
    p_value: float | None = None
    advice: str = ""
    expected: ExpectedError | None = None

    def __post_init__(self) -> None:
        # NumPy's own types are none of JSON's.
        object.__setattr__(self, "serious", bool(self.serious))
        object.__setattr__(self, "statistic", float(self.statistic))
        if self.p_value is not None:
            object.__setattr__(self, "p_value", float(self.p_value))

    def without(self, mended: tuple[str, ...]) -> Concern:
        """The concern without what is known from elsewhere."""
        return replace(self, voids=tuple(quantity for quantity in self.voids if quantity not in mended))

    @property
    def line(self) -> str:
        """What was seen and how surely, what to do, and how far off estimates were on such data: one line.

        >>> Concern("mean", False, 0.5, "columns are not centred", p_value=3e-5, advice="centre them").line
        'columns are not centred (p = 3e-05); centre them'
        """
        seen = self.message if self.p_value is None else f"{self.message} ({p_in_words(self.p_value)})"
        parts = [seen, *([self.advice] if self.advice else [])]
        # An expected error of a test error that cannot be told would be one of nothing.
        if self.expected is not None and TEST_ERROR not in self.voids:
            parts.append(self.expected.in_words)
        return "; ".join(parts)

    def _summary(self) -> Summary:
        rows = [("warning" if self.serious else "note", self.message)]
        if self.p_value is not None:
            rows.append(("p-value", p_in_words(self.p_value)))
        rows += [("what to do", self.advice)] if self.advice else []
        if self.expected is not None and TEST_ERROR not in self.voids:
            rows.append(("expected", self.expected.in_words))
        void = ", ".join(map(words, self.voids))
        return Summary("Concern", [*rows, ("cannot be told", void)] if void else rows)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        expected = None if self.expected is None else self.expected.to_dict()
        return asdict(self) | {"voids": list(self.voids), "expected": expected}


def p_in_words(p_value: float) -> str:
    """A p-value as people read it.

    >>> p_in_words(0.00123), p_in_words(1e-30)
    ('p = 0.0012', 'p < 1e-12')
    """
    return "p < 1e-12" if p_value < 1e-12 else f"p = {p_value:.2g}"


@dataclass(frozen=True, repr=False)
class Diagnosis(Displayed):
    """All concerns about one fit.

    Attributes
    ----------
    concerns : tuple of Concern
        Empty where the data look like what the theory assumes.
    clean : ExpectedError or None
        How far estimates were off on data on which nothing showed.

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
    clean: ExpectedError | None = None

    @property
    def expected(self) -> ExpectedError | None:
        """How far off estimates were on data like these: the largest of what was measured for any of the concerns."""
        if not self.concerns:
            return self.clean
        measured = [concern.expected for concern in self.concerns if concern.expected is not None]
        return max(measured, key=lambda error: error.test_error_ninety, default=None)

    @property
    def lines(self) -> list[tuple[str, str]]:
        """One line for each concern, after ``"warning"`` or ``"note"``; one about nothing found where there is none."""
        rows = [("warning" if concern.serious else "note", concern.line) for concern in self.concerns]
        if rows:
            return rows
        words = "nothing in the data speaks against the estimates"
        return [("", words if self.clean is None else f"{words}; {self.clean.in_words}")]

    @property
    def ok(self) -> bool:
        """Whether no serious concern was found."""
        return not any(concern.serious for concern in self.concerns)

    def against(self, quantity: str) -> str | None:
        """Why a quantity, such as ``"noise"`` or ``"forecast"``, cannot be said; None where it can."""
        return next((concern.message for concern in self.concerns if quantity in concern.voids), None)

    def _summary(self) -> Summary:
        rows = [row for concern in self.concerns for row in concern._summary().rows]
        notes = [] if rows else [str(self), *([] if self.clean is None else [self.clean.in_words])]
        return Summary("Do the data look as assumed?", rows, notes=notes)

    def __str__(self) -> str:
        if not self.concerns:
            return "the data look like what the theory assumes"
        return "; ".join(concern.message for concern in self.concerns)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "ok": self.ok,
            "concerns": [concern.to_dict() for concern in self.concerns],
            "expected": None if self.expected is None else self.expected.to_dict(),
            "lines": [{"kind": kind, "text": text} for kind, text in self.lines],
        }


def grouped(reasons: Mapping[str, str]) -> list[tuple[str, str]]:
    """What is not there, as words, and why: one pair for each reason.

    >>> grouped({"noise": "too few rows", "excess_risk": "too few rows"})
    [('label noise, excess risk', 'too few rows')]
    """
    names: dict[str, list[str]] = {}
    for key, reason in reasons.items():
        names.setdefault(reason, []).append(WORDS.get(key, words(key)))
    return [(", ".join(named), reason) for reason, named in names.items()]
