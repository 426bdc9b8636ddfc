"""An output folder that appears whole or not at all."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from .._arguments import shown
from .._system import move_folder, temporary_name
from ..errors import InvalidArgument

if TYPE_CHECKING:
    from types import TracebackType


class OutputFolder:
    """Context manager that collects files beside the wanted folder and moves them there when finished.

    Parameters
    ----------
    option : str
        Name of the option, for errors.
    name : str
        The wanted folder; missing parents are made at the end.
    force : bool
        Whether a folder with files in it may be written into. Files of other names in it stay.

    Attributes
    ----------
    path : Path
        The wanted folder, absolute.
    partial : Path
        Where to write until :meth:`finish`.

    Raises
    ------
    InvalidArgument
        On construction, if the folder cannot be written or holds files and `force` is off.
    """

    def __init__(self, option: str, name: str, *, force: bool) -> None:
        if not name:
            raise InvalidArgument(option, shown(name), "must be the name of a folder")
        try:
            self.path = Path(name).resolve()
            if self.path.exists() and not self.path.is_dir():
                raise InvalidArgument(option, shown(name), "is a file; must be a folder")
            if self.path.is_dir() and not force and any(self.path.iterdir()):
                raise InvalidArgument(option, shown(name), "is not empty; give another folder, or --force")
            # On the same file system, so that moving is renaming.
            place = self.path
            while not place.exists():
                place = place.parent
            usable = place.is_dir() and os.access(place, os.W_OK | os.X_OK)
        except InvalidArgument:
            raise
        except (OSError, ValueError, RuntimeError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise InvalidArgument(option, shown(name), f"cannot be used: {reason}") from error
        if not usable:
            raise InvalidArgument(option, shown(name), "cannot be written; must be a folder you may write to")
        self.partial = place / temporary_name(self.path)

    def __enter__(self) -> OutputFolder:
        self.partial.mkdir()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        shutil.rmtree(self.partial, ignore_errors=True)

    def finish(self) -> None:
        """Move everything written so far into the wanted folder; ``report.html`` last."""
        move_folder(self.partial, self.path, last="report.html")
