"""Designs as values, what they refuse, what they draw, and that nothing stored before them changed its name."""

import json
import pickle

import numpy as np
import pytest

from shallows import FromValues, GaussianDesign, InvalidArgument, PowerLaw, Problem, sample
from shallows.designs import (
    CommonMean,
    Isotropic,
    Laplace,
    Orthogonal,
    Rademacher,
    Rows,
    Sparse,
    StudentT,
    Uniform,
    design_named,
)
from shallows.sweeps import Point, PointRequest, run_points

TEACHER = PowerLaw(6, 1.25)
ROTATION = np.linalg.qr(np.random.default_rng(3).normal(size=(6, 6)))[0]
ALL = [
    Isotropic(),
    GaussianDesign(0.5),
    GaussianDesign([4.0, 3.0, 2.0, 1.0, 1.0, 0.5]),
    GaussianDesign(np.eye(6) + 0.5),
    GaussianDesign(1.0, alignment="random", seed=3),
    GaussianDesign(1.0, alignment=ROTATION),
    Rademacher(),
    Uniform(),
    Laplace(),
    StudentT(5.0),
    Sparse(0.2),
    CommonMean(0.5),
    Orthogonal(),
    Rows(np.random.default_rng(0).normal(size=(60, 6))),
]


@pytest.mark.parametrize("design", ALL, ids=lambda design: design.describe())
@pytest.mark.parametrize("network", ["diagonal", "quadratic"])
def test_a_design_is_a_value(design, network):
    problem = Problem(network, TEACHER, 30, 0.1, design=design)
    again = pickle.loads(pickle.dumps(problem))
    assert again == problem and hash(again) == hash(problem)
    assert sum(Problem(network, TEACHER, 30, 0.1, design=other) == problem for other in ALL) == 1
    json.dumps(problem.to_dict())
    assert ("design" in problem.to_dict()) != (design == Isotropic())


@pytest.mark.parametrize("alignment", ["aligned", "random", ROTATION])
@pytest.mark.parametrize("covariance", [0.0, -0.0, np.ones(6), np.eye(6)], ids=["0", "-0", "ones", "matrix"])
def test_a_covariance_of_one_is_white(covariance, alignment):
    problem = Problem("quadratic", TEACHER, 30, 0.1, design=GaussianDesign(covariance, alignment))
    assert problem.design == Isotropic() and problem == Problem("quadratic", TEACHER, 30, 0.1)
    with pytest.raises(InvalidArgument):
        Problem("quadratic", TEACHER, 30, design=GaussianDesign(np.ones(5)))
    other = GaussianDesign(4 * np.ones(6))  # of mean 4: weight decay costs less
    assert Problem("quadratic", TEACHER, 30, design=other).design == other


def test_labels_of_power_laws():
    told = {a: GaussianDesign(a).describe() for a in (0.5, -1.0, 0.0)}
    assert "~ k^-0.5," in told[0.5] and "~ k^1," in told[-1.0] and told[0.0] == Isotropic().describe()


def test_a_matrix_of_single_precision_is_symmetrised():
    rng = np.random.default_rng(0)
    matrix = np.eye(6) + 0.5
    given = (matrix + np.triu(1e-7 * rng.normal(size=(6, 6)), 1)).astype(np.float32)
    kept = GaussianDesign(given).given
    assert np.array_equal(kept, kept.T) and np.abs(kept - matrix).max() < 1e-6
    assert not np.array_equal(given, given.T)
    with pytest.raises(InvalidArgument, match="symmetric"):
        GaussianDesign(matrix + np.triu(np.full((6, 6), 1e-5), 1))


def test_what_was_stored_before_designs_keeps_its_name():
    settings = {"network": "quadratic", "dim": 100, "gamma": 1.25, "noise": 0.1, "samples": 5000, "penalty": 0.05}
    point = Point("theory", settings)
    assert point.key("code").hex() == "07319971543e9e504765b3fb68924816"
    assert point.random_seed() == 4229231529140128695
    problem = Problem("quadratic", PowerLaw(100, 1.25), 5000, 0.1)
    assert problem.__reduce__()[1] == ("quadratic", PowerLaw(100, 1.25), 5000, 0.1, None)
    assert "design" not in problem.to_dict()


@pytest.mark.parametrize(
    "make,name,words",
    [
        (lambda: GaussianDesign(np.diag([1.0, -0.25, 2.0])), "covariance", "eigenvalue -0.25"),
        (lambda: GaussianDesign([[1.0, 2.0], [2.0, 1.0]]), "covariance", "eigenvalue -1'"),
        (lambda: GaussianDesign([1.0, -0.5]), "covariance", "eigenvalue -0.5"),
        (lambda: GaussianDesign([[1.0, 0.5], [0.0, 1.0]]), "covariance", "0.5 at (0, 1) and 0 at (1, 0)"),
        (lambda: GaussianDesign(np.ones((2, 3))), "covariance", "(2, 3)"),
        (lambda: GaussianDesign([1.0, 1e-80]), "covariance", "1e-80"),
        (lambda: GaussianDesign([0.0, 0.0]), "covariance", "variance"),
        (lambda: GaussianDesign([1.0, np.nan]), "covariance", "finite"),
        (lambda: GaussianDesign(["a", "b"]), "covariance", "list"),
        (lambda: GaussianDesign(np.inf), "covariance", "finite"),
        (lambda: GaussianDesign(1.0, alignment="sideways"), "alignment", "sideways"),
        (lambda: GaussianDesign(1.0, alignment=np.ones((2, 2))), "alignment", "orthogonal"),
        (lambda: GaussianDesign([1.0, 2.0], alignment=np.eye(3)), "alignment", "covariance's 2"),
        (lambda: Problem("quadratic", TEACHER, 30, design=GaussianDesign([1.0, 2.0])), "covariance", "dimension 6"),
        (lambda: Problem("quadratic", TEACHER, 30, design=GaussianDesign(np.eye(5))), "covariance", "5 x 5"),
        (lambda: Problem("diagonal", PowerLaw(100, 1.0), 30, design=GaussianDesign(200.0)), "covariance", "underflow"),
        (
            lambda: Problem("diagonal", TEACHER, 30, design=GaussianDesign(np.eye(6) + 0.5, "random")),
            "alignment",
            "leave",
        ),
        (lambda: Problem("diagonal", PowerLaw(10**6, 1.0), 9, design=GaussianDesign(1.0, "random")), "dim", "10000"),
        (lambda: Problem("diagonal", TEACHER, 30, design="gaussian"), "design", "Design"),
        (lambda: Rows(np.ones((4, 2))), "design", "equal rows"),
        (lambda: Problem("diagonal", TEACHER, 30, design=Rows(np.eye(5))), "design", "5 columns"),
        (lambda: sample(Problem("diagonal", TEACHER, 61, design=ALL[-1]), 0), "samples", "60 rows"),
        (lambda: StudentT(2.0), "freedom", "> 2"),
        (lambda: Sparse(0.0), "share", "> 0"),
        (lambda: design_named("gauss"), "design", "rademacher"),
        (lambda: design_named("student:x"), "design", "number after"),
        (lambda: design_named("uniform:2"), "design", "no number"),
        (lambda: design_named("sparse:3"), "design", "at most 1"),
    ],
)
def test_bad_designs_are_one_line_that_names_what_is_wrong(make, name, words):
    with pytest.raises(InvalidArgument) as caught:
        make()
    assert caught.value.name == name and words in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("design", [Rademacher(), Uniform(), Laplace(), StudentT(9.0), Sparse(0.3), Orthogonal()])
def test_white_designs_have_zero_mean_and_unit_covariance(design):
    inputs = sample(Problem("diagonal", PowerLaw(4, 1.0), 40_000, design=design), 0).inputs
    assert np.abs(inputs.mean(axis=0)).max() < 5 / 200
    spread = np.sqrt((inputs**4).mean())  # of a squared entry, about
    assert np.abs(inputs.T @ inputs / 40_000 - np.eye(4)).max() < 5 * spread / 200


@pytest.mark.parametrize("network", ["diagonal", "quadratic"])
@pytest.mark.parametrize("design", ALL[1:6], ids=lambda design: design.describe())
def test_gaussian_designs_draw_their_covariance(design, network):
    problem = Problem(network, TEACHER, 40_000, design=design)
    data = sample(problem, 1)
    covariance = data.covariance if data.covariance.ndim == 2 else np.diag(data.covariance)
    scale = np.sqrt(np.outer(np.diag(covariance), np.diag(covariance)))
    assert np.abs((data.inputs.T @ data.inputs / 40_000 - covariance) / scale).max() < 6 / 200


@pytest.mark.parametrize("network", ["diagonal", "quadratic"])
@pytest.mark.parametrize("design", ALL[1:6], ids=lambda design: design.describe())
def test_labels_have_the_energy_of_the_whitened_teacher(design, network):
    problem = Problem(network, TEACHER, 20_000, design=design)
    data = sample(problem, 2)
    assert problem.energy == pytest.approx(1.0)
    squares = data.labels**2
    error = squares.std() / np.sqrt(squares.size)
    assert abs(squares.mean() - problem.null_risk) < 4 * error
    assert abs(data.labels.mean()) < 4 * data.labels.std() / np.sqrt(squares.size)
    dense = problem.architecture.dense(data.whitened(data.weights))
    kept = np.linalg.eigvalsh(dense)[::-1] if network == "quadratic" else dense
    if network == "quadratic":
        assert kept == pytest.approx(TEACHER.values(network), abs=1e-9)
    assert float(np.square(dense).sum()) == pytest.approx(float(np.square(TEACHER.values(network)).sum()))


def test_directions_without_variance_are_in_nothing():
    design = GaussianDesign([2.0, 1.0, 0.0, 0.0])
    problem = Problem("quadratic", FromValues([2.0, 1.0, 1.0, 0.5]), 50, design=design)
    data = sample(problem, 0)
    assert problem.energy == pytest.approx(5 / 4)
    assert not data.inputs[:, 2:].any() and not data.weights.matrix()[2:].any()


def test_a_sample_gives_its_shrunk_covariance():
    rows = np.random.default_rng(0).normal(size=(50, 6)) * np.arange(1, 7)
    design = GaussianDesign.of_sample(rows)
    raw = np.linalg.eigvalsh(np.cov(rows.T, bias=True))
    found = design.eigenvalues(6)
    assert found.sum() == pytest.approx(raw.sum()) and found.max() < raw.max() and found.min() > raw.min()
    assert Rows(rows).gaussian().eigenvalues(6) == pytest.approx(found, rel=1e-10)


def test_sweeps_take_designs():
    base = {"network": "diagonal", "dim": 40, "gamma": 1.0, "noise": 0.3, "samples": 60, "weight_decay": 0.5}
    requests = [PointRequest(base | extra) for extra in ({}, {"covariance": 0.0}, {"covariance": 1.0})]
    plain, white, coloured = (record["excess_risk"] for record in run_points(requests))
    assert white == pytest.approx(plain, rel=1e-10) and abs(coloured / plain - 1) > 0.05
    (record,) = run_points([PointRequest(base | {"design": "rademacher"}, "train", "convex", 0)])
    assert record["measured_excess_risk"] > 0


def test_a_singular_matrix_of_single_precision_has_zeros_where_its_rounding_is():
    factor = np.random.default_rng(0).normal(size=(20, 15)).astype(np.float32)
    single = factor @ factor.T / 15
    double = factor.astype(float) @ factor.T.astype(float) / 15
    assert np.linalg.eigvalsh(single).min() < 0 < np.abs(np.linalg.eigvalsh(single)).min()
    for given in (single, single.astype(float), single.tolist()):  # also where a file kept no type
        design = GaussianDesign(given)
        assert (design.eigenvalues(20) == 0).sum() == 5 and "5 directions of it without variance" in design.describe()
        np.testing.assert_allclose(design.eigenvalues(20), GaussianDesign(double).eigenvalues(20), atol=1e-6)
    regular = single + np.eye(20, dtype=np.float32)
    np.testing.assert_array_equal(GaussianDesign(regular).given, regular.astype(float))
    small = np.diag([1.0, 2.0**-30])
    assert GaussianDesign(small).eigenvalues(2).tolist() == [1.0, 2.0**-30]
    with pytest.raises(InvalidArgument, match=r"eigenvalue -0\.01"):
        GaussianDesign(single - np.float32(0.01) * np.eye(20, dtype=np.float32))
