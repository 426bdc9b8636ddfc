"""Writing a phase diagram: data, figure, reading."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .agreement import reading
from .figures import diagram_figure, save_everywhere

if TYPE_CHECKING:
    from pathlib import Path

    import xarray


def write_diagram(diagram: xarray.Dataset, folder: Path, name: str = "phases") -> list[str]:
    """Write `name`.nc, .csv, .png, .svg, .pdf and .md into `folder` and return the file names.

    The CSV holds one line a grid point, the NetCDF file everything.
    """
    diagram.to_netcdf(folder / f"{name}.nc", engine="h5netcdf")
    names = list(diagram.attrs["phases"])
    columns = ["excess_risk", "exponent_samples", "exponent_weight_decay", "status", "blurred"]
    table = diagram[columns].to_dataframe().reset_index()
    for kind in ("analytic", "numerical"):
        codes = diagram[f"{kind}_phase"].to_dataframe().reset_index()[f"{kind}_phase"]
        table[f"{kind}_phase"] = [names[code] if code >= 0 else "" for code in codes]
    table.to_csv(folder / f"{name}.csv", index=False)
    files = save_everywhere(diagram_figure(diagram), folder, name)
    (folder / f"{name}.md").write_text(reading(diagram) + "\n", encoding="utf-8")
    return [f"{name}.nc", f"{name}.csv", *files, f"{name}.md"]
