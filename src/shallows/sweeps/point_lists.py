"""Any list of points, computed in memory or on a store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import PointFailed, WorkersFailed
from .backend_choice import open_backend
from .engine import Engine, EngineSettings
from .points import Point
from .progress import Reporter
from .quantities import Quantity, quantity_named
from .spec import Sweep
from .store import Failure, Store


@dataclass(frozen=True)
class PointRequest:
    """A point as :func:`run_points` is asked for it: settings by name as in a sweep file, and what to compute there.

    Attributes
    ----------
    settings : dict
        Problem and regularisation.
    quantity : str
        What to compute.
    trainer : str, optional
        For ``"train"`` (default ``"auto"``).
    seed : int, optional
        Label of the repetition of what is sampled (default 0).

    Examples
    --------
    >>> from shallows.sweeps import PointRequest
    >>> settings = {"network": "diagonal", "dim": 100, "gamma": 1.0, "samples": 50, "weight_decay": 0.5}
    >>> PointRequest(settings, "train", seed=3).quantity
    'train'
    """

    settings: dict[str, Any]
    quantity: str = "theory"
    trainer: str | None = None
    seed: int | None = None


def run_points(
    requests: Sequence[PointRequest | Point],
    *,
    store: str | Path | None = None,
    workers: int | None = 0,
    cluster: str | None = None,
    threads: int = 1,
    retries: int = 1,
    throw: bool = True,
    reporter: Reporter | None = None,
) -> list[dict[str, float | str | None] | Failure]:
    """Compute any list of points, in memory or on a store, and return their records in order.

    Parameters
    ----------
    requests : sequence of PointRequest or Point
        What to compute, and where.
    store : path, optional
        Store to take finished points from and add to; default: in memory.
    workers, cluster, threads, retries, reporter
        As for :func:`run`; by default in this process.
    throw : bool
        Whether a failed point raises; otherwise its :class:`Failure` stands in the list.

    Returns
    -------
    list of dict or Failure

    Raises
    ------
    InvalidArgument
        If a point names an unknown quantity or setting, or the store, the workers or the cluster cannot be used.
    PointFailed
        If a point failed and `throw` is true. The other points were computed, and are in the store if there is one.
    StoreError, WorkersFailed, MissingDependency
        As for :func:`run`.
    KeyboardInterrupt
        If it was interrupted before the end.

    Examples
    --------
    >>> from shallows.sweeps import PointRequest, run_points
    >>> settings = {"network": "diagonal", "dim": 100, "gamma": 1.0, "noise": 0.5, "weight_decay": 0.5}
    >>> records = run_points([PointRequest({**settings, "samples": n}) for n in (50, 200)])
    >>> [f"{record['excess_risk']:.4f}" for record in records]
    ['0.3639', '0.1609']
    """
    points = [_point(request) if isinstance(request, PointRequest) else request for request in requests]
    quantities: dict[str, Quantity] = {point.quantity: quantity_named(point.quantity) for point in points}
    counts = {name: sum(point.quantity == name for point in points) for name in quantities}
    with Store(store) as opened:
        opened.begin(None, quantities.values())
        backend = open_backend(workers, cluster, threads, len(points) or None)
        settings = EngineSettings(retries)
        report = Engine(points, counts, list(quantities.values()), opened, backend, reporter, settings).run()
        if report.interrupted:
            raise KeyboardInterrupt
        records: list[dict[str, float | str | None] | Failure] = []
        for point in points:
            quantity = quantities[point.quantity]
            key = point.key(quantity.code)
            found = opened.records(quantity, [key]).get(key)
            if found is not None:
                records.append(dict(zip(quantity.fields, found, strict=True)))
                continue
            failure = opened.failure_of(key)
            if failure is None:
                raise WorkersFailed(f"no result for {point.describe()}")
            if throw:
                raise PointFailed(f"{failure.point}: {failure.detail}", failure)
            records.append(failure)
        return records


def _point(request: PointRequest) -> Point:
    """The point that a request describes, checked."""
    quantity = quantity_named(request.quantity)
    trainers = ("auto",) if request.trainer is None else (request.trainer,)
    sweep = Sweep(request.settings, {}, [request.quantity], trainers, [request.seed or 0])
    sweep.check()
    ((trainer, seed),) = sweep.repeats(quantity)
    return sweep.point(quantity, sweep.settings(0), trainer, seed)
