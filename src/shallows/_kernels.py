"""Compiled kernels, kept on disk where that can be done: no cache, whatever its state, stops a computation.

Numba keeps what it compiled in pickled files. It gives up where it finds no folder to write them to, and raises what
it happens to meet in a damaged one. Here such a file is a reason to compile again, and the last of the folders that
are tried is one among the temporary files.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import stat
import tempfile
import warnings
from typing import TYPE_CHECKING, Any

from numba import njit
from numba.core.caching import FunctionCache
from numba.core.serialize import dumps

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["UncachedKernels", "kernel"]

#: Setting of Numba's that names a folder for compiled functions.
SETTING = "NUMBA_CACHE_DIR"


class UncachedKernels(RuntimeWarning):
    """Kernels are compiled anew in every process, because no folder for them can be written."""


def kernel(function: Any = None, /, **settings: Any) -> Any:
    """Decorator: `function` compiled by Numba at its first call, or read from where an earlier process left it.

    Parameters
    ----------
    function : callable
    **settings
        Of :func:`numba.njit`.

    Examples
    --------
    >>> from shallows._kernels import kernel
    >>> @kernel(fastmath=True)
    ... def double(x):
    ...     return 2 * x
    >>> double(1.5)
    3.0
    """
    if function is None:
        return lambda decorated: kernel(decorated, **settings)
    compiled = njit(**settings)(function)
    if hasattr(compiled, "_cache"):  # otherwise Numba is switched off, or keeps what it compiles elsewhere
        cache = _cache_for(function)
        if cache is not None:
            compiled._cache = cache
    return compiled


_told: set[str] = set()


def _cache_for(function: Callable[..., Any]) -> KernelCache | None:
    """The cache of a function; None, and one warning in a process, where no folder can be written."""
    try:
        return KernelCache(function)
    except Exception as error:  # a cache is a convenience
        if not os.path.exists(function.__code__.co_filename):  # typed at a prompt: nobody expects it to be kept
            return None
        if not _told:
            _told.add(str(error))
            warnings.warn(
                f"no folder for compiled functions can be written, so each run compiles them again for a minute; "
                f"{SETTING}=FOLDER names one",
                UncachedKernels,
                stacklevel=4,
            )
        return None


class _TemporaryFolder:
    """Finds the last resort among Numba's places to keep compiled functions: a folder of this user's alone."""

    def __init__(self, function: Callable[..., Any], file: str) -> None:
        self._file, self._line = file, function.__code__.co_firstlineno
        self._path = os.path.join(_private_folder(), hashlib.sha256(os.path.abspath(file).encode()).hexdigest()[:16])

    @classmethod
    def from_function(cls, function: Callable[..., Any], file: str) -> _TemporaryFolder | None:
        if not os.path.exists(file):
            return None
        try:
            found = cls(function, file)
            found.ensure_cache_path()
        except OSError:
            return None
        return found

    def ensure_cache_path(self) -> None:
        os.makedirs(self._path, mode=0o700, exist_ok=True)
        tempfile.TemporaryFile(dir=self._path).close()

    def get_cache_path(self) -> str:
        return self._path

    def get_source_stamp(self) -> str:
        with open(self._file, "rb") as source:
            return hashlib.sha256(source.read()).hexdigest()

    def get_disambiguator(self) -> str:
        return str(self._line)


def _private_folder() -> str:
    """A folder that nobody else can write to: what is in it will be run."""
    user = os.getuid() if hasattr(os, "getuid") else None
    path = os.path.join(tempfile.gettempdir(), "shallows-kernels" if user is None else f"shallows-kernels-{user}")
    os.makedirs(path, mode=0o700, exist_ok=True)
    found = os.lstat(path)
    if user is not None and (not stat.S_ISDIR(found.st_mode) or found.st_uid != user or found.st_mode & 0o022):
        raise PermissionError(f"{path} is not this user's alone")
    return path


_Kept: Any = FunctionCache._impl_class


class _Checked(_Kept):
    """A compiled function is kept with a checksum: damaged machine code would end the process, not raise."""

    def __init__(self, function: Callable[..., Any]) -> None:
        places = list(_Kept._locator_classes)
        if not os.path.isabs(os.path.expanduser("~")):  # no home: Numba would make a folder named ~ right here
            places = [place for place in places if "UserWide" not in place.__name__]
        self._locator_classes = [*places, _TemporaryFolder]
        super().__init__(function)

    def reduce(self, data: Any) -> tuple[str, bytes]:
        content = dumps(super().reduce(data))
        return hashlib.sha256(content).hexdigest(), content

    def rebuild(self, target_context: Any, payload: Any) -> Any:
        digest, content = payload
        if hashlib.sha256(content).hexdigest() != digest:
            raise ValueError("damaged")
        return super().rebuild(target_context, pickle.loads(content))


class KernelCache(FunctionCache):
    """Numba's cache of a function, in which everything that goes wrong is a miss."""

    _impl_class = _Checked

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        try:
            return super().load_overload(sig, target_context)
        except Exception:  # whatever unpickling meets in a damaged file
            self._forget()
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        try:
            super().save_overload(sig, data)
        except (OSError, EOFError, ValueError, pickle.PickleError):  # a full disk, a folder that is gone
            self._forget()

    def _forget(self) -> None:
        """Start the index anew, so that what is compiled next can be saved."""
        try:
            self.flush()
        except OSError:
            self.disable()
