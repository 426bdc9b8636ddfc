"""Running a suite on the machinery of sweeps: stored as it goes, in processes or on a cluster."""

from __future__ import annotations

import json
import shlex
import time
from dataclasses import replace
from importlib.metadata import version
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._arguments import check_integer
from .._version import __version__
from ..errors import InvalidArgument
from ..sweeps import Point, run_points
from .customs import load_custom, stamped
from .departures import departure_named
from .measuring import STATISTICS
from .results import Atlas, LayerTale, cell_of
from .suites import Suite, suite_named
from .tables import TABLES, table_named

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..sweeps.progress import Reporter
    from .departures import Departure

#: Folder of the store beside the pages.
STORE = "results"
#: Libraries whose versions are told.
LIBRARIES = ("numpy", "scipy", "scikit-learn", "torch")


def run_atlas(
    suite: str = "quick",
    *,
    only: Sequence[str] = (),
    custom: Sequence[str] = (),
    seeds: int | None = None,
    store: str | Path | None = None,
    workers: int | None = 0,
    cluster: str | None = None,
    reporter: Reporter | None = None,
) -> Atlas:
    """Measure a suite of departures.

    What fails is a failed cell with its reason; nothing stops the rest.

    Parameters
    ----------
    suite : {"quick", "full"}
    only : sequence of str, optional
        Names of departures and families: these alone.
    custom : sequence of str, optional
        Departures of users, each ``FILE.py:NAME``; see :func:`load_custom`.
    seeds : int, optional
        Data sets of each cell (default: 2; in the full suite 5, and 3 of networks that theory does not cover).
    store : path, optional
        Folder of finished results: an interrupted run goes on from there.
    workers, cluster
        As for :func:`shallows.sweeps.run`.
    reporter : Reporter, optional

    Returns
    -------
    Atlas

    Raises
    ------
    InvalidArgument
        For an unknown suite, departure or custom file.
    KeyboardInterrupt
        If it was stopped; run it again with the same store to go on.

    Examples
    --------
    >>> from shallows.robustness import run_atlas
    >>> atlas = run_atlas("quick", only=["as assumed"], seeds=2)
    >>> len(atlas.cells), atlas.cell("as assumed", "diagonal-line").verdict
    (8, 'holds')
    """
    chosen = suite_named(suite)
    if seeds is not None:
        count = check_integer("seeds", seeds)
        chosen = replace(chosen, seeds=count, network_seeds=count)
    places = _places(chosen, only, custom)
    tables = [table for table in TABLES if not only or table.name in only or "real data" in only]
    cells = [_points("atlas", settings, chosen.seeds_of(departure)) for departure, _, settings in places]
    splits = [_points("atlas_layers", {"table": table.name}, chosen.seeds) for table in tables]
    started = time.perf_counter()
    points = list(chain(*cells, *splits))
    records = iter(run_points(points, store=store, workers=workers, cluster=cluster, throw=False, reporter=reporter))
    found = tuple(
        cell_of(departure.name, departure.family, phase, list(islice(records, len(own))))
        for (departure, phase, _), own in zip(places, cells, strict=True)
    )
    tales = tuple(_tale(table.name, list(islice(records, len(own)))) for table, own in zip(tables, splits, strict=True))
    provenance = {
        "version": __version__,
        "command": _command(suite, only, custom, seeds),
        "libraries": {name: _version(name) for name in LIBRARIES},
        "seeds": chosen.seeds,
        "network_seeds": chosen.network_seeds,
        "seconds": round(time.perf_counter() - started, 1),
    }
    return Atlas(suite, found, tales, provenance, {departure.name: departure.words for departure, _, _ in places})


def _command(suite: str, only: Sequence[str], custom: Sequence[str], seeds: int | None) -> str:
    """The command that makes it again."""
    words = ["shallows", "robustness", "--suite", suite, "--out", "atlas/"]
    words += [word for name in only for word in ("--only", name)]
    words += [word for text in custom for word in ("--custom", text)]
    words += [] if seeds is None else ["--seeds", str(seeds)]
    return shlex.join(words)


def _places(suite: Suite, only: Sequence[str], custom: Sequence[str]) -> list[tuple[Departure, str, dict[str, Any]]]:
    """Departure, phase and settings of every cell."""
    found = list(suite.departures())
    if only:
        families = {one.family for one in found}
        try:
            named = [departure_named(name) for name in only if name not in families]
        except InvalidArgument as error:
            raise InvalidArgument("only", error.value, error.allowed) from error
        found = [one for one in found if one.family in only or one in named]
        found += [one for one in named if one not in found]
    places: list[tuple[Departure, str, dict[str, str]]] = [
        (one, phase.name, {}) for one in found for phase in suite.phases(one)
    ]
    own = [(load_custom(text), {"custom": stamped(text)}) for text in custom]
    places += [(one, phase.name, extra) for one, extra in own for phase in suite.phases(one)]
    if not places:
        raise InvalidArgument("only", list(only), "leaves nothing to measure")
    return [
        (one, phase, {"departure": one.name, "family": one.family, "phase": phase, **extra})
        for one, phase, extra in places
    ]


def _points(quantity: str, settings: dict[str, Any], seeds: int) -> list[Point]:
    return [Point(quantity, settings, seed=seed) for seed in range(seeds)]


def _tale(table: str, records: list[Any]) -> LayerTale:
    done = [record for record in records if isinstance(record, dict)]
    if not done:
        reason = table_named(table).absent
        return LayerTale(table, absent=f"needs {reason}" if reason else records[0].detail)
    correlations = {
        name: tuple(float(record[name]) for record in done if record[name] is not None) for name in STATISTICS
    }
    runs = tuple(run for record in done for run in json.loads(str(record["runs"])))
    return LayerTale(table, correlations, runs)


def _version(library: str) -> str:
    try:
        return version(library)
    except ImportError:
        return "absent"
