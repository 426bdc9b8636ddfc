"""The atlas as pages: a matrix with a link from every row to its departure, and tables of every number."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._numbers import measured_number, number
from .._system import replacing
from ..errors import InvalidArgument
from ..plotting.style import save, styled
from ..report.html import render_page, svg_address
from . import readings
from .departures import FAMILIES
from .figures import COLOURS, layers_figure, matrix_figure, ratio_figure, spectrum_figure
from .measuring import STATISTICS
from .run import STORE
from .settings import OF_OTHERS, OF_TABLES, OF_THEORY, phase_named
from .suites import suite_named

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .results import Atlas, Cell

#: Parts of the matrix: title, what it is about, columns.
GROUPS = (
    ("The networks of theory", "theory", OF_THEORY),
    ("Other networks", "others", OF_OTHERS),
    ("Real tables", "tables", OF_TABLES),
)
_GROUP_WORDS = {
    "theory": "Excess risk on new inputs, of diagonal and quadratic networks trained to their certified minimum.",
    "others": "Excess risk of a network of another activation or depth, at the best of a few weight decays, over that "
    "predicted for the quadratic network that stands in for it, at its own best.",
    "tables": "Test error on rows held out, over the one that theory reads off the fit without a test set.",
}
#: Ends of the colours: measured a quarter of predicted, and four times as much.
_BLUE, _WHITE, _RED = (33, 102, 172), (247, 247, 247), (178, 24, 43)


def check_atlas_folder(out: str | Path, suite: str) -> Path:
    """The folder, if it is new, empty, or holds an atlas.

    Parameters
    ----------
    out : path
    suite : str

    Returns
    -------
    Path

    Raises
    ------
    InvalidArgument
        For an unknown suite, a file, and a folder of something else: nothing is overwritten but an atlas.

    Examples
    --------
    >>> from shallows.robustness import check_atlas_folder
    >>> check_atlas_folder("atlas", "huge")
    Traceback (most recent call last):
    ...
    shallows.errors.InvalidArgument: suite: got 'huge'; must be quick or full
    """
    suite_named(suite)
    folder = Path(out)
    if folder.exists() and not folder.is_dir():
        raise InvalidArgument("out", str(out), "is a file; must be a folder")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / STORE).is_dir():
        raise InvalidArgument("out", str(out), "is not empty and holds no atlas; give another folder")
    return folder


def write_atlas(atlas: Atlas, folder: str | Path, progress: Callable[[str, int, int], None] | None = None) -> Path:
    """Write the pages of an atlas, its tables and the matrix as a figure.

    Parameters
    ----------
    atlas : Atlas
    folder : path
        Made if it does not exist; files of the same names in it are replaced.
    progress : callable, optional
        Called with a departure's name, and how many of how many pages are written.

    Returns
    -------
    Path
        Of ``index.html``; every page needs nothing beside it but the others.

    Examples
    --------
    >>> import tempfile
    >>> from shallows.robustness import run_atlas, write_atlas
    >>> atlas = run_atlas("quick", only=["as assumed"], seeds=2)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     page = write_atlas(atlas, folder)
    ...     sorted(path.name for path in page.parent.iterdir())[:2]
    ['as-assumed.html', 'index.html']
    """
    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    names = atlas.departures
    control = {cell.phase: cell.ratio for cell in atlas.of("as assumed")}
    with styled():
        for i, name in enumerate(names):
            if progress is not None:
                progress(name, i, len(names))
            near = (names[i - 1] if i else None, names[i + 1] if i + 1 < len(names) else None)
            _write(place / page_of(name), _departure_page(atlas, name, near, control))
        for _, word, phases in GROUPS:
            here = _rows(atlas, phases)
            if here:
                columns = [phase.name for phase in phases if any(atlas.cell(name, phase.name) for name in here)]
                save(matrix_figure(atlas, here, columns), place, f"matrix-{word}")
        layers = layers_figure(atlas.tales, dict(STATISTICS))
        picture = None if layers is None else svg_address(save(layers, place, "layers"))
    _write(place / "results.csv", _table(atlas))
    _write(place / "results.json", json.dumps(atlas.to_dict(), indent=1, allow_nan=False) + "\n")
    page = place / "index.html"
    _write(page, _index(atlas, picture))
    return page


def page_of(name: str) -> str:
    """File name of a departure's page."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") + ".html"


def colours_of(ratio: float | None) -> tuple[str, str]:
    """Background and text of a cell: blue where less than predicted was measured, red where more."""
    if not ratio:
        return "#9a9a9a", "#000"
    depth = max(-1.0, min(1.0, math.log(ratio) / math.log(4.0)))
    end = _RED if depth > 0 else _BLUE
    mixed = [round(white + abs(depth) * (colour - white)) for white, colour in zip(_WHITE, end, strict=True)]
    return "#{:02x}{:02x}{:02x}".format(*mixed), "#fff" if abs(depth) > 0.6 else "#000"


def _rows(atlas: Atlas, phases: Sequence[Any]) -> list[str]:
    wanted = {phase.name for phase in phases}
    return [name for name in atlas.departures if any(cell.phase in wanted for cell in atlas.of(name))]


def _index(atlas: Atlas, picture: str | None) -> str:
    groups = []
    for title, word, phases in GROUPS:
        names = _rows(atlas, phases)
        if not names:
            continue
        columns = [phase for phase in phases if any(atlas.cell(name, phase.name) for name in names)]
        rows, last = [], ""
        for name in names:
            family = atlas.of(name)[0].family
            heading = family.capitalize() if family != last and len({atlas.of(n)[0].family for n in names}) > 1 else ""
            last = family
            cells = [_matrix_cell(atlas.cell(name, phase.name)) for phase in columns]
            rows.append({"name": name, "page": page_of(name), "family": heading, "cells": cells})
        heads = [{"words": readings.column(phase), "about": readings.about(phase)} for phase in columns]
        groups.append({"title": title, "words": _GROUP_WORDS[word], "columns": heads, "rows": rows})
    key = [(*colours_of(ratio), words) for ratio, words in readings.KEY]
    failures = [
        {"departure": cell.departure, "phase": cell.phase, "reason": reason}
        for cell in atlas.cells
        for reason in cell.failures[:1]
    ]
    return render_page(
        "atlas_index.html.j2",
        title=f"Where theory breaks: the {atlas.suite} suite",
        outcome=readings.outcome(atlas),
        key=key,
        groups=groups,
        layers=_layers(atlas, picture),
        failures=failures,
        provenance=readings.provenance(atlas),
        command=atlas.provenance.get("command", f"shallows robustness --suite {atlas.suite} --out atlas/"),
    )


def _matrix_cell(cell: Cell | None) -> dict[str, str] | None:
    if cell is None:
        return None
    background, text = colours_of(cell.ratio)
    about = f"{cell.in_words} over {len(cell.ratios)} data sets: {cell.verdict}"
    return {
        "ratio": "failed" if cell.ratio is None else f"{cell.ratio:.2g}",
        "colour": background,
        "text": text,
        "about": "; ".join([about, *cell.failures[:1]]),
    }


def _layers(atlas: Atlas, picture: str | None) -> dict[str, Any] | None:
    if not atlas.tales:
        return None
    rows = []
    for tale in atlas.tales:
        means = [tale.mean(name) for name in STATISTICS]
        values = ["too few columns for a bulk" if mean is None else measured_number(*mean) for mean in means]
        rows.append({"table": tale.table, "absent": tale.absent, "told": values})
    return {"head": list(STATISTICS.values()), "rows": rows, "figure": picture}


def _departure_page(
    atlas: Atlas, name: str, near: tuple[str | None, str | None], control: dict[str, float | None]
) -> str:
    cells = atlas.of(name)
    figures = []
    if any(cell.ratios for cell in cells):
        figures.append(("Measured over predicted", ratio_figure(cells, control), readings.ratio_caption(cells)))
    spectra = spectrum_figure(cells)
    if spectra is not None:
        figures.append(("Learned spectra", spectra, readings.SPECTRUM_CAPTION))
    links = [None if other is None else {"name": other, "page": page_of(other)} for other in near]
    return render_page(
        "atlas_departure.html.j2",
        title=name[0].upper() + name[1:],
        words=atlas.words.get(name, ""),
        before=links[0],
        after=links[1],
        against=any(cell.verdict in ("breaks", "failed") for cell in cells),
        outcome=readings.departure_outcome(cells),
        caption=readings.risk_words(cells[0].family),
        rows=[_row(cell, control) for cell in cells],
        failures=[
            {"phase": cell.phase, "reason": f"{reason} ({len(cell.ratios)} data sets measured)"}
            for cell in cells
            for reason in cell.failures[:1]
        ],
        figures=[
            {"title": title, "data": svg_address(_svg(figure)), "caption": caption}
            for title, figure, caption in figures
        ],
        verdicts=readings.verdict_rows(cells),
        known=readings.known(cells),
    )


def _row(cell: Cell, control: dict[str, float | None]) -> dict[str, str]:
    own = control.get(cell.phase)
    return {
        "phase": cell.phase,
        "about": readings.about(phase_named(cell.phase)),
        "measured": _mean(cell.measured),
        "predicted": _mean(cell.predicted),
        "ratio": cell.in_words,
        "control": "–" if own is None else f"{own:.3g}",
        "count": str(len(cell.ratios)),
        "verdict": cell.verdict,
        "colour": COLOURS[cell.verdict],
    }


def _mean(values: Sequence[float]) -> str:
    if not values:
        return "–"
    mean = math.fsum(values) / len(values)
    spread = math.sqrt(math.fsum((value - mean) ** 2 for value in values))
    if len(values) < 2 or spread <= 1e-9 * abs(mean):
        return number(mean)
    return measured_number(mean, spread / math.sqrt(len(values) * (len(values) - 1)))


def _svg(figure: Any) -> str:
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": "shallows"})
    return buffer.getvalue()


def _table(atlas: Atlas) -> str:
    buffer = io.StringIO()
    names = ["family", "departure", "phase", "ratio", "standard_error", "data_sets", "verdict", "failures"]
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(names)
    for cell in sorted(atlas.cells, key=lambda cell: FAMILIES.index(cell.family)):
        content = cell.to_dict() | {"failures": "; ".join(cell.failures)}
        writer.writerow(["" if content[name] is None else content[name] for name in names])
    return buffer.getvalue()


def _write(path: Path, text: str) -> None:
    with replacing(path) as partial:
        partial.write_text(text, encoding="utf-8")
