"""Progress on standard error: a bar on a terminal, lines elsewhere."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

from ._streams import say

if TYPE_CHECKING:
    from types import TracebackType

#: Lines for the same step come at most this often (seconds).
LINE_INTERVAL = 5.0


class Progress:
    """Context manager whose :meth:`update` has the signature that long computations call."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._task: Any = None
        self._last = ("", -LINE_INTERVAL)

    def __enter__(self) -> Progress:
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
            from rich.progress import Progress as Bar

            self._bar = Bar(
                TextColumn("{task.description}", markup=False),
                BarColumn(bar_width=20),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                console=Console(stderr=True),
                transient=True,
            )
            self._bar.start()
            self._task = self._bar.add_task("starting", total=None)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def update(self, message: str, done: int, total: int) -> None:
        """Say what is being done, and how many of how many steps are behind."""
        if self._bar is not None:
            self._bar.update(self._task, description=message, completed=done, total=total)
            return
        now = time.monotonic()
        if message != self._last[0] or now - self._last[1] >= LINE_INTERVAL or done == total:
            self._last = (message, now)
            say(f"[{done}/{total}] {message}")

    def say(self, message: str) -> None:
        """Say what is being done where there is nothing to count."""
        if self._bar is not None:
            self._bar.update(self._task, description=message)
        else:
            say(message)
