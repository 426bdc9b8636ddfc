"""Where theory breaks: measure departures from its assumptions, and write an atlas of pages."""

from __future__ import annotations

import sys
import time
from typing import Annotated

import typer

from ..errors import InvalidArgument
from . import _options as options
from ._output import print_json
from ._progress import Progress
from ._sections import print_sections

MOST_SEEDS = 1000
MOST_WORKERS = 1024
#: Failures that are told; all are on the page.
MOST_FAILURES = 10

Suite = Annotated[str, typer.Option("--suite", metavar="SUITE", help="quick (minutes), or full.")]
Out = Annotated[
    str | None,
    typer.Option(
        "--out",
        metavar="DIR",
        help="Folder for the pages (required); an interrupted run goes on from what is there.",
        show_default=False,
    ),
]
Only = Annotated[
    list[str] | None,
    typer.Option("--only", metavar="NAME", help="A departure, or a family of them; repeatable.", show_default=False),
]
Custom = Annotated[
    list[str] | None,
    typer.Option(
        "--custom",
        metavar="FILE.py:NAME",
        help="An activation, design or departure of yours, measured as well; the file is run. Repeat for more.",
        show_default=False,
    ),
]
Seeds = Annotated[
    str | None,
    typer.Option(
        "--seeds",
        metavar="K",
        help="Data sets in each setting (default: 2; full: 5, and 3 of networks that theory does not cover).",
        show_default=False,
    ),
]
List = Annotated[bool, typer.Option("--list", help="Name the departures, and measure nothing.")]


def run(
    suite: Suite = "quick",
    out: Out = None,
    only: Only = None,
    custom: Custom = None,
    seeds: Seeds = None,
    workers: options.TrainingWorkers = None,
    cluster: options.Cluster = None,
    list_: List = False,
    json: options.Json = False,
) -> int:
    """Check, measure, write the pages."""
    if list_:
        return _list(json)
    count = None if seeds is None else options.parse_integer("--seeds", seeds, 1, MOST_SEEDS)
    processes = None if workers is None else options.parse_integer("--workers", workers, 0, MOST_WORKERS)
    if out is None:
        raise InvalidArgument("--out", "nothing", "must be a folder for the pages")

    from ..robustness import check_atlas_folder, run_atlas, write_atlas
    from ..robustness.run import STORE
    from ..sweeps import Bar, LineLog

    with options.naming({"suite": suite, "out": out, "seeds": seeds}):
        folder = check_atlas_folder(out, suite)
        started = time.monotonic()
        atlas = run_atlas(
            suite,
            only=tuple(only or ()),
            custom=tuple(custom or ()),
            seeds=count,
            store=folder / STORE,
            workers=processes,
            cluster=cluster,
            reporter=Bar() if sys.stderr.isatty() else LineLog(),
        )
        with Progress() as progress:
            page = write_atlas(atlas, folder, progress.update)
    if json:
        print_json({**atlas.to_dict(), "page": str(page)})
    else:
        _print(atlas, time.monotonic() - started)
    typer.echo(f"\nAtlas: {page}", err=json)
    return 0 if atlas.counts["failed"] < len(atlas.cells) else 1


def _list(json: bool) -> int:
    from ..robustness import departures

    found = departures()
    if json:
        print_json({"departures": [{"name": one.name, "family": one.family, "words": one.words} for one in found]})
        return 0
    families = dict.fromkeys(one.family for one in found)
    sections: list[tuple[str, list[tuple[str, ...]]]] = [
        (family, [(one.name, one.words) for one in found if one.family == family]) for family in families
    ]
    print_sections("Departures from the assumptions of theory", sections)
    return 0


def _print(atlas: object, seconds: float) -> None:
    from ..robustness import Atlas
    from ..robustness.readings import outcome
    from ..sweeps.progress import duration

    assert isinstance(atlas, Atlas)
    typer.echo(outcome(atlas))
    failed: dict[tuple[str, str], list[str]] = {}
    for cell in atlas.cells:
        for reason in cell.failures[:1]:
            failed.setdefault((cell.departure, reason), []).append(cell.phase)
    for (departure, reason), phases in list(failed.items())[:MOST_FAILURES]:
        where = phases[0] if len(phases) == 1 else f"{len(phases)} settings"
        typer.echo(f"failed: {departure}, {where}: {reason}")
    if len(failed) > MOST_FAILURES:
        typer.echo(f"failed: {len(failed) - MOST_FAILURES} more, on the page")
    typer.echo(f"{len(atlas.cells)} settings in {duration(seconds)}")
