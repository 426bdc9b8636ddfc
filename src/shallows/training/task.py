"""What is to be trained, and how: data, network and settings, checked before any work."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from .._arguments import check_integer, check_number
from .._display import Displayed
from ..errors import InvalidArgument
from ..networks import Network, network_named
from ..operators import check_data, operator_for
from ..operators.devices import find_device, is_tensor, place
from ..problems import Problem
from .sampling import Dataset, sample

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._types import FloatArray

    Progress = Callable[[int, float], None]

#: Ways to train: the fastest certified one, without message passing, message passing alone, the network itself.
SOLVERS = ("auto", "convex", "amp", "gradient")
#: No duality gap below this can be told from rounding.
SMALLEST_TOLERANCE = 1e-15


@dataclass(frozen=True, eq=False, repr=False)
class Task(Displayed):
    """Checked data and the network that is to learn them.

    Attributes
    ----------
    network : Network
    inputs : ndarray or tensor, shape (n, d)
        In float64, where they are worked on.
    labels : ndarray, shape (n,)
        One number per observation; of sequences, ``T (T + 1)/2`` each.
    width : int or None
        Hidden units; None for networks without a width to choose.
    covariance : ndarray of shape (d,) or (d, d), or None
        Of inputs that are not white, for networks that centre their outputs by it.

    Examples
    --------
    >>> import numpy as np
    >>> from shallows.networks import Diagonal
    >>> from shallows.training import Task
    >>> task = Task(Diagonal(), np.eye(3), np.ones(3), width=None)
    >>> task.samples, task.dim, task.operator.output(np.array([1.0, 0.0, 2.0]))
    (3, 3, array([1., 0., 2.]))
    """

    network: Network
    inputs: Any
    labels: FloatArray
    width: int | None
    covariance: FloatArray | None = None

    @cached_property
    def operator(self) -> Any:
        """Products with the inputs."""
        found = operator_for(self.network, self.inputs)
        return found if self.covariance is None else found.centred(self.covariance)

    @property
    def samples(self) -> int:
        """Number of rows `n`."""
        return int(self.inputs.shape[0])

    @property
    def dim(self) -> int:
        """Number of columns `d`."""
        return int(self.inputs.shape[-1])

    @property
    def convex(self) -> bool:
        """Whether the minimum is that of a convex problem."""
        return self.network.is_convex(self.dim, self.width)

    @property
    def device(self) -> str:
        """Name of the device that the inputs are on."""
        return str(self.inputs.device) if is_tensor(self.inputs) else "cpu"


def task_of(data: Any, network: str | None, seed: Any, width: Any, device: Any) -> Task:
    """The task of a problem (sampled with `seed`), a data set or a pair ``(X, y)``; arguments of ``train``."""
    where = find_device(device)  # refused before anything is sampled
    if isinstance(data, Problem):
        if seed is None:
            raise InvalidArgument("seed", seed, "a problem is sampled first: give the seed of its data")
        data = sample(data, seed)
    if isinstance(data, Dataset):
        problem = data.problem
        if network not in (None, problem.network):
            raise InvalidArgument("network", network, f"the data are of the {problem.network} network")
        found, width = problem.architecture, problem.width if width is None else width
        inputs, labels = place(data.inputs, where), found.observed(data.labels)
        covariance = data.covariance
    else:
        found = network_named(network)
        if not isinstance(data, (tuple, list)) or len(data) != 2:
            raise InvalidArgument("data", type(data).__name__, "must be a pair (X, y), a Dataset or a Problem")
        inputs, labels = check_data(data[0], data[1], device, found)
        covariance = None
    width = found.check_width(width)
    units = found.effective_width(inputs.shape[-1], width) if found.has_width else None
    return Task(found, inputs, labels, units, covariance)


@dataclass(frozen=True)
class TrainSettings:
    """How to train, with the meanings of :func:`shallows.training.train`.

    Parameters
    ----------
    solver : {"auto", "convex", "amp", "gradient"}
        The way to the minimum.
    tolerance : float
        Relative duality gap at which to stop, from 1e-15 to below 1.
    max_iterations : int, optional
        At least 1; default: as many as the solver thinks fit.
    precision : {"float64", "float32"}
        Of gradient training.
    initial_seed : int
        Of the initial weights of gradient training.
    progress : callable, optional
        Called with the iteration and the objective.
    init_scale : float
        Of the initial weights of gradient training, over those whose outputs have about the size of the labels.

    Raises
    ------
    InvalidArgument
        For an unknown solver, or a tolerance or number of iterations out of range. The precision is checked when
        gradient training begins.

    Examples
    --------
    >>> from shallows.training import TrainSettings
    >>> TrainSettings(tolerance=2)
    Traceback (most recent call last):
    ...
    shallows.errors.InvalidArgument: tolerance: got 2.0; a relative duality gap is from 1e-15 to below 1
    """

    solver: str = "auto"
    tolerance: float = 1e-6
    max_iterations: int | None = None
    precision: str = "float64"
    initial_seed: int = 0
    progress: Progress | None = None
    init_scale: float = 1.0

    def __post_init__(self) -> None:
        if self.solver not in SOLVERS:
            raise InvalidArgument("solver", self.solver, f"must be one of {', '.join(SOLVERS)}")
        tolerance = check_number("tolerance", self.tolerance, strict=True)
        if not SMALLEST_TOLERANCE <= tolerance < 1:
            allowed = f"a relative duality gap is from {SMALLEST_TOLERANCE:g} to below 1"
            raise InvalidArgument("tolerance", tolerance, allowed)
        object.__setattr__(self, "tolerance", tolerance)
        object.__setattr__(self, "init_scale", check_number("init_scale", self.init_scale, strict=True))
        if self.max_iterations is not None:
            object.__setattr__(self, "max_iterations", check_integer("max_iterations", self.max_iterations))

    def for_task(self, task: Task, *, many_starts: bool = False) -> TrainSettings:
        """The same with a solver that can do the task: gradient training where it is not convex.

        `many_starts` says that the network's trainer solves problems that are not.

        Raises
        ------
        InvalidArgument
            If the solver asked for cannot.
        """
        if task.convex:
            return self
        if many_starts:
            if self.solver == "convex":
                allowed = f'the {task.network.name} network\'s problem is not convex: use "auto", "amp" or "gradient"'
                raise InvalidArgument("solver", self.solver, allowed)
            return self
        if self.solver in ("convex", "amp"):
            allowed = f'width {task.width} < dim {task.dim} is not a convex problem: use solver="gradient"'
            raise InvalidArgument("solver", self.solver, allowed)
        return replace(self, solver="gradient")
