"""Read the spectra of trained weights: what is noise, what was learned, what could be pruned, and how sure that is.

CHECKPOINT is a .safetensors file or folder, a PyTorch state dict, arrays (.npz, .npy), ONNX or GGUF; several are read
as a series along training.
"""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .._numbers import span
from ..errors import InvalidArgument
from . import _data as data_options
from . import _options as options
from ._exit_codes import ExitCode
from ._files import OutputFolder
from ._output import print_json
from ._progress import Progress
from ._sections import number, print_sections
from ._streams import print_error

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from ..diagnosis import DiagnosisSeries, LayerDiagnosis, ModelDiagnosis, PrunedModel, Training

#: Rows of the table on the terminal, and reasons and changes named there.
MOST_ROWS, MOST_LINES = 60, 12

Checkpoints = Annotated[
    list[str] | None,
    typer.Argument(metavar="CHECKPOINT...", help="File or folder with trained weights.", show_default=False),
]
Baseline = Annotated[
    str | None,
    typer.Option(
        "--baseline",
        metavar="FILE",
        help="The same model before training: the change of each matrix is judged as well.",
        show_default=False,
    ),
]
Layers = Annotated[
    list[str] | None,
    typer.Option(
        "--layers",
        metavar="PATTERN",
        help="Only matrices of such names, as in 'encoder.*'; may be given several times.",
        show_default=False,
    ),
]
Heads = Annotated[bool, typer.Option("--heads", help="Take attention projections apart into their heads.")]
TableFile = Annotated[
    str | None,
    typer.Option(
        "--table",
        "--csv",
        metavar="FILE",
        help="Write one row for each matrix, as .csv, .json or .parquet.",
        show_default=False,
    ),
]
Out = Annotated[
    str | None,
    typer.Option(
        "--out",
        metavar="DIR",
        help="Folder for report.html, diagnosis.json and figures (default: none written).",
        show_default=False,
    ),
]
Force = Annotated[
    bool, typer.Option("--force", help="Write into --out even if it is not empty, and over files that exist.")
]
TrainingData = Annotated[
    str | None,
    typer.Option(
        "--data",
        metavar="FILE",
        help="With --network: the data it was trained on, columns as the network saw them; its errors are then told.",
        show_default=False,
    ),
]
OfTheory = Annotated[
    str | None,
    typer.Option(
        "--network",
        metavar="NAME",
        help="The checkpoint is a two-layer network that theory covers: diagonal (weights a and w) or quadratic (W).",
        show_default=False,
    ),
]
Samples = Annotated[
    str | None,
    typer.Option(
        "--samples",
        metavar="N",
        help="With --network, in place of --data: how many samples it was trained on.",
        show_default=False,
    ),
]
Decay = Annotated[
    str | None,
    typer.Option(
        "--weight-decay",
        metavar="L",
        help=("With --network: L in sum (y - f)^2 + L |weights|^2 (for a mean loss: times the number of samples)."),
        show_default=False,
    ),
]
Scale = Annotated[
    str | None,
    typer.Option(
        "--scale",
        metavar="S",
        help=(
            "With --network: its outputs over the theory's, which are sum a w x/sqrt(d), or |W x|^2/(d sqrt(p)) less "
            "its mean (default: from the data, or 1)."
        ),
        show_default=False,
    ),
]
Store = Annotated[
    str | None,
    typer.Option(
        "--store",
        metavar="FILE",
        help="Keep each finished matrix here (.jsonl): an interrupted run of a large model goes on where it stopped.",
        show_default=False,
    ),
]
Prune = Annotated[
    bool,
    typer.Option("--prune", help="Write a checkpoint that keeps what stands out of the noise; needs --out-weights."),
]
OutWeights = Annotated[
    str | None,
    typer.Option(
        "--out-weights",
        metavar="FILE",
        help="The pruned checkpoint to write, in the format of the one read; never in its place.",
        show_default=False,
    ),
]
Keep = Annotated[
    str | None,
    typer.Option(
        "--keep",
        metavar="WHAT",
        help="With --prune: outliers (default), or how many directions of each matrix.",
        show_default=False,
    ),
]
Budget = Annotated[
    str | None,
    typer.Option(
        "--budget",
        metavar="SHARE",
        help="With --prune, in place of --keep: which share of all weights to leave, over 0 and at most 1.",
        show_default=False,
    ),
]
Factored = Annotated[
    bool, typer.Option("--factored", help="With --prune: write pruned matrices as two factors where that is fewer.")
]


def run(
    checkpoints: Checkpoints = None,
    baseline: Baseline = None,
    layers: Layers = None,
    heads: Heads = False,
    table: TableFile = None,
    out: Out = None,
    network: OfTheory = None,
    data: TrainingData = None,
    target: data_options.Target = None,
    samples: Samples = None,
    weight_decay: Decay = None,
    scale: Scale = None,
    store: Store = None,
    prune: Prune = False,
    out_weights: OutWeights = None,
    keep: Keep = None,
    budget: Budget = None,
    factored: Factored = False,
    force: Force = False,
    json: options.Json = False,
) -> int:
    """Check everything, read every matrix, tell."""
    if not checkpoints:
        raise InvalidArgument("CHECKPOINT", "nothing", "must be a file or folder with trained weights")
    if store is not None and len(checkpoints) > 1:
        raise InvalidArgument("--store", options.shown(store), "is for one checkpoint")
    training = _training(network, data, target, samples, weight_decay=weight_decay, scale=scale)
    pruning = _pruning(checkpoints, prune, out_weights, keep, budget, factored)
    _check_table(table, force=force)
    folder: AbstractContextManager[OutputFolder | None] = (
        nullcontext() if out is None else OutputFolder("--out", out, force=force)
    )
    with folder as output, Progress() as progress:
        from ..diagnosis import diagnose, diagnose_series, prune_checkpoint

        wanted: dict[str, Any] = {
            "baseline": baseline,
            "layers": layers or None,
            "heads": heads,
            "training": training,
            "progress": progress.update,
        }
        found: ModelDiagnosis | DiagnosisSeries
        models: tuple[ModelDiagnosis, ...]
        pruned = None
        with _named_as_typed():
            if len(checkpoints) == 1:
                found = one = diagnose(checkpoints[0], store=store, **wanted)
                models = (one,)
            else:
                found = series = diagnose_series(checkpoints, **wanted)
                models = series.models
            if pruning is not None:
                progress.say("pruning")
                pruned = prune_checkpoint(checkpoints[0], layers=layers or None, diagnosis=one, force=force, **pruning)
        if table is not None:
            found.save(table)
        if output is not None:
            from ..report import write_diagnosis_report

            progress.say("writing the report")
            write_diagnosis_report(found, output.partial)
            output.finish()
    if json:
        print_json(found.to_dict() | ({} if pruned is None else {"pruned": pruned.to_dict()}))
    else:
        _print(found, models)
        if pruned is not None:
            print_sections("", [("Pruned", _pruned(pruned))])
    for place in (out_weights, table, None if out is None else str(Path(out) / "report.html")):
        if place is not None:
            typer.echo(f"Written: {place}", err=json)
    return _exit_code(models)


@contextmanager
def _named_as_typed() -> Iterator[None]:
    """The library's arguments by the names that a user of the command knows."""
    try:
        yield
    except InvalidArgument as error:
        name = {"source": "CHECKPOINT", "path": "--out-weights"}.get(error.name, error.name)
        raise InvalidArgument(name, error.value, error.allowed) from error


def _training(
    network: str | None,
    data: str | None,
    target: str | None,
    samples: str | None,
    *,
    weight_decay: str | None,
    scale: str | None,
) -> Training | None:
    """What is known of the training of a network of the theory's kind; None for networks of any kind."""
    if network is None:
        given = {"--data": data, "--target": target, "--samples": samples, "--weight-decay": weight_decay}
        given["--scale"] = scale
        for option, value in given.items():
            if value is not None:
                raise InvalidArgument(option, options.shown(value), "needs --network")
        return None
    from ..diagnosis import Training

    kind = options.parse_network(network)
    decay = None if weight_decay is None else options.parse_size("--weight-decay", weight_decay)
    factor = None if scale is None else options.parse_size("--scale", scale)
    if data is None:
        count = None
        if samples is not None:
            count = options.parse_number("--samples", samples, "must be a number >= 1")
        return Training(kind.name, None, count, decay, factor)
    table = data_options.read(data, target, option="--data")
    if samples is not None:
        raise InvalidArgument("--samples", options.shown(samples), "is told by --data: give one of them")
    return Training(kind.name, (table.inputs, table.labels), None, decay, factor)


def _pruning(
    checkpoints: list[str],
    prune: bool,
    out_weights: str | None,
    keep: str | None,
    budget: str | None,
    factored: bool,
) -> dict[str, Any] | None:
    """What to tell :func:`shallows.diagnosis.prune_checkpoint`; None without ``--prune``."""
    given = {"--out-weights": out_weights, "--keep": keep, "--budget": budget, "--factored": factored or None}
    if not prune:
        for option, value in given.items():
            if value is not None:
                raise InvalidArgument(option, options.shown(str(value)), "needs --prune")
        return None
    if out_weights is None:
        raise InvalidArgument("--out-weights", "nothing", "--prune needs the name of the checkpoint to write")
    if len(checkpoints) > 1:
        raise InvalidArgument("--prune", f"{len(checkpoints)} checkpoints", "takes one")
    wanted: dict[str, Any] = {"path": out_weights, "factored": factored}
    if keep is not None and keep != "outliers":
        wanted["keep"] = options.parse_integer("--keep", keep, 1, 10**9)
    if budget is not None:
        wanted["budget"] = options.parse_number("--budget", budget, "must be a share, over 0 and at most 1")
    return wanted


def _check_table(table: str | None, *, force: bool) -> None:
    from ..diagnosis import TABLE_FILES

    if table is None:
        return
    path = Path(table)
    if path.suffix not in TABLE_FILES:
        raise InvalidArgument("--table", options.shown(table), f"must end in {', '.join(TABLE_FILES)}")
    if path.is_dir() or not path.absolute().parent.is_dir():
        raise InvalidArgument("--table", options.shown(table), "must be a file in a folder that exists")
    if path.exists() and not force:
        raise InvalidArgument("--table", options.shown(table), "exists already; give another name, or --force")


def _exit_code(models: tuple[ModelDiagnosis, ...]) -> int:
    """Done only if nothing was wrong with any tensor."""
    failed = [one for model in models for one in model.failed]
    if not failed:
        return ExitCode.DONE
    first = f"{failed[0].name}: {failed[0].reason}"
    rest = f", and {len(failed) - 1} more" if len(failed) > 1 else ""
    print_error(f"not everything could be read: {first}{rest}")
    return ExitCode.FAILED


def _print(found: ModelDiagnosis | DiagnosisSeries, models: tuple[ModelDiagnosis, ...]) -> None:
    if len(models) == 1:
        _print_model(models[0])
        return
    typer.echo(f"A series of {len(models)} checkpoints")
    for model in models:
        typer.echo()
        _print_model(model, short=True)
    changes: list[tuple[str, ...]] = [("", sentence) for sentence in found.sentences[:MOST_LINES]]
    if len(found.sentences) > MOST_LINES:
        changes.append(("", f"and {len(found.sentences) - MOST_LINES} more: see --json"))
    print_sections("", [("Verdicts that changed", changes or [("", "none")])])


def _print_model(model: ModelDiagnosis, *, short: bool = False) -> None:
    from .._text_tables import headed_table

    typer.echo(model.title)
    rows: list[tuple[str, ...]] = [(sentence,) for sentence in model.sentences]
    print_sections("", [("", rows)])
    if short:
        return
    shown = model.layers[:MOST_ROWS]
    if shown:
        typer.echo()
        for line in headed_table(*_table(shown, changed=bool(model.baseline))):
            typer.echo(f"  {line}")
        if len(model.layers) > len(shown):
            typer.echo(f"  and {len(model.layers) - len(shown)} more: see --table, --out or --json")
    print_sections("", [("Errors", _errors(model)), ("Evidence", _evidence(model)), ("Skipped", _skipped(model))])


def _table(
    layers: tuple[LayerDiagnosis, ...], *, changed: bool
) -> tuple[list[tuple[str, bool]], list[tuple[str, ...]]]:
    head = [("matrix", False), ("shape", False), ("verdict", False), ("sure", True), ("outliers", True)]
    head += [("their energy", True), ("alpha", True), ("stable rank", True)]
    if changed:
        head += [("change", False), ("size", True)]
    rows = []
    for layer in layers:
        numbers = layer.to_dict()
        row = [layer.name, f"{layer.shape[0]} x {layer.shape[1]}", numbers["verdict"].replace("-", " ")]
        row += [_percent(numbers["confidence"]), _plain(numbers["num_outliers"]), _percent(numbers["energy_outliers"])]
        alpha = numbers["alpha"]
        row.append("" if alpha is None else f"{alpha:.2f} ({numbers['alpha_lo']:.2f} to {numbers['alpha_hi']:.2f})")
        row.append(number(numbers["stable_rank"]))
        if changed:
            change = numbers.get("change")
            row.append("" if change is None else change["verdict"].replace("-", " "))
            row.append("" if change is None else _percent(change["relative_size"]))
        rows.append(tuple(row))
    return head, rows


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.3g} %"


def _plain(count: int | None) -> str:
    return "" if count is None else str(count)


def _errors(model: ModelDiagnosis) -> list[tuple[str, ...]]:
    """What theory reads off the weights and the data."""
    if model.risk is None:
        return []
    rows: list[tuple[str, ...]] = []
    for name in ("test_error", "excess_risk", "noise"):
        words = "label noise" if name == "noise" else name.replace("_", " ")
        told = model.risk[name]
        rows.append((words, span(told) if told else f"cannot tell: {model.risk['reasons'][name]}"))
    rows += [("", f"{remark}") for remark in (*model.risk["remarks"], *model.risk.get("concerns", []))]
    return rows


def _evidence(model: ModelDiagnosis) -> list[tuple[str, ...]]:
    """A sentence for each matrix where there are few, else for the first of each verdict."""
    if len(model.layers) <= MOST_LINES:
        return [(layer.name, layer.verdict.evidence) for layer in model.layers]
    first = {layer.verdict.name: layer for layer in reversed(model.layers)}
    return [(name.replace("-", " "), f"{first[name].name}: {first[name].verdict.evidence}") for name in model.verdicts]


def _pruned(pruned: PrunedModel) -> list[tuple[str, ...]]:
    """What was kept, in all and of each matrix."""
    rows: list[tuple[str, ...]] = [
        ("weights", f"{pruned.parameters} of {pruned.parameters_before} left, counted as factors where that is fewer"),
        ("quality", "not known from the spectrum: measure it on data before use"),
    ]
    kept = [one for one in pruned.layers if one.rank is not None]
    for one in kept[:MOST_LINES]:
        rows.append((one.name, f"rank {one.rank} of {min(one.shape)}, {_percent(one.energy_kept)} of its energy"))
    if len(kept) > MOST_LINES:
        rows.append(("", f"and {len(kept) - MOST_LINES} more: see --json"))
    reasons = Counter(one.reason for one in pruned.layers if one.rank is None)
    rows += [(f"{count} as before", reason) for reason, count in reasons.most_common(MOST_LINES)]
    return rows


def _skipped(model: ModelDiagnosis) -> list[tuple[str, ...]]:
    """Each that failed by name, the others counted by their reason."""
    rows: list[tuple[str, ...]] = [(one.name, one.reason) for one in model.failed[:MOST_LINES]]
    if len(model.failed) > MOST_LINES:
        rows.append(("", f"and {len(model.failed) - MOST_LINES} more that cannot be used: see --json"))
    reasons = Counter(one.reason for one in model.skipped if not one.failed)
    rows += [(f"{count} tensor{'' if count == 1 else 's'}", reason) for reason, count in reasons.most_common()]
    return rows
