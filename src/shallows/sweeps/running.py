"""Running and planning sweeps: the functions that users and other modules call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import InvalidArgument, PointFailed, WorkersFailed
from .backends import Backend, InProcess, LocalPool, check_workers
from .engine import Engine, RunReport
from .points import Point
from .progress import Reporter
from .quantities import Quantity, quantity_named
from .spec import Sweep
from .store import Failure, Store


def as_sweep(sweep: Sweep | str | Path) -> Sweep:
    """A sweep as it is, or read from its file."""
    if isinstance(sweep, Sweep):
        return sweep
    if isinstance(sweep, (str, Path)):
        return Sweep.from_file(sweep)
    raise InvalidArgument("sweep", sweep, "must be a Sweep or the path of a sweep file")


def _check_count(name: str, value: object, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise InvalidArgument(name, value, f"must be an integer >= {least}")
    return value


def open_backend(workers: int | None, cluster: str | None, threads: int, work: int | None = None) -> Backend:
    """Who computes: a Dask cluster if one is named, this process for ``workers=0``, otherwise a local pool.

    Parameters
    ----------
    workers : int, optional
        Processes of the pool; default: the cores this process may use.
    cluster : str, optional
        Address or scheduler file.
    threads : int
        Threads of numerical libraries per point.
    work : int, optional
        Number of points: no more workers than that are started.
    """
    threads = _check_count("threads", threads, 1)
    if cluster is not None:
        if workers is not None:
            raise InvalidArgument(
                "workers / cluster", "both", "contradict each other: a cluster brings its own workers"
            )
        from .cluster import DaskCluster

        return DaskCluster(cluster, threads)
    count = check_workers(workers)
    if count == 0:
        return InProcess(threads)
    return LocalPool(min(count, work) if work else count, threads)


def run(
    sweep: Sweep | str | Path,
    store: str | Path,
    *,
    workers: int | None = None,
    cluster: str | None = None,
    threads: int = 1,
    retries: int = 1,
    retry_failed: bool = False,
    reporter: Reporter | None = None,
    on_stored: Callable[[list[bytes]], None] | None = None,
) -> RunReport:
    """Compute the points of `sweep` that `store` lacks.

    The results do not depend on who computes them, in what order, or how often the run was interrupted; `threads`
    can change their last bits. Several runs may work on one store at the same time.

    Parameters
    ----------
    sweep : Sweep or path
        What to compute.
    store : path
        Folder of the store; made if it does not exist.
    workers : int, optional
        Processes on this machine (default: one per core); 0 computes in this process.
    cluster : str, optional
        Address of a Dask scheduler, or a scheduler file, instead.
    threads : int
        Threads of numerical libraries per point.
    retries : int
        How often a point is tried again after an unexpected error, a dead worker or a garbage answer.
    retry_failed : bool
        Whether points that the store records as failed are tried again.
    reporter : Reporter, optional
        Who is told about progress (default: nobody).
    on_stored : callable, optional
        Called with the keys that have just become durable.

    Returns
    -------
    RunReport

    Raises
    ------
    InvalidArgument
        If the sweep, the store or the cluster cannot be used; nothing has run then.
    StoreError
        If results cannot be stored any more, as on a full disk. What was reported before is safe.
    WorkersFailed
        If no worker can be started, or the cluster is lost.
    """
    sweep = as_sweep(sweep)
    _check_count("retries", retries, 0)
    sweep.check()
    quantities = sweep.ordered_quantities()
    counts = {quantity.name: sweep.count(quantity) for quantity in quantities}
    with Store(store) as opened:
        backend = open_backend(workers, cluster, threads, sweep.total)
        try:
            opened.begin(sweep, quantities)
            engine = Engine(
                sweep.points(), counts, quantities, opened, backend, reporter, retries, retry_failed, on_stored
            )
        except BaseException:
            backend.close(0)
            raise
        return engine.run()


@dataclass(frozen=True)
class Ask:
    """A point for :func:`run_points`: settings by name as in a sweep file, and what to compute there.

    Attributes
    ----------
    settings : dict
        Problem and regularisation.
    quantity : str
        What to compute.
    trainer : str, optional
    seed : int, optional
    """

    settings: dict[str, Any]
    quantity: str = "theory"
    trainer: str | None = None
    seed: int | None = None


def run_points(
    asked: Sequence[Ask | Point],
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
    asked : sequence of Ask or Point
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
        If a point names an unknown quantity or setting.
    PointFailed
        If a point failed and `throw` is true. The other points were computed, and are in the store if there is one.
    KeyboardInterrupt
        If it was interrupted before the end.
    """
    points: list[Point] = []
    for ask in asked:
        if isinstance(ask, Ask):
            quantity = quantity_named(ask.quantity)
            trainers = ("auto",) if ask.trainer is None else (ask.trainer,)
            sweep = Sweep(ask.settings, {}, [ask.quantity], trainers, [ask.seed or 0])
            sweep.check()
            ((trainer, seed),) = sweep.repeats(quantity)
            points.append(sweep.point(quantity, sweep.settings(0), trainer, seed))
        else:
            points.append(ask)
    quantities: dict[str, Quantity] = {point.quantity: quantity_named(point.quantity) for point in points}
    counts = {name: sum(point.quantity == name for point in points) for name in quantities}
    with Store(store) as opened:
        opened.begin(None, quantities.values())
        backend = open_backend(workers, cluster, threads, len(points) or None)
        report = Engine(points, counts, list(quantities.values()), opened, backend, reporter, retries).run()
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
