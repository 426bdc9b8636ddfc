"""Which backend computes: this process, a pool of processes, or a cluster."""

from __future__ import annotations

from .._arguments import check_integer
from ..errors import InvalidArgument
from .backends import Backend, InProcess, LocalPool, check_workers


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
    threads = check_integer("threads", threads)
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
