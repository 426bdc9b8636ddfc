"""Driver processes: whether one that announced itself in a store is still there."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path

from .._system import process_exists

#: Seconds without a sign of life after which a driver on another machine counts as gone.
SILENCE = 120.0


def birth_of(pid: int) -> str:
    """Start time of a process where the system tells it, so that a reused number is not mistaken for it."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except (OSError, IndexError):
        return ""
    return "" if fields[0] == "Z" else fields[19]


#: Drivers of this process: one that could not sign off, on a full disk, is gone all the same.
drivers_here: set[str] = set()


def lives(name: str, host: str, pid: int, birth: str, seen: float) -> bool:
    """Whether the driver is still there."""
    if host == socket.gethostname() and pid == os.getpid() and birth == birth_of(pid):
        return name in drivers_here
    exists = process_exists(pid) if host == socket.gethostname() else None
    if exists is None:
        return time.time() - seen < SILENCE
    return exists and birth_of(pid) == birth
