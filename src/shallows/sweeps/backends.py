"""Who computes: this process, or a pool of worker processes on this machine."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from typing import Any, Protocol

from ..errors import InvalidArgument, WorkersFailed
from .quantities import failure_reason, is_final

#: Variables that numerical libraries read when they start.
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "NUMBA_NUM_THREADS",
)


@dataclass(slots=True)
class Batch:
    """Points that are computed together, all of one quantity.

    Attributes
    ----------
    keys, points : list
        Names and points.
    compute : callable
        Function of the quantity.
    deaths : int
        How many workers died on it.
    """

    keys: list[bytes]
    points: list[Any]
    compute: Callable[[Any], Any]
    deaths: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """What a worker says of one point: a record, or a reason and whether it is final."""

    record: Any
    seconds: float
    reason: str = ""
    detail: str = ""
    final: bool = False


@dataclass(slots=True)
class Done:
    """A batch that came back: with answers, or with what killed it.

    Attributes
    ----------
    batch : Batch
    answers : list of Answer or None
        One for each point.
    death : str
        Why there are none.
    repeated : bool
        Whether it was tried on other workers already.
    """

    batch: Batch
    answers: Any
    death: str = ""
    repeated: bool = False


def compute_batch(compute: Callable[[Any], Any], points: Sequence[Any]) -> list[Answer]:
    """Compute points one after another; an exception is the answer of its point only."""
    answers = []
    for point in points:
        start = time.perf_counter()
        try:
            record = compute(point)
        except (Exception, SystemExit) as error:  # whatever it is, it concerns this point alone
            reason, detail = failure_reason(error)
            answers.append(Answer(None, time.perf_counter() - start, reason, detail[:2000], is_final(error)))
        else:
            answers.append(Answer(record, time.perf_counter() - start))
    return answers


_limits: list[Any] = []


def limit_threads(threads: int) -> None:
    """Let numerical libraries in this process use `threads` threads from now on.

    The number of threads can change the last bits of a matrix product, so every executor sets it.
    """
    import sys

    from threadpoolctl import threadpool_limits

    _limits.append(threadpool_limits(limits=threads))
    del _limits[:-1]
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(threads)


class Backend(Protocol):
    """Where batches are computed."""

    workers: int

    def free(self) -> int:
        """How many more batches it can take now."""

    def start(self, batch: Batch) -> None:
        """Begin a batch."""

    def wait(self, seconds: float) -> list[Done]:
        """Batches that ended, at least one unless the time ran out."""

    def close(self, seconds: float) -> list[Done]:
        """Stop: begin nothing more, give running batches `seconds` to end, and return those."""


class InProcess:
    """Computes in the calling process, one batch at a time."""

    workers = 1

    def __init__(self, threads: int = 1) -> None:
        from threadpoolctl import threadpool_limits

        self._limit = threadpool_limits(limits=threads)
        self._waiting: deque[Batch] = deque()

    def free(self) -> int:
        return 1 - len(self._waiting)

    def start(self, batch: Batch) -> None:
        self._waiting.append(batch)

    def wait(self, seconds: float) -> list[Done]:
        if not self._waiting:
            return []
        batch = self._waiting.popleft()
        return [Done(batch, compute_batch(batch.compute, batch.points))]

    def close(self, seconds: float) -> list[Done]:
        self._waiting.clear()
        self._limit.restore_original_limits()
        return []


def _start_worker(threads: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the driver decides what an interrupt means
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    parent = multiprocessing.parent_process()

    def follow() -> None:  # a worker whose driver was killed would wait for work for ever
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=follow, daemon=True).start()
    limit_threads(threads)


def _ready() -> int:
    return os.getpid()


@contextlib.contextmanager
def _thread_environment(threads: int) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in THREAD_VARIABLES}
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(threads)))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@dataclass(slots=True)
class _Lane:
    """One worker process and the batches handed to it, in order: the first unfinished one is running."""

    executor: ProcessPoolExecutor | None = None
    pending: deque[tuple[Batch, Future[list[Answer]]]] = field(default_factory=deque)


class LocalPool:
    """Worker processes on this machine, each with a queue of its own.

    When a worker dies, the batch it was running is known, and only that one is held against it; the worker
    is replaced.

    Parameters
    ----------
    workers : int
        Number of processes.
    threads : int
        Threads of numerical libraries in each.
    """

    #: One batch runs, one waits beside it so that the worker never does.
    DEPTH = 2

    def __init__(self, workers: int, threads: int = 1) -> None:
        self.workers, self.threads = workers, threads
        self._lanes = [_Lane() for _ in range(workers)]
        self._context = multiprocessing.get_context("spawn")
        try:
            for ready in [self._open(lane).submit(_ready) for lane in self._lanes]:
                ready.result(timeout=120)
        except (BrokenProcessPool, TimeoutError, OSError) as error:
            self.close(0)
            raise WorkersFailed(
                "worker processes could not start; in a script, call it under `if __name__ == '__main__':`, "
                "or compute in the calling process (workers=0)"
            ) from error

    def _open(self, lane: _Lane) -> ProcessPoolExecutor:
        if lane.executor is None:
            lane.executor = ProcessPoolExecutor(1, self._context, _start_worker, (self.threads,))
            with _thread_environment(self.threads):
                lane.executor.submit(_ready)  # starts the process, which inherits the environment
        return lane.executor

    def pids(self) -> list[int]:
        """Process numbers of the workers."""
        found: list[int] = []
        for lane in self._lanes:
            processes = getattr(lane.executor, "_processes", None) or {}
            found.extend(processes)
        return found

    def free(self) -> int:
        return sum(self.DEPTH - len(lane.pending) for lane in self._lanes)

    def start(self, batch: Batch) -> None:
        lane = min(self._lanes, key=lambda lane: len(lane.pending))
        try:
            future = self._open(lane).submit(compute_batch, batch.compute, batch.points)
        except BrokenProcessPool as error:  # it died while idle or a moment ago; wait() will tell and replace it
            future = Future()
            future.set_exception(error)
        lane.pending.append((batch, future))

    def wait(self, seconds: float) -> list[Done]:
        futures = [future for lane in self._lanes for _, future in lane.pending]
        if futures:
            wait(futures, timeout=seconds, return_when=FIRST_COMPLETED)
        return [done for lane in self._lanes for done in self._collect(lane)]

    def _collect(self, lane: _Lane) -> list[Done]:
        ended: list[Done] = []
        while lane.pending and lane.pending[0][1].done():
            batch, future = lane.pending.popleft()
            try:
                ended.append(Done(batch, future.result()))
            except BrokenProcessPool:
                ended.append(Done(batch, None, "worker died"))
                self._replace(lane)
            except Exception as error:  # an answer that could not be sent back
                ended.append(Done(batch, None, f"no answer: {type(error).__name__}: {error}"[:300]))
        return ended

    def _replace(self, lane: _Lane) -> None:
        """A new worker for the lane; the batches that waited behind the fatal one go on."""
        waiting = [batch for batch, _ in lane.pending]
        lane.pending.clear()
        if lane.executor is not None:
            lane.executor.shutdown(wait=False, cancel_futures=True)
            lane.executor = None
        for batch in waiting:
            lane.pending.append((batch, self._open(lane).submit(compute_batch, batch.compute, batch.points)))

    def close(self, seconds: float) -> list[Done]:
        ended: list[Done] = []
        for lane in self._lanes:
            while len(lane.pending) > 1:  # those that wait
                lane.pending.pop()[1].cancel()
        running = [lane.pending[0][1] for lane in self._lanes if lane.pending]
        if running and seconds > 0:
            wait(running, timeout=seconds)
        for lane in self._lanes:
            if lane.pending and lane.pending[0][1].done():
                batch, future = lane.pending.popleft()
                with contextlib.suppress(Exception):
                    ended.append(Done(batch, future.result()))
            if lane.executor is not None:
                processes = list((getattr(lane.executor, "_processes", None) or {}).values())
                lane.executor.shutdown(wait=False, cancel_futures=True)
                for process in processes:  # what they hold is not needed, and an orderly exit takes them seconds
                    process.kill()
                    process.join(5)
            lane.executor = None
            lane.pending.clear()
        return ended


def check_workers(workers: int | None) -> int:
    """Number of worker processes: the cores this process may use unless one is given; 0 is this process itself."""
    if workers is None:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if isinstance(workers, bool) or not isinstance(workers, int) or not 0 <= workers <= 4096:
        raise InvalidArgument("workers", workers, "must be an integer from 0 (in this process) to 4096")
    return workers
