"""What is trained on the data of a departure: the network of the theory, unless it has another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from .._display import Displayed, Summary
from ..training import train

if TYPE_CHECKING:
    from .._types import FloatArray
    from .departures import Drawn

#: Relative duality gap of trainings here: far below what data sets differ by.
TOLERANCE = 1e-4


@dataclass(frozen=True, eq=False, repr=False)
class Learned(Displayed):
    """A trained network.

    Attributes
    ----------
    outputs : callable
        From inputs of shape (m, d) to outputs (m,).
    train_error : float
        Mean squared, per sample.
    matrices : dict of str to ndarray
        Its weights as :func:`shallows.diagnose` takes them, first layer first; empty where the network of the theory
        is described by its effective `weights`.
    weights : object
        Effective weights of a network of the theory.
    weight_decay : float
        That it was trained with.
    history : tuple
        Matrices along training: pairs of (share of the iterations, dict as `matrices`).
    fit : Fit, optional
        Of a network of the theory.
    """

    outputs: Callable[[FloatArray], FloatArray]
    train_error: float
    weight_decay: float
    matrices: dict[str, FloatArray] = field(default_factory=dict)
    weights: Any = None
    history: tuple[tuple[float, dict[str, FloatArray]], ...] = ()
    fit: Any = None

    def _summary(self) -> Summary:
        return Summary("Trained network of a departure", [("train error", f"{self.train_error:.4g}")])


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
        from ..training import Dataset

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
