"""Computing on a Dask cluster. Imported only when one is asked for."""

from __future__ import annotations

import contextlib
import gc
import json
import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from .._version import __version__
from ..errors import InvalidArgument, MissingDependency, WorkersFailed
from .backends import Answer, Batch, Done, compute_batch, limit_threads

_local = threading.local()


def _compute_remote(
    version: str, threads: int, compute: Callable[[Any], Any], points: Sequence[Any]
) -> list[Answer] | str:
    """On the worker: as on any other executor, with its libraries' threads set the same way."""
    if version != __version__:
        return __version__
    if getattr(_local, "threads", None) != threads:
        limit_threads(threads)
        _local.threads = threads
    return compute_batch(compute, points)


def _version_here() -> str:
    from .._version import __version__ as version

    return version


def _address_in(file: str) -> str:
    """The address that a scheduler wrote to its file."""
    path = Path(file)
    wanted = "must be an address such as tcp://host:8786 or a scheduler file"
    try:
        if not path.is_file():
            raise InvalidArgument("cluster", file, wanted)
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        if isinstance(error, InvalidArgument):
            raise
        why = getattr(error, "strerror", None) or "is not the JSON that a scheduler writes; has it started?"
        raise InvalidArgument("cluster", file, f"the scheduler file cannot be read: {why}") from error
    found = content.get("address") if isinstance(content, dict) else None
    if not isinstance(found, str) or "://" not in found:
        raise InvalidArgument("cluster", file, "the scheduler file names no address; has the scheduler started?")
    return found


class DaskCluster:
    """Workers of a Dask cluster.

    Only the calling process opens the store: workers need no access to it.

    Parameters
    ----------
    address : str
        Address of the scheduler (``tcp://host:8786``) or path of a scheduler file.
    threads : int
        Threads of numerical libraries per point.
    timeout : float
        Seconds to wait for the scheduler.

    Raises
    ------
    InvalidArgument
        If the scheduler cannot be reached, or a worker has another version of shallows.
    MissingDependency
        If ``dask.distributed`` is not installed.
    """

    def __init__(self, address: str, threads: int = 1, timeout: float = 10.0) -> None:
        try:
            from distributed import Client
        except ImportError as error:
            raise MissingDependency("a cluster needs dask.distributed: pip install 'shallows[cluster]'") from error
        contact = address if "://" in address else _address_in(address)
        log = logging.getLogger("distributed")
        level, log.level = log.level, logging.CRITICAL  # it would report the failed connection a second time
        answers = True
        try:
            self._client = Client(contact, timeout=timeout, set_as_default=False, name="shallows-sweep")
        except (OSError, TimeoutError, ValueError, KeyError, TypeError, ImportError):
            answers = False
        finally:
            log.setLevel(level)
        if not answers:
            # A client half made closes itself when it is collected; while another one is being made both would wait
            # for one lock. Here, with the exception that held it gone, it can be collected.
            gc.collect()
            allowed = f"no Dask scheduler answers there within {timeout:g} s; check the address, and that it runs"
            raise InvalidArgument("cluster", address, allowed)
        self._address, self._threads = address, threads
        self._ended: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._running: dict[int, tuple[Batch, Any]] = {}
        self._number = 0
        self._asked = 0.0
        self.workers = 0
        try:
            versions = self._client.run(_version_here, on_error="return")
        except Exception as error:
            self.close(0)
            raise InvalidArgument("cluster", address, f"its workers do not answer: {error}") from error
        for worker, found in versions.items():
            if found != __version__:
                self.close(0)
                text = found if isinstance(found, str) else f"none ({found})"
                raise InvalidArgument(
                    "cluster", address, f"worker {worker} has shallows {text}; it must be {__version__}"
                )
        self._count()

    def _alive(self) -> None:
        if self._client.status not in ("running", "connecting"):
            text = f"the cluster at {self._address} is gone; what was reported is safe: run again to go on"
            raise WorkersFailed(text)

    def _count(self) -> None:
        self._alive()
        if time.monotonic() - self._asked > 2:
            try:
                self.workers = sum(self._client.nthreads().values())
            except Exception as error:
                self._alive()
                raise WorkersFailed(f"the cluster at {self._address} does not answer: {error}") from error
            self._asked = time.monotonic()

    def free(self) -> int:
        """Two batches for every worker thread: one runs, one waits beside it."""
        self._count()
        return 2 * self.workers - len(self._running)

    def start(self, batch: Batch) -> None:
        self._number += 1
        number = self._number
        future = self._client.submit(
            _compute_remote,
            __version__,
            self._threads,
            batch.compute,
            batch.points,
            pure=False,
            key=f"shallows-{id(self)}-{number}",
        )
        self._running[number] = (batch, future)
        future.add_done_callback(lambda _: self._ended.put(number))

    def wait(self, seconds: float) -> list[Done]:
        numbers: list[int] = []
        with contextlib.suppress(queue.Empty):
            numbers.append(self._ended.get(timeout=seconds))
            while True:
                numbers.append(self._ended.get_nowait())
        self._alive()
        return [done for number in numbers if (done := self._result(number)) is not None]

    def _result(self, number: int) -> Done | None:
        batch, future = self._running.pop(number)
        if future.status in ("cancelled", "lost"):
            self._alive()
            return Done(batch, None, "worker lost")
        try:
            answers = future.result(timeout=60)
        except Exception as error:
            self._alive()
            name = type(error).__name__
            if name == "KilledWorker":  # the scheduler tried it on several workers
                return Done(batch, None, "worker died", repeated=True)
            return Done(batch, None, f"no answer: {name}: {error}"[:300])
        finally:
            future.release()
        if isinstance(answers, str):
            raise WorkersFailed(f"a worker has shallows {answers}, not {__version__}; give all the same version")
        return Done(batch, answers)

    def close(self, seconds: float) -> list[Done]:
        ended: list[Done] = []
        deadline = time.monotonic() + seconds
        with contextlib.suppress(Exception):
            if self._running and seconds > 0 and self._client.status == "running":
                running = {key for keys in self._client.processing().values() for key in keys}
                for number, (_, future) in list(self._running.items()):
                    if future.key not in running and not future.done():
                        future.cancel()
                        self._running.pop(number)
                while self._running and time.monotonic() < deadline:
                    ended.extend(self.wait(0.5))
        with contextlib.suppress(Exception):
            self._client.cancel([future for _, future in self._running.values()])
        self._running.clear()
        with contextlib.suppress(Exception):
            self._client.close(timeout=5)
        return ended
