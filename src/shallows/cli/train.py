"""Train a network on data as they are, to the certified minimum, and write its weights."""

from __future__ import annotations

from typing import Annotated

import typer

from ..errors import InvalidArgument, SolveFailed
from . import _data as data_options
from . import _options as options
from ._output import number, print_error, print_json, print_sections
from ._progress import Progress

SOLVERS = ("auto", "convex", "amp", "gradient")

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
Force = Annotated[bool, typer.Option("--force", help="Replace --out if it exists.")]


def run(
    data: data_options.Data = None,
    target: data_options.Target = None,
    network: options.Network = None,
    weight_decay: options.WeightDecay = None,
    penalty: options.Penalty = None,
    width: options.Width = None,
    solver: Solver = None,
    tolerance: Tolerance = None,
    iterations: Iterations = None,
    device: Device = None,
    out: Out = None,
    force: Force = False,
    json: options.Json = False,
) -> int:
    """Check everything, train, write."""
    from ..operators.devices import find_device
    from ..training.solve import SMALLEST_TOLERANCE

    if data is None:
        raise InvalidArgument("DATA", "nothing", "must name a file of data")
    from ..networks import network_names

    if network not in network_names():
        given = "nothing" if network is None else options.shown(network)
        raise InvalidArgument("--network", given, "must be diagonal or quadratic")
    how = solver or "auto"
    if how not in SOLVERS:
        raise InvalidArgument("--solver", options.shown(how), f"must be one of {', '.join(SOLVERS)}")
    decay = None if weight_decay is None else options.parse_size("--weight-decay", weight_decay)
    reduced = None if penalty is None else options.parse_size("--penalty", penalty)
    units = None if width is None else options.parse_integer("--width", width, 1, options.MOST_DIM)
    goal = 1e-6 if tolerance is None else options.parse_size("--tolerance", tolerance)
    most = None if iterations is None else options.parse_integer("--iterations", iterations, 1, 10**9)
    if not SMALLEST_TOLERANCE <= goal < 1:
        allowed = f"must be from {SMALLEST_TOLERANCE:g} to below 1"
        raise InvalidArgument("--tolerance", options.shown(str(tolerance)), allowed)
    if (decay is None) == (reduced is None):
        given = "neither" if decay is None else "both"
        raise InvalidArgument("--weight-decay / --penalty", given, "give exactly one of the two")
    for name, value in (("--penalty", penalty), ("--width", width)):
        if network == "diagonal" and value is not None:
            raise InvalidArgument(name, options.shown(value), "applies to the quadratic network only")
    where = "cpu" if device is None else device
    with options.naming({"device": device}):
        find_device(where)
    path = None if out is None else data_options.output_file("--out", out, ".safetensors", force=force)
    table = data_options.read(data, target)

    from ..training import save_weights, train
    from ..weights import LowRankPSD

    typed = {
        "weight_decay": weight_decay,
        "penalty": penalty,
        "width": width,
        "tolerance": tolerance,
        "device": device,
    }
    with options.naming(typed), Progress() as progress:
        progress.say(f"training on {table.inputs.shape[0]} rows and {table.inputs.shape[1]} columns")
        try:
            fit = train(
                (table.inputs, table.labels),
                network=network,
                weight_decay=decay,
                penalty=reduced,
                width=units,
                solver=how,
                tolerance=goal,
                max_iterations=most,
                device=where,
            )
        except SolveFailed as error:
            if json:
                print_json(error.result.to_dict())
            print_error(str(error))
            return 1
    if path is not None:
        save_weights(fit, path)
    if json:
        print_json(fit.to_dict() | {"written": None if path is None else str(path)})
        return 0
    strength = [("weight decay", "lam", number(fit.weight_decay))]
    learned: list[tuple[str, ...]]
    if isinstance(fit.weights, LowRankPSD):
        strength.append(("penalty", "pen", number(fit.penalty)))
        learned = [("rank", "", f"{fit.weights.rank} of {table.inputs.shape[1]}")]
    else:
        learned = [("weights", "", f"{int((fit.weights != 0).sum())} of {fit.weights.size} not zero")]
    place = fit.details["device"]
    gap = "no certificate: this training problem is not convex" if fit.gap is None else f"{fit.gap:.1e}, relative"
    print_sections(
        f"Trained a {fit.network} network on {options.shown(table.source)}",
        [
            ("Data", [("size", "", f"{table.inputs.shape[0]} rows, {table.inputs.shape[1]} columns"), *strength]),
            (
                "Minimum",
                [
                    ("objective", "", f"{fit.objective:.8g}"),
                    ("duality gap", "", gap),
                    ("train error", "", number(fit.train_error)),
                    *learned,
                    ("solver", "", f"{fit.solver}, {fit.iterations} iterations, {fit.seconds:.2g} s on {place}"),
                    *(
                        [("note", "", "message passing left theory's path: the data are far from Gaussian inputs")]
                        if fit.details.get("amp_departed")
                        else []
                    ),
                    *([] if path is None else [("written", "", str(path))]),
                ],
            ),
        ],
    )
    return 0
