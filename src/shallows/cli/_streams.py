"""Standard streams as they are: closed, full, of another alphabet, or read by nobody any more."""

from __future__ import annotations

import codecs
import os
import sys
import warnings
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

#: What is said of signs that the stream's encoding lacks; others are escaped, so that nothing is lost.
_PLAIN = {
    "±": "+/-",
    "·": "*",
    "×": "x",
    "–": "-",
    "—": "-",
    "−": "-",
    "…": "...",
    "≥": ">=",
    "≤": "<=",
    "≈": "~",
    "²": "^2",
    "“": '"',
    "”": '"',
    "‘": "'",
    "’": "'",
}
_RAISED = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")
_NAME = "shallows.plain"


def _in_plain_signs(error: UnicodeError) -> tuple[str, int]:
    """Handler of encoding errors: ASCII for what can be said in it, an escape otherwise."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    said, raised = "", False
    for sign in error.object[error.start : error.end]:
        is_raised = ord(sign) in _RAISED
        if is_raised:
            said += ("" if raised else "^") + sign.translate(_RAISED)
        else:
            said += _PLAIN.get(sign) or sign.encode("ascii", "backslashreplace").decode("ascii")
        raised = is_raised
    return said, error.end


@contextmanager
def prepared_streams() -> Iterator[None]:
    """Make the three streams such that writing to them and asking them does no harm.

    A closed one is replaced by one that takes everything and keeps nothing: otherwise the next file that is opened
    takes its number, and receives what libraries print. Signs that an encoding lacks are written as ASCII. A warning
    is one line.
    """
    _reopen_closed()
    codecs.register_error(_NAME, _in_plain_signs)
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None and getattr(stream, "errors", None) in ("strict", "surrogateescape"):
            reconfigure(errors=_NAME)
    shown = warnings.showwarning

    def show(message: Warning | str, *_where: object) -> None:
        print_error(str(message))

    warnings.showwarning = show  # type: ignore[assignment]
    try:
        yield
    finally:
        warnings.showwarning = shown


def _reopen_closed() -> None:
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        if getattr(sys, name) is not None:
            continue
        try:
            os.fstat(number)
        except OSError:
            taken = os.open(os.devnull, os.O_RDWR)
            if taken != number:
                os.dup2(taken, number)
                os.close(taken)
        setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115


def discard_output() -> None:
    """Let what is left of the output go nowhere: Python would complain again while shutting down."""
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
    except (OSError, ValueError, AttributeError):  # the stream is no file
        pass


def print_error(message: str) -> None:
    """Print `message` as one line on standard error, whatever it holds, if anybody listens."""
    line = " ".join(str(message).split())
    line = "".join(char if char.isprintable() else "?" for char in line)
    say(f"shallows: {line}")


def say(line: str) -> None:
    """Print a line on standard error; that nobody can read it is no reason to stop."""
    with suppress(OSError, ValueError):
        print(line, file=sys.stderr, flush=True)  # noqa: T201
