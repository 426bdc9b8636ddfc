"""What is trained on the data of a departure: the network of the theory, unless it has another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from ..training import Dataset, train
from .learned import Learned

if TYPE_CHECKING:
    from .departures import Drawn

#: Relative duality gap of trainings here: far below what data sets differ by.
TOLERANCE = 1e-3


class Student(Protocol):
    """Something that learns the data of a departure."""

    def train(self, drawn: Drawn) -> Learned: ...


@dataclass(frozen=True)
class TheoryStudent:
    """The network of the theory, trained to its certified minimum; narrower than theory is told, if asked for.

    Parameters
    ----------
    width : int, optional

    Examples
    --------
    >>> from shallows.robustness import TheoryStudent, departure_named, phase_named
    >>> drawn = departure_named("as assumed").draw(phase_named("diagonal-V"), 0)
    >>> learned = TheoryStudent().train(drawn)
    >>> drawn.excess_risk(learned.outputs) < 1.0
    True
    """

    width: int | None = None

    def train(self, drawn: Drawn) -> Learned:
        """Train on the data set, at its weight decay."""
        settings: dict[str, Any] = {"weight_decay": drawn.weight_decay, "tolerance": TOLERANCE}
        if not isinstance(drawn.data, Dataset):
            settings["network"] = drawn.problem.network
        if self.width is not None:
            settings["width"] = self.width
        fit = train(drawn.data, **settings)
        return Learned(
            drawn.outputs(fit.weights),
            float(fit.train_error),
            float(fit.weight_decay),
            weights=fit.weights,
            fit=fit,
        )
