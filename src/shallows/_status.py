"""How a computation ended: what all statuses have in common."""

from __future__ import annotations

from enum import Enum


class StatusEnum(Enum):
    """A status says whether its numbers can be used, and what to do next.

    Members are written as ``NAME = "value", ok, "advice"``; looked up, stored and pickled by their value.

    >>> class Ended(StatusEnum):
    ...     DONE = "done", True, "the goal was reached"
    ...     STUCK = "stuck", False, "start from another seed"
    >>> Ended("stuck").ok, Ended.STUCK.value, Ended.STUCK.advice
    (False, 'stuck', 'start from another seed')
    """

    _ok: bool
    _advice: str

    def __new__(cls, value: str, ok: bool = False, advice: str = "") -> StatusEnum:
        member = object.__new__(cls)
        member._value_ = value
        member._ok, member._advice = ok, advice
        return member

    @property
    def ok(self) -> bool:
        """Whether the numbers that come with it can be used."""
        return self._ok

    @property
    def advice(self) -> str:
        """What happened, and what to do about it."""
        return self._advice
