"""Predict errors, learned spectrum and phase from theory alone, in well under a second."""

from __future__ import annotations

from ..errors import SolveFailed
from . import _options as options
from ._output import print_failure, print_json


def run(
    network: options.Network = None,
    depth: options.Depth = None,
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
    inputs: options.Inputs = None,
    activation: options.Activation = None,
    json: options.Json = False,
) -> int:
    """Build the problem, solve it, print it."""
    law = options.parse_design(design, covariance, alignment)
    problem = options.build_problem(
        network, dim, samples, gamma, spectrum, rank, energy, noise, width, law, depth=depth
    )
    decay, reduced = options.parse_regularisation(problem, weight_decay, penalty)
    cited = options.parse_citations(problem.network, inputs, activation)

    from ..prediction import predict

    prediction = predict(problem, weight_decay=decay, penalty=reduced, throw=False)
    if not prediction.status.ok:
        return print_failure(prediction.to_dict(), prediction.status, as_json=json)
    try:
        content = prediction.to_dict()
    except SolveFailed as error:  # of what is computed when first read
        status = getattr(error.result, "status", None)
        return print_failure(problem.to_dict(), status, as_json=json, message=str(error))
    if json:
        print_json(content | ({"measured_elsewhere": [one.to_dict() for one in cited]} if cited else {}))
    else:
        from ._result_sections import print_prediction

        print_prediction(content)
        options.say_citations(cited)
    return 0
