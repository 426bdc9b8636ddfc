"""Predict risk, loss and learned modes over training time, from theory."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .._arguments import exactly_one
from ..errors import InvalidArgument
from . import _options as options
from ._files import OutputFolder
from ._output import print_json
from ._sections import Row, number, print_sections

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    import numpy as np

    from ..dynamics import Dynamics, Sgd

#: Lines of the table, and times on a command line, at most.
LINES, MOST_TIMES = 16, 1000
#: Modes named one by one.
MODES_SHOWN = 8

Samples = Annotated[
    str | None,
    typer.Option(
        "--samples",
        metavar="N",
        help="Samples over which the weight decay is stated, >= 1 (default 1: of the loss per sample).",
        show_default=False,
    ),
]
InitScale = Annotated[
    str,
    typer.Option("--init-scale", metavar="S", help="Standard deviation of the initial weights, > 0."),
]
Until = Annotated[
    str | None,
    typer.Option(
        "--until", metavar="T", help="Last time, learning rate times steps; 200 times up to it.", show_default=False
    ),
]
At = Annotated[
    str | None,
    typer.Option("--at", metavar="T,T,...", help="These times, in place of --until.", show_default=False),
]
Decay = Annotated[
    str | None,
    typer.Option("--weight-decay", metavar="L", help="Weight decay, >= 0 (default 0).", show_default=False),
]
Start = Annotated[
    str,
    typer.Option(
        "--start",
        metavar="HOW",
        help="normal entries, or balanced layers along the teacher's signs (diagonal network).",
    ),
]
Rate = Annotated[
    str | None,
    typer.Option(
        "--learning-rate",
        metavar="R",
        help="Learning rate: times in steps, and with --batch the noise of SGD.",
        show_default=False,
    ),
]
Batch = Annotated[
    str | None,
    typer.Option(
        "--batch", metavar="B", help="Fresh samples per step, >= 1; needs --learning-rate.", show_default=False
    ),
]
Out = Annotated[
    str | None,
    typer.Option(
        "--out", metavar="DIR", help="Folder for report.html, its figures and all numbers.", show_default=False
    ),
]


def run(
    network: options.Network = None,
    dim: options.Dim = None,
    samples: Samples = None,
    gamma: options.Gamma = None,
    spectrum: options.SpectrumFile = None,
    rank: options.Rank = None,
    energy: options.Energy = None,
    noise: options.Noise = None,
    width: options.Width = None,
    weight_decay: Decay = None,
    init_scale: InitScale = "0.01",
    start: Start = "normal",
    until: Until = None,
    at: At = None,
    learning_rate: Rate = None,
    batch: Batch = None,
    out: Out = None,
    force: options.ForceFolder = False,
    json: options.Json = False,
) -> int:
    """Build the problem, follow the flow, print it."""
    problem = options.build_problem(
        network, dim, "1" if samples is None else samples, gamma, spectrum, rank, energy, noise, width
    )
    decay = 0.0 if weight_decay is None else options.parse_size("--weight-decay", weight_decay)
    typed = {"init_scale": init_scale, "start": start, "until": until, "learning_rate": learning_rate}
    scale = options.parse_size("--init-scale", init_scale)
    exactly_one({"--until": until, "--at": at}, "to choose the times")
    given = None if at is None else parse_times(at)
    last = None if until is None else _parse_until(until)

    from ..dynamics import flow_setting, predict_dynamics, sgd_limits, time_grid

    with options.naming(typed):
        setting = flow_setting(problem, scale, decay, start)
        times = time_grid(setting, last) if last is not None else given
        sgd = _sgd(learning_rate, batch)
        if sgd is not None:
            sgd_limits(problem, sgd.batch, setting).check(sgd.learning_rate)
        elif learning_rate is not None:
            rate = options.parse_size("--learning-rate", learning_rate)
            sgd_limits(problem, 1, setting).check_curvature(rate)
    folder: AbstractContextManager[OutputFolder | None] = (
        nullcontext() if out is None else OutputFolder("--out", out, force=force)
    )
    with folder as output:
        assert times is not None
        found = predict_dynamics(problem, times, init_scale=scale, weight_decay=decay, start=start, sgd=sgd)
        content = found.to_dict()
        if learning_rate is not None and sgd is None:
            content["learning_rate"] = options.parse_size("--learning-rate", learning_rate)
            content["steps"] = (found.times / content["learning_rate"]).tolist()
        if output is not None:
            from ..report import write_dynamics_report

            write_dynamics_report(found, output.partial, content)
            output.finish()
    if json:
        print_json(content)
    else:
        print_sections(f"Training a {problem.network} network over time", sections(found, content))
        if out is not None:
            typer.echo(f"\nReport: {out}/report.html")
    return 0


def parse_times(text: str) -> np.ndarray[Any, Any]:
    """Times from ``100,1e3,1e4``."""
    import numpy as np

    allowed = "must be finite numbers >= 0 separated by commas, such as 100,1e3,1e4"
    words = text.split(",")
    if len(words) > MOST_TIMES:
        raise InvalidArgument("--at", f"{len(words)} times", f"at most {MOST_TIMES}")
    times = [options.parse_number("--at", word.strip(), allowed) if word.strip() else -1.0 for word in words]
    if not all(time == 0 or options.SMALLEST_SIZE <= time <= options.LARGEST_SIZE for time in times):
        raise InvalidArgument("--at", options.shown(text), allowed)
    return np.array(times, dtype=float)


def _parse_until(text: str) -> float:
    """The last time, ``> 0``."""
    allowed = "must be a finite number > 0, such as 1e4"
    time = float(options.parse_number("--until", text, allowed))
    if not options.SMALLEST_SIZE <= time <= options.LARGEST_SIZE:
        raise InvalidArgument("--until", options.shown(text), allowed)
    return time


def _sgd(learning_rate: str | None, batch: str | None) -> Sgd | None:
    """What was said of stochastic gradients; None without a batch."""
    if learning_rate is not None and options.parse_size("--learning-rate", learning_rate) == 0:
        raise InvalidArgument("--learning-rate", options.shown(learning_rate), "must be a finite number > 0")
    if batch is None:
        return None
    size = options.parse_integer("--batch", batch, 1, 10**12)
    if learning_rate is None:
        raise InvalidArgument("--learning-rate", "nothing", "must be given with --batch, a finite number > 0")

    from ..dynamics import Sgd

    return Sgd(options.parse_size("--learning-rate", learning_rate), size)


def sections(found: Dynamics, content: dict[str, Any]) -> list[tuple[str, list[Row]]]:
    """Headings and rows that present the training over time."""
    from ..problem_rows import training_rows

    network = found.problem.architecture
    end = "with unlimited time, and many samples"
    reading: list[Row] = [("in the end", f"{number(found.final_risk)}   excess risk {end}")]
    if found.time_exponent is not None:
        law = f"excess risk ~ time^{found.time_exponent:.3g} at large d, up to logarithms of the initial weights"
        reading.append(("while modes enter", law))
    if found.limits is not None and found.sgd is not None:
        limits = found.limits
        reading += [
            ("largest stable rate", f"{number(limits.largest_rate)} at batch {limits.batch}"),
            ("floor of SGD", f"{number(limits.floor(found.sgd.learning_rate))} at a constant rate"),
            ("critical batch", f"{number(limits.critical_batch)}   larger ones save no steps"),
        ]
    return [
        ("Problem", training_rows(content)),
        ("Over time (learning rate times steps)", time_rows(content)),
        (f"When each of the first {network.words.features} is half learned", mode_rows(content)),
        ("Reading", reading),
    ]


def time_rows(content: dict[str, Any]) -> list[Row]:
    """The table over time, thinned where it is long."""
    columns = [("time", "time"), ("steps", "steps"), ("excess_risk", "excess risk")]
    columns += [
        ("sgd_excess_risk", "with SGD's noise"),
        ("test_error", "test error"),
        ("learned_modes", "modes learned"),
    ]
    columns = [(key, name) for key, name in columns if content[key] is not None]
    count = len(content["time"])
    places = range(count) if count <= 40 else sorted({round(i * (count - 1) / (LINES - 1)) for i in range(LINES)})
    rows: list[Row] = [tuple(name for _, name in columns)]
    return rows + [tuple(number(content[key][place]) for key, _ in columns) for place in places]


def mode_rows(content: dict[str, Any]) -> list[Row]:
    """Learning times of the strongest modes."""
    times = content["mode_times"][:MODES_SHOWN]
    if not times:
        return []
    rows: list[Row] = [("mode", *(str(i + 1) for i in range(len(times))), "")]
    return [*rows, ("time", *("never" if time is None else number(time) for time in times), "")]
