"""Grids of problems: plan them, compute what is missing, see where they stand, take the results out.

A sweep is a file (sweep.toml) and its results are a store (a folder). A run can be stopped or killed at any
moment and run again.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .._arguments import exactly_one
from ..errors import InvalidArgument
from . import _options as options
from ._output import print_json
from ._sections import number, print_sections

if TYPE_CHECKING:
    from ..sweeps.planning import Plan

sweep_app = typer.Typer(help=__doc__, no_args_is_help=False, add_completion=False, rich_markup_mode=None)

SweepFile = Annotated[
    str, typer.Argument(metavar="SWEEP", help="The sweep file, such as sweep.toml.", show_default=False)
]
StoreFolder = Annotated[str, typer.Argument(metavar="DIR", help="Folder of the store.", show_default=False)]
Workers = Annotated[
    int | None,
    typer.Option("--workers", metavar="N", help="Worker processes (default: one per core; 0: this process)."),
]


@sweep_app.callback()
def _root() -> None:
    """Keep the group a group."""


@sweep_app.command("plan", short_help="Say how many points there are, and what time and disk they take.")
def plan_(
    sweep: SweepFile,
    store: Annotated[
        str | None,
        typer.Option("--store", metavar="DIR", help="Store whose finished points are counted.", show_default=False),
    ] = None,
    workers: Workers = None,
    measure: Annotated[
        bool, typer.Option("--measure/--no-measure", help="Time a handful of points, or use first guesses.")
    ] = True,
    json: options.Json = False,
) -> int:
    """Say how many points a sweep has, and estimate time and disk from a handful of points."""
    from ..sweeps import plan

    planned = plan(sweep, store, workers=workers, measure=measure)
    if json:
        print_json(planned.to_dict())
    else:
        _print_plan(planned)
    return 0


def _print_plan(planned: Plan) -> None:
    from ..sweeps.progress import duration

    rows: list[tuple[str, ...]] = [("points", str(planned.points))]
    if planned.missing != planned.points:
        rows.append(("finished", f"{planned.points - planned.missing}, left: {planned.missing}"))
    rows.append(("time", f"about {duration(planned.seconds)} with {_plural(planned.workers, 'worker')}"))
    rows.append(("disk", f"about {_bytes(planned.bytes)}"))
    parts: list[tuple[str, ...]] = []
    for part in planned.parts:
        each = f"{number(part.seconds_each)} s each ({part.measured})"
        parts.append((part.quantity, _plural(part.points, "point"), each))
        if part.note:
            parts.append(("", f"a sampled point failed: {part.note}"))
    print_sections("Plan of the sweep", [("In all", rows), ("By quantity", parts)])


@sweep_app.command("run", short_help="Compute the points that the store lacks.")
def run_(
    sweep: SweepFile,
    store: Annotated[
        str | None,
        typer.Option(
            "--store", metavar="DIR", help="Folder of the store; made if missing (required).", show_default=False
        ),
    ] = None,
    workers: Workers = None,
    cluster: options.Cluster = None,
    threads: Annotated[
        int, typer.Option("--threads", metavar="N", help="Threads of numerical libraries per point.")
    ] = 1,
    retries: Annotated[
        int, typer.Option("--retries", metavar="N", help="How often a point that failed unexpectedly is tried again.")
    ] = 1,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Try points again that the store records as failed.")
    ] = False,
    json: options.Json = False,
) -> int:
    """Compute the points of a sweep that the store lacks. Stop it with Ctrl-C and run it again to go on."""
    if store is None:
        raise InvalidArgument("--store", "nothing", "the folder of the store is required")
    from ..sweeps import run
    from ..sweeps.progress import duration, failure_summary, reporter

    done = run(
        sweep,
        store,
        workers=workers,
        cluster=cluster,
        threads=threads,
        retries=retries,
        retry_failed=retry_failed,
        reporter=reporter(),
    )
    if json:
        print_json({**done.__dict__})
        return 130 if done.interrupted else 0
    verb = "stopped" if done.interrupted else "finished"
    left = done.total - done.settled - done.computed - done.failed
    text = f"{verb} after {duration(done.seconds)}: {done.computed} computed, {done.settled} needed no computing"
    text += f", {done.failed} failed" + (f", {left} left; run it again to go on" if left else "")
    typer.echo(text)
    if done.failed:
        typer.echo(f"failures: {failure_summary(done.reasons, 10)}; see: shallows sweep failures {store}")
    return 130 if done.interrupted else 0


@sweep_app.command("status", short_help="Say what a store holds.")
def status_(store: StoreFolder, json: options.Json = False) -> int:
    """Say what a store holds: sweeps, results, failures, and whether a run is at work on it."""
    from ..sweeps import Store, Sweep
    from ..sweeps.planning import finished

    with Store(store, create=False, read_only=True) as opened:
        sweeps: dict[str, dict[str, Any]] = {}
        for name, tables in opened.sweeps().items():
            try:
                sweep = Sweep.from_dict(tables)
                sweeps[name] = {"points": sweep.total, "settled": sum(finished(sweep, opened).values())}
            except InvalidArgument as error:  # written by code that knows more quantities
                sweeps[name] = {"points": None, "settled": None, "error": str(error)}
        content: dict[str, Any] = {
            "store": str(store),
            "sweeps": sweeps,
            "results": opened.counts(),
            "failures": opened.failure_counts(),
            "runs_now": opened.drivers(),
            "bytes": opened.size,
        }
    if json:
        print_json(content)
        return 0
    shares: list[tuple[str, ...]] = []
    for name, entry in sweeps.items():
        points, settled = entry["points"], entry["settled"]
        if points is None:
            shares.append((name, f"cannot be read: {entry['error']}"))
        else:
            shares.append((name, f"{settled} of {points} points ({100 * settled / points:.1f} %)"))
    results: list[tuple[str, ...]] = [(name, str(count)) for name, count in content["results"].items()]
    failures: list[tuple[str, ...]] = [(str(count), reason) for reason, count in content["failures"].items()]
    others: list[tuple[str, ...]] = [("runs at work", str(content["runs_now"])), ("on disk", _bytes(content["bytes"]))]
    sections = [("Sweeps", shares), ("Results", results), ("Failures", failures), ("Store", others)]
    print_sections(f"Store {store}", sections)
    return 0


@sweep_app.command("failures", short_help="List failed points by reason.")
def failures_(
    store: StoreFolder,
    limit: Annotated[int, typer.Option("--limit", metavar="N", help="Points shown for each reason.")] = 5,
    json: options.Json = False,
) -> int:
    """List the points that failed, by reason."""
    if limit < 0:
        raise InvalidArgument("--limit", limit, "must be an integer >= 0")
    from ..sweeps import Store

    with Store(store, create=False, read_only=True) as opened:
        counts = opened.failure_counts()
        shown: dict[str, list[dict[str, Any]]] = {reason: [] for reason in counts}
        for failure in opened.failures():
            if len(shown.setdefault(failure.reason, [])) < limit:
                entry = {"point": failure.point, "detail": failure.detail, "attempts": failure.attempts}
                shown[failure.reason].append(entry)
    if json:
        print_json({"counts": counts, "failures": shown})
        return 0
    if not counts:
        typer.echo("no point failed")
        return 0
    sections: list[tuple[str, list[tuple[str, ...]]]] = []
    for reason, count in counts.items():
        rows: list[tuple[str, ...]] = [(f"{entry['point']}", f"{entry['detail']}") for entry in shown[reason]]
        if count > len(rows):
            rows.append((f"and {count - len(rows)} more",))
        sections.append((f"{_plural(count, 'point')}: {reason}", rows))
    print_sections("Failed points", sections)
    return 0


@sweep_app.command("export", short_help="Write results to a CSV, Parquet, NetCDF or Zarr file.")
def export_(
    store: StoreFolder,
    csv: Annotated[str | None, typer.Option("--csv", metavar="FILE", help="A CSV table.", show_default=False)] = None,
    parquet: Annotated[
        str | None, typer.Option("--parquet", metavar="FILE", help="A Parquet table.", show_default=False)
    ] = None,
    netcdf: Annotated[
        str | None,
        typer.Option("--netcdf", metavar="FILE", help="A NetCDF-4 file, labelled arrays.", show_default=False),
    ] = None,
    zarr: Annotated[
        str | None, typer.Option("--zarr", metavar="DIR", help="A Zarr folder, labelled arrays.", show_default=False)
    ] = None,
    sweep: Annotated[
        str | None,
        typer.Option(
            "--sweep", metavar="NAME", help="Which sweep: a name that status lists, or a file (default: the latest)."
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that exists.")] = False,
) -> int:
    """Write the results of a sweep to a file; give exactly one format."""
    given = {"--csv": csv, "--parquet": parquet, "--netcdf": netcdf, "--zarr": zarr}
    option = exactly_one(given)
    name = given[option]
    if not name:
        raise InvalidArgument(option, name, "must be the name of a file")
    target = Path(name)
    if target.exists() and not force:
        raise InvalidArgument(option, name, "exists already; give another name, or --force")
    folder = target.resolve().parent
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        raise InvalidArgument(option, name, "its folder does not exist or cannot be written")
    from ..sweeps import Store, Sweep, output

    write = {
        "--csv": output.export_csv,
        "--parquet": output.export_parquet,
        "--netcdf": output.export_netcdf,
        "--zarr": output.export_zarr,
    }[option]
    with Store(store, create=False, read_only=True) as opened:
        asked = Sweep.from_file(sweep) if sweep is not None and Path(sweep).is_file() else sweep
        count = write(opened, output.choose_sweep(opened, asked), target)
    typer.echo(f"{name}: {_plural(count, 'row' if option in ('--csv', '--parquet') else 'grid point')}")
    return 0


def _plural(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def _bytes(size: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} TB"
