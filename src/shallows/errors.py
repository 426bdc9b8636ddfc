"""Named exceptions, all of them here. Every one is a subclass of :class:`ShallowsError`."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "CallFailed",
    "CannotRead",
    "EstimateUndefined",
    "InvalidArgument",
    "MissingDependency",
    "NotSupported",
    "PointFailed",
    "ShallowsError",
    "SolveFailed",
    "StoreError",
    "UndefinedAttribute",
    "UnknownNetwork",
    "UnsolvedAttribute",
    "UnsupportedAttribute",
    "WorkersFailed",
    "when_read",
]


class ShallowsError(Exception):
    """Base class of everything `shallows` raises on purpose.

    Examples
    --------
    >>> from shallows import LowRank, ShallowsError
    >>> try:
    ...     LowRank(dim=10, rank=20)
    ... except ShallowsError as error:
    ...     print(error)
    rank: got 20; must be an integer from 1 to dim = 10
    """


class InvalidArgument(ShallowsError, ValueError):
    """An argument is unusable: says which, what it was, and what would be right.

    Parameters
    ----------
    name : str
        Name of the argument as its user wrote it.
    value : object
        What was given.
    allowed : str
        What would be right, in words.

    Examples
    --------
    >>> from shallows import InvalidArgument, PowerLaw
    >>> try:
    ...     PowerLaw(dim=100, gamma=0.3)
    ... except InvalidArgument as error:
    ...     print(error)
    gamma: got 0.3; must be a finite number > 1/2
    """

    def __init__(self, name: str, value: Any, allowed: str) -> None:
        self.name, self.value, self.allowed = name, value, allowed
        super().__init__(f"{name}: got {value!r}; {allowed}")

    def __reduce__(self) -> tuple[Any, ...]:  # several arguments: the default pickling loses them
        return type(self), (self.name, self.value, self.allowed)


class UnknownNetwork(InvalidArgument):
    """No network of this name is registered.

    Parameters
    ----------
    name, value, allowed
        As for :class:`InvalidArgument`.

    Examples
    --------
    >>> from shallows import PowerLaw, Problem, UnknownNetwork
    >>> try:
    ...     Problem("cubic", PowerLaw(dim=10, gamma=1.0), samples=20)
    ... except UnknownNetwork as error:
    ...     print(error)
    network: got 'cubic'; must be "diagonal", "quadratic" or "attention"
    """


class NotSupported(InvalidArgument):
    """The network is known, but lacks what was asked of it; the message names what.

    Parameters
    ----------
    name, value, allowed
        As for :class:`InvalidArgument`.

    Examples
    --------
    >>> from shallows import NotSupported
    >>> from shallows.networks import Capability
    >>> try:
    ...     Capability("painting").of("diagonal")
    ... except NotSupported as error:
    ...     print(error)
    network: got 'diagonal'; the network has no painting; those that have: none
    """


class SolveFailed(ShallowsError, RuntimeError):
    """A solver did not reach its answer; ``result`` holds what it had, with its status.

    Parameters
    ----------
    message : str
        How it ended, and what to do about it.
    result : object
        What would have been returned, such as a Prediction or a Fit; None where there is nothing.

    Examples
    --------
    >>> from shallows import PowerLaw, Problem, SolveFailed, predict
    >>> problem = Problem("diagonal", PowerLaw(dim=50, gamma=1.0), samples=50, noise=0.5)
    >>> try:
    ...     predict(problem, weight_decay=0.0)
    ... except SolveFailed as error:
    ...     print(error.result.status.value)
    divergent
    """

    def __init__(self, message: str, result: Any = None) -> None:
        self.result = result
        super().__init__(message)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.args[0], self.result)


class EstimateUndefined(ShallowsError):
    """The data do not determine what was asked: the network interpolates them, or there is nothing but noise.

    Examples
    --------
    >>> import numpy as np
    >>> from shallows import EstimateUndefined, infer, train
    >>> data = np.eye(4), np.array([3.0, -1.0, 2.0, 1.0])
    >>> fit = train(data, network="diagonal", weight_decay=0.01)
    >>> try:
    ...     infer(data, fit)
    ... except EstimateUndefined as error:
    ...     print(str(error)[:33])
    the network interpolates its data
    """


class UndefinedAttribute(EstimateUndefined, AttributeError):
    """The same of an attribute that is computed when it is read: it is not there.

    Examples
    --------
    >>> from shallows.errors import EstimateUndefined, UndefinedAttribute
    >>> issubclass(UndefinedAttribute, EstimateUndefined), issubclass(UndefinedAttribute, AttributeError)
    (True, True)
    """


class UnsolvedAttribute(SolveFailed, AttributeError):
    """A solver did not reach an attribute that is computed when it is read: it is not there.

    Parameters
    ----------
    message, result
        As for :class:`SolveFailed`.

    Examples
    --------
    >>> from shallows import PowerLaw, Problem, predict
    >>> problem = Problem("diagonal", PowerLaw(dim=50, gamma=1.0), samples=50, noise=0.5)
    >>> hasattr(predict(problem, weight_decay=0.0, throw=False), "spectrum")
    False
    """


class UnsupportedAttribute(NotSupported, AttributeError):  # type: ignore[misc]
    """The network lacks an attribute that is computed when it is read.

    Parameters
    ----------
    name, value, allowed
        As for :class:`InvalidArgument`.

    Examples
    --------
    >>> from shallows.errors import NotSupported, UnsupportedAttribute
    >>> issubclass(UnsupportedAttribute, NotSupported), issubclass(UnsupportedAttribute, AttributeError)
    (True, True)
    """


@contextmanager
def when_read() -> Iterator[None]:
    """Inside a property that computes: its errors say that the attribute is not there, as ``hasattr`` expects.

    Returns
    -------
    context manager

    Examples
    --------
    >>> from shallows.errors import EstimateUndefined, when_read
    >>> class Found:
    ...     @property
    ...     def noise(self):
    ...         with when_read():
    ...             raise EstimateUndefined("too few rows")
    >>> hasattr(Found(), "noise")
    False
    """
    try:
        yield
    except AttributeError:
        raise
    except EstimateUndefined as error:
        raise UndefinedAttribute(str(error)) from error
    except SolveFailed as error:
        raise UnsolvedAttribute(str(error), error.result) from error
    except NotSupported as error:
        raise UnsupportedAttribute(error.name, error.value, error.allowed) from error


class MissingDependency(ShallowsError, ImportError):
    """An optional dependency is needed for what was asked; the message says how to install it.

    Examples
    --------
    >>> from shallows import MissingDependency, ShallowsError
    >>> issubclass(MissingDependency, ShallowsError), issubclass(MissingDependency, ImportError)
    (True, True)
    """


class CannotRead(ShallowsError):
    """A tensor or a file of weights cannot be read: the message is the reason, in words.

    Examples
    --------
    >>> from shallows.errors import CannotRead
    >>> str(CannotRead("the file ends within the tensor"))
    'the file ends within the tensor'
    """


class StoreError(ShallowsError, RuntimeError):
    """A store of sweep results cannot be read or written: full disk, damaged or locked file.

    Examples
    --------
    >>> from shallows.errors import ShallowsError
    >>> from shallows.sweeps import StoreError
    >>> issubclass(StoreError, ShallowsError)
    True
    """


class WorkersFailed(ShallowsError, RuntimeError):
    """Nobody is there to compute: no worker could be started, or the cluster is gone.

    Examples
    --------
    >>> from shallows.errors import ShallowsError
    >>> from shallows.sweeps import WorkersFailed
    >>> issubclass(WorkersFailed, ShallowsError)
    True
    """


class PointFailed(ShallowsError, RuntimeError):
    """A point of a sweep could not be computed; ``failure`` says why.

    Parameters
    ----------
    message : str
        Which point, and why.
    failure : Failure
        What the store keeps of it (:class:`shallows.sweeps.Failure`).

    Examples
    --------
    >>> from shallows.sweeps import PointFailed, PointRequest, run_points
    >>> settings = {"network": "diagonal", "dim": 50, "gamma": 1.0, "noise": 0.5, "samples": 50, "weight_decay": 0.0}
    >>> try:
    ...     run_points([PointRequest(settings)])
    ... except PointFailed as error:
    ...     print(error.failure.reason)
    SolveFailed: DIVERGENT
    """

    def __init__(self, message: str, failure: Any) -> None:
        self.failure = failure
        super().__init__(message)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.args[0], self.failure)


class CallFailed(ShallowsError, RuntimeError):
    """A call in a worker could not be computed.

    Parameters
    ----------
    message : str
        Which call, and why.
    index : int
        Which of the items, counted from 0.
    reason : str
        Why, in short.

    Examples
    --------
    >>> import math
    >>> from shallows.sweeps import CallFailed, run_calls
    >>> try:
    ...     run_calls(math.sqrt, [4.0, -1.0])
    ... except CallFailed as error:
    ...     print(error.index, error.reason)
    1 ValueError
    """

    def __init__(self, message: str, index: int, reason: str) -> None:
        self.index, self.reason = index, reason
        super().__init__(message)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.args[0], self.index, self.reason)


def __dir__() -> list[str]:
    return sorted(__all__)
