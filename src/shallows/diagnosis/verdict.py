"""The conclusion, in the terms of the paper."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from .._display import Displayed, Summary

if TYPE_CHECKING:
    from collections.abc import Mapping

#: What a spectrum can be said to be.
VERDICTS = ("noise", "collapsed", "bulk+spikes", "bleed-out", "heavy-tail", "cannot-tell")
#: What can be said of the weight decay it was trained with.
REGULARISATIONS = ("over-regularised", "balanced", "under-regularised", "cannot-tell")


@dataclass(frozen=True, repr=False)
class Verdict(Displayed):
    """What a spectrum says of the training behind it.

    Attributes
    ----------
    name : str
        One of ``noise, collapsed, bulk+spikes, bleed-out, heavy-tail, cannot-tell``.
    confidence : float or None
        Share of the networks it was calibrated on of which a verdict with such evidence was right; None for
        ``cannot-tell``.
    regularisation : str
        ``over-regularised``, ``balanced``, ``under-regularised`` or ``cannot-tell``.
    evidence : str
        One sentence.
    advice : tuple of str
        What to do, a clause each.

    Examples
    --------
    >>> from shallows.diagnosis import Verdict
    >>> Verdict("noise", 0.98, "cannot-tell", "All 64 singular values lie within the bulk of noise.").name
    'noise'
    """

    name: str
    confidence: float | None
    regularisation: str
    evidence: str
    advice: tuple[str, ...] = ()

    @property
    def in_words(self) -> str:
        """The name as people read it."""
        return self.name.replace("-", " ")

    @property
    def sure(self) -> str:
        """The confidence in percent; empty where it is not known."""
        return "" if self.confidence is None else f"{100 * self.confidence:.3g} %"

    def _summary(self) -> Summary:
        rows = [
            ("verdict", self.in_words),
            ("sure", self.sure),
            ("regularisation", self.regularisation.replace("-", " ")),
        ]
        rows += [("evidence", self.evidence), ("advice", "; ".join(self.advice))]
        return Summary("Verdict on a spectrum", [row for row in rows if row[1]])

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return asdict(self) | {"advice": list(self.advice)}

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> Verdict:
        """The object that :meth:`to_dict` wrote."""
        return cls(**{**record, "advice": tuple(record["advice"])})
