"""Find the weight decay of smallest predicted risk, the price of missing it, and the gap to the Bayes-optimal risk."""

from __future__ import annotations

from . import _options as options
from ._output import print_failure, print_json
from ._sections import Row, number, print_sections


def run(
    network: options.Network = None,
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
    problem = options.build_problem(network, dim, samples, gamma, spectrum, rank, energy, noise, width, inputs)

    from ..optimum import optimal_weight_decay

    best = optimal_weight_decay(problem, throw=False)
    if not best.status.ok:
        return print_failure(best.to_dict(), best.status, as_json=json)
    content = best.to_dict()
    if json:
        print_json(content)
        return 0
    gap = content["gap_to_bayes"]
    rows: list[Row] = [
        ("weight decay", "lam", "0, the limit from above" if best.weight_decay == 0 else number(best.weight_decay))
    ]
    if best.penalty is not None:
        rows.append(("penalty", "pen", number(best.penalty)))
    if problem.design.is_white:
        rows.append(("noise line", "sqrt(n_eff/d)", number(best.noise_line)))
    missing = "could not be solved" if problem.design.is_white else "not known for these inputs"
    rows += [
        ("excess risk", "R", number(best.excess_risk)),
        (
            "smallest possible",
            "",
            missing
            if best.bayes_risk is None
            else f"{number(best.bayes_risk)}   Bayes-optimal" + ("" if gap is None else f", {gap:.3g} times less"),
        ),
        ("half the weight decay", "", f"{_percent(best.price_of_half)} more risk"),
        ("twice the weight decay", "", f"{_percent(best.price_of_double)} more risk"),
    ]
    notes: list[Row] = [("status", f"{best.status.value}: {best.status.advice}")]
    if len(best.local_minima) > 1:
        others = ", ".join(f"{number(lam)} (risk {number(risk)})" for lam, risk in best.local_minima[1:])
        notes.append(("other minima", others))
    if best.failed:
        notes.append(("not solved", f"{best.failed} points of the search, none of them next to the optimum"))
    print_sections(f"Best weight decay of a {problem.network} network", [("Optimum", rows), ("Reading", notes)])
    return 0


def _percent(price: float) -> str:
    extra = 100 * (price - 1)
    return f"{max(extra, 0):.3g} %"
