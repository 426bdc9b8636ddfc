"""What the commands that read a user's data share."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import InvalidArgument
from . import _options as options

if TYPE_CHECKING:
    from ..user_tables import Table

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


def read(data: str | None, target: str | None, *, option: str = "DATA", default: str = "y") -> Table:
    """The user's table, with errors named after what was typed."""
    from ..user_tables import read_table

    if data is None:
        raise InvalidArgument(option, "nothing", "must name a file of data")
    try:
        return read_table(data, default if target is None else target, name=option)
    except InvalidArgument as error:
        if error.name == "target":
            raise InvalidArgument("--target", options.shown(str(error.value)), error.allowed) from error
        raise


def build_model(
    network: str | None, weight_decay: str | None, width: str | None, standardize: str | None, columns: int
) -> Any:
    """The estimator that the options describe; everything is checked here."""
    from ..estimators import REGRESSORS

    chosen = options.parse_network(network)
    kind = REGRESSORS.of(chosen)
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

    with warnings.catch_warnings():
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
    """Rows about what speaks against the estimates."""
    rows: list[tuple[str, ...]] = [
        ("warning" if concern["serious"] else "note", concern["message"]) for concern in diagnosis["concerns"]
    ]
    return rows or [("", "nothing in the data speaks against the estimates")]


def span(estimate: dict[str, float] | None) -> str:
    """``value (low to high)``."""
    if estimate is None:
        return "-"
    from .._numbers import sentence_number

    low, high = sentence_number(estimate["low"]), sentence_number(estimate["high"])
    return f"{sentence_number(estimate['value'])} ({low} to {high})"
