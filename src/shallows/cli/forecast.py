"""Forecast from one training set what more data would bring, and the best weight decay there."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from .._numbers import span
from . import _data as data_options
from . import _options as options
from ._data import concerns
from ._output import print_json
from ._progress import Progress
from ._sections import print_sections
from ._streams import print_error

Samples = Annotated[
    str | None,
    typer.Option(
        "--samples",
        metavar="LIST",
        help="Numbers of samples, or multiples such as 2x, separated by commas (default 2x,4x,10x).",
        show_default=False,
    ),
]


def run(
    data: data_options.Data = None,
    target: data_options.Target = None,
    columns: data_options.Columns = None,
    drop: data_options.Drop = None,
    missing: data_options.Missing = None,
    delimiter: data_options.Delimiter = None,
    decimal: data_options.Decimal = None,
    network: options.Network = None,
    samples: Samples = None,
    weight_decay: data_options.Decay = None,
    width: options.Width = None,
    standardize: data_options.Standardize = None,
    json: options.Json = False,
) -> int:
    """Train, fit a teacher, solve state evolution at the other sizes."""
    table = data_options.read(
        data, target, columns=columns, drop=drop, missing=missing, delimiter=delimiter, decimal=decimal
    )
    rows = int(table.labels.size)
    counts = options.parse_counts("--samples", samples or "2x,4x,10x", rows)
    model = data_options.build_model(network, weight_decay, width, standardize, table.inputs.shape[1])
    with Progress() as progress:
        progress.say(data_options.training_on(table))
        data_options.train_model(model, table)

        from ..errors import EstimateUndefined, SolveFailed
        from ..estimators.summary import believed

        progress.say("forecasting")
        try:
            found = believed(model.forecast(counts))
        except (EstimateUndefined, SolveFailed) as error:
            if json:
                print_json({"network": network, "samples": rows, "status": "failed", "reason": str(error)})
            print_error(f"no forecast: {error}")
            return 1
    content = found.to_dict() | {"samples": rows, "dim": model.n_features_in_, "diagnosis": model.diagnosis_.to_dict()}
    content["table"] = table.describe()
    if json:
        print_json(content)
        return 0
    sections = [("The table", data_options.table_rows(table)), *_sections(content)]
    print_sections(f"Forecast for a {network} network, from {rows} samples", sections)
    return 0


def _sections(content: dict[str, Any]) -> list[tuple[str, list[tuple[str, ...]]]]:
    """What is printed for people."""
    from ..inference.forecasting import FORECAST_HEAD, forecast_row

    lines: list[tuple[str, ...]] = [tuple(name for name, _ in FORECAST_HEAD)]
    lines += [forecast_row(point) for point in content["points"]]
    reading: list[tuple[str, ...]] = [("", sentence) for sentence in content["sentences"]]
    return [
        ("Now", [("test error", span(content["present_test_error"])), ("phase", content["present_phase"] or "-")]),
        ("With more data (90 % bands)", lines),
        ("In words", reading),
        ("Do the data look as assumed?", concerns(content["diagnosis"])),
    ]
