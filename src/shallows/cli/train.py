"""Train a network on data as they are, to the certified minimum, and write its weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from .._arguments import exactly_one
from ..errors import InvalidArgument, SolveFailed
from . import _data as data_options
from . import _options as options
from ._output import print_json
from ._progress import Progress
from ._sections import number, print_sections
from ._streams import print_error

if TYPE_CHECKING:
    from pathlib import Path

    from ..networks import Network as Architecture
    from ..training import Fit
    from ..user_tables import Sequences, Table

Solver = Annotated[
    str | None,
    typer.Option(
        "--solver",
        metavar="NAME",
        help="auto (default): message passing with a certified finish; convex; amp; or gradient: the network itself.",
        show_default=False,
    ),
]
Tolerance = Annotated[
    str | None,
    typer.Option("--tolerance", metavar="T", help="Relative duality gap to reach (default 1e-6).", show_default=False),
]
Iterations = Annotated[
    str | None,
    typer.Option(
        "--iterations", metavar="K", help="Iterations at most (default: ample for the data).", show_default=False
    ),
]
Device = Annotated[
    str | None,
    typer.Option(
        "--device",
        metavar="NAME",
        help="Where to work: cpu (default), or cuda or cuda:N, a GPU by PyTorch.",
        show_default=False,
    ),
]
Out = Annotated[
    str | None,
    typer.Option(
        "--out", metavar="FILE", help="The .safetensors file to write (default: none written).", show_default=False
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
    depth: options.Depth = None,
    tokens: options.Tokens = None,
    weight_decay: options.WeightDecay = None,
    penalty: options.Penalty = None,
    width: options.Width = None,
    solver: Solver = None,
    tolerance: Tolerance = None,
    iterations: Iterations = None,
    init_scale: options.InitScale = None,
    device: Device = None,
    out: Out = None,
    force: options.ForceFile = False,
    json: options.Json = False,
) -> int:
    """Check everything, train, write."""
    from ..operators import find_device

    if data is None:
        raise InvalidArgument("DATA", "nothing", "must name a file of data")
    architecture = options.parse_network(network, depth=depth, tokens=tokens)
    given = {"network": architecture.name} | _settings(solver, tolerance, iterations)
    given |= _regularisation(architecture, weight_decay, penalty, width)
    if init_scale is not None:
        given["init_scale"] = options.parse_init_scale(init_scale)
        if given["solver"] != "gradient":
            raise InvalidArgument(
                "--init-scale", options.shown(init_scale), "is of gradient training: --solver gradient"
            )
    given["device"] = "cpu" if device is None else device
    with options.naming({"device": device}):
        find_device(given["device"])
    path = None if out is None else data_options.output_file("--out", out, ".safetensors", force=force)
    reading: dict[str, Any] = {
        "columns": columns,
        "drop": drop,
        "missing": missing,
        "delimiter": delimiter,
        "decimal": decimal,
    }
    table: Table | Sequences
    if len(architecture.input_shape(1, 1)) == 2:
        table = data_options.read(data, target, **reading)
    else:
        table = data_options.read_sequences(data, architecture, target, **reading)

    from ..estimators.files import save_fit
    from ..training import train
    from ..user_tables import Sequences

    typed = {"weight_decay": weight_decay, "penalty": penalty, "width": width, "tolerance": tolerance, "device": device}
    with data_options.naming_data(), options.naming(typed), Progress() as progress:
        progress.say(data_options.training_on(table))
        try:
            fit = train((table.inputs, table.labels), **given)
        except SolveFailed as error:
            if json:
                print_json(error.result.to_dict())
            print_error(str(error))
            return 1
    if path is not None:
        described: dict[str, Any] = (
            {} if isinstance(table, Sequences) else {"features": table.features, "encoding": table.encoding}
        )
        save_fit(fit, path, target=table.target, **described)
    if json:
        print_json(fit.to_dict() | {"written": None if path is None else str(path), "table": table.describe()})
    else:
        _print(fit, table, path)
    return 0


def _settings(solver: str | None, tolerance: str | None, iterations: str | None) -> dict[str, Any]:
    """How it is trained, as arguments of ``train``."""
    from ..training.task import SMALLEST_TOLERANCE, SOLVERS

    how = solver or "auto"
    if how not in SOLVERS:
        raise InvalidArgument("--solver", options.shown(how), f"must be one of {', '.join(SOLVERS)}")
    goal = 1e-6 if tolerance is None else options.parse_size("--tolerance", tolerance)
    most = None if iterations is None else options.parse_integer("--iterations", iterations, 1, 10**9)
    if not SMALLEST_TOLERANCE <= goal < 1:
        allowed = f"must be from {SMALLEST_TOLERANCE:g} to below 1"
        raise InvalidArgument("--tolerance", options.shown(str(tolerance)), allowed)
    return {"solver": how, "tolerance": goal, "max_iterations": most}


def _regularisation(
    network: Architecture, weight_decay: str | None, penalty: str | None, width: str | None
) -> dict[str, Any]:
    """How strongly and how wide, as arguments of ``train``."""
    decay = None if weight_decay is None else options.parse_size("--weight-decay", weight_decay)
    reduced = None if penalty is None else options.parse_size("--penalty", penalty)
    units = None if width is None else options.parse_integer("--width", width, 1, options.MOST_DIM)
    exactly_one({"--weight-decay": decay, "--penalty": reduced})
    for name, value, applies in (("--penalty", penalty, network.has_penalty), ("--width", width, network.has_width)):
        if value is not None and not applies:
            raise InvalidArgument(name, options.shown(value), f"does not apply to the {network.name} network")
    return {"weight_decay": decay, "penalty": reduced, "width": units}


def _print(fit: Fit, table: Table | Sequences, path: Path | None) -> None:
    from ..networks import network_named

    columns = table.inputs.shape[-1]
    network = network_named(fit.network)
    strength: list[tuple[str, ...]] = [("weight decay", "lam", number(fit.weight_decay))]
    if fit.penalty is not None:
        strength.append(("penalty", "pen", number(fit.penalty)))
    count = f"{network.features(fit.weights)} of {columns}"
    learned = ("rank", "", count) if network.is_matrix else ("weights", "", f"{count} not zero")
    gap = "no certificate: this training problem is not convex" if fit.gap is None else f"{fit.gap:.1e}, relative"
    minimum: list[tuple[str, ...]] = [
        ("objective", "", f"{fit.objective:.8g}"),
        ("duality gap", "", gap),
        *([("residual", "", f"{fit.residual:.1e}, of stationarity")] if fit.gap is None else []),
        ("train error", "", number(fit.train_error)),
        learned,
        ("solver", "", f"{fit.solver}, {fit.iterations} iterations, {fit.seconds:.2g} s on {fit.details['device']}"),
    ]
    if fit.details.get("amp_departed"):
        minimum.append(("note", "", "message passing left theory's path: the data are far from Gaussian inputs"))
    if path is not None:
        minimum.append(("written", "", str(path)))
    print_sections(
        f"Trained {network.phrase} on {options.shown(table.source)}",
        [("The table", data_options.table_rows(table)), ("Regularisation", strength), ("Minimum", minimum)],
    )
