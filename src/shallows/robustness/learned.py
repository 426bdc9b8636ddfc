"""What came out of training a student."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .._display import Displayed, Summary

if TYPE_CHECKING:
    from .._types import FloatArray


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
