"""How a command ends: exit codes, and the one line that an error is told in."""

from __future__ import annotations

import errno
import os
import sys
from enum import IntEnum
from typing import TYPE_CHECKING

import typer

from ..errors import InvalidArgument, ShallowsError
from ._streams import discard_output, print_error

if TYPE_CHECKING:
    from collections.abc import Sequence


#: What writing to standard output ends with where the device is full, gone or not open.
_UNWRITABLE = {errno.ENOSPC, errno.EIO, errno.EBADF, getattr(errno, "EDQUOT", errno.ENOSPC)}


class ExitCode(IntEnum):
    """What the shell is told."""

    DONE = 0
    #: A solve failed, or an internal error.
    FAILED = 1
    #: Bad input: one line on standard error, and nothing written.
    BAD_INPUT = 2
    INTERRUPTED = 130
    #: The reader of a pipe left.
    BROKEN_PIPE = 141


def exit_code_of(error: BaseException, arguments: Sequence[str]) -> int:
    """Tell `error` in one line on standard error and return the exit code.

    Parameters
    ----------
    error : BaseException
    arguments : sequence of str
        What was typed, to call an argument by its option.
    """
    if isinstance(error, typer.Exit):  # of --help and --version
        return error.exit_code
    if isinstance(error, (KeyboardInterrupt, typer.Abort)):
        return ExitCode.INTERRUPTED
    if isinstance(error, BrokenPipeError):
        discard_output()
        return ExitCode.BROKEN_PIPE
    if isinstance(error, InvalidArgument):
        print_error(f"{_as_typed(error.name, arguments)}: got {error.value}; {error.allowed}")
        return ExitCode.BAD_INPUT
    if os.environ.get("SHALLOWS_DEBUG") == "1":
        import traceback

        traceback.print_exception(error, file=sys.stderr)
    usage_message = getattr(error, "format_message", None)  # Typer's own, whose classes moved between versions
    if callable(usage_message):
        print_error(f"{str(usage_message()).rstrip('.')}; see shallows --help")
        return int(getattr(error, "exit_code", ExitCode.BAD_INPUT))
    if isinstance(error, ShallowsError):
        print_error(str(error))
    elif isinstance(error, OSError) and error.strerror:
        if error.filename is None and error.errno in _UNWRITABLE:
            discard_output()
        print_error(f"{error.filename or 'output'}: {error.strerror}")
    else:
        what = f"{type(error).__name__}: {error}"
        print_error(f"internal error ({what}); please report it. SHALLOWS_DEBUG=1 shows where it happened")
    return ExitCode.FAILED


def _as_typed(name: str, arguments: Sequence[str]) -> str:
    """The option that `name`, an argument of the library, was given by, where one was."""
    option = "--" + name.replace("_", "-")
    return option if any(text.split("=")[0] == option for text in arguments) else name
