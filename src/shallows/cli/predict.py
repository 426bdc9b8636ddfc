"""Predict errors, learned spectrum and phase from theory alone, in well under a second."""

from __future__ import annotations

from . import _options as options
from ._output import print_failure, print_json, print_prediction


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
    weight_decay: options.WeightDecay = None,
    penalty: options.Penalty = None,
    json: options.Json = False,
) -> int:
    """Build the problem, solve it, print it."""
    problem = options.build_problem(network, dim, samples, gamma, spectrum, rank, energy, noise, width)
    decay, reduced = options.parse_regularisation(problem, weight_decay, penalty)

    from ..prediction import predict

    prediction = predict(problem, weight_decay=decay, penalty=reduced, throw=False)
    if not prediction.status.ok:
        return print_failure(prediction, as_json=json)
    if json:
        print_json(prediction.to_dict())
    else:
        print_prediction(prediction.to_dict())
    return 0
