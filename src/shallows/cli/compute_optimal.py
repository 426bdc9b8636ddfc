"""Find the best width, number of samples and learning rate for budgets of compute, from theory."""

from __future__ import annotations

import math
from contextlib import nullcontext
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import InvalidArgument
from . import _options as options
from ._files import OutputFolder
from ._output import print_json
from ._sections import Row, number, print_sections
from .dynamics import InitScale

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from ..dynamics import ComputeOptimal

#: Budgets of a range, and those that are shown.
PER_DECADE, MOST_BUDGETS, LINES = 4, 1000, 16

Budgets = Annotated[
    str | None,
    typer.Option(
        "--budgets",
        metavar="A:B",
        help="Multiply-adds: a range, A:B or A:B:COUNT, or a list, A,B,C (required).",
        show_default=False,
    ),
]
Schedule = Annotated[
    str,
    typer.Option("--schedule", metavar="HOW", help="Learning rate: linear (to zero, in a straight line) or constant."),
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
    gamma: options.Gamma = None,
    spectrum: options.SpectrumFile = None,
    rank: options.Rank = None,
    energy: options.Energy = None,
    noise: options.Noise = None,
    budgets: Budgets = None,
    init_scale: InitScale = "0.01",
    schedule: Schedule = "linear",
    out: Out = None,
    force: options.ForceFolder = False,
    json: options.Json = False,
) -> int:
    """Build the problem, search, print the frontier."""
    problem = options.build_problem(network, dim, "1", gamma, spectrum, rank, energy, noise, None)
    wanted = parse_budgets(budgets)
    scale = options.parse_size("--init-scale", init_scale)
    folder: AbstractContextManager[OutputFolder | None] = (
        nullcontext() if out is None else OutputFolder("--out", out, force=force)
    )

    from ..dynamics import compute_optimal

    typed = {"budgets": budgets, "init_scale": init_scale, "schedule": schedule}
    with folder as output:
        with options.naming(typed):
            found = compute_optimal(problem, wanted, init_scale=scale, schedule=schedule)
        if output is not None:
            from ..report import write_frontier_report

            write_frontier_report(found, output.partial)
            output.finish()
    if json:
        print_json(found.to_dict())
    else:
        print_sections(f"Compute-optimal training of a {problem.network} network", sections(found))
        if out is not None:
            typer.echo(f"\nReport: {out}/report.html")
    return 0


def parse_budgets(text: str | None) -> list[float]:
    """Budgets from ``1e9:1e15``, ``1e9:1e15:7`` or ``1e9,1e12``."""
    allowed = "must be positive numbers, as a range 1e9:1e15 (or 1e9:1e15:7) or a list 1e9,1e12,1e15"
    if text is None:
        raise InvalidArgument("--budgets", "nothing", allowed)
    words = [word.strip() for word in text.split(":" if ":" in text else ",")]
    numbers = [float(options.parse_number("--budgets", word, allowed)) if word else math.nan for word in words]
    if ":" not in text:
        if len(numbers) > MOST_BUDGETS:
            raise InvalidArgument("--budgets", f"{len(numbers)} budgets", f"at most {MOST_BUDGETS}")
        ends, count = numbers, 0
    elif len(numbers) == 3:
        ends, count = numbers[:2], options.parse_integer("--budgets", words[2], 2, MOST_BUDGETS)
    else:
        ends, count = numbers, -1
    if not all(options.SMALLEST_SIZE <= end <= options.LARGEST_SIZE for end in ends) or sorted(set(ends)) != ends:
        raise InvalidArgument("--budgets", options.shown(text), allowed + ", increasing")
    if count == 0:
        return ends
    if len(ends) != 2:
        raise InvalidArgument("--budgets", options.shown(text), allowed)
    low, high = (math.log10(end) for end in ends)
    steps = max(round(PER_DECADE * (high - low)), 1) if count < 0 else count - 1
    return [ends[0], *(10 ** (low + (high - low) * i / steps) for i in range(1, steps)), ends[1]]


def sections(found: ComputeOptimal) -> list[tuple[str, list[Row]]]:
    """Headings and rows that present the frontier."""
    from ..problem_rows import training_rows

    has_width = found.problem.architecture.has_width
    head = ("multiply-adds", *(("width",) if has_width else ()), "samples", "steps", "batch", "rate", "excess risk")
    count = found.budgets.size
    places = range(count) if count <= 40 else sorted({round(i * (count - 1) / (LINES - 1)) for i in range(LINES)})
    rows: list[Row] = [head]
    for i in places:
        values = [*([found.width[i]] if has_width else []), round(found.samples[i])]
        values += [max(1, round(found.steps[i])), max(1, round(found.batch[i])), found.learning_rate[i]]
        told = (number(float(value)) for value in (*values, found.excess_risk[i]))
        rows.append((f"{found.budgets[i]:.3e}", *told))
    reading: list[Row] = []
    if found.exponents is not None:
        named = {"excess_risk": "excess risk", "width": "width", "samples": "samples"}
        laws = [f"{named[k]} ~ C^{v:.3g}" for k, v in found.exponents.items() if has_width or k != "width"]
        reading.append(("derived", ", ".join(laws) + ", up to logarithms and the ends of the spectrum"))
    miss = found.extrapolation()
    if miss is not None:
        ratio = miss["extrapolated_risk"] / miss["excess_risk"]
        text = f"fitted up to {miss['fitted_until']:.3g}, it says {number(miss['extrapolated_risk'])} at "
        text += f"{miss['budget']:.3g}: {ratio:.3g} times the risk above"
        reading.append(("a plain power law", text))
    content = {**found.problem.to_dict(), "init_scale": found.init_scale, "schedule": found.schedule}
    problem = training_rows(content, chosen=("width",))
    return [("Problem", problem), (f"Best runs, one pass, {found.schedule} learning rate", rows), ("Reading", reading)]
