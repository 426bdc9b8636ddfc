"""The figures of the papers, from scratch: theory lines, trained points, data, and a reading with the numbers."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._arguments import check_integer
from .._system import process_exists, replacing
from .._version import __version__
from ..errors import InvalidArgument

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..sweeps.progress import Reporter
    from .own_data import OwnData

__all__ = ["FIGURES", "SCALES", "Reproduction", "reproduce"]

#: What can be reproduced.
FIGURES = ("phase-diagram", "spectra", "risk-curves", "width-rank", "width-samples")
#: How much of it.
SCALES = ("quick", "full")
#: Data sets per trained point.
SEEDS = {"quick": 3, "full": 8}
#: Finished work, from which an interrupted run goes on.
WORK = "work"
_MARK = "reproduce.json"
_PARTIAL = ".partial-"


@dataclass(frozen=True)
class Reproduction:
    """A finished figure.

    Attributes
    ----------
    figure, scale : str
    folder : Path
    reading : str
        One paragraph with the numbers.
    files : tuple of str

    Examples
    --------
    >>> from pathlib import Path
    >>> from shallows.reproduce import Reproduction
    >>> Reproduction("spectra", "quick", Path("out"), "Learned spectra at d = 100.", ("spectra.pdf",)).files
    ('spectra.pdf',)
    """

    figure: str
    scale: str
    folder: Path
    reading: str
    files: tuple[str, ...]


def check_folder(figure: str, scale: str, out: str | Path) -> Path:
    """The folder, if it is new, empty, or holds the same figure at the same scale.

    Raises
    ------
    InvalidArgument
        Otherwise: nothing is ever overwritten but a run of the same figure.
    """
    if figure not in FIGURES:
        raise InvalidArgument("figure", figure, f"must be one of {', '.join(FIGURES)}")
    if scale not in SCALES:
        raise InvalidArgument("scale", scale, f"must be one of {', '.join(SCALES)}")
    folder = Path(out)
    if folder.exists() and not folder.is_dir():
        raise InvalidArgument("out", str(out), "is a file; must be a folder")
    if folder.is_dir() and any(folder.iterdir()):
        try:
            mark = json.loads((folder / _MARK).read_text(encoding="utf-8"))
            same = mark["figure"] == figure and mark["scale"] == scale
        except (OSError, ValueError, KeyError, TypeError):
            raise InvalidArgument(
                "out", str(out), "is not empty and holds no such figure; give another folder"
            ) from None
        if not same:
            held = f"{mark['figure']}, {mark['scale']}"
            raise InvalidArgument("out", str(out), f"holds another figure ({held}); give another folder")
    return folder


def reproduce(
    figure: str,
    out: str | Path,
    *,
    scale: str = "quick",
    seeds: int | None = None,
    workers: int | None = 0,
    overlay: Any = None,
    reporter: Reporter | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> Reproduction:
    """Make one figure of the papers from scratch.

    Finished points are kept in the folder ``work`` inside `out`: a run that was interrupted goes on from there.

    Parameters
    ----------
    figure : {"phase-diagram", "spectra", "risk-curves", "width-rank", "width-samples"}
    out : path
        Folder for the figure (PNG, SVG, PDF), its data (CSV, NetCDF or JSON) and its reading.
    scale : {"quick", "full"}
        Minutes, or the sizes of the papers (hours).
    seeds : int, optional
        Data sets per trained point (default 3 and 8).
    workers : int, optional
        Processes that train; 0 trains in this process, None takes one per core.
    overlay : path, mapping, data frame or array, optional
        Measured points to lay over the figure; which columns each figure takes is in docs/scaling.md.
    reporter : Reporter, optional
        Told about the trained points of risk curves.
    progress : callable, optional
        Told about the steps of the other figures.

    Returns
    -------
    Reproduction

    Raises
    ------
    InvalidArgument
        For an unknown figure, a folder that holds something else, or an `overlay` that does not fit the figure.

    Examples
    --------
    Figures take minutes and more; ``reproduce("risk-curves", "fig3")`` makes one. What cannot be made is said at once.

    >>> from shallows.reproduce import reproduce
    >>> reproduce("spectra", "out", scale="huge")
    Traceback (most recent call last):
    ...
    shallows.errors.InvalidArgument: scale: got 'huge'; must be one of quick, full
    """
    folder = check_folder(figure, scale, out)
    count = SEEDS[scale] if seeds is None else check_integer("seeds", seeds)
    own = None
    if overlay is not None:
        from .own_data import own_data

        own = own_data(figure, overlay)
    work = folder / WORK
    work.mkdir(parents=True, exist_ok=True)
    mark: dict[str, Any] = {"figure": figure, "scale": scale, "seeds": count, "version": __version__, "finished": False}
    _write(folder / _MARK, json.dumps(mark, indent=2) + "\n")
    _sweep_up(folder)
    with tempfile.TemporaryDirectory(prefix=f"{_PARTIAL}{os.getpid()}-", dir=folder) as name:
        partial = Path(name)
        asked = Asked(figure, scale, count, workers, overlay, own)
        text = _draw(asked, partial, work, reporter, progress)
        (partial / f"{figure}.md").write_text(text + "\n", encoding="utf-8")
        files = sorted(path.name for path in partial.iterdir())
        for file in files:
            (partial / file).replace(folder / file)
    _write(folder / _MARK, json.dumps(mark | {"finished": True, "files": files}, indent=2) + "\n")
    return Reproduction(figure, scale, folder, text, tuple(files))


@dataclass(frozen=True)
class Asked:
    """What is to be drawn, with a user's table as it was given and as it was read."""

    figure: str
    scale: str
    seeds: int
    workers: int | None
    overlay: Any
    own: OwnData | None


def _draw(
    asked: Asked,
    folder: Path,
    work: Path,
    reporter: Reporter | None,
    progress: Callable[[str, int, int], None] | None,
) -> str:
    """Write the files of a figure and return its reading."""
    if asked.figure == "phase-diagram":
        from .sketches import draw_diagram

        store = work / "store" if asked.workers != 0 else None
        return draw_diagram(asked.scale, folder, store, asked.workers or None, progress, asked.overlay)
    if asked.figure == "spectra":
        from .spectra import draw_spectra

        return draw_spectra(asked.scale, folder, work / "spectra", asked.seeds, progress, asked.own)
    from .curves import Work, draw_curves

    how = Work(asked.seeds, work / "store", asked.workers, reporter)
    return draw_curves(asked.figure, asked.scale, folder, how, asked.own)


def _sweep_up(folder: Path) -> None:
    """Remove what killed runs left half written."""
    for path in folder.glob(f"{_PARTIAL}*-*"):
        number = path.name.removeprefix(_PARTIAL).split("-")[0]
        if number.isdecimal() and int(number) > 0 and process_exists(int(number)) is False:
            shutil.rmtree(path, ignore_errors=True)


def _write(path: Path, text: str) -> None:
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8")
