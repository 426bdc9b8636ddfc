"""Train the network on sampled data sets and compare what comes out with the prediction."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import InvalidArgument, SolveFailed
from . import _options as options
from ._files import OutputFolder
from ._output import print_failure, print_json
from ._progress import Progress

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from ..problems import Problem

TRAINERS = ("gradient", "convex")
MOST_SEEDS = 10_000
#: Scales of initial weights in one run.
MOST_SCALES = 20
#: Data sets with less work than this train faster than worker processes start.
SMALL = 3e7

Seeds = Annotated[
    str | None, typer.Option("--seeds", metavar="K", help="Number of data sets, >= 1 (default 4).", show_default=False)
]
Seed = Annotated[
    str | None,
    typer.Option("--seed", metavar="S", help="Seed that every data set derives from (default 0).", show_default=False),
]
Trainers = Annotated[
    str | None,
    typer.Option(
        "--trainers",
        metavar="LIST",
        help="What trains: gradient, convex, or both separated by a comma (default both).",
        show_default=False,
    ),
]
InitScales = Annotated[
    str | None,
    typer.Option(
        "--init-scale",
        metavar="S[,S...]",
        help="Initial weights of gradient training, times those whose outputs are about the size of the labels "
        "(default 1); several map where training of a deep network ends.",
        show_default=False,
    ),
]
Out = Annotated[
    str | None,
    typer.Option(
        "--out", metavar="DIR", help="Folder for report.html and its figures (default: no report).", show_default=False
    ),
]
Workers = Annotated[
    str | None,
    typer.Option(
        "--workers",
        metavar="W",
        help="Processes that train at once; 0 trains in this one (default: the cores, 0 for small problems).",
        show_default=False,
    ),
]
Curve = Annotated[
    bool | None,
    typer.Option(
        "--learning-curve/--no-learning-curve",
        help="Predict the risk at other sample sizes too, and train a few networks there (default: with --out).",
        show_default=False,
    ),
]


def run(
    network: options.Network = None,
    depth: options.Depth = None,
    tokens: options.Tokens = None,
    dim: options.Dim = None,
    samples: options.Samples = None,
    gamma: options.Gamma = None,
    spectrum: options.SpectrumFile = None,
    rank: options.Rank = None,
    energy: options.Energy = None,
    noise: options.Noise = None,
    width: options.Width = None,
    design: options.Design = None,
    covariance: options.Covariance = None,
    alignment: options.Alignment = None,
    weight_decay: options.WeightDecay = None,
    penalty: options.Penalty = None,
    seeds: Seeds = None,
    seed: Seed = None,
    trainers: Trainers = None,
    init_scale: InitScales = None,
    out: Out = None,
    force: options.ForceFolder = False,
    learning_curve: Curve = None,
    workers: Workers = None,
    inputs: options.Inputs = None,
    activation: options.Activation = None,
    json: options.Json = False,
) -> int:
    """Build the problem, check everything, then train and report."""
    law = options.parse_design(design, covariance, alignment)
    problem = options.build_problem(
        network, dim, samples, gamma, spectrum, rank, energy, noise, width, law, depth=depth, tokens=tokens
    )
    decay, reduced = options.parse_regularisation(problem, weight_decay, penalty)
    cited = options.parse_citations(problem.network, inputs, activation)
    if not isinstance(problem.samples, int):
        raise InvalidArgument("--samples", samples, "must be an integer: data sets are drawn")
    settings: dict[str, Any] = {
        "seeds": 4 if seeds is None else options.parse_integer("--seeds", seeds, 1, MOST_SEEDS),
        "seed": 0 if seed is None else options.parse_integer("--seed", seed, 0, 2**63 - 1),
        "trainers": _parse_trainers(trainers),
        "init_scales": (1.0,) if init_scale is None else _parse_scales(init_scale),
        "workers": _choose_workers(problem, workers),
        "learning_curve": out is not None if learning_curve is None else learning_curve,
    }
    folder: AbstractContextManager[OutputFolder | None] = (
        nullcontext() if out is None else OutputFolder("--out", out, force=force)
    )

    typed = {"samples": samples, "dim": dim, "seeds": seeds, "trainers": trainers}
    with folder as output, Progress() as progress, options.naming(typed):
        from ..spectra import require_law
        from ..verification import verify

        if output is not None:
            require_law(problem)  # the report draws it
        try:
            verification = verify(
                problem, weight_decay=decay, penalty=reduced, throw=False, progress=progress.update, **settings
            )
            content = verification.to_dict()
        except SolveFailed as error:
            status = getattr(error.result, "status", None)
            return print_failure(problem.to_dict(), status, as_json=json, message=str(error))
        if not verification.status.ok:
            return print_failure(content, verification.status, as_json=json)
        if output is not None:
            from ..report import write_report

            progress.say("writing the report")
            write_report(verification, output.partial)
            output.finish()
    if json:
        print_json(content | ({"measured_elsewhere": [one.to_dict() for one in cited]} if cited else {}))
    else:
        from ._result_sections import print_verification

        print_verification(content)
        options.say_citations(cited)
    if out is not None:
        report = Path(out) / "report.html"
        typer.echo(f"\nReport: {report}", err=json)
    return 0


def _parse_scales(text: str) -> tuple[float, ...]:
    words = text.split(",")
    if len(words) > MOST_SCALES:
        raise InvalidArgument("--init-scale", f"{len(words)} numbers", f"at most {MOST_SCALES}")
    return tuple(options.parse_init_scale(word.strip()) for word in words)


def _choose_workers(problem: Problem, text: str | None) -> int | None:
    """As many processes as asked for; by default one per core (None), or none at all for small problems."""
    if text is not None:
        return options.parse_integer("--workers", text, 0, 1024)
    return 0 if problem.architecture.product_cost(problem.samples, problem.dim) < SMALL else None


def _parse_trainers(text: str | None) -> tuple[str, ...]:
    if text is None:
        return TRAINERS
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",")))
    if not set(names) <= set(TRAINERS):
        raise InvalidArgument("--trainers", options.shown(text), "must be gradient, convex or gradient,convex")
    return names
