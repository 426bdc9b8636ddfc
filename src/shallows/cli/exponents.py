"""Read power laws from a learning curve: exponents, plateaus and breaks, with confidence intervals."""

from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import InvalidArgument
from . import _options as options
from ._output import print_json
from ._sections import number, print_sections

if TYPE_CHECKING:
    from ..exponents import PowerLaws, Segment

COLUMNS = ("n", "risk", "stderr")
MOST_BYTES = 2**24

Curve = Annotated[str, typer.Argument(metavar="CURVE", help="CSV file with the columns n, risk and, if known, stderr.")]
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
    network: Network = None,
    gamma: Gamma = None,
    level: Level = None,
    floor: Floor = True,
    json: options.Json = False,
) -> int:
    """Read the file, fit, print. A curve that cannot be read off is an answer, not a failure."""
    if (network is None) != (gamma is None):
        raise InvalidArgument("--network / --gamma", "one of them", "give both, to compare with the phases, or neither")
    decay = None if gamma is None else options.parse_number("--gamma", gamma, "must be a finite number > 1/2")
    share = 0.95 if level is None else options.parse_number("--level", level, "must be between 0 and 1")
    columns = read_curve(curve)

    from ..exponents import fit_power_laws
    from ..phases import predicted_exponents

    if network is not None and decay is not None:
        with options.naming({"network": network, "gamma": gamma}):
            predicted_exponents(network, decay)
    try:
        fit = fit_power_laws(columns["n"], columns["risk"], columns.get("stderr"), level=share, floor=floor)
    except InvalidArgument as error:
        if error.name in COLUMNS:
            raise InvalidArgument(f"{options.shown(curve)}, column {error.name}", error.value, error.allowed) from error
        raise InvalidArgument(f"--{error.name}", error.value, error.allowed) from error
    if json:
        content = fit.to_dict()
        if network is not None and decay is not None:
            for item, segment in zip(content["segments"], fit.segments, strict=True):
                item["phases"] = list(segment.matching_phases(network, decay))
        print_json(content)
        return 0
    rows: list[tuple[str, ...]] = [("n", "exponent", f"{100 * share:g} % interval", "")]
    rows += [_row(segment, network, decay) for segment in fit.segments]
    print_sections(
        f"Power laws in {Path(curve).name}",
        [
            ("Segments" if fit.floor is None else "Above the floor", rows if fit.segments else []),
            ("Floor", _floor(fit)),
            ("Breaks", _breaks(fit)),
            ("Reading", [(_verdict(fit),)]),
        ],
    )
    return 0


def _row(segment: Segment, network: str | None, gamma: float | None) -> tuple[str, ...]:
    low, high = segment.interval
    note = "cannot tell" if segment.uncertain else "plateau" if segment.plateau else ""
    if network is not None and gamma is not None and not segment.uncertain:
        phases = segment.matching_phases(network, gamma)
        note += ("; " if note else "") + (f"fits {', '.join(phases)}" if phases else "fits no phase")
    span = f"{number(segment.start)} to {number(segment.stop)}"
    lowest = f"{low:+.3f}" if math.isfinite(low) else "no limit"
    return span, f"{segment.exponent:+.3f}", f"{lowest} to {high:+.3f}", note


def _floor(fit: PowerLaws) -> list[tuple[str, ...]]:
    if fit.floor is None or fit.floor_interval is None:
        return []
    low, high = fit.floor_interval
    return [("risk", number(fit.floor), f"{number(low)} to {number(high)}")]


def _breaks(fit: PowerLaws) -> list[tuple[str, ...]]:
    return [
        (f"n = {number(at)}", f"{number(low)} to {number(high)}")
        for at, (low, high) in zip(fit.breaks, fit.break_intervals, strict=True)
    ]


def _verdict(fit: PowerLaws) -> str:
    return ("" if fit.outcome.ok else "cannot tell: ") + fit.reason


def read_curve(name: str) -> dict[str, list[float]]:
    """Columns of a curve's CSV file; without a line of names they are n, risk, stderr in this order.

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
    head = [cell.lower() for cell in lines[0][1]]
    if any(cell in COLUMNS for cell in head):
        lines = lines[1:]
        missing = [column for column in COLUMNS[:2] if column not in head]
        if missing:
            raise InvalidArgument("CURVE", options.shown(name), f"has no column {missing[0]}; {wanted}")
        if any(head.count(column) > 1 for column in COLUMNS):
            raise InvalidArgument("CURVE", options.shown(name), f"has two columns of one name; {wanted}")
    elif 2 <= len(head) <= 3:
        head = list(COLUMNS[: len(head)])
    else:
        raise InvalidArgument("CURVE", options.shown(name), f"has {len(head)} columns without names; {wanted}")
    columns: dict[str, list[float]] = {column: [] for column in COLUMNS if column in head}
    for at, cells in lines:
        if len(cells) != len(head):
            raise InvalidArgument("CURVE", f"{len(cells)} cells on line {at}", f"must be {len(head)} on every line")
        for column, values in columns.items():
            cell = cells[head.index(column)]
            try:
                values.append(float(cell))
            except ValueError:
                what = "an empty cell" if not cell else options.shown(cell)
                raise InvalidArgument("CURVE", f"{what} on line {at}, column {column}", "must be a number") from None
    return columns
