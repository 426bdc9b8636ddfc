"""How a running sweep shows itself: a bar on a terminal, lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
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
        Estimate.
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
        text += f", {duration(counts.seconds_left)} left"
        if counts.failed:
            text += f", {counts.failed} failed: {failure_summary(counts.reasons)}"
        return text

    def note(self, text: str) -> None:
        """Write a line with the time of day and the text."""
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
            TextColumn("{task.fields[rate]}  {task.fields[left]} left"),
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
            left=duration(counts.seconds_left),
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
