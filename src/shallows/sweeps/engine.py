"""Running a sweep: what is missing is handed out in batches, what comes back is stored, nothing is lost."""

from __future__ import annotations

import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from types import FrameType
from typing import Any

from .._display import Displayed
from .backends import Answer, Backend, Batch, Done
from .points import Point
from .progress import Counts, Reporter, Silent, SteadyEstimate
from .quantities import Quantity
from .store import Failure, Store, Success

#: Aim of a batch, in seconds: long against the work around it, short against what a kill may cost.
BATCH_SECONDS = 0.75
#: Most points in a batch,
LARGEST_BATCH = 2000
#: and before the first ones were timed.
FIRST_BATCH = 8
#: Points looked up, and ordered by cost, at once: what bounds the memory.
WINDOW = 2048
#: Seconds that running batches are given when a sweep is interrupted.
GRACE = 10.0

Item = tuple[bytes, Point, Quantity]


@dataclass(frozen=True, repr=False)
class RunReport(Displayed):
    """What a run did.

    Attributes
    ----------
    total, settled, computed, failed : int
        Points in all; those that needed no computing, being settled before (done or recorded as failed), by another
        run at the same time, or by an equal point; computed and failed in this run.
    seconds : float
        How long it took.
    interrupted : bool
        Whether it was stopped before the end.
    reasons : dict
        Failures of this run by reason.

    Examples
    --------
    >>> from shallows.sweeps import RunReport
    >>> RunReport(total=10, settled=4, computed=5, failed=1, seconds=2.0).interrupted
    False
    """

    total: int
    settled: int
    computed: int
    failed: int
    seconds: float
    interrupted: bool = False
    reasons: dict[str, int] = field(default_factory=dict)


class _Speed:
    """Seconds of a point of each quantity, learned while running."""

    def __init__(self) -> None:
        self._per_cost: dict[str, float] = {}
        self._mean: dict[str, float] = {}

    def known(self, quantity: Quantity) -> bool:
        return quantity.name in self._per_cost

    def expect(self, quantity: Quantity, cost: float) -> float:
        return self._per_cost.get(quantity.name, quantity.seconds) * cost

    def mean(self, quantity: Quantity) -> float:
        return self._mean.get(quantity.name, quantity.seconds)

    def learn(self, quantity: Quantity, cost: float, seconds: float, count: int) -> None:
        """Take in a batch: its total cost and seconds."""
        for table, value in ((self._per_cost, seconds / cost if cost else 0.0), (self._mean, seconds / count)):
            before = table.get(quantity.name)
            table[quantity.name] = value if before is None else 0.7 * before + 0.3 * value


@dataclass(frozen=True)
class EngineSettings:
    """What is done about failures, and who hears of results.

    Attributes
    ----------
    retries : int
        How often a point is tried again after an unexpected error, a dead worker or a garbage answer.
    retry_failed : bool
        Whether points recorded as failed are tried again.
    on_stored : callable, optional
        Called with the keys that have just become durable.
    """

    retries: int = 1
    retry_failed: bool = False
    on_stored: Callable[[list[bytes]], None] | None = None


class Engine:
    """One run of a sweep.

    Parameters
    ----------
    points : iterator of Point
        What is asked, walked once.
    counts : mapping of str to int
        How many points of each quantity there are, by its name.
    quantities : sequence of Quantity
    store : Store
        Where results go; ``begin`` was called on it.
    backend : Backend
        Who computes.
    reporter : Reporter
        Who is told.
    settings : EngineSettings, optional
    """

    def __init__(
        self,
        points: Iterable[Point],
        counts: dict[str, int],
        quantities: Sequence[Quantity],
        store: Store,
        backend: Backend,
        reporter: Reporter | None = None,
        settings: EngineSettings | None = None,
    ) -> None:
        self.store, self.backend = store, backend
        self.reporter: Reporter = reporter or Silent()
        self.settings = settings or EngineSettings()
        self.quantities = {quantity.name: quantity for quantity in quantities}
        self.counts = Counts(sum(counts.values()))
        self._left = dict(counts)
        self._source: Iterator[Point] | None = iter(points)
        self._pending: deque[Item] = deque()
        self._again: deque[Batch] = deque()
        self._suspects: deque[Batch] = deque()
        self._alone = False
        self._waiting = False
        self._elsewhere: list[Item] = []
        self._attempts: dict[bytes, int] = {}
        self._speed = _Speed()
        self._flying = 0
        self._stop = False
        self._recent: deque[tuple[float, int]] = deque(maxlen=64)
        self._remaining = SteadyEstimate(time.monotonic())

    def run(self) -> RunReport:
        """Compute what is missing.

        Raises
        ------
        StoreError
            If results cannot be stored any more.
        WorkersFailed
            If there is nobody left to compute.
        """
        start = time.monotonic()
        self._recent.append((start, 0))
        self._remaining = SteadyEstimate(start)
        try:
            with self._signals():
                self._loop()
                last = self.backend.close(GRACE if self._stop else 0.0)
                self._store(last)
        except BaseException:
            self.backend.close(0.0)
            raise
        finally:
            self.reporter.close(self.counts)
        counts = self.counts
        interrupted = self._stop and counts.finished < counts.total
        seconds = time.monotonic() - start
        return RunReport(
            counts.total, counts.settled, counts.computed, counts.failed, seconds, interrupted, dict(counts.reasons)
        )

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """The first interrupt or termination stops in order, the second at once."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def stop(number: int, frame: FrameType | None) -> None:
            if self._stop:
                raise KeyboardInterrupt
            self._stop = True
            self.reporter.note("stopping: what runs is finished and stored first (again to stop at once)")

        before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _loop(self) -> None:
        while not self._stop:
            while self.backend.free() > 0 and not self._stop and not self._alone:
                batch = self._next()
                if batch is None:
                    break
                self._flying += 1
                self.backend.start(batch)
            if self._flying:
                self._store(self.backend.wait(0.5))
                self._alone = self._alone and self._flying > 0
            elif self._suspects and self.backend.free() > 0:
                self._alone = True
                self._flying += 1
                self.backend.start(self._suspects.popleft())
            elif self._elsewhere:
                self._revisit()
            elif self._source is None and not self._pending and not self._again and not self._suspects:
                return
            elif self.backend.free() <= 0:  # a cluster without workers, for now
                if not self._waiting:
                    self.reporter.note("the cluster has no workers yet; waiting for them")
                self._waiting = True
                time.sleep(0.5)
            self._show()

    # -- handing out --------------------------------------------------------------------------------

    def _look_up(self) -> None:
        """Read on until there is something to do, and put it in order of falling cost."""
        while not self._pending and self._source is not None and not self._stop:
            window = list(islice(self._source, WINDOW))
            if not window:
                self._source = None
                return
            items: list[Item] = []
            for point in window:
                quantity = self.quantities[point.quantity]
                items.append((point.key(quantity.code), point, quantity))
            settled = self._settled(items)
            for item in items:
                if item[0] in settled:
                    self._settle(item)
            open_ = [item for item in items if item[0] not in settled]
            open_.sort(key=lambda item: -self._speed.expect(item[2], item[2].cost(item[1].settings)))
            self._pending.extend(open_)
            self._show()

    def _settled(self, items: Sequence[Item]) -> set[bytes]:
        """Keys of `items` that need no computing."""
        named = [(item[2].name, item[0]) for item in items]
        return self.store.settled(named, retry_failed=self.settings.retry_failed)

    def _settle(self, item: Item) -> None:
        self.counts.settled += 1
        self._left[item[2].name] -= 1

    def _next(self) -> Batch | None:
        """The next batch, its points claimed."""
        if self._again:
            return self._again.popleft()
        while not self._stop:
            if not self._pending:
                self._look_up()
                if not self._pending:
                    return None
            items = self._take()
            named = [(item[2].name, item[0]) for item in items]
            taken, elsewhere = self.store.claim(named, retry_failed=self.settings.retry_failed)
            mine: dict[bytes, Item] = {}
            for item in items:
                if item[0] in elsewhere:
                    self._elsewhere.append(item)
                elif item[0] in taken and item[0] not in mine:
                    mine[item[0]] = item
                else:  # another driver finished it since, or it is listed twice
                    self._settle(item)
            if mine:
                return Batch(list(mine), [item[1] for item in mine.values()], items[0][2].compute)
        return None

    def _take(self) -> list[Item]:
        quantity = self._pending[0][2]
        most = LARGEST_BATCH if self._speed.known(quantity) else FIRST_BATCH
        if self._source is None or len(self._pending) < WINDOW // 4:  # towards the end, leave some for everybody
            most = min(most, max(1, -(-len(self._pending) // (2 * max(1, self.backend.workers)))))
        items: list[Item] = []
        expected = 0.0
        while self._pending and len(items) < most and self._pending[0][2] is quantity:
            expected += self._speed.expect(quantity, quantity.cost(self._pending[0][1].settings))
            if items and expected > BATCH_SECONDS:
                break
            items.append(self._pending.popleft())
        return items

    def _revisit(self) -> None:
        """See what became of the points of other drivers."""
        time.sleep(0.5)
        items, self._elsewhere = self._elsewhere, []
        settled = self._settled(items)
        for item in items:
            if item[0] in settled:
                self._settle(item)
            else:
                self._pending.append(item)

    # -- taking in ----------------------------------------------------------------------------------

    def _store(self, ended: Sequence[Done]) -> None:
        outcomes: list[Success | Failure] = []
        for done in ended:
            self._flying -= 1
            if not isinstance(done.answers, list) or len(done.answers) != len(done.batch.points):
                outcomes.extend(self._after_death(done))
                continue
            self._learn(done)
            for key, point, answer in zip(done.batch.keys, done.batch.points, done.answers, strict=True):
                outcome = self._judge(key, point, answer, done.batch)
                if outcome is not None:
                    outcomes.append(outcome)
        if not outcomes:
            return
        self.store.commit(outcomes)
        for outcome in outcomes:
            self._attempts.pop(outcome.key, None)
            self._left[outcome.quantity] -= 1
            if isinstance(outcome, Failure):
                self.counts.failed += 1
                self.counts.reasons[outcome.reason] = self.counts.reasons.get(outcome.reason, 0) + 1
            else:
                self.counts.computed += 1
        if self.settings.on_stored is not None:
            self.settings.on_stored([outcome.key for outcome in outcomes])
        self._recent.append((time.monotonic(), self.counts.computed + self.counts.failed))

    def _learn(self, done: Done) -> None:
        quantity = self.quantities[done.batch.points[0].quantity]
        seconds = [getattr(answer, "seconds", 0.0) for answer in done.answers]
        costs = [quantity.cost(point.settings) for point in done.batch.points]
        self._speed.learn(quantity, sum(costs), sum(seconds), len(costs))

    def _judge(self, key: bytes, point: Point, answer: Any, batch: Batch) -> Success | Failure | None:
        """What to store for one answer; None if the point is tried again."""
        if not isinstance(answer, Answer):
            answer = Answer(None, 0.0, "garbage answer", f"a worker sent {type(answer).__name__}")
        elif not answer.reason:
            wrong = self.quantities[point.quantity].problem_with(answer.record)
            if wrong is None:
                return Success(key, point.quantity, answer.record, answer.seconds)
            answer = Answer(None, answer.seconds, "garbage result", wrong)
        tried = self._attempts.get(key, 0) + 1
        self._attempts[key] = tried
        if not answer.final and tried <= self.settings.retries:
            self._again.append(Batch([key], [point], batch.compute, batch.deaths))
            return None
        return Failure(key, point.quantity, answer.reason, answer.detail, tried, point.describe())

    def _after_death(self, done: Done) -> list[Failure]:
        """A worker died on the batch: once more, then halves of it, down to the point that does it."""
        batch = done.batch
        batch.deaths += 1
        death = done.death or "garbage answer"
        if done.repeated and len(batch.points) == 1 and not self._alone:
            # A cluster cannot tell which of the tasks of a dead worker killed it: try this one with no other about.
            self._suspects.append(batch)
            return []
        if len(batch.points) == 1 and (batch.deaths > self.settings.retries + 1 or done.repeated):
            point = batch.points[0]
            detail = f"{death} while computing it, every time"
            return [Failure(batch.keys[0], point.quantity, death, detail, batch.deaths, point.describe())]
        if (batch.deaths == 1 and not done.repeated) or len(batch.points) == 1:
            self._again.append(batch)
            return []
        half = len(batch.points) // 2
        for part in (slice(None, half), slice(half, None)):
            self._again.append(Batch(batch.keys[part], batch.points[part], batch.compute, 1))
        return []

    # -- showing ------------------------------------------------------------------------------------

    def _show(self) -> None:
        counts = self.counts
        counts.elsewhere = len(self._elsewhere)
        now, done = time.monotonic(), counts.computed + counts.failed
        since, before = self._recent[0]
        counts.rate = (done - before) / (now - since) if now > since else 0.0
        work = sum(left * self._speed.mean(self.quantities[name]) for name, left in self._left.items())
        counts.seconds_left = self._remaining.update(now, work / max(1, self.backend.workers))
        self.reporter.show(counts)
