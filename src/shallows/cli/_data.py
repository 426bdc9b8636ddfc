"""What the commands that read a user's data share."""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import InvalidArgument
from . import _options as options

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ..estimators.files import SavedModel
    from ..networks import Capability
    from ..networks import Network as Architecture
    from ..table_encoding import Encoding
    from ..user_tables import Sequences, Table

#: Notes on a table that are printed for people.
MOST_NOTES = 20

Data = Annotated[
    str | None,
    typer.Argument(
        metavar="DATA", help="Table with column names (.csv, .tsv, .parquet), or .npz, or .npy.", show_default=False
    ),
]
Target = Annotated[
    str | None,
    typer.Option(
        "--target",
        metavar="NAME",
        help="Column with the labels (default y); with .npy inputs the .npy file of the labels.",
        show_default=False,
    ),
]
Columns = Annotated[
    str | None,
    typer.Option(
        "--columns",
        metavar="A,B",
        help="The only columns to learn from, taken even if they look like an index (default: all but the target).",
        show_default=False,
    ),
]
Drop = Annotated[
    str | None, typer.Option("--drop", metavar="A,B", help="Columns not to learn from.", show_default=False)
]
Missing = Annotated[
    str | None,
    typer.Option(
        "--missing",
        metavar="HOW",
        help="fill (default): the median, or a level of their own for categories; or refuse.",
        show_default=False,
    ),
]
Delimiter = Annotated[
    str | None,
    typer.Option(
        "--delimiter",
        metavar="C",
        help="Between the values of a text file: one character, or tab (default: a comma; in .tsv a tab).",
        show_default=False,
    ),
]
Decimal = Annotated[
    str | None,
    typer.Option(
        "--decimal", metavar="C", help="Decimal mark in a text file: . (default) or a comma.", show_default=False
    ),
]
Decay = Annotated[
    str | None,
    typer.Option(
        "--weight-decay",
        metavar="L",
        help="Weight decay on standardised columns, >= 0, or auto (default): smallest estimated test error.",
        show_default=False,
    ),
]
Standardize = Annotated[
    str | None,
    typer.Option(
        "--standardize",
        metavar="HOW",
        help="auto (default), scale, whiten or none; auto whitens visibly correlated inputs of the quadratic network.",
        show_default=False,
    ),
]


def read(
    data: str | None,
    target: str | None,
    *,
    columns: str | None = None,
    drop: str | None = None,
    missing: str | None = None,
    delimiter: str | None = None,
    decimal: str | None = None,
    encoding: Encoding | None = None,
    option: str = "DATA",
    default: str = "y",
) -> Table:
    """The user's table, with errors named after what was typed."""
    from ..user_tables import read_table

    if data is None:
        raise InvalidArgument(option, "nothing", "must name a file of data")
    chosen, dropped = _names("--columns", columns), _names("--drop", drop)
    with naming_table(option):
        return read_table(
            data,
            default if target is None else target,
            columns=chosen,
            drop=dropped or (),
            missing="fill" if missing is None else missing,
            delimiter=delimiter,
            decimal=decimal,
            encoding=encoding,
            name=option,
        )


def read_sequences(data: str, network: Architecture, target: str | None, **table_options: str | None) -> Sequences:
    """The user's sequences of tokens, with errors named after what was typed."""
    from ..table_files import read_arrays
    from ..user_tables import Sequences

    for option, text in table_options.items():
        if text is not None:
            allowed = "is of tables; the attention network trains on arrays"
            raise InvalidArgument(f"--{option}", options.shown(text), allowed)
    label = "y" if target is None else target
    dimensions = len(network.input_shape(1, 1)), len(network.label_shape(1))
    with naming_table("DATA"):
        inputs, labels = read_arrays(data, label, dimensions, name="DATA")
    return Sequences(inputs, labels, label, data)


@contextmanager
def naming_table(option: str) -> Iterator[None]:
    """Rename arguments of reading a table in errors to the options they came from, but the table's own, `option`."""
    try:
        with options.naming({}):
            yield
    except InvalidArgument as error:
        if error.name != f"--{option}":
            value = options.shown(error.value) if isinstance(error.value, str) else error.value
            raise InvalidArgument(error.name, value, error.allowed) from error
        raise InvalidArgument(option, error.value, error.allowed) from error


@contextmanager
def naming_data() -> Iterator[None]:
    """Call inputs and labels of the library in errors what was typed for them."""
    try:
        yield
    except InvalidArgument as error:
        name = {"X": "DATA", "--X": "DATA", "y": "--target", "--y": "--target"}.get(error.name, error.name)
        raise InvalidArgument(name, error.value, error.allowed) from error


def load_weights(weights: str | None) -> SavedModel:
    """The model of a weights file, or of the one in a folder that ``fit`` wrote."""
    from ..estimators.files import load_model
    from ..networks import network_named

    if weights is None:
        raise InvalidArgument("WEIGHTS", "nothing", "must name a weights file, or a folder of fit")
    path = Path(weights)
    try:
        model = load_model(path / "weights.safetensors" if path.is_dir() else path)
    except InvalidArgument as error:
        raise InvalidArgument("WEIGHTS", options.shown(str(error.value)), error.allowed) from error
    if len(network_named(model.fit.network).input_shape(1, 1)) != 2:
        allowed = "rows of a table are not what this network takes; shallows.operators.operator_for has its outputs"
        raise InvalidArgument("WEIGHTS", f"weights of the network {model.fit.network}", allowed)
    return model


def _names(option: str, text: str | None) -> list[str] | None:
    """Names separated by commas; those with commas in them are quoted as in CSV."""
    import csv

    if text is None:
        return None
    names = [name.strip() for line in csv.reader([text], skipinitialspace=True) for name in line]
    if not names or not all(names):
        raise InvalidArgument(option, options.shown(text), "must be names of columns, separated by commas")
    return names


def training_on(table: Table | Sequences) -> str:
    """What is trained on, for people who wait."""
    rows, columns = table.inputs.shape[0], table.inputs.shape[-1]
    return f"training on {rows} rows and {columns} column{'s' * (columns != 1)}"


def table_rows(table: Table | Sequences) -> list[tuple[str, ...]]:
    """What the table is and what was done to it."""
    found = table.describe()
    if "tokens" in found:
        return [("", f"{found['rows']} sequences of {found['tokens']} tokens with {found['columns']} columns")]
    columns = "1 column" if found["columns"] == 1 else f"{found['columns']} columns"
    size = f"{found['rows']} rows, {columns} besides {options.shown(table.target)}"
    changed = f"{size}, {found['features']} features" if found["notes"] else f"{size}, taken as they are"
    return [("", changed), *remarks(found["notes"])]


def remarks(notes: Sequence[str]) -> list[tuple[str, ...]]:
    """Notes on a table as rows, so many as people read."""
    rows: list[tuple[str, ...]] = [("", note) for note in notes[:MOST_NOTES]]
    return rows + (
        [("", f"and {len(notes) - MOST_NOTES} notes more; --json has all")] if len(notes) > MOST_NOTES else []
    )


def build_model(
    network: str | None,
    weight_decay: str | None,
    width: str | None,
    standardize: str | None,
    columns: int,
    kinds: Capability[Any] | None = None,
) -> Any:
    """The learner that the options describe, or what `kinds` has in its place; everything is checked here."""
    from ..estimators.learners import LEARNERS
    from ..networks import network_names

    kinds = LEARNERS if kinds is None else kinds
    chosen = options.parse_network(network, among=[name for name in network_names() if kinds.has(name)])
    kind = kinds.of(chosen)
    decay: str | float = "auto"
    if weight_decay not in (None, "auto"):
        assert weight_decay is not None
        decay = options.parse_size("--weight-decay", weight_decay)
    how = "auto" if standardize is None else standardize
    if how not in kind.standardize_choices:
        raise InvalidArgument(
            "--standardize", options.shown(how), f"must be one of {', '.join(kind.standardize_choices)}"
        )
    settings = {"weight_decay": decay, "standardize": kind.standardize_choices[how]}
    if width is not None and not chosen.has_width:
        raise InvalidArgument("--width", options.shown(width), f"does not apply to the {chosen.name} network")
    most = kind.most_columns()
    if most is not None and columns > most:
        raise InvalidArgument(
            "DATA",
            f"{columns} columns",
            f"the {chosen.name} network trains on at most {most} columns in this machine's memory: "
            "choose fewer, or the diagonal network",
        )
    if width is not None:
        settings["width"] = options.parse_integer("--width", width, 1, options.MOST_DIM)
    return kind(**settings)


def train_model(model: Any, table: Table) -> None:
    """Fit; what the data betray is reported with the results, not as a Python warning."""
    import warnings

    from ..estimators import AssumptionWarning

    with warnings.catch_warnings(), naming_data():
        warnings.simplefilter("ignore", AssumptionWarning)
        model.fit(table.inputs, table.labels)


def output_file(option: str, name: str | None, suffix: str, *, force: bool) -> Path:
    """A file that can be written, checked before any work."""
    if name is None:
        raise InvalidArgument(option, "nothing", f"must name the {suffix} file to write")
    path = Path(name)
    if path.suffix != suffix:
        raise InvalidArgument(option, options.shown(name), f"must end in {suffix}")
    try:
        if path.is_dir():
            raise InvalidArgument(option, options.shown(name), "is a folder")
        if path.exists() and not force:
            raise InvalidArgument(option, options.shown(name), "exists; give another name, or --force")
        folder = path.parent
        if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
            raise InvalidArgument(option, options.shown(name), "its folder does not exist or cannot be written")
        with tempfile.TemporaryFile(dir=folder):
            pass
    except (OSError, ValueError) as error:
        if isinstance(error, InvalidArgument):
            raise
        reason = getattr(error, "strerror", None) or str(error)
        raise InvalidArgument(option, options.shown(name), f"cannot be used: {reason}") from error
    return path


def concerns(diagnosis: dict[str, Any]) -> list[tuple[str, ...]]:
    """Rows about what speaks against the estimates: what was seen, what to do, and how far off estimates were then."""
    return [(line["kind"], line["text"]) for line in diagnosis["lines"]]
