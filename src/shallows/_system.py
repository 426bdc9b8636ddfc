"""The machine and its files: memory, processes, and outputs that appear whole or not at all."""

from __future__ import annotations

import os
import secrets
import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Share of the machine's memory that one computation may plan for.
MEMORY_SHARE = 0.8


def temporary_name(path: Path) -> str:
    """Name for what is written before it is called `path`: hidden, of no other process, with the same ending."""
    return f".{path.stem}.{os.getpid()}-{secrets.token_hex(4)}.part{path.suffix}"


def physical_memory() -> int | None:
    """Bytes of memory of this machine, None where the system does not tell."""
    try:
        return int(os.sysconf("SC_PHYS_PAGES")) * int(os.sysconf("SC_PAGE_SIZE"))
    except (ValueError, OSError, AttributeError):
        return None


def process_exists(pid: int) -> bool | None:
    """Whether a process of this number runs on this machine; None where asking could end it.

    >>> process_exists(os.getpid()) is not False
    True
    """
    if os.name != "posix":  # there, signal 0 is Ctrl-C, or the end of the process
        return None
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # somebody else's
        return True
    return True


def move_folder(source: Path, target: Path, last: str = "") -> None:
    """Give the folder `source` the name `target`, or move its files into the folder that has it already.

    Files of other names in `target` stay; `last` names the file that is moved after all others. Missing parents are
    made. Both must be on one file system.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as place:
    ...     new, old = Path(place, "new"), Path(place, "old")
    ...     for folder, name in ((new, "page.html"), (new, "figure.svg"), (old, "notes.txt")):
    ...         folder.mkdir(exist_ok=True)
    ...         _ = (folder / name).write_text(name)
    ...     move_folder(new, old, last="page.html")
    ...     sorted(path.name for path in old.iterdir())
    ['figure.svg', 'notes.txt', 'page.html']
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    if not target.exists():
        source.rename(target)
        return
    files = [path for path in source.rglob("*") if path.is_file()]
    for file in sorted(files, key=lambda file: file.name == last):
        place = target / file.relative_to(source)
        place.parent.mkdir(parents=True, exist_ok=True)
        file.replace(place)


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """A name beside `path` to write a file or a folder to, renamed to `path` at the end; nothing is left if it fails.

    The temporary name ends like `path`, for writers that go by the ending.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as place:
    ...     with replacing(Path(place, "data.csv")) as temporary:
    ...         _ = temporary.write_text("n,risk")
    ...         temporary.suffix
    ...     [path.name for path in Path(place).iterdir()]
    '.csv'
    ['data.csv']
    """
    target = Path(path)
    temporary = target.with_name(temporary_name(target))
    try:
        yield temporary
        os.replace(temporary, target)
    except OSError as error:  # told of the file that its user knows
        if error.filename == str(temporary):
            raise type(error)(error.errno, error.strerror, str(target)) from error
        raise
    finally:
        if temporary.is_dir():
            shutil.rmtree(temporary, ignore_errors=True)
        else:
            temporary.unlink(missing_ok=True)
