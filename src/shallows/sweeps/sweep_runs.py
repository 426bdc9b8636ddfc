"""Running a sweep: compute the points that its store lacks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from .._arguments import check_integer
from ..errors import InvalidArgument
from .backend_choice import open_backend
from .engine import Engine, EngineSettings, RunReport
from .progress import Reporter
from .spec import Sweep
from .store import Store


def as_sweep(sweep: Sweep | str | Path) -> Sweep:
    """A sweep as it is, or read from its file."""
    if isinstance(sweep, Sweep):
        return sweep
    if isinstance(sweep, (str, Path)):
        return Sweep.from_file(sweep)
    raise InvalidArgument("sweep", sweep, "must be a Sweep or the path of a sweep file")


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
    MissingDependency
        If a cluster is given without dask.distributed.

    Examples
    --------
    >>> import tempfile
    >>> from shallows.sweeps import Sweep, run
    >>> problem = {"network": "diagonal", "dim": 100, "gamma": 1.0, "noise": 0.5, "weight_decay": 0.5}
    >>> sweep = Sweep(problem, {"samples": [50, 100, 200]})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     first = run(sweep, folder, workers=0)
    ...     again = run(sweep, folder, workers=0)
    >>> first.computed, again.computed
    (3, 0)
    """
    sweep = as_sweep(sweep)
    retries = check_integer("retries", retries, minimum=0)
    sweep.check()
    quantities = sweep.ordered_quantities()
    counts = {quantity.name: sweep.count(quantity) for quantity in quantities}
    with Store(store) as opened:
        backend = open_backend(workers, cluster, threads, sweep.total)
        try:
            opened.begin(sweep, quantities)
            settings = EngineSettings(retries, retry_failed, on_stored)
            engine = Engine(sweep.points(), counts, quantities, opened, backend, reporter, settings)
        except BaseException:
            backend.close(0)
            raise
        return engine.run()
