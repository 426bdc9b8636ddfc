"""How a running sweep shows itself: a bar on a terminal, lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol, TextIO


@dataclass(slots=True)
class Counts:
    """Where a sweep stands.

    Attributes
    ----------
    total, settled, computed, failed, elsewhere : int
        Points in all; those that needed no computing; computed and failed in this run; at work on by other drivers.
    reasons : dict
        Failures of this run by reason.
    rate : float
        Points per second, lately.
    seconds_left : float or None
        Estimate; None while it is not steady enough to be told.
    """

    total: int
    settled: int = 0
    computed: int = 0
    failed: int = 0
    elsewhere: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    rate: float = 0.0
    seconds_left: float | None = None

    @property
    def finished(self) -> int:
        """Points that need no more work."""
        return self.settled + self.computed + self.failed


def duration(seconds: float | None) -> str:
    """Seconds in words."""
    if seconds is None:
        return "unknown"
    if seconds < 1:
        return "less than 1 s"
    whole = round(seconds)
    days, whole = divmod(whole, 86400)
    hours, whole = divmod(whole, 3600)
    minutes, whole = divmod(whole, 60)
    if days:
        return f"{days} d {hours} h"
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {whole} s" if minutes else f"{whole} s"


def about(seconds: float) -> str:
    """An estimate of seconds in words, as roughly as it is known.

    >>> about(4.0), about(37.0), about(800.0), about(9000.0), about(400000.0)
    ('less than 10 s', 'about 40 s', 'about 13 min', 'about 2 h 30 min', 'about 4 d 15 h')
    """
    if seconds < 5:
        return "less than 10 s"
    if seconds < 55:
        return f"about {round(seconds, -1):.0f} s"
    unit = 60 if seconds < 3600 else 600 if seconds < 86400 else 3600
    whole = round(seconds / unit) * unit
    hours, minutes = divmod(whole // 60, 60)
    if whole >= 86400:
        return f"about {hours // 24} d {hours % 24} h"
    words = [f"{hours} h"] * bool(hours) + [f"{minutes} min"] * bool(minutes)
    return "about " + " ".join(words)


class SteadyEstimate:
    """The time left, told only while successive estimates agree on when the end will be.

    Points differ in cost, and the first ones pay for what is loaded and compiled: early estimates are wrong by a
    factor. What is told has held over the latter half of the time so far.

    Parameters
    ----------
    start : float
        When the work began, in seconds of any clock.

    Examples
    --------
    >>> from shallows.sweeps.progress import SteadyEstimate
    >>> left = SteadyEstimate(start=0.0)
    >>> [left.update(now, 100.0 - now) for now in (1.0, 10.0, 15.0, 20.0, 25.0)]
    [None, None, None, 80.0, 75.0]
    >>> left.update(30.0, 300.0) is None  # it jumped
    True
    """

    #: Nothing is told earlier (seconds),
    PATIENCE = 20.0
    #: nor while estimates of the end are further apart than this share of the time left, or this many seconds.
    SPREAD, SLACK = 0.25, 5.0
    #: Estimates are kept this far apart, as a share of the time so far: some hundred of them, however long it takes.
    _STEP = 0.01

    def __init__(self, start: float) -> None:
        self._start = start
        self._ends: deque[tuple[float, float]] = deque()

    def update(self, now: float, seconds_left: float) -> float | None:
        """Take in an estimate and return it if it can be trusted."""
        elapsed, end = now - self._start, now + seconds_left
        if not self._ends or now - self._ends[-1][0] >= self._STEP * elapsed:
            self._ends.append((now, end))
        while self._ends[0][0] < now - elapsed / 2:
            self._ends.popleft()
        ends = [known for _, known in self._ends] + [end]
        settled = max(ends) - min(ends) <= max(self.SPREAD * seconds_left, self.SLACK)
        return seconds_left if elapsed >= self.PATIENCE and len(ends) > 2 and settled else None


def failure_summary(reasons: Mapping[str, int], most: int = 3) -> str:
    """Failures by reason in one line, the most frequent first."""
    ordered = sorted(reasons.items(), key=lambda item: (-item[1], item[0]))
    parts = [f"{count} x {reason}" for reason, count in ordered[:most]]
    rest = sum(count for _, count in ordered[most:])
    return "; ".join([*parts, *([f"{rest} x other"] if rest else [])])


class Reporter(Protocol):
    """Shows counts."""

    def show(self, counts: Counts) -> None:
        """The state changed."""

    def note(self, text: str) -> None:
        """Something that the user should know."""

    def close(self, counts: Counts) -> None:
        """The last state."""


class Silent:
    """Shows nothing.

    Examples
    --------
    >>> from shallows.sweeps import Silent
    >>> Silent().note("stopping")
    """

    def show(self, counts: Counts) -> None:
        """Do nothing."""

    def note(self, text: str) -> None:
        """Do nothing."""

    def close(self, counts: Counts) -> None:
        """Do nothing."""


class LineLog:
    """One line now and then, for files and batch systems.

    Parameters
    ----------
    stream : file, optional
        Default: standard error.
    every : float
        Seconds between lines.

    Examples
    --------
    >>> import io
    >>> from shallows.sweeps import LineLog
    >>> stream = io.StringIO()
    >>> LineLog(stream).note("waiting for workers")
    >>> print(stream.getvalue().split(" ", 1)[1].strip())
    sweep: waiting for workers
    """

    def __init__(self, stream: TextIO | None = None, every: float = 10.0) -> None:
        self._stream, self._every = stream or sys.stderr, every
        self._last = time.monotonic() - every + 1

    def _line(self, counts: Counts) -> str:
        share = 100 * counts.finished / counts.total if counts.total else 100.0
        text = f"{counts.finished}/{counts.total} ({share:.1f} %), {counts.rate:.3g} points/s"
        if counts.seconds_left is not None and counts.finished < counts.total:
            text += f", {about(counts.seconds_left)} left"
        if counts.failed:
            text += f", {counts.failed} failed: {failure_summary(counts.reasons)}"
        return text

    def note(self, text: str) -> None:
        """Write a line with the time of day and the text."""
        with suppress(OSError, ValueError):  # that nobody can read it is no reason to stop
            print(f"{time.strftime('%H:%M:%S')} sweep: {text}", file=self._stream, flush=True)

    def show(self, counts: Counts) -> None:
        """Write where the sweep stands, if the last line is `every` seconds old."""
        if time.monotonic() - self._last >= self._every:
            self._last = time.monotonic()
            self.note(self._line(counts))

    def close(self, counts: Counts) -> None:
        """Write where the sweep ended."""
        self.note(self._line(counts))


class Bar:
    """A bar with rate, time left and failures, on a terminal (standard error).

    Examples
    --------
    >>> from shallows.sweeps import Bar
    >>> from shallows.sweeps.progress import Counts
    >>> bar = Bar()
    >>> bar.show(Counts(total=10, computed=4, rate=2.0, seconds_left=3.0))
    >>> bar.close(Counts(total=10, computed=10))
    """

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        columns: tuple[Any, ...] = (
            TextColumn("sweep"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}  {task.fields[left]}"),
            TextColumn("[red]{task.fields[failures]}"),
        )
        self._progress = Progress(*columns, console=Console(stderr=True))
        self._task = self._progress.add_task("sweep", total=None, rate="", left="", failures="")
        self._progress.start()

    def show(self, counts: Counts) -> None:
        """Move the bar to where the sweep stands."""
        from rich.markup import escape

        self._progress.update(
            self._task,
            total=counts.total,
            completed=counts.finished,
            rate=f"{counts.rate:.3g}/s",
            left="" if counts.seconds_left is None else f"{about(counts.seconds_left)} left",
            failures=escape(f"{counts.failed} failed: {failure_summary(counts.reasons)}") if counts.failed else "",
        )

    def note(self, text: str) -> None:
        """Print the text above the bar."""
        self._progress.console.print(text, markup=False, highlight=False)

    def close(self, counts: Counts) -> None:
        """Move the bar to where the sweep ended, and leave it there."""
        self.show(counts)
        self._progress.stop()


def reporter(quiet: bool = False) -> Reporter:
    """A bar if standard error is a terminal, a line log otherwise."""
    if quiet:
        return Silent()
    return Bar() if sys.stderr.isatty() else LineLog()
