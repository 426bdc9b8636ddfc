"""Named exceptions. Every one is a subclass of :class:`ShallowsError`."""

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
    """

    def __init__(self, name: str, value: Any, allowed: str) -> None:
        self.name, self.value, self.allowed = name, value, allowed
        super().__init__(f"{name}: got {value!r}; {allowed}")

    def __reduce__(self) -> tuple[Any, ...]:  # several arguments: the default pickling loses them
        return type(self), (self.name, self.value, self.allowed)


def check_instance(name: str, value: Any, *kinds: type) -> None:
    """Raise :class:`InvalidArgument` unless `value` is of one of the `kinds`."""
    if not isinstance(value, kinds):
        given = value if isinstance(value, (str, int, float, type(None))) else type(value).__name__
        raise InvalidArgument(name, given, f"must be a {' or a '.join(kind.__name__ for kind in kinds)}")


class SolveFailed(ShallowsError, RuntimeError):
    """A solver did not reach its answer; ``result`` holds what it had, with its status."""

    def __init__(self, message: str, result: Any = None) -> None:
        self.result = result
        super().__init__(message)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.args[0], self.result)


class MissingDependency(ShallowsError, ImportError):
    """An optional dependency is needed for what was asked."""
