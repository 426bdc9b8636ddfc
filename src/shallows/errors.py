"""Named exceptions, all of them here. Every one is a subclass of :class:`ShallowsError`."""

from __future__ import annotations

from typing import Any


class ShallowsError(Exception):
    """Base class of everything `shallows` raises on purpose."""


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
    """No network of this name is registered."""


class NotSupported(InvalidArgument):
    """The network is known, but lacks what was asked of it; the message names what."""


class SolveFailed(ShallowsError, RuntimeError):
    """A solver did not reach its answer; ``result`` holds what it had, with its status."""

    def __init__(self, message: str, result: Any = None) -> None:
        self.result = result
        super().__init__(message)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.args[0], self.result)


class EstimateUndefined(ShallowsError):
    """The data do not determine what was asked: the network interpolates them, or there is nothing but noise."""


class UndefinedAttribute(EstimateUndefined, AttributeError):
    """The same of an attribute that is computed when it is read: it is not there."""


class MissingDependency(ShallowsError, ImportError):
    """An optional dependency is needed for what was asked."""


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

    Attributes
    ----------
    index : int
        Which of the items.
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
