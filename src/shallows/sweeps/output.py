"""Results out of a store: labelled arrays, and tables streamed to files."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .._arguments import check_instance
from .._system import replacing
from .._version import __version__
from ..errors import InvalidArgument, MissingDependency
from .axes import INTEGERS, TEXTS, Value
from .points import SETTINGS
from .quantities import Quantity
from .spec import Sweep
from .store import Store

if TYPE_CHECKING:
    import xarray
    from numpy.typing import NDArray

#: Grid points that are read at once.
ROWS = 1000
#: States of a point in exported data.
MISSING, DONE, FAILED = 0, 1, 2
STATES = ("missing", "done", "failed")

_UNITS = {"noise": "label^2"}


def choose_sweep(store: Store, sweep: Sweep | str | None = None) -> Sweep:
    """The sweep asked for: itself, one that ran on the store by its name, or the latest that did.

    Raises
    ------
    InvalidArgument
        If there is none of that name, or none at all.
    """
    if isinstance(sweep, Sweep):
        return sweep
    known = store.sweeps()
    if not known:
        raise InvalidArgument("store", str(store.folder), "no sweep was run on it yet")
    if sweep is None:
        return Sweep.from_dict(list(known.values())[-1])
    found = [tables for name, tables in known.items() if name == sweep]
    if not found:
        raise InvalidArgument("sweep", sweep, f"not on this store, which has {', '.join(known)}")
    return Sweep.from_dict(found[0])


Cell = tuple[int, tuple[Any, ...] | None]


def _cells(
    store: Store, sweep: Sweep, quantity: Quantity, start: int, settings: list[dict[str, Value]]
) -> Iterator[tuple[int, int, Cell]]:
    """(grid index, repetition, (state, record)) of `quantity` from grid point `start` on."""
    repeats = sweep.repeats(quantity)
    for r, (trainer, seed) in enumerate(repeats):
        keys = [sweep.point(quantity, s, trainer, seed).key(quantity.code) for s in settings]
        records = store.records(quantity, keys)
        failed = store.failed([key for key in keys if key not in records])
        for offset, key in enumerate(keys):
            record = records.get(key)
            state = DONE if record is not None else FAILED if key in failed else MISSING
            yield start + offset, r, (state, record)


def load(store: str | Path | Store, sweep: Sweep | str | None = None) -> xarray.Dataset:
    """Results of a sweep as labelled arrays.

    Parameters
    ----------
    store : path or Store
        Where the results are.
    sweep : Sweep or str, optional
        Which sweep: itself, or the name of one that ran on the store; default: the latest.

    Returns
    -------
    xarray.Dataset
        One dimension for each independent axis; sampled quantities have ``trainer`` and ``seed`` as well. Linked
        settings are coordinates. For each quantity a variable ``<quantity>_state`` (0 missing, 1 done, 2 failed)
        says which numbers are there; the others are NaN. Every variable has ``units`` and ``long_name``, the
        attributes say how to do it again.

    Raises
    ------
    InvalidArgument
        If there is no store or no such sweep.
    StoreError
        If the store cannot be read.

    Examples
    --------
    >>> import tempfile
    >>> from shallows.sweeps import Sweep, load, run
    >>> problem = {"network": "diagonal", "dim": 100, "gamma": 1.0, "noise": 0.5, "weight_decay": 0.5}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = run(Sweep(problem, {"samples": [50, 200]}), folder, workers=0)
    ...     data = load(folder)
    >>> data.excess_risk.dims, data.excess_risk.values.round(4).tolist()
    (('samples',), [0.3639, 0.1609])
    """
    check_instance("store", store, str, Path, Store)
    if not isinstance(store, Store):
        with Store(store, create=False, read_only=True) as opened:
            return load(opened, sweep)
    import xarray

    sweep = choose_sweep(store, sweep)
    quantities = sweep.ordered_quantities()
    arrays = _arrays(store, sweep, quantities)
    variables: dict[str, Any] = {}
    for quantity in quantities:
        dims, shape = _repeat_dims(sweep, quantity)
        dims, shape = (*sweep.grid, *dims), (*sweep.shape, *shape)
        flags: dict[str, Any] = {"flag_values": [MISSING, DONE, FAILED], "flag_meanings": " ".join(STATES)}
        state_attributes = {"units": "1", "long_name": f"what became of {quantity.name}", **flags}
        variables[f"{quantity.name}_state"] = (dims, arrays[f"{quantity.name}_state"].reshape(shape), state_attributes)
        for name, form in quantity.fields.items():
            values = arrays[name].reshape(shape)
            if form.kind == "text":
                values = values.astype(str)
            variables[name] = (dims, values, {"units": form.units, "long_name": form.meaning})
    return xarray.Dataset(variables, coords=_coordinates(sweep, quantities), attrs=provenance(store, sweep))


def _arrays(store: Store, sweep: Sweep, quantities: Sequence[Quantity]) -> dict[str, NDArray[Any]]:
    """States and fields of `quantities`, each of shape (grid points, repetitions)."""
    total = len(sweep)
    arrays: dict[str, NDArray[Any]] = {}
    for quantity in quantities:
        count = len(sweep.repeats(quantity))
        arrays[f"{quantity.name}_state"] = np.zeros((total, count), dtype=np.int8)
        for name, form in quantity.fields.items():
            text = form.kind == "text"
            arrays[name] = np.full((total, count), "", dtype=object) if text else np.full((total, count), np.nan)
    for start in range(0, total, ROWS):
        settings = [sweep.settings(i) for i in range(start, min(start + ROWS, total))]
        for quantity in quantities:
            for i, r, (state, record) in _cells(store, sweep, quantity, start, settings):
                arrays[f"{quantity.name}_state"][i, r] = state
                if record is not None:
                    for name, value in zip(quantity.fields, record, strict=True):
                        if value is not None:
                            arrays[name][i, r] = value
    return arrays


def _repeat_dims(sweep: Sweep, quantity: Quantity) -> tuple[tuple[str, ...], tuple[int, ...]]:
    if quantity.repeats == "none":
        return (), ()
    seeds = len(sweep.repeats(quantity))
    if quantity.repeats == "seed":
        return ("seed",), (seeds,)
    return ("trainer", "seed"), (len(sweep.trainers), seeds // len(sweep.trainers))


def _coordinates(sweep: Sweep, quantities: list[Quantity]) -> dict[str, Any]:
    def attributes(name: str) -> dict[str, str]:
        return {"units": _UNITS.get(name, "1"), "long_name": SETTINGS[name]}

    coordinates: dict[str, Any] = {name: (name, list(values), attributes(name)) for name, values in sweep.grid.items()}
    grid = list(sweep.grid)
    strides = {name: int(np.prod(sweep.shape[k + 1 :], dtype=np.int64)) for k, name in enumerate(grid)}
    uses: dict[str, set[str]] = {}
    derived = [(name, set(sweep.uses(expression))) for name, expression in sweep.linked]
    if "spectrum" in sweep.problem or "spectrum" in sweep.grid:
        derived.insert(0, ("dim", {"spectrum"}))
    for name, names in derived:
        dims = {d for used in names for d in (uses.get(used) or {used}) if d in sweep.grid}
        uses[name] = dims
        if name == "effective_samples":
            continue  # the samples that it stands for are kept
        ordered = [d for d in grid if d in dims]
        shape = tuple(len(sweep.grid[d]) for d in ordered)
        values = np.empty(shape)
        for position in np.ndindex(*shape):
            index = sum(i * strides[d] for i, d in zip(position, ordered, strict=True))
            values[position] = sweep.settings(index)[name]
        coordinates[name] = (tuple(ordered), values.astype(np.int64) if name in INTEGERS else values, attributes(name))
    for name, value in sweep.problem.items():
        if name != "effective_samples":
            coordinates[name] = ((), value, attributes(name))
    if any(quantity.repeats != "none" for quantity in quantities):
        coordinates["seed"] = ("seed", list(sweep.repeats_of_seeds()), {"units": "1", "long_name": "repetition"})
    if any(quantity.repeats == "trainer and seed" for quantity in quantities):
        coordinates["trainer"] = ("trainer", list(sweep.trainers), {"long_name": "how the network was trained"})
    return coordinates


def provenance(store: Store, sweep: Sweep) -> dict[str, Any]:
    """Where results come from, and how to compute them again."""
    import platform

    import scipy

    codes = {quantity.name: quantity.code for quantity in sweep.ordered_quantities()}
    return {
        "title": "sweep of shallow networks",
        "source": f"shallows {__version__}",
        "code": json.dumps(codes),
        "sweep": json.dumps(sweep.to_dict()),
        "sweep_name": sweep.name,
        "failures": json.dumps(store.failure_counts()),
        "software": f"Python {platform.python_version()}, NumPy {np.__version__}, SciPy {scipy.__version__}",
    }


# -- files ------------------------------------------------------------------------------------------


def _file_to_write(path: Path) -> AbstractContextManager[Path]:
    """A temporary name for the file `path`; see :func:`shallows._system.replacing`."""
    if not path.parent.is_dir():
        raise InvalidArgument("file", str(path), f"the folder {path.parent} does not exist")
    if path.is_dir():
        raise InvalidArgument("file", str(path), "is a folder")
    return replacing(path)


def columns(sweep: Sweep) -> dict[str, str]:
    """Columns of an exported table and what they hold: number, integer or text."""
    names = [*sweep.axes, *(name for name in sweep.problem if name not in sweep.axes)]
    kinds: dict[str, str] = {}
    for name in names:
        name = "samples" if name == "effective_samples" else name
        kinds[name] = "text" if name in TEXTS else "integer" if name in INTEGERS - {"samples"} else "number"
    if "spectrum" in kinds:
        kinds["dim"] = "integer"
    quantities = sweep.ordered_quantities()
    if any(quantity.repeats == "trainer and seed" for quantity in quantities):
        kinds["trainer"] = "text"
    if any(quantity.repeats != "none" for quantity in quantities):
        kinds["seed"] = "integer"
    for quantity in quantities:
        kinds[f"{quantity.name}_state"] = "text"
        kinds.update({name: "text" if form.kind == "text" else "number" for name, form in quantity.fields.items()})
    return kinds


def rows(store: Store, sweep: Sweep) -> Iterator[list[dict[str, Any]]]:
    """Rows of the table in portions: one for each point, and for each trainer and seed if something is sampled."""
    quantities = sweep.ordered_quantities()
    widest = max((sweep.repeats(quantity) for quantity in quantities), key=len)
    kinds = columns(sweep)
    for start in range(0, len(sweep), ROWS):
        settings = [sweep.settings(i) for i in range(start, min(start + ROWS, len(sweep)))]
        found: dict[str, dict[tuple[int, int], Cell]] = {
            quantity.name: {(i, r): cell for i, r, cell in _cells(store, sweep, quantity, start, settings)}
            for quantity in quantities
        }
        portion: list[dict[str, Any]] = []
        for offset, at in enumerate(settings):
            fixed = {name: at.get(name) for name in kinds if name in at}
            for trainer, seed in widest:
                row: dict[str, Any] = dict(fixed)
                if "trainer" in kinds:
                    row["trainer"] = trainer
                if "seed" in kinds:
                    row["seed"] = seed
                for quantity in quantities:
                    r = _repetition(sweep, quantity, trainer, seed)
                    state, record = found[quantity.name][start + offset, r]
                    row[f"{quantity.name}_state"] = STATES[state]
                    row.update(zip(quantity.fields, record or [None] * len(quantity.fields), strict=True))
                portion.append(row)
        yield portion


def _repetition(sweep: Sweep, quantity: Quantity, trainer: str | None, seed: int | None) -> int:
    wanted = (trainer if quantity.repeats == "trainer and seed" else None, seed if quantity.repeats != "none" else None)
    return sweep.repeats(quantity).index(wanted)


def export_csv(store: Store, sweep: Sweep, path: Path) -> int:
    """Write a CSV file, a portion at a time, and return its number of rows. Floats are written in full."""
    count = 0
    with _file_to_write(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(columns(sweep)))
        writer.writeheader()
        for portion in rows(store, sweep):
            writer.writerows(portion)
            count += len(portion)
    return count


def export_parquet(store: Store, sweep: Sweep, path: Path) -> int:
    """Write a Parquet file, a portion at a time, and return its number of rows.

    Raises
    ------
    MissingDependency
        Without pyarrow.
    """
    try:
        pyarrow: Any = import_module("pyarrow")
        parquet: Any = import_module("pyarrow.parquet")
    except ImportError as error:
        raise MissingDependency("Parquet needs pyarrow: pip install pyarrow") from error
    types = {"text": pyarrow.string(), "integer": pyarrow.int64(), "number": pyarrow.float64()}
    kinds = columns(sweep)
    metadata = {key: str(value) for key, value in provenance(store, sweep).items()}
    schema = pyarrow.schema([(name, types[kind]) for name, kind in kinds.items()], metadata=metadata)
    count = 0
    with _file_to_write(path) as temporary, parquet.ParquetWriter(temporary, schema) as writer:
        for portion in rows(store, sweep):
            data = [
                pyarrow.array([_number(row.get(name), kind) for row in portion], types[kind])
                for name, kind in kinds.items()
            ]
            writer.write_table(pyarrow.Table.from_arrays(data, schema=schema))
            count += len(portion)
    return count


def _number(value: Any, kind: str) -> Any:
    return float(value) if kind == "number" and value is not None else value


def export_netcdf(store: Store, sweep: Sweep, path: Path) -> int:
    """Write a NetCDF-4 file with the Dataset of :func:`load`, and return its number of grid points.

    Raises
    ------
    MissingDependency
        Without h5netcdf.
    """
    if find_spec("h5netcdf") is None:
        raise MissingDependency("NetCDF needs h5netcdf: pip install h5netcdf")
    dataset = load(store, sweep)
    packed: Mapping[str, Any] = {
        str(name): {"zlib": True, "complevel": 4}
        for name, v in dataset.data_vars.items()
        if v.dtype.kind in "fi" and v.ndim
    }
    with _file_to_write(path) as temporary:
        dataset.to_netcdf(temporary, engine="h5netcdf", encoding=packed)
    return len(sweep)


def export_zarr(store: Store, sweep: Sweep, path: Path) -> int:
    """Write a Zarr folder with the Dataset of :func:`load`, and return its number of grid points.

    Raises
    ------
    InvalidArgument
        If `path` exists.
    MissingDependency
        Without zarr.
    """
    if find_spec("zarr") is None:
        raise MissingDependency("Zarr needs zarr: pip install zarr")
    if path.exists() or not path.parent.is_dir():
        raise InvalidArgument("file", str(path), "must be a new name in a folder that exists")
    with replacing(path) as temporary:
        load(store, sweep).to_zarr(temporary, mode="w", zarr_format=2, consolidated=True)
    return len(sweep)
