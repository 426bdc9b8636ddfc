"""Read power laws from a learning curve: exponents, plateaus and breaks, with confidence intervals."""

from __future__ import annotations

import csv
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import InvalidArgument
from . import _options as options
from ._files import OutputFolder
from ._output import print_json
from ._sections import print_sections

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from ..exponents import PowerLaws, Segment

#: What the library calls the columns, and the options that choose others.
COLUMNS = {"n": "--x", "risk": "--y", "stderr": "--stderr"}
MOST_BYTES = 2**24

Curve = Annotated[
    str,
    typer.Argument(
        metavar="CURVE",
        help="CSV file with the columns n, risk and, if known, stderr; rows of one n are repeated runs.",
    ),
]
X = Annotated[
    str | None,
    typer.Option("--x", metavar="NAME", help="Column with the numbers of samples (default n).", show_default=False),
]
Y = Annotated[
    str | None, typer.Option("--y", metavar="NAME", help="Column with the curve (default risk).", show_default=False)
]
Stderr = Annotated[
    str | None,
    typer.Option(
        "--stderr",
        metavar="NAME",
        help="Column with its standard errors (default: stderr, if there is one and --y is not given).",
        show_default=False,
    ),
]
Extrapolate = Annotated[
    str | None,
    typer.Option(
        "--extrapolate",
        metavar="LIST",
        help="Numbers of samples, or multiples of the largest n such as 2x, up to 10x, separated by commas.",
        show_default=False,
    ),
]
Out = Annotated[
    str | None,
    typer.Option(
        "--out",
        metavar="DIR",
        help="Folder for exponents.json, exponents.png and exponents.svg (default: none).",
        show_default=False,
    ),
]
Level = Annotated[
    str | None,
    typer.Option("--level", metavar="P", help="Confidence level of the intervals (default 0.95).", show_default=False),
]
Floor = Annotated[
    bool,
    typer.Option(
        "--floor/--no-floor",
        help="Allow for a floor, as every test error has one (default), or read a curve known to vanish.",
        show_default=False,
    ),
]
Network = Annotated[
    str | None,
    typer.Option(
        "--network", metavar="NAME", help="With --gamma: name the phases each exponent fits.", show_default=False
    ),
]
Gamma = Annotated[
    str | None,
    typer.Option("--gamma", metavar="G", help="Decay exponent of the teacher, with --network.", show_default=False),
]


def run(
    curve: Curve,
    x: X = None,
    y: Y = None,
    stderr: Stderr = None,
    network: Network = None,
    gamma: Gamma = None,
    level: Level = None,
    floor: Floor = True,
    extrapolate: Extrapolate = None,
    out: Out = None,
    force: options.ForceFolder = False,
    json: options.Json = False,
) -> int:
    """Read the file, fit, print. A curve that cannot be read off is an answer, not a failure."""
    if (network is None) != (gamma is None):
        raise InvalidArgument("--network / --gamma", "one of them", "give both, to compare with the phases, or neither")
    decay = None if gamma is None else options.parse_number("--gamma", gamma, "must be a finite number > 1/2")
    share = 0.95 if level is None else options.parse_number("--level", level, "must be between 0 and 1")
    columns = read_curve(curve, {"n": x, "risk": y, "stderr": stderr})
    folder: AbstractContextManager[OutputFolder | None] = (
        nullcontext() if out is None else OutputFolder("--out", out, force=force)
    )
    with folder as output:
        import json as json_module

        from ..exponents import fit_power_laws
        from ..phases import predicted_exponents

        if network is not None and decay is not None:
            with options.naming({"network": network, "gamma": gamma}):
                predicted_exponents(network, decay)
        largest = max(columns["n"], default=1.0)
        asked = [] if extrapolate is None else options.parse_counts("--extrapolate", extrapolate, largest)
        try:
            fit = fit_power_laws(
                columns["n"],
                columns["risk"],
                columns.get("stderr"),
                level=share,
                floor=floor,
                extrapolate=asked,
                next_run=True,
            )
        except InvalidArgument as error:
            if error.name in COLUMNS:
                chosen = {"n": x, "risk": y, "stderr": stderr}[error.name] or error.name
                raise InvalidArgument(f"{options.shown(curve)}, column {chosen}", error.value, error.allowed) from error
            raise InvalidArgument(f"--{error.name}", error.value, error.allowed) from error
        content = fit.to_dict()
        if network is not None and decay is not None:
            for item, segment in zip(content["segments"], fit.segments, strict=True):
                item["phases"] = list(segment.matching_phases(network, decay))
        if output is not None:
            from ..report import write_exponents_figure

            names = x or "n", y or "risk"
            write_exponents_figure(fit, columns["n"], columns["risk"], output.partial, names=names)
            (output.partial / "exponents.json").write_text(
                json_module.dumps(content, indent=1) + "\n", encoding="utf-8"
            )
            output.finish()
    if json:
        print_json(content)
        return 0
    print_sections(f"Power laws in {Path(curve).name}", _sections(fit, network, decay))
    if out is not None:
        typer.echo(f"\nFigure: {out}/exponents.png")
    return 0


def _sections(fit: PowerLaws, network: str | None, gamma: float | None) -> list[tuple[str, list[tuple[str, ...]]]]:
    """What is printed for people."""
    from ..curve_rows import beyond_row, break_rows, floor_rows, segment_rows, verdict

    interval = f"{100 * fit.level:g} % interval"
    rows: list[tuple[str, ...]] = [("n", "exponent", interval, "")]
    rows += segment_rows(fit.segments, lambda segment: _phases(segment, network, gamma))
    beyond: list[tuple[str, ...]] = [("n", "curve", interval)]
    beyond += [beyond_row(point) for point in fit.extrapolations]
    return [
        ("Segments" if fit.floor is None else "Above the floor", rows if fit.segments else []),
        ("Floor", floor_rows(fit)),
        ("Breaks", break_rows(fit)),
        ("Beyond the largest n", beyond if fit.extrapolations else []),
        ("Reading", [(verdict(fit),), *((run.sentence(),) for run in fit.next_runs)]),
    ]


def _phases(segment: Segment, network: str | None, gamma: float | None) -> str:
    """Which phases have the exponent."""
    if network is None or gamma is None or segment.uncertain:
        return ""
    phases = segment.matching_phases(network, gamma)
    return f"fits {', '.join(phases)}" if phases else "fits no phase"


def read_curve(name: str, chosen: dict[str, str | None]) -> dict[str, list[float]]:
    """Columns of a curve's CSV file; without a line of names they are n, risk, stderr in this order.

    Parameters
    ----------
    name : str
    chosen : dict
        From ``n``, ``risk`` and ``stderr`` to the names of the columns that stand for them, None where not given.

    Raises
    ------
    InvalidArgument
        If there is no such file, or it is not a table of numbers with the two columns.
    """
    wanted = "must be a CSV file with the columns n, risk and, if known, stderr"
    path = Path(name)
    try:
        if not path.is_file():
            raise InvalidArgument("CURVE", options.shown(name), f"no such file; {wanted}")
        if path.stat().st_size > MOST_BYTES:
            raise InvalidArgument("CURVE", options.shown(name), "is larger than 16 MiB, which no learning curve is")
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidArgument("CURVE", options.shown(name), f"is not text; {wanted}") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        if isinstance(error, InvalidArgument):
            raise
        raise InvalidArgument("CURVE", options.shown(name), f"cannot be read: {reason}") from error
    lines = [
        (at, [cell.strip() for cell in row])
        for at, row in enumerate(csv.reader(text.splitlines()), start=1)
        if row and any(cell.strip() for cell in row) and not row[0].lstrip().startswith("#")
    ]
    if not lines:
        raise InvalidArgument("CURVE", options.shown(name), f"the file is empty; {wanted}")
    head = _names(name, lines[0][1], chosen)
    if head is None:
        head = list(COLUMNS)[: len(lines[0][1])]
    else:
        lines = lines[1:]
    columns: dict[str, list[float]] = {column: [] for column in COLUMNS if column in head}
    for at, cells in lines:
        if len(cells) != len(head):
            raise InvalidArgument("CURVE", f"{len(cells)} cells on line {at}", f"must be {len(head)} on every line")
        for column, values in columns.items():
            cell = cells[head.index(column)]
            if not _is_number(cell):
                what = "an empty cell" if not cell else options.shown(cell)
                raise InvalidArgument("CURVE", f"{what} on line {at}, column {column}", "must be a number")
            values.append(float(cell))
    return columns


def _names(name: str, first: list[str], chosen: dict[str, str | None]) -> list[str] | None:
    """What each column is (n, risk, stderr, or anything else), from the first line; None if that holds numbers.

    Raises
    ------
    InvalidArgument
        Saying which columns it takes and which there are.
    """
    if all(_is_number(cell) for cell in first):
        for column, option in COLUMNS.items():
            if chosen[column] is not None:
                raise InvalidArgument(option, options.shown(str(chosen[column])), "needs a file with column names")
        if not 2 <= len(first) <= 3:
            wanted = "must be a CSV file with the columns n, risk and, if known, stderr"
            raise InvalidArgument("CURVE", options.shown(name), f"has {len(first)} columns without names; {wanted}")
        return None
    has = ", ".join(cell or "''" for cell in first)
    has = has if len(has) <= 200 else has[:197] + "..."
    head = [""] * len(first)
    for column, option in COLUMNS.items():
        wanted = chosen[column] or column
        places = [i for i, cell in enumerate(first) if cell == wanted]
        if chosen[column] is None and not places:
            places = [i for i, cell in enumerate(first) if cell.lower() == wanted]
        if len(places) > 1:
            raise InvalidArgument("CURVE", options.shown(name), f"has two columns of one name, {wanted}")
        if column == "stderr" and chosen["stderr"] is None and (not places or chosen["risk"] is not None):
            continue
        if not places and chosen[column] is not None:
            raise InvalidArgument(option, options.shown(wanted), f"must be a column of the file, which has: {has}")
        if not places:
            needed = "needs the columns n (samples) and risk, or others chosen by --x and --y"
            allowed = f"has no column {wanted}; it has: {has}; {needed}"
            raise InvalidArgument("CURVE", options.shown(name), allowed)
        if head[places[0]]:
            raise InvalidArgument(option, options.shown(wanted), f"is taken as {head[places[0]]} already")
        head[places[0]] = column
    return head


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return "_" not in cell  # which Python alone allows in numbers
