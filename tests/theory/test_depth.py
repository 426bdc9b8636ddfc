"""Deep diagonal networks: moments of the map that jumps, the solutions of the equations, their laws, their phases."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from twins import power_threshold_moments, random_problem

from shallows import FromValues, LowRank, PowerLaw, Problem, bayes_optimal, optimal_weight_decay, predict
from shallows.errors import InvalidArgument, NotSupported
from shallows.freeprob.paths import FINE
from shallows.networks import Diagonal, Quadratic, network_named
from shallows.phases import phase_at, phase_of, phases_of, predicted_exponents
from shallows.phases_with_depth import interpolation_risk, noise_line
from shallows.power_prox import jump_of, power_prox, slopes
from shallows.state_evolution import has_several, solutions, solve, threshold_for_strength
from shallows.state_evolution.branches import Branches
from shallows.state_evolution.compiled_solver import NO_SOLUTION
from shallows.state_evolution.deep_diagonal import DeepDiagonalStateEvolution, deep_diagonal_moments
from shallows.state_evolution.diagonal import diagonal_moments
from shallows.state_evolution.equations import CompiledEquations, Equations
from shallows.state_evolution.several_solutions import (
    GRID,
    HIGHEST,
    LEAST_VARIANCE,
    _candidates,
    all_roots,
    follow,
    followed_root,
)

DEEP = [3, 4, 7]


@pytest.mark.parametrize("q", [2 / 3, 0.5, 0.2, 1.0])
@pytest.mark.parametrize("zeta", [0.05, 1.0, 3.0])
def test_the_map_is_the_minimum(q, zeta):
    """Against a minimisation over a grid, polished; and its jump is where two minima are equal."""
    for u in (0.1, 0.7, 1.3, 2.6, 5.0):
        grid = np.linspace(1e-9, u, 4001)
        values = 0.5 * (u - grid) ** 2 + zeta * grid**q
        best = grid[values.argmin()]
        found = minimize_scalar(
            lambda t, u=u: 0.5 * (u - t) ** 2 + zeta * abs(t) ** q,
            bounds=(0.9 * best, 1.1 * best + 1e-9),
            method="bounded",
            options={"xatol": 1e-12},
        )
        wanted = 0.0 if 0.5 * u**2 <= found.fun else found.x
        assert power_prox(np.array([u, -u]), zeta, q) == pytest.approx([wanted, -wanted], abs=1e-6)
    edge, jump = jump_of(q)
    c = zeta ** (1 / (2 - q))
    assert 0.5 * (edge * c) ** 2 == pytest.approx(0.5 * ((edge - jump) * c) ** 2 + zeta * (jump * c) ** q, rel=1e-12)
    above = np.array([edge * c * 1.001, edge * c * 3])
    h = 1e-6
    numeric = (power_prox(above + h, zeta, q) - power_prox(above - h, zeta, q)) / (2 * h)
    assert slopes(power_prox(above, zeta, q), zeta, q) == pytest.approx(numeric, rel=1e-6)


@pytest.mark.parametrize("depth", DEEP)
def test_moments_match_adaptive_quadrature(depth):
    q = 2 / depth
    for a in (1e-6, 0.02, 0.7, 3.0, 15.0):
        for mode in (0.0, 0.4, 2.5, 9.0, 60.0):
            risk, freedom = power_threshold_moments(mode, 1.0, a, q)
            found = deep_diagonal_moments(q, 0.1 * a, 0.1, np.array([0.1 * mode]), np.array([1.0]), FINE)
            assert found[0] == pytest.approx(0.01 * risk, rel=1e-8, abs=1e-10)
            assert found[1] == pytest.approx(freedom, rel=1e-8, abs=1e-8)


@pytest.mark.parametrize("a", [0.01, 0.5, 2.0, 6.0])
def test_many_small_modes_are_the_sum_of_each(a):
    """Modes below the noise are interpolated between a few."""
    modes = np.concatenate([[30.0, 3.0, 1.2], np.geomspace(1.0, 1e-5, 40), [0.0]])
    counts = np.arange(1.0, 1 + modes.size)
    each = np.array(
        [deep_diagonal_moments(2 / 3, a, 1.0, modes[i : i + 1], counts[i : i + 1], FINE) for i in range(44)]
    )
    found = deep_diagonal_moments(2 / 3, a, 1.0, modes, counts, FINE)
    assert found == pytest.approx(each.sum(axis=0), rel=1e-11)


def test_two_layers_are_the_soft_threshold():
    """The kernels of depth, given two layers, and the solver of several solutions, given the equations of one."""
    values, counts = np.array([3.0, 1.0, 0.2, 0.0]), np.array([1.0, 2.0, 5.0, 40.0])
    for zeta in (1e-3, 0.1, 1.0):
        deep = deep_diagonal_moments(1.0, zeta, 0.3, values, counts, FINE)
        assert deep == pytest.approx(diagonal_moments(zeta, 0.3, values, counts), rel=1e-11)
    problem = Problem("diagonal", PowerLaw(200, 1.0), 150, 0.5)
    evolution, spectrum = DeepDiagonalStateEvolution(2), problem.spectrum
    unit = math.sqrt(1.5)
    equations = Equations(
        lambda scale, zeta: evolution.moments(scale, zeta, 1.0, spectrum.values / unit, spectrum.multiplicities),
        150.0,
        0.5 / 1.5,
        0.7 * math.sqrt(200) / unit,
        evolution.threshold_power,
        lambda scale: evolution.silencing_threshold(float(spectrum.values[0]) / unit, scale),
    )
    _, root = followed_root(equations, equations)
    plain = solve(problem, weight_decay=0.7)
    assert root.stable
    assert unit * math.sqrt(root.variance) == pytest.approx(plain.noise_scale, rel=1e-9)
    assert unit * root.threshold == pytest.approx(plain.threshold, rel=1e-9)
    assert len(all_roots(equations, equations, root)) == 1


@pytest.mark.parametrize(
    ("depth", "samples", "decay", "risk", "message_passing", "spread"),
    [
        (3, 500, 1.0, 0.107, 0.109, 0.008),
        (3, 2000, 3.0, 0.0755, 0.0748, 0.0014),
        (3, 2000, 1.0, 0.0503, 0.0515, 0.0018),
        (3, 4000, 0.3, 0.0902, 0.0925, 0.0029),
        (4, 2000, 1.0, 0.0479, 0.0476, 0.0021),
        (4, 4000, 0.3, 0.0788, 0.0805, 0.0018),
    ],
)
def test_spot_values(depth, samples, decay, risk, message_passing, spread):
    """Theory note, section 14: a coarse quadrature, and three runs of message passing."""
    problem = Problem(Diagonal(depth=depth), PowerLaw(1000, 1.0), samples, 0.5)
    found = predict(problem, weight_decay=decay)
    assert found.excess_risk == pytest.approx(risk, rel=0.01)
    assert abs(found.excess_risk - message_passing) < 2 * spread
    assert found.threshold * (samples - found.degrees_of_freedom) == pytest.approx(
        decay * depth / 2 * 1000 ** (1 / depth), rel=1e-9
    )
    assert found.decomposition.total == pytest.approx(found.excess_risk, rel=1e-10)


def bistable() -> tuple[Problem, dict[str, float]]:
    """Equal strong modes, little noise: message passing fits noise where another solution learns the modes alone."""
    return Problem(Diagonal(depth=3), LowRank(200, 20), 60, 0.01), {"weight_decay": 0.03}


def test_several_solutions_are_found_and_the_followed_one_has_the_most_noise():
    problem, strength = bistable()
    found = solutions(problem, **strength)
    assert len(found.points) == 3 and found.followed == 0
    assert found.stable == (True, False, True)
    scales = [point.noise_scale for point in found.points]
    assert scales == sorted(scales, reverse=True) and found.others == (found.points[2],)
    for point in found.points:  # each solves the equations
        error, freedom = _moments(problem, point)
        assert problem.samples * point.noise_scale**2 == pytest.approx(error + problem.noise, rel=1e-8)
        level = problem.architecture.strength(strength["weight_decay"], None, 200)
        assert point.threshold * (problem.samples - freedom) == pytest.approx(level, rel=1e-8)
    prediction = predict(problem, **strength)
    assert prediction.fixed_point.noise_scale == pytest.approx(scales[0], rel=1e-9)
    assert "solutions    3" in str(prediction) and len(prediction.to_dict()["solutions"]) == 3


def thresholds_of(equations: Equations, scale: float) -> list[float]:
    """The largest, and what continues several guesses."""
    largest = equations.largest_threshold(scale)
    return [largest, *(equations.continued_threshold(scale, part * scale) for part in (1e-9, 0.1, 0.6, 1.5, 5.0))]


@pytest.mark.parametrize("network", [Diagonal(depth=3), Diagonal(depth=6), Quadratic(2), Quadratic(4)])
def test_compiled_equations_are_those_in_python(network):
    """Thresholds at a fixed variance, where equations have one solution, several, and none that does anything."""
    samples = 60 * (100 if network.family == "quadratic" else 1)
    for noise, decay in ((0.5, 0.5), (0.01, 0.02), (0.5, 1e-9), (0.2, 0.0)):
        problem = Problem(network, LowRank(200, 20), samples, noise)
        compiled = Branches.of(problem, *problem.regularisation(decay, None)).whole
        assert isinstance(compiled, CompiledEquations)
        plain = Equations(
            lambda scale, zeta, e=compiled: e.at(scale, zeta ** (1 / e.power)),
            *(getattr(compiled, name) for name in ("constraints", "noise", "strength", "power", "silencing")),
        )
        for over in (0.02, 0.5, 1.0, 10.0):
            scale = math.sqrt(over * compiled.top)
            found, wanted = thresholds_of(compiled, scale), thresholds_of(plain, scale)
            assert found[:2] == pytest.approx(wanted[:2], rel=1e-10, nan_ok=True)
            for c in found[2:]:  # other guesses may end at other solutions, but solutions they are
                freedom = compiled.at(scale, c)[1]
                missed = (compiled.constraints - freedom) * c**compiled.power - compiled.strength
                assert math.isnan(c) or abs(missed) < 1e-9 * (compiled.constraints * c**compiled.power)
            agree = [a == pytest.approx(b, rel=1e-9, nan_ok=True) for a, b in zip(found, wanted, strict=True)]
            assert sum(agree) >= 5
        grid = np.array([0.1, 1.0, 3.0]) * compiled.top, np.array([0.3, 1.0, 3.0])
        for ours, theirs in zip(compiled.surfaces(*grid), plain.surfaces(*grid), strict=True):
            assert (np.sign(ours) == np.sign(theirs)).all()


def test_following_takes_few_moments_of_all_modes():
    """The branch is followed on a rough teacher; on the whole one there are a few steps of Broyden's method alone."""
    for network, samples, asked in ((Diagonal(depth=3), 400, 0.3), (Quadratic(2), 26515, 5.0)):
        problem = Problem(network, PowerLaw(400, 1.25), samples, 0.1)
        branches = Branches.of(problem, *problem.regularisation(asked, None))
        assert branches.followed().status.ok
        assert 0 < len(branches.whole._kept) <= 6  # never cleared: fewer than are kept


def test_the_grid_finds_them_without_following():
    """Cells in which both equations change sign hold every solution, and few others."""
    problem, strength = bistable()
    branches = Branches.of(problem, strength["weight_decay"], None)
    cells = list(_candidates(branches.coarse))
    step = math.log(HIGHEST / LEAST_VARIANCE) / (GRID - 1)  # at most: of the variance; thresholds are finer
    roots = all_roots(branches.whole, branches.coarse, None)
    assert len(roots) == 3 and len(cells) < 40
    for root in roots:
        c = root.threshold ** (1 / branches.whole.power)
        assert any(abs(math.log(v / root.variance)) < step and abs(math.log(at / c)) < step for v, at in cells)


def _moments(problem, point):
    from shallows.state_evolution import moments

    return moments(problem, point.noise_scale, point.threshold)


def test_iterating_from_zero_weights_ends_where_the_solver_says():
    """The plain iteration of message passing's own equations, on problems with one solution and with three."""
    one = Problem(Diagonal(depth=3), PowerLaw(300, 1.0), 400, 0.3), {"weight_decay": 0.5}
    for problem, strength in (one, bistable()):
        level = problem.architecture.strength(strength["weight_decay"], None, problem.dim)
        variance = (problem.energy + problem.noise) / problem.samples
        for _ in range(400):
            scale = math.sqrt(variance)
            error, _ = _moments(problem, _At(scale, threshold_for_strength(problem, scale, level)))
            following = (error + problem.noise) / problem.samples
            if abs(following / variance - 1) < 1e-12:
                break
            variance = following
        assert math.sqrt(variance) == pytest.approx(solve(problem, **strength).noise_scale, rel=1e-6)


class _At:
    def __init__(self, noise_scale, threshold):
        self.noise_scale, self.threshold = noise_scale, threshold


def test_limits():
    network = Diagonal(depth=3)
    least_squares = predict(Problem(network, PowerLaw(50, 1.0), 200, 0.5), weight_decay=0.0)
    assert least_squares.excess_risk == pytest.approx(50 * 0.5 / 150, rel=1e-9)
    near = predict(Problem(network, PowerLaw(50, 1.0), 200, 0.5), weight_decay=1e-7)
    assert near.excess_risk == pytest.approx(least_squares.excess_risk, rel=1e-3)
    assert solve(Problem(network, PowerLaw(50, 1.0), 50, 0.5), weight_decay=0.0).status.value == "divergent"
    assert solve(Problem(network, PowerLaw(50, 1.0), 60), weight_decay=0.0).status.value == "perfect_recovery"
    silent = predict(Problem(network, PowerLaw(50, 1.0), 200, 0.5), weight_decay=1e6)
    assert silent.excess_risk == pytest.approx(1.0, rel=1e-12) and silent.spectrum.mass_at_zero == 1.0
    nothing = predict(Problem(network, FromValues(np.zeros(20)), 30, 0.5), weight_decay=1.0)
    assert nothing.excess_risk < 0.02
    interpolating = predict(Problem(network, PowerLaw(1000, 1.0), 300, 0.5), weight_decay=1e-9)
    assert interpolating.degrees_of_freedom == pytest.approx(300, rel=1e-6)
    assert interpolating.train_error < 1e-10
    sparse = Problem(network, LowRank(400, 5), 200)  # far fewer modes than samples, no noise: recovered
    assert solve(sparse, weight_decay=0.0).status.value == "perfect_recovery"


@pytest.mark.parametrize("depth", DEEP)
def test_the_law_is_that_of_simulated_weights(depth):
    problem = Problem(Diagonal(depth=depth), PowerLaw(400, 0.9), 600, 0.4)
    prediction = predict(problem, weight_decay=0.4)
    law, teacher = prediction.spectrum, problem.teacher.values(problem.network)
    rng = np.random.default_rng(0)
    noisy = teacher + prediction.noise_scale * rng.standard_normal((500, 400))
    learned = power_prox(noisy, prediction.threshold, 2 / depth)
    zero = (learned == 0).mean(axis=1)
    assert abs(zero.mean() - law.mass_at_zero) < 4 * zero.std() / math.sqrt(500)
    assert np.abs(learned[learned != 0]).min() >= law.gap * (1 - 1e-12)
    ends = np.linspace(law.gap, 4 * law.gap, 4)
    for low, high in zip(ends[:-1], ends[1:], strict=True):
        x = np.linspace(low + 1e-12, high, 20001)
        wanted = np.trapezoid(law.density(x), x)
        share = ((learned > low) & (learned <= high)).mean(axis=1)
        assert abs(share.mean() - wanted) < 4 * share.std() / math.sqrt(500) + 1e-7
    assert np.all(law.density(np.linspace(-0.99, 0.99, 9) * law.gap) == 0)
    ranks = np.array([1, 2, 5, 12])
    order = np.sort(np.abs(learned), axis=1)[:, ::-1]
    assert law.rank_positions(ranks) == pytest.approx(
        np.median(order[:, ranks - 1], axis=0), rel=0.06, abs=1.3 * law.gap
    )
    parts = law.decomposition()
    bulk = teacher <= prediction.noise_scale
    measured = np.square(learned[:, bulk]).sum(axis=1)
    assert abs(parts.overfitting - measured.mean()) < 4 * measured.std() / math.sqrt(500)
    assert parts.underfitting == pytest.approx(np.square(teacher[bulk]).sum(), rel=1e-3)
    for outlier in law.outliers[:2]:
        assert outlier.learned < outlier.teacher


def test_best_weight_decay_is_the_best_of_a_scan():
    problem = Problem(Diagonal(depth=3), PowerLaw(200, 1.0), 300, 0.5)
    best = optimal_weight_decay(problem)
    scan = [predict(problem, weight_decay=float(lam)).excess_risk for lam in np.geomspace(1e-2, 10, 25)]
    assert best.status.ok and best.excess_risk <= min(scan) * (1 + 1e-9)
    assert best.excess_risk > bayes_optimal(problem).excess_risk
    assert bayes_optimal(problem).excess_risk == bayes_optimal(replace(problem, network="diagonal")).excess_risk


def test_random_problems_are_physical():
    rng = np.random.default_rng(5)
    for _ in range(60):
        problem, strength = random_problem(rng, "diagonal")
        problem = replace(problem, network=Diagonal(depth=int(rng.integers(3, 8))))
        found = predict(problem, **strength, throw=False)
        assert found.status.ok or found.status.value == "divergent"
        if found.status.ok:
            assert found.residual <= 1e-8 and found.excess_risk >= 0
            assert 0 <= found.train_error <= (1 + 1e-9) * (problem.noise + problem.null_risk)
            assert 0 <= found.degrees_of_freedom <= problem.samples * (1 + 1e-9)


def test_a_jump_of_the_equations_is_no_solution():
    """Error that leaps over the line: the solver says that nothing solves the equations there."""
    equations = Equations(
        lambda s, z: (0.1, 0.0) if s > 0.06 else (0.9, 0.0), 100.0, 0.05, 1.0, 1.0, lambda scale: 10.0
    )
    assert follow(equations)[0] == NO_SOLUTION and follow(equations)[1] == pytest.approx(0.06**2, rel=1e-3)


@pytest.mark.parametrize("depth", [3, 5])
def test_phases(depth):
    name, q = f"diagonal:depth={depth}", 2 / depth
    assert set(phases_of(name)) == set(predicted_exponents(name, 1.0)) and "IV" not in phases_of(name)
    line = noise_line(q, 0.5, 1.0)
    assert line == pytest.approx(-0.5 / depth)
    assert phase_at(name, 0.5, line - 0.01, 1.0).name == "V" and phase_at(name, 0.5, line + 0.01, 1.0).name == "II"
    assert phase_at(name, 0.2, 0.5, 1.0).name == "Ib" and phase_at(name, -0.1, -3.0, 1.0).name == "Ia"
    assert phase_at(name, 3.5, 1.5, 1.0).name == "III" and phase_at(name, 3.5, 0.2, 1.0).name == "VIb"
    assert phase_at(name, 1.5, -1.0, 1.0).name == "VIa" and phase_at(name, 1.0, -1.0, 1.0).name == "peak"
    # at the bend the two branches of the line meet, and III borders II where its rate does
    assert noise_line(q, 2.0, 1.0) == pytest.approx(noise_line(q, 2.0 + 1e-9, 1.0), abs=1e-8)
    assert phases_of("quadratic:depth=2")["II"] == phases_of("diagonal:depth=4")["II"]  # both have q = 1/2
    assert phase_of(Problem(name, PowerLaw(100, 1.0), 150, 0.1), 0.5) is not None


def test_exponents_at_large_dimension():
    """Two of the paths of benchmarks/depth_exponents.py."""
    for ell, phase in ((0.25, "II"), (-3.0, "VIa")):
        nu = 1.0 if phase == "II" else 1.25
        dim, step = 10**9, 0.05
        risks = [
            solve(
                Problem("diagonal:depth=3", PowerLaw(dim, 0.75), dim**at, 1.0), weight_decay=dim**ell
            ).estimation_error
            for at in (nu - step, nu + step)
        ]
        slope = math.log(risks[1] / risks[0]) / math.log(dim) / (2 * step)
        assert slope == pytest.approx(predicted_exponents("diagonal:depth=3", 0.75)[phase][0], abs=0.02)
    assert interpolation_risk(2 / 3) == pytest.approx(1.0)


def test_what_is_refused():
    for bad in (1, 0, -3, 2.5, "3", None, True):
        with pytest.raises(InvalidArgument, match="depth"):
            Diagonal(depth=bad)
    problem = Problem("diagonal:depth=3", PowerLaw(20, 1.0), 30, 0.1)
    with pytest.raises(InvalidArgument, match="penalty"):
        predict(problem, penalty=1.0)
    with pytest.raises(InvalidArgument, match="width"):
        replace(problem, width=3)
    from shallows import GaussianDesign

    with pytest.raises(NotSupported, match="covariance"):
        predict(replace(problem, design=GaussianDesign(1.0)), weight_decay=1.0)
    assert has_several(problem) and not has_several(replace(problem, network="diagonal"))
    network = network_named("diagonal:depth=3")
    assert not network.is_convex(20, None) and not network.is_narrow(20, None)
    for depth in DEEP:
        deep = Diagonal(depth=depth)
        own = deep.own_weights([0.3, -2.0, 0.0])
        assert len(own) == depth and deep.effective_weights(own) == pytest.approx([0.3, -2.0, 0.0])
        norm = sum(float(np.square(layer).sum()) for layer in own.values())
        assert norm / 2 == pytest.approx(deep.strength(1.0, None, 3) * (0.3 ** (2 / depth) + 2.0 ** (2 / depth)))
        assert deep.weight_decay_from_strength(deep.strength(0.7, None, 3), 3, None) == pytest.approx(0.7)
