"""Run message passing on a sampled data set, each iteration beside its prediction."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..errors import InvalidArgument
from . import _options as options
from ._files import OutputFolder
from ._output import print_json
from ._sections import number, print_sections
from ._streams import print_error

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from ..amp import AmpRun
    from ..problems import Problem

#: Lines of the table at most.
LINES = 24

Bayes = Annotated[
    bool, typer.Option("--bayes", help="Use the Bayes-optimal denoiser; takes no weight decay or penalty.")
]
Seed = Annotated[
    str | None, typer.Option("--seed", metavar="S", help="Seed of the data set (default 0).", show_default=False)
]
Damping = Annotated[
    str | None,
    typer.Option(
        "--damping",
        metavar="B",
        help="Share of the new iterate in the mix, in (0, 1] (default 1 diagonal, 0.6 quadratic).",
        show_default=False,
    ),
]
Replicas = Annotated[
    str | None,
    typer.Option(
        "--replicas",
        metavar="R",
        help="Data sets that correct the prediction for finite size (default 0 diagonal, 4 quadratic).",
        show_default=False,
    ),
]
Iterations = Annotated[
    str | None,
    typer.Option("--iterations", metavar="K", help="Iterations at most (default 100).", show_default=False),
]
Out = Annotated[
    str | None,
    typer.Option(
        "--out", metavar="DIR", help="Folder for amp.json, amp.png and amp.svg (default: none).", show_default=False
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
    bayes: Bayes = False,
    seed: Seed = None,
    damping: Damping = None,
    iterations: Iterations = None,
    replicas: Replicas = None,
    out: Out = None,
    force: options.ForceFolder = False,
    json: options.Json = False,
) -> int:
    """Check everything, sample, iterate, print."""
    inputs = options.parse_design(design, covariance, alignment)
    problem = options.build_problem(
        network, dim, samples, gamma, spectrum, rank, energy, noise, width, inputs, depth=depth, tokens=tokens
    )
    rule = _rule(problem, weight_decay, penalty, bayes)
    if not isinstance(problem.samples, int):
        raise InvalidArgument("--samples", samples, "must be an integer: a data set is drawn")
    base = 0 if seed is None else options.parse_integer("--seed", seed, 0, 2**63 - 1)
    most = 100 if iterations is None else options.parse_integer("--iterations", iterations, 1, 100_000)
    count = None if replicas is None else options.parse_integer("--replicas", replicas, 0, 1000)
    mix = None if damping is None else options.parse_size("--damping", damping)
    folder: AbstractContextManager[OutputFolder | None] = (
        nullcontext() if out is None else OutputFolder("--out", out, force=force)
    )
    with folder as output, options.naming({"damping": damping, "samples": samples, "dim": dim}):
        import json as json_module

        from ..amp import AmpSettings, amp, bayes_rule
        from ..training import sample

        if bayes:
            rule = {"rule": bayes_rule(problem)}
        settings = AmpSettings(damping=mix, max_iterations=most, replicas=count)
        result = amp(sample(problem, base), settings=settings, throw=False, **rule)
        content = {"problem": problem.to_dict(), "seed": base, "advice": result.status.advice, **result.to_dict()}
        if output is not None:
            from ..report import write_amp_figure

            write_amp_figure(result, output.partial)
            (output.partial / "amp.json").write_text(json_module.dumps(content, indent=1) + "\n", encoding="utf-8")
            output.finish()
    if json:
        print_json(content)
    else:
        _print(result, problem, bayes)
        if out is not None:
            typer.echo(f"\nFigure: {out}/amp.png")
    if not result.status.ok:
        print_error(f"{result.status.value}: {result.status.advice}")
        return 1
    return 0


def _rule(problem: Problem, weight_decay: str | None, penalty: str | None, bayes: bool) -> dict[str, Any]:
    """How thresholds are chosen, as arguments of ``amp``; the Bayes-optimal rule is made only once all is checked."""
    if bayes:
        if weight_decay is not None or penalty is not None:
            given = "--weight-decay" if weight_decay is not None else "--penalty"
            raise InvalidArgument("--bayes", given, "the Bayes-optimal denoiser takes neither weight decay nor penalty")
        return {}
    decay, reduced = options.parse_regularisation(problem, weight_decay, penalty)
    if not (decay if reduced is None else reduced):
        option = "--weight-decay" if penalty is None else "--penalty"
        raise InvalidArgument(option, "0", "must be > 0: message passing has no limit 0+")
    return {"weight_decay": decay} if reduced is None else {"penalty": reduced}


def _print(result: AmpRun, problem: Problem, bayes: bool) -> None:
    from ..networks import network_named

    threshold = "soft threshold" if network_named(result.network).penalty_exponent == 1 else "threshold with a jump"
    rule = "Bayes-optimal denoiser" if bayes else threshold
    way = "state evolution, step by step"
    if result.replicas:
        way = f"mean over {result.replicas} other data sets of the problem; large d: {way}"
    count = result.iterations
    print_sections(
        f"Message passing on {problem.architecture.phrase}, {rule}",
        [
            ("Noise scale and excess risk per iteration", _iteration_rows(result, problem.architecture.risk_per_error)),
            (
                "Outcome",
                [
                    ("status", f"{result.status.value} after {count} iterations, {result.seconds:.2g} s"),
                    ("prediction", way),
                    *_departure_rows(result, problem),
                    ("risk", number(result.excess_risk if count else None)),
                ],
            ),
        ],
    )


def _iteration_rows(result: AmpRun, factor: float) -> list[tuple[str, ...]]:
    """The table: measured beside predicted, and beside a prediction at this size its limit at large d."""
    path, count = result.trajectory, result.iterations
    shown = range(count) if count <= LINES else [*range(LINES - 4), *range(count - 4, count)]
    limit = ("large d",) if result.replicas else ()
    rows: list[tuple[str, ...]] = [
        ("iteration", "measured", "predicted", "off by", *limit, "risk", "predicted risk", *limit)
    ]
    previous = -1
    for i in shown:
        if i != previous + 1:
            rows.append(("...", *[""] * (len(rows[0]) - 1)))
        previous = i
        rows.append(
            (
                str(i + 1),
                number(float(path.noise_scale[i])),
                number(float(path.predicted_noise_scale[i])),
                f"{path.deviation[i]:+.1f} sd",
                *(number(float(path.asymptotic_noise_scale[i])) for _ in limit),
                number(factor * float(path.error[i])),
                number(factor * float(path.predicted_error[i])),
                *(number(factor * float(path.asymptotic_error[i])) for _ in limit),
            )
        )
    return rows


def _departure_rows(result: AmpRun, problem: Problem) -> list[tuple[str, str]]:
    """Whether the run left its path, how far it was off at most, and what counts as leaving it."""
    import numpy as np

    from ..amp.departure import FLUCTUATIONS, departure_share, size_allowance

    path, size = result.trajectory, problem.effective_samples
    departed = "never" if result.departed_at is None else f"at iteration {result.departed_at + 1}"
    rows = [("off theory", departed)]
    share = departure_share(path, size, result.replicas)
    if np.isfinite(share).any():
        worst = int(np.nanargmax(share))
        off = float(path.noise_scale[worst] / path.predicted_noise_scale[worst] - 1)
        text = f"{100 * off:+.2g} % ({path.deviation[worst]:+.1f} sd) at iteration {worst + 1}"
        rows.append(("furthest off", f"{text}, {100 * share[worst]:.0f} % of what is allowed there"))
    finite = f"{100 * size_allowance(size, result.replicas):.2g} % for finite size"
    return [*rows, ("allowed", f"{finite}, and {FLUCTUATIONS:g} sd, the scatter of equal data sets")]
