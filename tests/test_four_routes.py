"""Four routes to one number: the fast solver, random matrices, the trained network, the convex problem."""

import math
from dataclasses import replace

import numpy as np
import pytest
from twins import goe, quadratic_fixed_point, soft_threshold_risk

from shallows import LowRank, PowerLaw, Problem, predict
from shallows.amp import AmpSettings, amp
from shallows.networks import Diagonal
from shallows.power_prox import power_prox
from shallows.training import sample, train


def random_problems(network: str, count: int, seed: int) -> list[tuple[Problem, float]]:
    """Problems small enough to train in a second, with enough effective samples for theory to hold."""
    rng = np.random.default_rng(seed)
    problems = []
    for index in range(count):
        if network == "quadratic":
            dim = int(rng.integers(50, 80))
            samples = int(dim * rng.uniform(30, 70))
        else:
            dim = int(rng.integers(150, 400))
            samples = int(rng.uniform(100, 400))
        teacher = PowerLaw(dim, rng.uniform(0.7, 1.6)) if index % 3 else LowRank(dim, int(rng.integers(2, 6)))
        problems.append((Problem(network, teacher, samples, rng.uniform(0.1, 1.0)), float(rng.uniform(0.05, 0.5))))
    return problems


@pytest.mark.parametrize("case", range(4))
@pytest.mark.parametrize("network", ["diagonal", "quadratic"])
def test_theory_solver_and_network_agree(network, case):
    problem, strength = random_problems(network, 4, seed=20)[case]
    key = {"weight_decay" if network == "diagonal" else "penalty": strength}
    prediction = predict(problem, **key)
    risks, errors = [], []
    for seed in range(8):
        dataset = sample(problem, 100 * case + seed)
        fit = train(dataset, solver="convex", tolerance=1e-9, **key)
        assert fit.gap <= 1e-9
        risks.append(fit.excess_risk(dataset))
        errors.append(fit.train_error)
        if seed == 0:
            network_fit = train(dataset, solver="gradient", seed=seed, tolerance=1e-6, throw=False, **key)
            assert network_fit.objective == pytest.approx(fit.objective, rel=1e-5)
            assert network_fit.excess_risk(dataset) == pytest.approx(risks[0], rel=2e-2)
    for name, values in (("excess_risk", risks), ("train_error", errors)):
        mean, stderr = np.mean(values), np.std(values, ddof=1) / math.sqrt(len(values))
        # four standard errors, and the few percent of finite size that come with every prediction
        assert getattr(prediction, name) == pytest.approx(mean, abs=4 * stderr + 0.06 * mean), name


def random_deep_problems(count: int, seed: int) -> list[tuple[Problem, float]]:
    """Deep diagonal networks of the same sizes, at weight decays from a wide bulk to a few weights."""
    rng = np.random.default_rng(seed)
    problems = []
    for problem, _ in random_problems("diagonal", count, seed):
        deep = replace(problem, network=Diagonal(depth=int(rng.integers(3, 6))), samples=2 * problem.samples)
        problems.append((deep, float(np.exp(rng.uniform(np.log(0.3), np.log(3.0))))))
    return problems


@pytest.mark.parametrize("case", range(3))
def test_four_routes_of_deep_networks_agree(case):
    """The solver, plain Monte Carlo of its averages, message passing and the best of many starts."""
    problem, strength = random_deep_problems(3, seed=31)[case]
    prediction = predict(problem, weight_decay=strength)
    rng = np.random.default_rng(case)
    tau, q = prediction.noise_scale, 2 / problem.architecture.depth
    noise = rng.standard_normal((3000, problem.dim))
    teacher = problem.teacher.values(problem.network)
    learned = power_prox(teacher + tau * noise, prediction.threshold, q)
    risks, freedoms = np.square(learned - teacher).sum(axis=1), (noise * (learned - teacher)).sum(axis=1) / tau
    for values, wanted in ((risks, prediction.excess_risk), (freedoms, prediction.degrees_of_freedom)):
        assert abs(values.mean() - wanted) < 4 * values.std() / math.sqrt(values.size)
    assert problem.samples * tau**2 == pytest.approx(prediction.excess_risk + problem.noise, rel=1e-9)
    found: dict[str, list[float]] = {"amp": [], "starts": []}
    for seed in range(6):
        dataset = sample(problem, 100 * case + seed)
        run = amp(dataset, weight_decay=strength, throw=False, settings=AmpSettings(damping=0.7, replicas=0))
        assert run.status.ok
        fit = train(dataset, weight_decay=strength)
        assert fit.status.value == "local_minimum"
        found["amp"].append(run.excess_risk)
        found["starts"].append(fit.excess_risk(dataset))
    for values in found.values():
        mean, stderr = np.mean(values), np.std(values, ddof=1) / math.sqrt(len(values))
        assert prediction.excess_risk == pytest.approx(mean, abs=4 * stderr + 0.08 * mean)


@pytest.mark.parametrize("case", range(4))
def test_theory_and_random_matrices_agree(case):
    problem, penalty = random_problems("quadratic", 4, seed=21)[case]
    prediction = predict(problem, penalty=penalty)
    rng = np.random.default_rng(case)
    dof = prediction.degrees_of_freedom * 2 / problem.dim**2
    overlap = 0.9
    start = np.array([prediction.estimation_error - problem.energy + 2 * overlap, overlap, dof])
    runs = []
    for _ in range(6):
        matrices = [goe(problem.dim, rng) for _ in range(6)]
        modes = problem.teacher.values("quadratic")
        error, _, success = quadratic_fixed_point(modes, problem.alpha, problem.noise, penalty, matrices, start)
        if success:
            runs.append(error)
    assert len(runs) >= 4
    mean, stderr = np.mean(runs), np.std(runs, ddof=1) / math.sqrt(len(runs))
    assert prediction.estimation_error == pytest.approx(mean, abs=4 * stderr + 1.5 / problem.dim * mean)


@pytest.mark.parametrize("case", range(4))
def test_theory_and_quadrature_agree(case):
    """The diagonal fixed point solves its equations when every average is done by adaptive quadrature."""
    problem, weight_decay = random_problems("diagonal", 4, seed=22)[case]
    prediction = predict(problem, weight_decay=weight_decay)
    tau, zeta = prediction.noise_scale, prediction.threshold
    averages = np.array([soft_threshold_risk(abs(mode), tau, zeta) for mode in problem.teacher.values("diagonal")])
    risk, dof = averages.sum(axis=0)
    assert prediction.excess_risk == pytest.approx(risk, rel=1e-7)
    assert tau**2 == pytest.approx((problem.noise + risk) / problem.samples, rel=1e-7)
    assert zeta * (problem.samples - dof) == pytest.approx(weight_decay * math.sqrt(problem.dim), rel=1e-7)
