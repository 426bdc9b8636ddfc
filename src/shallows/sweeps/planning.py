"""What a sweep will take: points, time and disk, before it runs."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from .._display import Displayed
from .backends import Batch, LocalPool, check_workers
from .points import Point
from .quantities import Quantity
from .spec import Sweep
from .store import FILE, Store
from .sweep_runs import as_sweep

#: Points of a quantity that are timed, and the seconds spent on them at most.
SAMPLED, PATIENCE = 6, 20.0


@dataclass(frozen=True, repr=False)
class QuantityPlan(Displayed):
    """The share of one quantity.

    Attributes
    ----------
    quantity : str
    points, finished : int
        In all, and already in the store.
    seconds_each : float
        Seconds of one point on one core.
    measured : str
        Where that comes from: "timed", "store", "guess", or "at least" when the timed point did not end.
    bytes_each : float
        On disk.
    note : str
        What went wrong with sampled points, if something did.
    """

    quantity: str
    points: int
    finished: int
    seconds_each: float
    measured: str
    bytes_each: float
    note: str = ""


@dataclass(frozen=True, repr=False)
class Plan(Displayed):
    """What a sweep will take.

    Attributes
    ----------
    parts : tuple of QuantityPlan
    workers : int
        For how many the time is estimated.

    Examples
    --------
    >>> from shallows.sweeps import Sweep, plan
    >>> problem = {"network": "diagonal", "dim": 100, "gamma": 1.0, "weight_decay": 0.5}
    >>> planned = plan(Sweep(problem, {"samples": [50, 100]}), workers=2, measure=False)
    >>> planned.points, planned.missing, planned.workers
    (2, 2, 2)
    """

    parts: tuple[QuantityPlan, ...]
    workers: int

    @property
    def points(self) -> int:
        """Points in all."""
        return sum(part.points for part in self.parts)

    @property
    def missing(self) -> int:
        """Points still to compute."""
        return sum(part.points - part.finished for part in self.parts)

    @property
    def seconds(self) -> float:
        """Estimated seconds for what is missing."""
        return sum((part.points - part.finished) * part.seconds_each for part in self.parts) / max(1, self.workers)

    @property
    def bytes(self) -> float:
        """Estimated bytes on disk when finished."""
        return 80_000 + sum(part.points * part.bytes_each for part in self.parts)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        parts = [{**part.__dict__} for part in self.parts]
        whole = {"points": self.points, "missing": self.missing, "seconds": self.seconds, "bytes": self.bytes}
        return {**whole, "workers": self.workers, "quantities": parts}


def bytes_of(quantity: Quantity) -> float:
    """Bytes that one result takes on disk: its row, its name in the index, and what pages leave empty."""
    return 1.25 * (70 + sum(16 if form.kind == "text" else 9 for form in quantity.fields.values()))


def plan(
    sweep: Sweep | str | Path, store: str | Path | None = None, *, workers: int | None = None, measure: bool = True
) -> Plan:
    """Number of points of a sweep, and the time and disk that they will take.

    Parameters
    ----------
    sweep : Sweep or path
    store : path, optional
        What it has already is counted; need not exist yet.
    workers : int, optional
        For how many processes the time is estimated (default: one per core).
    measure : bool
        Whether a handful of points is timed; otherwise first guesses stand.

    Returns
    -------
    Plan

    Raises
    ------
    InvalidArgument
        If the sweep or the store cannot be used.
    StoreError
        If the store cannot be read.
    WorkersFailed
        If no worker can be started to time points.

    Examples
    --------
    >>> from shallows.sweeps import Sweep, plan
    >>> problem = {"network": "diagonal", "dim": 100, "gamma": 1.0, "weight_decay": 0.5}
    >>> plan(Sweep(problem, {"samples": {"geomspace": [10, 1000, 30]}}), measure=False).points
    30
    """
    sweep = as_sweep(sweep)
    count = max(1, check_workers(workers))
    sweep.check()
    counted: dict[str, int] = {}
    speeds: dict[str, tuple[int, float]] = {}
    if store is not None and (Path(store) / FILE).exists():
        with Store(store, create=False, read_only=True) as opened:
            counted, speeds = finished(sweep, opened), opened.seconds()
    elif store is not None and Path(store).exists() and any(Path(store).iterdir()):
        Store(store, create=False)
    parts = []
    for quantity in sweep.ordered_quantities():
        known, mean = speeds.get(quantity.name, (0, 0.0))
        note = ""
        if known >= 100:
            seconds, source = mean, "store"
        elif measure:
            seconds, source, note = _time(sweep, quantity)
        else:
            costs = [quantity.cost(sweep.settings(i)) for i in _spread(len(sweep), 64)]
            seconds, source = quantity.seconds * sum(costs) / len(costs), "guess"
        total, done = sweep.count(quantity), counted.get(quantity.name, 0)
        parts.append(QuantityPlan(quantity.name, total, done, seconds, source, bytes_of(quantity), note))
    return Plan(tuple(parts), count)


def finished(sweep: Sweep, store: Store) -> dict[str, int]:
    """Points of `sweep` by quantity that `store` has settled."""
    codes = {quantity.name: quantity.code for quantity in sweep.ordered_quantities()}
    counted = dict.fromkeys(codes, 0)
    points = sweep.points()
    while window := list(islice(points, 2000)):
        keys = [(point.quantity, point.key(codes[point.quantity])) for point in window]
        settled = store.settled(keys)
        for quantity, key in keys:
            counted[quantity] += key in settled
    return counted


def _spread(total: int, count: int) -> list[int]:
    return (
        sorted({i * (total - 1) // max(1, min(count, total) - 1) for i in range(min(count, total))})
        if total > 1
        else [0]
    )


def _sample(sweep: Sweep, quantity: Quantity) -> Sequence[Point]:
    """A few points over the range of costs, the cheapest first."""
    trainer, seed = sweep.repeats(quantity)[0]
    drawn = [sweep.point(quantity, sweep.settings(i), trainer, seed) for i in _spread(len(sweep), 64)]
    drawn.sort(key=lambda point: quantity.cost(point.settings))
    chosen = _spread(len(drawn), SAMPLED)
    return [drawn[i] for i in chosen]


def _time(sweep: Sweep, quantity: Quantity) -> tuple[float, str, str]:
    """Mean seconds of a point from a few timed in a worker that can be stopped; scaled by cost."""
    sample = _sample(sweep, quantity)
    costs = [quantity.cost(sweep.settings(i)) for i in _spread(len(sweep), 64)]
    mean_cost = sum(costs) / len(costs)
    pool = LocalPool(1)
    spent, cost, timed, note = 0.0, 0.0, 0, ""
    deadline = time.monotonic() + PATIENCE
    try:
        # The first is computed twice: it pays for what is loaded and compiled once.
        for point in [sample[0], *sample]:
            pool.start(Batch([b""], [point], quantity.compute))
            ended = pool.wait(max(0.1, deadline - time.monotonic()))
            if not ended:
                break
            answer = ended[0].answers[0] if ended[0].answers else None
            timed += 1
            if answer is None or answer.reason:
                note = ended[0].death if answer is None else f"{answer.reason}: {answer.detail}"
            if answer is not None and timed > 1:
                spent += answer.seconds
                cost += quantity.cost(point.settings)
    finally:
        pool.close(0)
    if cost:
        return spent / cost * mean_cost, "timed", note
    return max(PATIENCE, quantity.seconds * mean_cost), "at least" if not timed else "guess", note
