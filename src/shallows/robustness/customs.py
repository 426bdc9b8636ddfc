"""Users' own departures: an activation, a design or a departure in a Python file of theirs."""

from __future__ import annotations

import hashlib
import importlib.util
from functools import lru_cache
from pathlib import Path

from ..designs import Design
from ..errors import InvalidArgument
from .activations import checked_activation
from .data_departures import of_design
from .departures import Departure, departure_named
from .network_departures import of_activation


def find_departure(name: str, custom: str = "") -> Departure:
    """A registered departure, or the one that ``FILE.py:NAME`` makes."""
    return load_custom(custom.partition("#")[0]) if custom else departure_named(name)


def stamped(custom: str) -> str:
    """``FILE.py:NAME`` with a name of the file's content: a changed file is measured again."""
    file = custom.rpartition(":")[0]
    path = Path(file).resolve()
    content = hashlib.blake2b(path.read_bytes(), digest_size=8).hexdigest()
    return f"{path}:{custom.rpartition(':')[2]}#{content}"


@lru_cache(maxsize=16)
def load_custom(custom: str) -> Departure:
    """The departure that a user's ``FILE.py:NAME`` is: the file is run.

    Parameters
    ----------
    custom : str
        `NAME` is a departure, a design of inputs, or a function of a PyTorch tensor: an activation.

    Returns
    -------
    Departure

    Raises
    ------
    InvalidArgument
        If there is no such file or name in it, the file fails, or it is none of the three; for an activation that
        raises or returns what is unusable.

    Examples
    --------
    >>> from shallows.robustness import load_custom
    >>> load_custom("mine.txt")
    Traceback (most recent call last):
    ...
    shallows.errors.InvalidArgument: custom: got 'mine.txt'; must be FILE.py:NAME
    """
    file, _, name = custom.rpartition(":")
    if not file.endswith(".py") or not name.isidentifier():
        raise InvalidArgument("custom", custom, "must be FILE.py:NAME")
    path = Path(file)
    if not path.is_file():
        raise InvalidArgument("custom", custom, "there is no such file")
    spec = importlib.util.spec_from_file_location(f"_shallows_custom_{path.stem}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # whatever a user's file does
        raise InvalidArgument("custom", custom, f"the file fails: {type(error).__name__}: {error}") from error
    if not hasattr(module, name):
        raise InvalidArgument("custom", custom, f"{path.name} has no {name}")
    found = getattr(module, name)
    if isinstance(found, Departure):
        return found
    if isinstance(found, type) and issubclass(found, Design):
        found = found()
    if isinstance(found, Design):
        return of_design(found, f"{name} inputs", f"Inputs are those of {path.name}: {found.describe()}.")
    if callable(found):
        return of_activation(name, checked_activation(name, found))
    raise InvalidArgument("custom", custom, "must be an activation, a design or a departure")
