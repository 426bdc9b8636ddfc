"""Writing a phase diagram: data, figure, reading."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from .agreement import reading
from .own_points import place_points, points_sentence, write_points

if TYPE_CHECKING:
    import xarray


def write_diagram(
    diagram: xarray.Dataset, folder: str | Path, name: str = "phases", *, overlay: Any = None
) -> list[str]:
    """Write the figure of a phase diagram, its data and its reading into an existing folder.

    ``name.png``, ``.svg`` and ``.pdf`` are as wide as a page, ``name-column.*`` as a column. ``name.csv`` holds one
    line a grid point, ``name.nc`` everything, ``name.md`` the reading, and ``name-overlay.csv`` the points given.

    Parameters
    ----------
    diagram : xarray.Dataset
        As :func:`phase_diagram` returns it.
    folder : path
        Which exists.
    name : str
        Of the files.
    overlay : path, mapping, data frame or array, optional
        Measured points to lay over the figure: columns ``samples`` (or ``effective_samples``) and ``weight_decay``;
        optional ``excess_risk`` (squared units of the labels, for a teacher of energy 1), ``dim`` (by default that of
        the diagram) and ``network`` (rows of another one are left out). A ``.csv``, ``.json`` or ``.npy`` file, or
        the same in memory.

    Returns
    -------
    list of str
        Names of the files.

    Raises
    ------
    InvalidArgument
        Named ``overlay``: a table that cannot be read, or lacks a column.

    Examples
    --------
    >>> import tempfile
    >>> from shallows.scaling import phase_diagram, write_diagram
    >>> diagram = phase_diagram("diagonal", 1000, 1.25, 0.1, points=(4, 4))
    >>> measured = {"samples": [500, 5000], "weight_decay": [0.01, 0.1], "excess_risk": [0.3, 0.01]}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     "phases-overlay.csv" in write_diagram(diagram, folder, overlay=measured)
    True
    """
    from ..plotting.style import COLUMN
    from .figures import diagram_figure, save_everywhere

    folder = Path(folder)
    points = None if overlay is None else place_points(diagram, overlay)
    diagram.to_netcdf(folder / f"{name}.nc", engine="h5netcdf")
    names = list(diagram.attrs["phases"])
    columns = ["excess_risk", "exponent_samples", "exponent_weight_decay", "status", "blurred"]
    table = diagram[columns].to_dataframe().reset_index()
    for kind in ("analytic", "numerical"):
        codes = diagram[f"{kind}_phase"].to_dataframe().reset_index()[f"{kind}_phase"]
        table[f"{kind}_phase"] = [names[code] if code >= 0 else "" for code in codes]
    table.to_csv(folder / f"{name}.csv", index=False)
    files = save_everywhere(diagram_figure(diagram, points), folder, name)
    files += save_everywhere(diagram_figure(diagram, points, COLUMN), folder, f"{name}-column")
    text = reading(diagram)
    if points is not None:
        text += " " + points_sentence(points)
        files.append(f"{name}-overlay.csv")
        write_points(points, folder / files[-1])
    (folder / f"{name}.md").write_text(text + "\n", encoding="utf-8")
    return [f"{name}.nc", f"{name}.csv", *files, f"{name}.md"]
