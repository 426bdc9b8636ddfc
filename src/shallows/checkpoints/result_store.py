"""Results by name that survive being killed: one line of JSON each, as soon as it is there."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .._display import Displayed, Summary
from .._system import replacing
from ..errors import CannotRead, StoreError
from .local_files import first_bytes
from .tied_weights import sample

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from .contents import Checkpoint

_FORMAT = "shallows-results-1"
#: Bytes of a file's beginning that its fingerprint goes by: the header of most.
_HEADER = 1 << 20


def fingerprint(checkpoint: Checkpoint, settings: object = None) -> str:
    """What tells one analysis of one checkpoint from all others.

    Parameters
    ----------
    checkpoint : Checkpoint
        Its files enter by name, size, time of change and beginning; tensors in memory by shape, type and a few of
        their values.
    settings : object
        What else the results depend on, such as the version of the analysis; goes by its `repr`.

    Returns
    -------
    str
        64 hexadecimal digits.

    Examples
    --------
    >>> import numpy as np
    >>> from shallows.checkpoints import fingerprint, open_checkpoint
    >>> one, other = open_checkpoint({"w": np.eye(2)}), open_checkpoint({"w": 2 * np.eye(2)})
    >>> fingerprint(one, "1") == fingerprint(one, "1"), fingerprint(one, "1") == fingerprint(other, "1")
    (True, False)
    """
    seen = hashlib.sha256(repr(settings).encode())
    for file in checkpoint.files:
        about = os.stat(file)
        seen.update(repr((file.name, about.st_size, about.st_mtime_ns)).encode())
        seen.update(first_bytes(file, _HEADER))
    for tensor in checkpoint.tensors:
        seen.update(repr((tensor.name, tensor.shape, tensor.dtype)).encode())
        if not checkpoint.files:
            with contextlib.suppress(CannotRead):
                seen.update(sample(tensor))
    return seen.hexdigest()


class ResultStore(Displayed):
    """A file of results by name; what is in it from an interrupted run of the same analysis is there again.

    A line that was half written when the process died is dropped, and so is one that was damaged since; results of
    another analysis, or of a checkpoint that has changed, are begun afresh. A file that holds no results is left alone.

    Parameters
    ----------
    path : path
        Ends in ``.jsonl`` by custom; missing parents are made.
    identity : str
        Of the analysis: :func:`fingerprint`.

    Attributes
    ----------
    results : dict of str to dict
        Those there are.

    Raises
    ------
    StoreError
        If the file cannot be read or written, or is none of results.

    Examples
    --------
    >>> import tempfile
    >>> from shallows.checkpoints import ResultStore
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with ResultStore(f"{folder}/results.jsonl", "a") as store:
    ...         store.add("layer.0", {"rank": 3})
    ...     with ResultStore(f"{folder}/results.jsonl", "a") as store:
    ...         again = store.results
    >>> again
    {'layer.0': {'rank': 3}}
    """

    def __init__(self, path: str | os.PathLike[str], identity: str) -> None:
        self.path = Path(path)
        self.results: dict[str, dict[str, Any]] = {}
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            good = self._read(identity) if self.path.exists() else 0
            if good == 0:
                self.results = {}
                with replacing(self.path) as temporary:
                    temporary.write_text(json.dumps({"format": _FORMAT, "identity": identity}) + "\n")
                good = self.path.stat().st_size
            self._file = os.open(self.path, os.O_RDWR | os.O_APPEND)
            os.ftruncate(self._file, good)
        except OSError as error:
            raise StoreError(f"{self.path}: cannot be used: {error.strerror}") from error

    def _summary(self) -> Summary:
        return Summary("Results by name", [("file", str(self.path)), ("results", str(len(self.results)))])

    def _read(self, identity: str) -> int:
        """Take what is in the file; up to which byte it can be kept, 0 if it is of something else."""
        end = 0
        with open(self.path, "rb") as stream:
            for line in stream:
                try:
                    found = json.loads(line) if line.endswith(b"\n") else None
                except (ValueError, RecursionError):
                    found = None
                begun = json.dumps({"format": _FORMAT, "identity": identity}).encode().startswith(line)
                if end == 0 and not begun and not (isinstance(found, dict) and found.get("format") == _FORMAT):
                    raise StoreError(f"{self.path}: holds something else than results; give another name")
                if end == 0 and found != {"format": _FORMAT, "identity": identity}:
                    return 0
                if not line.endswith(b"\n"):
                    break
                end += len(line)
                if isinstance(found, dict) and isinstance(found.get("result"), dict):
                    self.results[str(found.get("name"))] = found["result"]
        return end

    def add(self, name: str, result: Mapping[str, Any]) -> None:
        """Keep a result, on the disk when this returns.

        Raises
        ------
        StoreError
            If it cannot be written: the disk is full.
        """
        line = json.dumps({"name": name, "result": dict(result)}, default=_plain).encode() + b"\n"
        try:
            if os.write(self._file, line) != len(line):
                raise OSError(0, "the disk is full")
            os.fsync(self._file)
        except OSError as error:
            raise StoreError(f"{self.path}: cannot be written: {error.strerror}") from error
        self.results[name] = json.loads(line)["result"]

    def close(self) -> None:
        """Close the file."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def __enter__(self) -> ResultStore:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    raise TypeError(f"cannot keep {type(value).__name__}")
