"""What a departure from the assumptions of theory is, and the register of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from .._display import Displayed, Summary
from ..errors import InvalidArgument
from ..operators import operator_for
from .settings import OF_THEORY, Phase

if TYPE_CHECKING:
    from .._types import FloatArray
    from ..problems import Problem
    from ..training import Dataset
    from .learned import Learned

#: What kinds of departures there are, in the order of the atlas.
FAMILIES = ("none", "activation", "depth", "teacher", "labels", "inputs", "loss", "real data")
#: New inputs that an excess risk is measured on.
TEST_ROWS = 4000
#: Keeps the streams of random numbers of one data set apart.
DATA, TEST = 0, 1


def generator(phase: Phase, seed: int, purpose: int = DATA) -> np.random.Generator:
    """Random numbers of one data set: the same for every departure, so that they are compared on like data."""
    words = [purpose, seed, phase.samples, *phase.name.encode()]
    return np.random.default_rng(np.random.SeedSequence(words))


@dataclass(frozen=True, eq=False, repr=False)
class Drawn(Displayed):
    """One data set of a departure, with what theory is told of it.

    Attributes
    ----------
    phase : Phase
    seed : int
    data : Dataset or pair (X, y)
        As :func:`shallows.train` takes it: inputs of shape (n, d) and labels of shape (n,).
    problem : Problem
        What its user believes, and theory is asked about.
    weight_decay : float or None
        That of the training; None where every network is taken at its best.
    truth : callable
        From inputs of shape (m, d) to labels without noise, shape (m,).
    fresh : callable
        From a generator and `m` to new inputs, shape (m, d).
    unlearned : float
        Energy of the target that the network of the theory cannot hold: part of its predicted risk whatever it learns.
    rescaled : bool
        Whether outputs are taken times the best factor before they are compared: those of a classifier have no scale.
    notes : dict
        Numbers about the target, for the page.

    Examples
    --------
    >>> from shallows.robustness import departure_named, phase_named
    >>> drawn = departure_named("as assumed").draw(phase_named("diagonal-II"), seed=0)
    >>> drawn.inputs.shape, drawn.labels.shape, drawn.problem.noise
    ((300, 300), (300,), 0.5)
    """

    phase: Phase
    seed: int
    data: Dataset | tuple[FloatArray, FloatArray]
    problem: Problem
    weight_decay: float | None
    truth: Callable[[FloatArray], FloatArray]
    fresh: Callable[[np.random.Generator, int], FloatArray]
    unlearned: float = 0.0
    rescaled: bool = False
    notes: dict[str, float] = field(default_factory=dict)

    @property
    def inputs(self) -> FloatArray:
        """Training inputs, shape (n, d)."""
        return next(iter(self.data))

    @property
    def labels(self) -> FloatArray:
        """Training labels, shape (n,)."""
        return tuple(self.data)[1]

    def outputs(self, weights: Any) -> Callable[[FloatArray], FloatArray]:
        """What the network of the theory with these effective weights says of inputs."""
        covariance = getattr(self.data, "covariance", None)

        def of(inputs: FloatArray) -> FloatArray:
            operator = operator_for(self.problem.architecture, inputs)
            return np.asarray((operator if covariance is None else operator.centred(covariance)).output(weights))

        return of

    def excess_risk(self, outputs: Callable[[FloatArray], FloatArray], rows: int = TEST_ROWS) -> float:
        """Mean squared distance to the truth on new inputs.

        Parameters
        ----------
        outputs : callable
            From inputs of shape (m, d) to outputs of shape (m,).
        rows : int
            New inputs.
        """
        inputs = self.fresh(generator(self.phase, self.seed, TEST), rows)
        truth, found = self.truth(inputs), np.asarray(outputs(inputs), dtype=float)
        if self.rescaled:
            energy = float(found @ found)
            found = found * (float(found @ truth) / energy if energy > 0 else 0.0)
        return float(np.mean((found - truth) ** 2))

    def predicted_risk(self, learned: Learned | None = None) -> float:
        """Excess risk by theory, of the network that it covers, as its user would have it.

        Parameters
        ----------
        learned : Learned, optional
            What was trained: of real tables all that theory is told.

        Raises
        ------
        SolveFailed
            If the equations were not solved.
        """
        from ..optimum import optimal_weight_decay
        from ..prediction import predict

        if self.problem.energy == 0:
            return self.unlearned
        if self.weight_decay is None:
            return self.unlearned + float(optimal_weight_decay(self.problem).excess_risk)
        return self.unlearned + float(predict(self.problem, weight_decay=self.weight_decay).excess_risk)

    def _summary(self) -> Summary:
        rows = [("phase", self.phase.name), ("samples", str(self.labels.size)), ("seed", str(self.seed))]
        return Summary("Data set of a departure", rows)


@dataclass(frozen=True, repr=False)
class Departure(Displayed):
    """One way in which data, network or training are not what theory assumes.

    Attributes
    ----------
    name : str
        What tables, files and the command line call it.
    family : str
        One of ``none, activation, depth, teacher, labels, inputs, loss, real data``.
    words : str
        What changes, a sentence.
    make : callable
        From a :class:`Phase` and a seed to a :class:`Drawn`. Importable by name where worker processes are used.
    phases : tuple of Phase
        Where it is measured.
    student : object, optional
        What is trained in place of the network of the theory: has ``train(drawn)``.

    Examples
    --------
    >>> from shallows.robustness import departure_named
    >>> departure = departure_named("student:5 inputs")
    >>> departure.family, len(departure.phases)
    ('inputs', 8)
    """

    name: str
    family: str
    words: str
    make: Callable[[Phase, int], Drawn] = field(repr=False)
    phases: tuple[Phase, ...] = OF_THEORY
    student: Any = field(default=None, repr=False)

    def draw(self, phase: Phase, seed: int) -> Drawn:
        """One data set: the same phase and seed, the same numbers.

        Parameters
        ----------
        phase : Phase
        seed : int

        Returns
        -------
        Drawn

        Raises
        ------
        InvalidArgument
            If inputs or labels are not finite arrays of the right shapes.
        """
        drawn = self.make(phase, seed)
        inputs, labels = drawn.inputs, drawn.labels
        check_array(f"inputs of {self.name}", inputs, (None, None))
        check_array(f"labels of {self.name}", labels, (inputs.shape[0],))
        return drawn

    def _summary(self) -> Summary:
        return Summary(f"Departure: {self.name}", [("family", self.family), ("what changes", self.words)])


def check_array(name: str, array: Any, shape: tuple[int | None, ...]) -> None:
    """Raise :class:`InvalidArgument` unless it is an array of finite numbers of that shape (None: any size)."""
    found = np.shape(array)
    if len(found) != len(shape) or any(b is not None and a != b for a, b in zip(found, shape, strict=True)):
        wanted = " x ".join("any" if size is None else str(size) for size in shape)
        raise InvalidArgument(name, f"array of shape {found}", f"must have shape {wanted}")
    if not np.issubdtype(np.asarray(array).dtype, np.floating) or not np.isfinite(array).all():
        raise InvalidArgument(name, "nan, infinity or no real numbers", "every number must be finite")


_REGISTER: dict[str, Departure] = {}


def register_departure(departure: Departure) -> Departure:
    """Make a departure known by its name: the atlas measures it as it does its own.

    Parameters
    ----------
    departure : Departure
        One of the same name is replaced.

    Returns
    -------
    Departure
        The same one.

    Raises
    ------
    InvalidArgument
        For a family that there is not, or a departure without phases.

    Examples
    --------
    >>> from dataclasses import replace
    >>> from shallows.robustness import departure_named, register_departure
    >>> mine = register_departure(replace(departure_named("as assumed"), name="mine", family="inputs"))
    >>> departure_named("mine") is mine
    True
    """
    if departure.family not in FAMILIES:
        raise InvalidArgument("family", departure.family, f"must be one of {', '.join(FAMILIES)}")
    if not departure.phases:
        raise InvalidArgument("phases", (), "must name one phase at least")
    _REGISTER[departure.name] = departure
    return departure


def departures(family: str | None = None) -> tuple[Departure, ...]:
    """All registered departures, or those of one family, in the order of the atlas.

    Parameters
    ----------
    family : str, optional

    Returns
    -------
    tuple of Departure

    Raises
    ------
    InvalidArgument
        For a family that there is not.

    Examples
    --------
    >>> from shallows.robustness import departures
    >>> [departure.name for departure in departures("none")]
    ['as assumed']
    """
    if family is not None and family not in FAMILIES:
        raise InvalidArgument("family", family, f"must be one of {', '.join(FAMILIES)}")
    order = sorted(_REGISTER.values(), key=lambda one: FAMILIES.index(one.family))
    return tuple(one for one in order if family in (None, one.family))


def departure_named(name: str) -> Departure:
    """The departure of that name.

    Parameters
    ----------
    name : str

    Returns
    -------
    Departure

    Raises
    ------
    InvalidArgument
        If there is none.

    Examples
    --------
    >>> from shallows.robustness import departure_named
    >>> departure_named("as assumed").words
    'Nothing: inputs, labels, teacher and network are what theory assumes.'
    """
    if name not in _REGISTER:
        from difflib import get_close_matches

        close = get_close_matches(name, _REGISTER, 1)
        hint = f"did you mean {close[0]}?" if close else "shallows robustness --list names them"
        raise InvalidArgument("departure", name, f"there is no departure of this name; {hint}")
    return _REGISTER[name]


def told(drawn: Drawn, **changes: Any) -> Drawn:
    """The same data, of which theory is told something else."""
    return replace(drawn, problem=replace(drawn.problem, **changes))
