"""Quantities that cost nothing, and some that misbehave; importable by worker processes."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import numpy as np

from shallows.sweeps import Field, Point, Quantity, register

NUMBER = Field("1", "a number")


def note(point: Point) -> None:
    """Leave a trace of every computation, one short write so that processes do not mix."""
    folder = os.environ.get("SWEEP_TRACE")
    if folder:
        line = f"{point.settings['samples']}\n".encode()
        handle = os.open(Path(folder) / "trace", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.write(handle, line)
        os.close(handle)


def slow_down(seconds: float) -> int:
    os.environ["SWEEP_SLEEP"] = str(seconds)
    return os.getpid()


def plain_numbers(point: Point) -> dict[str, float]:
    note(point)
    time.sleep(float(os.environ.get("SWEEP_SLEEP", "0")))
    samples, noise = point.settings["samples"], point.settings.get("noise", 0.0)
    return {"ratio": samples / point.settings["dim"] + 0.1, "noisy": noise * 1.1}


def draw(point: Point) -> dict[str, float]:
    note(point)
    return {"drawn": float(point.generator().standard_normal())}


def misbehave(point: Point) -> object:
    """Fails in a way that the number of samples chooses."""
    note(point)
    what = point.settings["samples"]
    if what == 13:
        os.kill(os.getpid(), signal.SIGKILL)
    return {
        1: lambda: 1 / 0,
        2: lambda: {"fine": float("nan")},
        3: lambda: {"wrong": 1.0},
        4: lambda: "garbage",
        5: lambda: {"fine": float("inf")},
        6: lambda: (_ for _ in ()).throw(SystemExit(3)),
        7: lambda: {"fine": None},
        8: lambda: {"fine": True},
    }.get(what, lambda: {"fine": float(what)})()


def once(point: Point) -> dict[str, float]:
    """Fails the first time only."""
    mark = Path(os.environ["SWEEP_TRACE"]) / f"mark{point.settings['samples']}"
    if point.settings["samples"] % 7 == 3 and not mark.exists():
        mark.touch()
        if point.settings["samples"] % 2:
            os.kill(os.getpid(), signal.SIGKILL)
        raise OSError("a passing trouble")
    return {"second": float(point.settings["samples"])}


PLAIN = register(
    Quantity("plain_numbers", {"ratio": NUMBER, "noisy": NUMBER}, plain_numbers, regularised=False, seconds=1e-4)
)
DRAW = register(Quantity("draw", {"drawn": NUMBER}, draw, repeats="trainer and seed", regularised=False, seconds=1e-3))
MISBEHAVE = register(Quantity("misbehave", {"fine": NUMBER}, misbehave, regularised=False, seconds=1e-4))
ONCE = register(Quantity("once", {"second": NUMBER}, once, regularised=False, seconds=1e-4))

PROBLEM = {"network": "diagonal", "dim": 50, "gamma": 1.0}


def square(number: int) -> object:
    if number == 13_000:
        os.kill(os.getpid(), signal.SIGKILL)
    if number < 0:
        raise ValueError("a negative number")
    return np.array([number, number * number])
