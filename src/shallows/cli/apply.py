"""Predict for the rows of another table, encoded as the table was that the weights were trained on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from .._system import replacing
from ..errors import InvalidArgument
from . import _data as data_options
from . import _options as options
from ._output import print_json
from ._sections import number

if TYPE_CHECKING:
    from ..estimators.files import SavedModel
    from ..user_tables import NewRows

Weights = Annotated[
    str | None,
    typer.Argument(
        metavar="WEIGHTS", help="Folder that fit wrote, or a weights file (.safetensors).", show_default=False
    ),
]
Data = Annotated[
    str | None,
    typer.Argument(metavar="DATA", help="Table with the columns of the training table.", show_default=False),
]
Out = Annotated[
    str | None,
    typer.Option(
        "--out", metavar="FILE", help="The .csv file to write (default: standard output).", show_default=False
    ),
]


def run(
    weights: Weights = None,
    data: Data = None,
    delimiter: data_options.Delimiter = None,
    decimal: data_options.Decimal = None,
    out: Out = None,
    force: options.ForceFile = False,
    json: options.Json = False,
) -> int:
    """Check everything, predict, write."""
    model = data_options.load_weights(weights)
    path = None if out is None else data_options.output_file("--out", out, ".csv", force=force)
    rows = _rows(model, data, delimiter, decimal)
    predictions = model.predict(rows.inputs)
    error = rows.mean_squared_error(predictions)
    head = "row," + _quoted(f"predicted {model.target or 'y'}")
    lines = [head, *(f"{row},{value!r}" for row, value in enumerate(predictions.tolist(), 1))]
    if path is not None:
        with replacing(path) as temporary:
            temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")
    if json:
        content = {"target": model.target, "rows": int(predictions.size), "predictions": predictions.tolist()}
        content |= {"mean_squared_error": error, "notes": list(rows.notes)}
        print_json(content | {"written": None if path is None else str(path)})
        return 0
    for note in rows.notes:
        typer.echo(f"note: {note}", err=True)
    if error is not None:
        typer.echo(f"mean squared error on these rows: {number(error)}", err=True)
    if path is None:
        typer.echo("\n".join(lines))
    else:
        typer.echo(f"{predictions.size} predictions written to {path}", err=True)
    return 0


def _rows(model: SavedModel, data: str | None, delimiter: str | None, decimal: str | None) -> NewRows:
    """The rows to predict for."""
    from ..user_tables import read_new_rows

    if data is None:
        raise InvalidArgument("DATA", "nothing", "must name a file of data")
    encoding = model.encoding
    if encoding is None:
        from ..table_encoding import numbers_only

        encoding = numbers_only(model.features or [f"x{j}" for j in range(model.mean.size)])
    with data_options.naming_table("DATA"):
        return read_new_rows(data, encoding, model.target, delimiter=delimiter, decimal=decimal, name="DATA")


def _quoted(title: str) -> str:
    """`title` as a cell of a CSV file."""
    return '"' + title.replace('"', '""') + '"' if set(title) & set('",\r\n') else title
