"""Any function over any list, computed where sweeps are: for results that are no records, such as trained weights."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from ..errors import CallFailed
from .backend_choice import open_backend
from .backends import Answer, Batch

Item = TypeVar("Item")
Result = TypeVar("Result")


def run_calls(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    *,
    workers: int | None = 0,
    cluster: str | None = None,
    threads: int = 1,
    retries: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> list[Result]:
    """``[function(item) for item in items]``, in worker processes or on a Dask cluster, each call by itself.

    Nothing is stored. A call that fails unexpectedly, or whose worker dies, is tried again.

    Parameters
    ----------
    function : callable
        Importable by name, for workers to find it; draws random numbers only from what `item` gives it.
    items : sequence
        What it is called with, the dearest first if they differ.
    workers, cluster, threads, retries
        As for :func:`shallows.sweeps.run`; by default in this process.
    progress : callable, optional
        Called with the number of finished calls and their total.

    Returns
    -------
    list
        Results in the order of `items`.

    Raises
    ------
    InvalidArgument
        If the workers or the cluster cannot be used.
    CallFailed
        If a call failed; the rest is given up.
    WorkersFailed
        If there is nobody to compute.
    MissingDependency
        If a cluster is given without dask.distributed.

    Examples
    --------
    >>> import math
    >>> from shallows.sweeps import run_calls
    >>> run_calls(math.sqrt, [1.0, 4.0, 9.0])
    [1.0, 2.0, 3.0]
    """
    waiting = deque(Batch([index.to_bytes(8, "big")], [item], function) for index, item in enumerate(items))
    results: list[Any] = [None] * len(items)
    if not items:
        return results
    tried = [0] * len(items)
    running = finished = 0
    backend = open_backend(workers, cluster, threads, len(items))
    try:
        while waiting or running:
            while waiting and backend.free() > 0:
                backend.start(waiting.popleft())
                running += 1
            for done in backend.wait(0.5):
                running -= 1
                index = int.from_bytes(done.batch.keys[0], "big")
                answer = _answer(done.answers, done.death)
                if not answer.reason:
                    results[index] = answer.record
                    finished += 1
                    if progress is not None:
                        progress(finished, len(items))
                    continue
                tried[index] += 1
                if answer.final or tried[index] > retries:
                    raise CallFailed(f"call {index} failed: {answer.detail}", index, answer.reason)
                waiting.append(done.batch)
    finally:
        backend.close(0)
    return results


def _answer(answers: Any, death: str) -> Answer:
    if isinstance(answers, list) and len(answers) == 1 and isinstance(answers[0], Answer):
        return answers[0]
    reason = death or "garbage answer"
    return Answer(None, 0.0, reason, f"{reason} while computing it")
