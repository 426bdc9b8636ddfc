"""``python -m shallows._warm``: compile the numerical kernels, so that the first command is as fast as the next."""

from __future__ import annotations

import numpy as np

from .designs import GaussianDesign
from .dynamics import FLOWS, predict_dynamics
from .networks import Diagonal, Quadratic, network_named, network_names
from .prediction import predict
from .problems import Problem
from .state_evolution import COVARIANCE_EVOLUTIONS
from .teachers import EXACT_LIMIT, FromValues, LowRank, PowerLaw, Teacher


def warm() -> None:
    """Touch every kernel that predictions use: all networks, all kinds of teacher, full and limited width."""
    many = np.geomspace(1.0, 1e-3, EXACT_LIMIT + 8)  # more values than are kept one by one
    teachers: tuple[Teacher, ...] = (
        PowerLaw(dim=8, gamma=1.0),
        PowerLaw(dim=2 * EXACT_LIMIT, gamma=1.0),
        LowRank(dim=8, rank=2),
        FromValues([1.0, 0.5, 0.0]),
        FromValues(many),
    )
    for network in (*map(network_named, network_names()), Diagonal(depth=3), Quadratic(depth=2)):
        for teacher in teachers:
            samples = round(5 * network.samples_per_effective(teacher.dim))
            for width in (None, 2) if network.has_width else (None,):
                problem = Problem(network.name, teacher, samples, 0.1, width)
                predict(problem, weight_decay=0.5, throw=False).to_dict()
            if COVARIANCE_EVOLUTIONS.has(network):
                coloured = Problem(network.name, teacher, samples, 0.1, design=GaussianDesign(0.5))
                predict(coloured, weight_decay=0.5, throw=False).to_dict()
        if FLOWS.has(network):
            predict_dynamics(Problem(network.name, teachers[0], 1), [0.0, 1.0], init_scale=0.1, weight_decay=0.1)


if __name__ == "__main__":
    warm()
