"""Files of weights as they lie on a disk: regular ones, in the folder that was named, small ones read as JSON."""

from __future__ import annotations

import json
import os
import stat
from typing import TYPE_CHECKING, Any

from ..errors import CannotRead

if TYPE_CHECKING:
    from pathlib import Path

#: Largest file of settings that is read.
_SETTINGS_LIMIT = 100_000_000


def regular_size(path: Path) -> int:
    """Bytes of a regular file.

    Raises
    ------
    CannotRead
        If there is none, or if `path` is a folder, a device, a pipe, or a link that leads nowhere.
    """
    try:
        found = os.stat(path)
    except FileNotFoundError as error:
        raise CannotRead("the file is missing") from error
    except (OSError, ValueError) as error:  # a loop of links among them; ValueError: a null character in the name
        raise CannotRead(f"cannot be opened: {getattr(error, 'strerror', None) or error}") from error
    if not stat.S_ISREG(found.st_mode):
        raise CannotRead("is not a regular file")
    return found.st_size


def first_bytes(path: Path, count: int) -> bytes:
    """Up to `count` bytes from the beginning of a regular file; :class:`CannotRead` where there is none."""
    regular_size(path)
    try:
        with open(path, "rb") as stream:
            return stream.read(count)
    except OSError as error:
        raise CannotRead(f"cannot be opened: {error.strerror}") from error


def read_settings(path: Path) -> dict[str, Any]:
    """A JSON object from a file beside the weights.

    Raises
    ------
    CannotRead
        If the file is missing or is not one JSON object.
    """
    if regular_size(path) > _SETTINGS_LIMIT:
        raise CannotRead("is too long for a file of settings")
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise CannotRead(f"is not readable JSON ({type(error).__name__})") from error
    if not isinstance(found, dict):
        raise CannotRead("is not a JSON object")
    return found


def settings_beside(folder: Path, name: str = "config.json") -> dict[str, Any]:
    """The same where nothing depends on it: empty if there is none, or none that can be read."""
    try:
        return read_settings(folder / name)
    except CannotRead:
        return {}


def folder_file(folder: Path, name: Any) -> Path:
    """The file `name` in `folder`, for names that a file gives.

    Raises
    ------
    CannotRead
        If the name leads elsewhere.
    """
    if not isinstance(name, str) or not name or name in (".", "..") or any(c in name for c in "/\\\0"):
        raise CannotRead("is no name of a file in the folder of its index")
    return folder / name
