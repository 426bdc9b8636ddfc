"""Find the weight decay of smallest predicted risk, the price of missing it, and the gap to the Bayes-optimal risk."""

from __future__ import annotations

from . import _options as options
from ._output import print_failure, print_json
from ._sections import print_sections


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
    json: options.Json = False,
) -> int:
    """Build the problem, minimise its risk, print the minimum."""
    inputs = options.parse_design(design, covariance, alignment)
    problem = options.build_problem(
        network, dim, samples, gamma, spectrum, rank, energy, noise, width, inputs, depth=depth, tokens=tokens
    )

    from ..optimum import optimal_weight_decay

    best = optimal_weight_decay(problem, throw=False)
    if not best.status.ok:
        return print_failure(best.to_dict(), best.status, as_json=json)
    content = best.to_dict()
    if json:
        print_json(content)
        return 0
    from ..result_rows import optimum_notes, optimum_rows

    print_sections(
        f"Best weight decay of {problem.architecture.phrase}",
        [("Optimum", optimum_rows(content)), ("Reading", optimum_notes(content))],
    )
    return 0
