"""Make a figure of the papers from scratch: theory, trained networks, data, and a reading with the numbers."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from ..errors import InvalidArgument
from . import _options as options
from ._output import print_json
from ._progress import Progress

MOST_SEEDS = 10_000
MOST_WORKERS = 1024

Figure = Annotated[
    str,
    typer.Argument(metavar="FIGURE", help="phase-diagram, spectra, risk-curves, width-rank or width-samples."),
]
Quick = Annotated[bool, typer.Option("--quick", help="Small sizes, minutes (the default).")]
Full = Annotated[bool, typer.Option("--full", help="The sizes of the papers, hours.")]
Out = Annotated[
    str | None,
    typer.Option(
        "--out",
        metavar="DIR",
        help="Folder for figure, data and reading (required); an interrupted run goes on from what is there.",
        show_default=False,
    ),
]
Overlay = Annotated[
    str | None,
    typer.Option(
        "--overlay",
        metavar="FILE",
        help="Your measured points to lay over the figure: .csv, .json or .npy; its columns are in docs/scaling.md.",
        show_default=False,
    ),
]
Seeds = Annotated[
    str | None,
    typer.Option(
        "--seeds", metavar="K", help="Data sets per trained point (default 3, with --full 8).", show_default=False
    ),
]


def run(
    figure: Figure,
    quick: Quick = False,
    full: Full = False,
    out: Out = None,
    seeds: Seeds = None,
    workers: options.TrainingWorkers = None,
    overlay: Overlay = None,
    json: options.Json = False,
) -> int:
    """Check, compute, write, read."""
    if quick and full:
        raise InvalidArgument("--quick / --full", "both", "give one of the two")
    if out is None:
        raise InvalidArgument("--out", "nothing", "must be a folder for the figure")
    count = None if seeds is None else options.parse_integer("--seeds", seeds, 1, MOST_SEEDS)
    processes = None if workers is None else options.parse_integer("--workers", workers, 0, MOST_WORKERS)

    from ..reproduce import check_folder, reproduce
    from ..sweeps import Bar, LineLog

    scale = "full" if full else "quick"
    try:
        check_folder(figure, scale, out)
    except InvalidArgument as error:
        name = "FIGURE" if error.name == "figure" else f"--{error.name}"
        raise InvalidArgument(name, options.shown(str(error.value)), error.allowed) from error
    with Progress() as progress, options.naming({}):
        made = reproduce(
            figure,
            out,
            scale=scale,
            seeds=count,
            workers=processes,
            overlay=overlay,
            reporter=Bar() if sys.stderr.isatty() else LineLog(),
            progress=progress.update,
        )
    if json:
        print_json({"figure": figure, "scale": scale, "files": list(made.files), "reading": made.reading})
    else:
        typer.echo(made.reading)
    typer.echo(f"\nFigure: {made.folder / figure}.pdf", err=json)
    return 0
