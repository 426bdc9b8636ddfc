"""A path of weight decays: how it is walked, what is noted at each step, and where the estimated error is smallest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .._display import Displayed, Summary, frame_of
from .._numbers import sentence_number
from .._numbers import terminal_number as number
from ..networks import Capability

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from .._types import FloatArray
    from ..training import Fit
    from .cross_validation import HeldOut, Predict
    from .result import Inference

#: A path ends once the estimated test error has been this many times its minimum, for so many steps after it.
RISEN, STEPS_PAST_MINIMUM = 1.1, 3


@dataclass(frozen=True)
class Search:
    """How a network's path of weight decays is walked.

    Attributes
    ----------
    step : float
        Ratio of neighbouring weight decays.
    patience : int
        The path ends where the estimate has not been lower for so many steps (a factor of five to six).
    predict : callable
        For cross-validation: as :func:`.cross_validation.predict_held_out`, without the network's name.
    enough : float
        Effective samples on which the smallest estimate is not low for having been chosen. On fewer, cross-validation
        chooses, and the estimate rests on it as well.
    theory_chooses : bool
        Whether the estimate is so noisy that on enough samples the minimum predicted for a fitted teacher is taken
        where they agree, and where they do not, that of cross-validation.
    """

    step: float
    patience: int
    predict: Predict
    enough: float
    theory_chooses: bool


#: For each network, its :class:`Search`.
SEARCHES: Capability[Search] = Capability("search of the weight decay")


#: What chose a weight decay, in words.
CHOSEN_BY = {
    "estimate": "the smallest estimate",
    "theory": "the minimum predicted for the teacher seen in the data",
    "cross-validation": "ten-fold cross-validation",
}


@dataclass(frozen=True, eq=False, repr=False)
class WeightDecayPath(Displayed):
    """Fits along decreasing weight decays with what they say of themselves; every array has shape (steps,).

    Attributes
    ----------
    weight_decay : ndarray
        Decreasing.
    test_error, test_error_stderr : ndarray
        Estimated from the training data alone; infinite where the network interpolates.
    train_error, degrees_of_freedom : ndarray
    learned_features : ndarray of int
        Active weights, or rank of ``S``.
    chosen_at : int
        Place of the weight decay that was chosen; at ``method="theory"`` its estimate need not be the smallest.
    seconds : float
        Wall time of the whole search.
    method : {"estimate", "theory", "cross-validation"}
        What chose: the smallest estimate, the minimum that theory predicts for the teacher seen in the data, or the
        smallest error on rows held out.
    held_out_error : ndarray or None
        Of ten-fold cross-validation where it was used; NaN at the chosen weight decay, which lies between others.

    Examples
    --------
    >>> from shallows import PowerLaw, Problem, sample, tune
    >>> data = sample(Problem("diagonal", PowerLaw(50, 1.0), samples=200, noise=0.5), seed=0)
    >>> path = tune(data, network="diagonal", weight_decays=[4.0, 2.0, 1.0])[2]
    >>> path.weight_decay
    array([4., 2., 1.])
    >>> path.chosen, path.chosen_at
    (1.0, 2)
    """

    weight_decay: FloatArray
    test_error: FloatArray
    test_error_stderr: FloatArray
    train_error: FloatArray
    degrees_of_freedom: FloatArray
    learned_features: NDArray[np.int64]
    chosen_at: int
    seconds: float
    method: str = "estimate"
    held_out_error: FloatArray | None = None

    @property
    def chosen(self) -> float:
        """The weight decay that was chosen."""
        return float(self.weight_decay[self.chosen_at])

    def _summary(self) -> Summary:
        error = float(self.test_error[self.chosen_at])
        rows: list[tuple[str, ...]] = [("chosen", number(self.chosen), f"weight decay, by {CHOSEN_BY[self.method]}")]
        if np.isfinite(error):
            rows.append(("test error there", sentence_number(error), "estimated from the training data"))
        ends = f"{number(float(self.weight_decay[0]))} to {number(float(self.weight_decay[-1]))}"
        rows += [
            ("learned features there", str(int(self.learned_features[self.chosen_at]))),
            ("tried", str(self.weight_decay.size), f"from {ends}, in {self.seconds:.2g} s"),
        ]
        return Summary("Weight decays tried", rows)

    def to_frame(self) -> pandas.DataFrame:
        """One row for each weight decay tried, decreasing.

        Columns: ``weight_decay`` (of the sum over samples); ``test_error`` and ``test_error_stderr``, estimated, not a
        number where there is no estimate, ``held_out_error`` of cross-validation where it was used, ``train_error``,
        all in squared units of the labels; ``degrees_of_freedom``; ``learned_features``; ``chosen``.
        """
        columns = {name: getattr(self, name) for name in ("weight_decay", "test_error", "test_error_stderr")}
        columns = {name: np.where(np.isfinite(values), values, np.nan) for name, values in columns.items()}
        if self.held_out_error is not None:
            columns["held_out_error"] = self.held_out_error
        columns |= {name: getattr(self, name) for name in ("train_error", "degrees_of_freedom", "learned_features")}
        return frame_of(columns | {"chosen": np.arange(self.weight_decay.size) == self.chosen_at})

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw estimated test error and train error along the weight decays tried; the one chosen is dotted.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            To draw on; new ones of pyplot by default. Nothing is shown, and no setting is changed.

        Returns
        -------
        matplotlib.axes.Axes
        """
        from ..plotting.explained import explain
        from ..plotting.fits import draw_path
        from ..plotting.style import axes_or_new

        with axes_or_new(ax) as axes:
            draw_path(axes, self.to_dict())
            explain(axes, most=2)
        return axes

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready, None where there is no estimate."""
        return {
            "weight_decay": _or_none(self.weight_decay),
            "test_error": _or_none(self.test_error),
            "test_error_stderr": _or_none(self.test_error_stderr),
            "train_error": _or_none(self.train_error),
            "degrees_of_freedom": _or_none(self.degrees_of_freedom),
            "learned_features": _or_none(self.learned_features),
            "best": self.chosen_at,
            "chosen": self.chosen,
            "seconds": self.seconds,
            "method": self.method,
            "held_out_error": None if self.held_out_error is None else _or_none(self.held_out_error),
        }


def _or_none(values: NDArray[Any]) -> list[Any]:
    """The numbers as a list, None for those that are not finite."""
    return [value.item() if np.isfinite(value) else None for value in values]


@dataclass(frozen=True)
class Step:
    """One weight decay of a path, with what its fit says of itself; infinite errors where that is nothing."""

    weight_decay: float
    test_error: float
    standard_error: float
    train_error: float
    degrees_of_freedom: float
    learned_features: int

    @classmethod
    def of(cls, decay: float, fit: Fit, inference: Inference) -> Step:
        error = inference.test_error
        freedom, features = inference.degrees_of_freedom, inference.learned_features
        return cls(decay, error.value, error.standard_error, fit.train_error, freedom, features)


class Steps:
    """The steps of a path so far."""

    def __init__(self) -> None:
        self.steps: list[Step] = []

    def add(self, step: Step) -> None:
        """Note one more."""
        self.steps.append(step)

    @property
    def errors(self) -> FloatArray:
        return np.array([step.test_error for step in self.steps])

    @property
    def best_at(self) -> int:
        return int(np.argmin(self.errors))

    @property
    def best(self) -> Step:
        """Of smallest estimated test error."""
        return self.steps[self.best_at]

    def turned(self, patience: int) -> bool:
        """Whether the estimate has risen from its minimum, or stayed above it for long."""
        last, since = self.steps[-1].test_error, len(self.steps) - 1 - self.best_at
        risen = since >= STEPS_PAST_MINIMUM and last > RISEN * self.best.test_error
        return last == np.inf or risen or since >= patience

    def vertex(self) -> float:
        """Minimum of the parabola through the best step and its neighbours, or the best step where there is none."""
        return vertex(np.array([step.weight_decay for step in self.steps]), self.errors)

    def contenders(self) -> FloatArray:
        """Weight decays whose estimate is within a standard error of the smallest, and their neighbours."""
        near = np.flatnonzero(self.errors <= self.best.test_error + self.best.standard_error)
        first, last = max(int(near[0]) - 1, 0), int(near[-1]) + 2
        return np.array([step.weight_decay for step in self.steps[first:last]])

    def path(self, chosen: Step, method: str, seconds: float, held_out: HeldOut | None = None) -> WeightDecayPath:
        """All of them with the chosen one among them, by decreasing weight decay."""
        rows = [step for step in self.steps if step.weight_decay != chosen.weight_decay] + [chosen]
        rows.sort(key=lambda step: -step.weight_decay)
        held: dict[float, float] = {}
        if held_out is not None:
            held = dict(zip(held_out.weight_decays.tolist(), held_out.mean.tolist(), strict=True))
        return WeightDecayPath(
            weight_decay=np.array([step.weight_decay for step in rows]),
            test_error=np.array([step.test_error for step in rows]),
            test_error_stderr=np.array([step.standard_error for step in rows]),
            train_error=np.array([step.train_error for step in rows]),
            degrees_of_freedom=np.array([step.degrees_of_freedom for step in rows]),
            learned_features=np.array([step.learned_features for step in rows], dtype=np.int64),
            chosen_at=rows.index(chosen),
            seconds=seconds,
            method=method,
            held_out_error=np.array([held.get(step.weight_decay, np.nan) for step in rows]) if held else None,
        )


def vertex(weight_decays: FloatArray, errors: FloatArray) -> float:
    """Weight decay at the minimum of the parabola through the smallest error and its neighbours, in logarithms.

    The smallest one's where there is no such parabola.
    """
    at = int(np.argmin(errors))
    if not 0 < at < len(errors) - 1 or not np.isfinite(errors[at - 1 : at + 2]).all():
        return float(weight_decays[at])
    return _vertex(np.log(weight_decays[at - 1 : at + 2]), np.log(errors[at - 1 : at + 2]))


def _vertex(x: FloatArray, y: FloatArray) -> float:
    """Minimum of the parabola through three points (the middle one if it has none), back from the logarithm."""
    x, y = np.asarray(x), np.asarray(y)
    curvature, slope, _ = np.polyfit(x - x[1], y, 2)
    if curvature <= 0:
        return float(np.exp(x[1]))
    return float(np.exp(np.clip(x[1] - slope / (2 * curvature), min(x), max(x))))
