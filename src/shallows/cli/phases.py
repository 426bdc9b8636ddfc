"""Draw the phase diagram of a network from theory, or print the table of all its exponents."""

from __future__ import annotations

from typing import Annotated

import typer

from ..errors import InvalidArgument
from . import _options as options
from ._files import OutputFolder
from ._output import print_json
from ._progress import Progress

FEWEST_POINTS, MOST_POINTS = 3, 1000

Overlay = Annotated[
    str | None,
    typer.Option(
        "--overlay",
        metavar="FILE",
        help="Measured points to lay over the diagram: .csv, .json or .npy with columns samples (or "
        "effective_samples), weight_decay and, if measured, excess_risk.",
        show_default=False,
    ),
]
Points = Annotated[
    str | None,
    typer.Option("--points", metavar="K", help="Points along each axis, 3 to 1000 (default 100).", show_default=False),
]
Out = Annotated[
    str | None,
    typer.Option("--out", metavar="DIR", help="Folder for the figure, the data and the reading.", show_default=False),
]
Exponents = Annotated[
    bool,
    typer.Option(
        "--exponents", help="Print every exponent of the phases, fitted at large dimension, instead of a diagram."
    ),
]
Store = Annotated[
    str | None,
    typer.Option(
        "--store", metavar="DIR", help="Compute through a sweep store: in parallel, and resumable.", show_default=False
    ),
]


def run(
    network: options.Network = None,
    depth: options.Depth = None,
    tokens: options.Tokens = None,
    dim: options.Dim = None,
    gamma: options.Gamma = None,
    noise: options.Noise = None,
    width: options.Width = None,
    points: Points = None,
    overlay: Overlay = None,
    out: Out = None,
    force: options.ForceFolder = False,
    store: Store = None,
    exponents: Exponents = False,
    json: options.Json = False,
) -> int:
    """Check, compute the grid, write figure and data; or fit the exponents."""
    if exponents:
        given = {
            "network": network,
            "dim": dim,
            "noise": noise,
            "width": width,
            "points": points,
            "overlay": overlay,
            "out": out,
        }
        given |= {"store": store}
        for name, value in given.items():
            if value is not None:
                raise InvalidArgument(f"--{name}", options.shown(value), "does not go with --exponents")
        return _exponents(gamma, json)
    problem = options.build_problem(
        network, dim, "1e6", gamma, None, None, None, noise, width, depth=depth, tokens=tokens
    )
    if problem.noise == 0:
        raise InvalidArgument("--noise", noise or "nothing", "must be > 0: without label noise there are no phases")
    count = 100 if points is None else options.parse_integer("--points", points, FEWEST_POINTS, MOST_POINTS)
    if out is None and not json:
        raise InvalidArgument("--out", "nothing", "must be a folder for the diagram (or --json for its summary alone)")
    if overlay is not None and out is None:
        raise InvalidArgument("--overlay", options.shown(overlay), "needs --out, the folder for the figure")
    folder = None if out is None else OutputFolder("--out", out, force=force)

    from ..scaling import agreement, phase_diagram, reading
    from ..scaling.own_points import check_points

    if overlay is not None:
        with options.naming({}):  # before any work
            check_points(overlay, problem.network, problem.dim)

    decay = float(problem.teacher.gamma)  # type: ignore[attr-defined]
    with Progress() as progress:
        diagram = phase_diagram(
            problem.network,
            problem.dim,
            decay,
            problem.noise,
            width=problem.width,
            points=count,
            store=store,
            progress=lambda done, total: progress.update("solving", done, total),
        )
        text = reading(diagram)
        if folder is not None:
            progress.say("drawing")
            with folder, options.naming({}):
                from ..scaling import write_diagram

                write_diagram(diagram, folder.partial, overlay=overlay)
                text = (folder.partial / "phases.md").read_text(encoding="utf-8").strip()
                folder.finish()
    if json:
        print_json({"reading": text, "agreement": agreement(diagram), "points": list(diagram["status"].shape)})
    else:
        typer.echo(text)
    if out is not None:
        typer.echo(f"\nDiagram: {out}", err=json)
    return 0


def _exponents(gamma: str | None, json: bool) -> int:
    from ..scaling import exponents_table, format_table
    from ..scaling.table_of_exponents import GAMMAS

    chosen: tuple[float, ...] = GAMMAS
    if gamma is not None:
        chosen = (float(options.parse_number("--gamma", gamma, "must be a finite number > 1/2")),)
    with Progress() as progress, options.naming({"gamma": gamma}):
        rows = exponents_table(chosen, lambda done, total: progress.update("fitting exponents", done, total))
    if json:
        print_json({"exponents": [row.to_dict() for row in rows]})
    else:
        typer.echo(format_table(rows))
    return 0 if all(row.good for row in rows) else 1
