"""``python -m shallows._warm``: compile the numerical kernels, so that the first command is as fast as the next."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .amp import MODELS, AmpSettings, amp, bayes_rule
from .designs import GaussianDesign
from .dynamics import FLOWS, predict_dynamics
from .networks import Network, network_named, network_names, network_with
from .prediction import predict
from .problems import Problem
from .state_evolution import COVARIANCE_EVOLUTIONS
from .teachers import EXACT_LIMIT, FromValues, LowRank, PowerLaw, Teacher
from .training import TRAINERS, sample, train

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Of everything whose size does not matter to a kernel.
DIM = 8
#: Effective samples over the dimension: with many, modes lie further from the noise, where other kernels serve.
FEW, MANY = 5, 50


def all_networks() -> Iterator[Network]:
    """Every network as it is, and with each of its options other than that."""
    for name in network_names():
        yield network_named(name)
        for option, plain in network_named(name).defaults.items():
            yield network_with(name, **{option: plain + 1})


def all_teachers() -> tuple[Teacher, ...]:
    """Every kind of teacher; of those whose size decides how they are kept, one of each."""
    many = np.geomspace(1.0, 1e-3, EXACT_LIMIT + 8)
    return (
        PowerLaw(dim=DIM, gamma=1.0),
        PowerLaw(dim=2 * EXACT_LIMIT, gamma=1.0),
        LowRank(dim=DIM, rank=2),
        FromValues([1.0, 0.5, 0.0]),
        FromValues(many),
    )


def all_designs(dim: int) -> tuple[GaussianDesign, ...]:
    """A covariance that shares its directions with a teacher of so many modes, and for small ones one that does not."""
    aligned = GaussianDesign(0.5)
    return (aligned, GaussianDesign(0.5, "random")) if dim <= DIM else (aligned,)


def warm() -> None:
    """Touch every kernel that theory, message passing and training use: all networks, teachers and covariances."""
    teachers = all_teachers()
    for network in all_networks():
        for teacher, ratio in ((teachers[0], MANY), *((teacher, FEW) for teacher in teachers)):
            samples = round(ratio * network.samples_per_effective(teacher.dim))
            for width in (None, 2) if network.has_width else (None,):
                problem = Problem(network.name, teacher, samples, 0.1, width)
                predict(problem, weight_decay=0.5, throw=False).to_dict()
            for design in all_designs(teacher.dim) if COVARIANCE_EVOLUTIONS.has(network) else ():
                coloured = Problem(network.name, teacher, samples, 0.1, design=design)
                predict(coloured, weight_decay=0.5, throw=False).to_dict()
        if FLOWS.has(network):
            predict_dynamics(Problem(network.name, teachers[0], 1), [0.0, 1.0], init_scale=0.1, weight_decay=0.1)
        learn(Problem(network.name, teachers[0], round(FEW * network.samples_per_effective(DIM)), 0.1))


def learn(problem: Problem) -> None:
    """Train on one small data set and pass messages on it, by the rules that its network has."""
    network, data = problem.architecture, sample(problem, 0)
    if TRAINERS.has(network):
        train(data, weight_decay=0.5, throw=False)
    if not MODELS.has(network):
        return
    settings = AmpSettings(max_iterations=3, replicas=0)
    amp(data, weight_decay=0.5, settings=settings, throw=False)
    if network.penalty_exponent == 1:  # otherwise its posterior mean is not known
        amp(data, rule=bayes_rule(problem), settings=settings, throw=False)


if __name__ == "__main__":
    warm()
