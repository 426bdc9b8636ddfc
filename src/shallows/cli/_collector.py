"""Python's collector of garbage, as a command needs it: seldom while modules load, and not at the end."""

from __future__ import annotations

import atexit
import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Objects made before the youngest are looked through. Loading the libraries makes hundreds of thousands that stay:
#: at Python's default every twentieth of a command's time went into finding none to drop.
THRESHOLD = 10_000


@contextmanager
def seldom_collecting(*, until_exit: bool) -> Iterator[None]:
    """Collect garbage less often inside the block.

    Parameters
    ----------
    until_exit : bool
        Whether the process ends with the block: then the collections of the interpreter's end, several over everything
        that was ever loaded, find nothing to do. What has to be closed is closed before, by whoever opened it.
    """
    before = gc.get_threshold()
    if before[0] and before[0] < THRESHOLD:
        gc.set_threshold(THRESHOLD, *before[1:])
    if until_exit:
        atexit.register(gc.freeze)
    try:
        yield
    finally:
        gc.set_threshold(*before)
