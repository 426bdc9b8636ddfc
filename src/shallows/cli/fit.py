"""Train a network on your data: weight decay chosen, test error estimated, everything learned reported."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .._numbers import span
from ..errors import InvalidArgument, UnknownNetwork
from . import _data as data_options
from . import _options as options
from ._data import concerns
from ._files import OutputFolder
from ._output import print_json
from ._progress import Progress
from ._sections import number, print_sections

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from ..inference import Inference

NetworkOrAuto = Annotated[
    str | None,
    typer.Option(
        "--network",
        metavar="NAME",
        help="diagonal or quadratic, or auto: both, and the one that describes the table (required).",
        show_default=False,
    ),
]
Out = Annotated[
    str | None,
    typer.Option(
        "--out",
        metavar="DIR",
        help="Folder for report.html, fit.json, weights.safetensors and figures (default: none written).",
        show_default=False,
    ),
]
#: What stands for "compare all networks".
AUTO = "auto"


def run(
    data: data_options.Data = None,
    target: data_options.Target = None,
    columns: data_options.Columns = None,
    drop: data_options.Drop = None,
    missing: data_options.Missing = None,
    delimiter: data_options.Delimiter = None,
    decimal: data_options.Decimal = None,
    network: NetworkOrAuto = None,
    weight_decay: data_options.Decay = None,
    width: options.Width = None,
    standardize: data_options.Standardize = None,
    out: Out = None,
    force: options.ForceFolder = False,
    json: options.Json = False,
) -> int:
    """Check everything, then train and report."""
    table = data_options.read(
        data, target, columns=columns, drop=drop, missing=missing, delimiter=delimiter, decimal=decimal
    )
    given = (weight_decay, width, standardize)
    settings = model = None
    if network == AUTO:
        settings = _settings_of_all(*given, table.inputs.shape[1])
    else:
        with _naming_auto(network):
            model = data_options.build_model(network, *given, table.inputs.shape[1])
    folder: AbstractContextManager[OutputFolder | None] = (
        nullcontext() if out is None else OutputFolder("--out", out, force=force)
    )
    with folder as output, Progress() as progress:
        progress.say(data_options.training_on(table))
        compared = None
        if model is None:
            from ..estimators import compare_networks

            with data_options.naming_data():
                comparison = compare_networks(*table, settings=settings, progress=progress.say)
            model, compared = comparison.models[comparison.chosen], comparison.to_dict()
        else:
            data_options.train_model(model, table)

        from ..estimators.summary import summarise

        progress.say("reading what was learned")
        content = summarise(
            model, features=table.features, target=table.target, samples=int(table.labels.size), data=tuple(table)
        )
        content["table"] = table.describe()
        content["chosen"], content["compared"] = None if compared is None else compared["chosen"], compared
        if output is not None:
            from ..estimators.files import save_model
            from ..report import write_fit_report

            progress.say("writing the report")
            save_model(
                model,
                output.partial / "weights.safetensors",
                features=table.features,
                target=table.target,
                encoding=table.encoding,
            )
            write_fit_report(content, output.partial, **_observed(model.inference_))
            output.finish()
    if json:
        print_json(content)
    else:
        sections = [("The table", data_options.table_rows(table)), *_compared(compared), *_sections(content)]
        print_sections(f"A {model.network} network fitted to {table.target}", sections)
    if out is not None:
        typer.echo(f"\nReport: {Path(out) / 'report.html'}", err=json)
    return 0


@contextmanager
def _naming_auto(network: str | None) -> Iterator[None]:
    """An error about a network that is not known names ``auto`` as well."""
    try:
        yield
    except UnknownNetwork as error:
        raise UnknownNetwork(error.name, error.value, f"{error.allowed}, or {AUTO}") from error


def _settings_of_all(
    weight_decay: str | None, width: str | None, standardize: str | None, columns: int
) -> dict[str, dict[str, Any]]:
    """Settings of every network's estimator, from options that all of them have."""
    from ..estimators import REGRESSORS
    from ..networks import network_named, network_names

    if weight_decay not in (None, "auto"):
        allowed = "does not apply to --network auto: every network chooses its own"
        raise InvalidArgument("--weight-decay", options.shown(str(weight_decay)), allowed)
    names = [name for name in network_names() if REGRESSORS.has(name)]
    choices = list(REGRESSORS.of(names[0]).standardize_choices)
    common = [how for how in choices if all(how in REGRESSORS.of(name).standardize_choices for name in names)]
    if standardize is not None and standardize not in common:
        words = f"must be one of {', '.join(common)} with --network auto"
        raise InvalidArgument("--standardize", options.shown(standardize), words)
    out = {}
    for name in names:
        units = width if network_named(name).has_width else None
        # The number of columns that a network can have is said where it is compared.
        most = REGRESSORS.of(name).most_columns()
        fits = columns if most is None else min(columns, most)
        out[name] = data_options.build_model(name, None, units, standardize, fits, REGRESSORS).get_params()
    return out


def _compared(compared: dict[str, Any] | None) -> list[tuple[str, list[tuple[str, ...]]]]:
    """What every network predicts rows held out with."""
    if compared is None:
        return []
    rows: list[tuple[str, ...]] = [("", "test error", "+-", "R^2")]
    for each in compared["candidates"]:
        if each["test_error"] is None:
            rows.append((each["name"], f"not fitted: {each['reason']}"))
            continue
        numbers = (number(each[key]) for key in ("test_error", "standard_error", "r_squared"))
        rows.append((each["name"], *numbers))
    rows.append(("mean label", number(compared["label_variance"]), "", "0"))
    heading = f"Which network describes the table? ({compared['folds']}-fold cross-validation)"
    return [(heading, rows), ("Verdict", [("", compared["verdict"])])]


def _observed(inference: Inference | None) -> dict[str, Any]:
    """What the figure of the learned weights shows: eigenvalues, or weights, without their shrinkage."""
    if inference is None:
        return {}
    return {"eigenvalues" if inference.architecture.is_matrix else "unbiased": inference.observed}


def _sections(content: dict[str, Any]) -> list[tuple[str, list[tuple[str, ...]]]]:
    from ..estimators.display import error_rows, learned_rows
    from ..inference.concern import grouped

    learned = learned_rows(content)
    if content["modes"]:
        learned.append(("teacher modes", f"{content['modes']['count']} beyond the bulk edge"))
    if content["weights"]:
        found = content["weights"]
        how = "" if found["method"] == "theory" else f", by {found['method']}"
        learned.append(("discoveries", f"{found['discoveries']} at a false-discovery rate of 10 %{how}"))
        if found["discoveries"]:
            learned.append(("", f"change of {content['target']} per {found['unit']}:"))
        for row in [row for row in found["weights"] if row["discovered"]][:8]:
            learned.append(("", f"{row['name']}: {span(row)}"))
    if content["pruning"]:
        pruned = content["pruning"]
        after = pruned["features_after"]
        learned.append(("pruned", f"to {after} feature{'s' * (after != 1)}: {pruned['verdict']}"))
    ahead: list[tuple[str, ...]] = [("", sentence) for sentence in (content["forecast"] or {}).get("sentences", [])]
    untold: list[tuple[str, ...]] = [("", f"no {words}: {reason}") for words, reason in grouped(content["reasons"])]
    return [
        ("Errors", error_rows(content)),
        ("What was learned", learned),
        ("Forecast", ahead),
        ("What cannot be told", untold),
        ("Do the data look as assumed?", concerns(content["diagnosis"])),
    ]
