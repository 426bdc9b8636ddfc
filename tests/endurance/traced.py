"""A quantity that leaves a trace of every computation; importable by workers."""

from __future__ import annotations

import os
from pathlib import Path

from shallows.sweeps import Field, Point, Quantity, register
from shallows.sweeps.builtin_quantities import theory


def traced(point: Point) -> dict[str, float | str | None]:
    """State evolution and a random draw."""
    handle = os.open(Path(os.environ["SWEEP_TRACE"]), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(handle, key_of(point).hex().encode() + b"\n")  # one short write: processes do not mix
    os.close(handle)
    record = theory(point)
    return {"traced_risk": record["excess_risk"], "traced_draw": float(point.generator().standard_normal())}


NUMBER = Field("1", "a number")
TRACED = register(
    Quantity("traced", {"traced_risk": NUMBER, "traced_draw": NUMBER}, traced, repeats="seed", seconds=0.003)
)


def key_of(point: Point) -> bytes:
    return point.key(TRACED.code)
