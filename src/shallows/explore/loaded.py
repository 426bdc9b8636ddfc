"""One's own problem: a spectrum from a file, or the folder that ``shallows fit --out`` wrote."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .._arguments import shown
from ..errors import InvalidArgument
from ..mode_files import read_values
from ..networks import network_names
from ..teachers import FromValues
from .views import LIMITS, View

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: Bytes of a file that is taken from the page, and spectra that are held at once.
MOST_BYTES, MOST_HELD = 2**22, 32


class Teachers:
    """Spectra that were loaded, by a name made of their values; those not used for longest are let go.

    Examples
    --------
    >>> from shallows.explore.loaded import Teachers
    >>> teachers = Teachers()
    >>> name = teachers.keep([3.0, 1.0, 0.5])
    >>> teachers[name].dim, name == teachers.keep([3.0, 1.0, 0.5])
    (3, True)
    """

    def __init__(self) -> None:
        self._held: OrderedDict[str, FromValues] = OrderedDict()

    def keep(self, values: Any) -> str:
        """Hold `values` and return their name."""
        teacher = FromValues(values)
        most = int(LIMITS["dim"][1])
        if teacher.dim > most:
            raise InvalidArgument("spectrum", f"{teacher.dim} values", f"must be at most {most} for the explorer")
        if not np.any(teacher.array):
            raise InvalidArgument("spectrum", "only zeros", "must hold a value other than zero")
        name = hashlib.sha256(teacher.array.tobytes()).hexdigest()[:16]
        self._held[name] = teacher
        self._held.move_to_end(name)
        while len(self._held) > MOST_HELD:
            self._held.popitem(last=False)
        return name

    def get(self, name: str, default: Any = None) -> Any:
        """The spectrum of this name, `default` if there is none."""
        return self._held.get(name, default)

    def __getitem__(self, name: str) -> FromValues:
        return self._held[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._held)

    def __len__(self) -> int:
        return len(self._held)


@dataclass(frozen=True)
class Opened:
    """What was read: the settings to look at, and what was measured there.

    Attributes
    ----------
    settings : dict of str
        Of a view; those that are not named stay.
    note : str
        Where it comes from, for a reader.
    measured : dict or None
        ``samples``, ``weight_decay``, ``excess_risk`` and the ends ``low``, ``high`` of its interval.
    """

    settings: dict[str, str]
    note: str
    measured: dict[str, float] | None = None

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {"settings": self.settings, "note": self.note, "measured": self.measured}


def open_bytes(name: str, content: bytes, teachers: Teachers) -> Opened:
    """What a file sent from the page holds: a spectrum, or ``fit.json`` of a fit's folder.

    Parameters
    ----------
    name : str
        As the file is called; its ending tells what it is.
    content : bytes
    teachers : Teachers

    Raises
    ------
    InvalidArgument
        If it is neither, or too large.

    Examples
    --------
    >>> from shallows.explore.loaded import Teachers, open_bytes
    >>> opened = open_bytes("modes.txt", b"3 1 0.5", Teachers())
    >>> opened.settings["dim"], opened.note
    ('3', 'modes.txt: 3 values')
    """
    if len(content) > MOST_BYTES:
        raise InvalidArgument("file", f"{len(content)} bytes", f"must be at most {MOST_BYTES}")
    label = Path(name).name[:80]
    if label.lower().endswith(".json"):
        return _fit(label, content)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"spectrum{Path(label).suffix[:8].lower()}"
        path.write_bytes(content)
        try:
            values = read_values("file", str(path))
        except InvalidArgument as error:  # by the name that its owner knows
            raise InvalidArgument("file", shown(label), error.allowed) from None
    return _spectrum(label, values, teachers)


def open_spectrum(argument: str, path: str, teachers: Teachers) -> Opened:
    """The spectrum in a file of this machine, named `argument` in errors."""
    return _spectrum(Path(path).name, read_values(argument, path), teachers)


def open_fit(argument: str, folder: str) -> Opened:
    """The problem of a fit: the folder that ``shallows fit --out`` wrote, named `argument` in errors.

    Raises
    ------
    InvalidArgument
        If there is no fit in it, or the fit could not tell the noise or the teacher.
    """
    path = Path(folder)
    path = path / "fit.json" if path.is_dir() else path
    try:
        content = path.read_bytes()
    except OSError as error:
        allowed = f"must be a folder that shallows fit --out wrote ({error.strerror}: fit.json)"
        raise InvalidArgument(argument, shown(folder), allowed) from None
    return _fit(shown(folder), content)


def _spectrum(label: str, values: Any, teachers: Teachers) -> Opened:
    name = teachers.keep(values)
    dim = teachers[name].dim
    return Opened({"teacher": name, "dim": str(dim), "covariance": "0"}, f"{label}: {dim} values")


def _fit(label: str, content: bytes) -> Opened:
    allowed = "must be the fit.json of a folder that shallows fit --out wrote"
    try:
        found: Mapping[str, Any] = json.loads(content)
        network, dim, samples = str(found["network"]), int(found["dim"]), int(found["samples"])
        decay, width = float(found["weight_decay"]), found["width"]
        reasons = dict(found["reasons"])
        noise, law, risk = (found[key] for key in ("noise", "power_law", "excess_risk"))
    except (ValueError, TypeError, KeyError, RecursionError):
        raise InvalidArgument("fit", label, allowed) from None
    if network.split(":")[0] not in network_names():
        raise InvalidArgument("fit", label, f"is of a network that is not known here: {shown(network)}")
    if noise is None or law is None:
        missing = "noise" if noise is None else "power_law"
        why = reasons.get(missing) or next(iter(reasons.values()), "it could not be estimated")
        words = {"noise": "noise of the labels", "power_law": "teacher's power law"}[missing]
        raise InvalidArgument("fit", label, f"does not tell the {words}, without which there is no problem: {why}")
    family, *options = network.split(":")
    try:
        settings = {
            "network": family,
            "dim": str(dim),
            "samples": str(samples),
            "weight_decay": repr(decay),
            "gamma": repr(float(law["gamma"]["value"])),
            "energy": repr(float(law["energy"]["value"])),
            "noise": repr(float(noise["value"])),
            **({} if width is None else {"width": str(int(width))}),
            **dict(option.split("=") for option in options),
        }
        measured = None
        if risk is not None:
            place = {"samples": float(samples), "weight_decay": decay, "excess_risk": float(risk["value"])}
            measured = place | {"low": float(risk["low"]), "high": float(risk["high"]), "level": float(risk["level"])}
    except (ValueError, TypeError, KeyError):
        raise InvalidArgument("fit", label, allowed) from None
    View.parse(settings)
    return Opened(settings, f"fit {label}: {samples} rows, {dim} columns", measured)
