"""Remove learned noise from trained weights, with a threshold read off the data they were trained on."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from .._numbers import span
from ..errors import InvalidArgument
from . import _data as data_options
from . import _options as options
from ._output import print_json
from ._sections import number, print_sections
from ._streams import print_error

if TYPE_CHECKING:
    from .._types import FloatArray
    from ..estimators.files import SavedModel
    from ..user_tables import Table

Weights = Annotated[
    str | None,
    typer.Argument(metavar="WEIGHTS", help="Weights file written by fit or train (.safetensors).", show_default=False),
]
DataFile = Annotated[
    str | None,
    typer.Option(
        "--data", metavar="FILE", help="The data that the weights were trained on (required).", show_default=False
    ),
]
Out = Annotated[
    str | None,
    typer.Option("--out", metavar="FILE", help="The .safetensors file to write (required).", show_default=False),
]
Values = Annotated[
    str | None,
    typer.Option(
        "--values",
        metavar="HOW",
        help="What becomes of what stays: shrunk (default) to the best size for its noise, or kept as trained.",
        show_default=False,
    ),
]
Cut = Annotated[
    str | None,
    typer.Option(
        "--threshold",
        metavar="C",
        help="Unbiased size below which to drop (default: the noise's edge).",
        show_default=False,
    ),
]


def run(
    weights: Weights = None,
    data: DataFile = None,
    target: data_options.Target = None,
    delimiter: data_options.Delimiter = None,
    decimal: data_options.Decimal = None,
    out: Out = None,
    values: Values = None,
    threshold: Cut = None,
    force: options.ForceFile = False,
    json: options.Json = False,
) -> int:
    """Check everything, prune, write."""
    how = values or "shrunk"
    if how not in ("shrunk", "kept"):
        raise InvalidArgument("--values", options.shown(how), "must be shrunk or kept")
    cut = None if threshold is None else options.parse_size("--threshold", threshold)

    from ..errors import EstimateUndefined
    from ..estimators.files import save_model_parts
    from ..inference import infer, prune

    model = _load(weights)
    table = data_options.read(
        data,
        target,
        delimiter=delimiter,
        decimal=decimal,
        encoding=model.encoding,
        option="--data",
        default=model.target or "y",
    )
    path = data_options.output_file("--out", out, ".safetensors", force=force)
    seen, labels = _as_trained(model, table, data)
    try:
        inference = infer((seen, labels), model.fit, centred=model.centred)
        pruned = prune(model.fit, inference, data=(seen, labels), threshold=cut, values=how)  # type: ignore[arg-type]
    except EstimateUndefined as error:
        if json:
            print_json({"network": model.fit.network, "status": "failed", "reason": str(error)})
        print_error(f"cannot prune: {error}")
        return 1
    content = pruned.to_dict()
    changed = replace(model.fit, weights=pruned.weights, details={**model.fit.details, "pruned": content})
    save_model_parts(replace(model, fit=changed), path)
    if json:
        print_json(content | {"written": str(path), "table": table.describe()})
        return 0
    rows: list[tuple[str, ...]] = [
        ("features", f"{pruned.features_before} before, {pruned.features_after} after"),
        ("threshold", number(pruned.threshold)),
        ("test error", f"{span(content['test_error_before'])} before"),
        ("verdict", pruned.verdict),
        ("written", str(path)),
    ]
    sections = [("The table", data_options.table_rows(table)), ("Pruning", rows)]
    print_sections(f"Pruned a {pruned.network} network", sections)
    return 0


def _load(weights: str | None) -> SavedModel:
    """The model of a weights file that was not pruned before."""
    model = data_options.load_weights(weights)
    if "pruned" in model.fit.details:
        raise InvalidArgument(
            "WEIGHTS", options.shown(str(weights)), "are pruned already: prune the file they came from"
        )
    return model


def _as_trained(model: SavedModel, table: Table, data: str | None) -> tuple[FloatArray, FloatArray]:
    """Inputs and labels as the network saw them in training; refused where the columns are not the model's."""
    if table.inputs.shape[1] != model.mean.size:
        raise InvalidArgument(
            "--data",
            f"{table.inputs.shape[1]} columns",
            f"the weights are of a {model.fit.network} network of {model.mean.size}: they belong to other data",
        )
    inputs = table.inputs
    if model.features is not None and set(model.features) == set(table.features):
        inputs = inputs[:, [table.features.index(name) for name in model.features]]
    elif model.features is not None and data is not None and not data.endswith((".npy", ".npz")):
        missing = next((name for name in model.features if name not in table.features), None)
        if missing is not None:
            raise InvalidArgument("--data", options.shown(data), f"has no column {missing!r}, which the weights know")
    labels = table.labels - table.labels.mean() if model.centred else table.labels
    return model.transform(inputs), labels
