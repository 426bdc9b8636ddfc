"""Networks as objects: exact maps, units, and what an unknown one is told."""

import pickle

import numpy as np
import pytest

from shallows import InvalidArgument, PowerLaw, Problem
from shallows.errors import NotSupported, ShallowsError, UnknownNetwork
from shallows.networks import Capability, Diagonal, Quadratic, network_named, network_names
from shallows.weights import LowRankPSD


def test_networks_are_found_by_name_and_are_all_the_same():
    assert network_names() == ("diagonal", "quadratic", "attention")
    assert network_named("diagonal") == Diagonal() and network_named("quadratic") == Quadratic()
    assert Diagonal() != Quadratic() and len({Diagonal(), Diagonal(), Quadratic()}) == 2
    assert network_named(Quadratic()) == Quadratic()
    assert pickle.loads(pickle.dumps(Quadratic())) == Quadratic()
    assert Problem(Diagonal(), PowerLaw(10, 1.0), 5).network == "diagonal"


def test_networks_cannot_be_changed():
    with pytest.raises(AttributeError, match="frozen"):
        network_named("diagonal").name = "other"


@pytest.mark.parametrize("name", ["cubic", "", "Diagonal", None, 3, ["diagonal"]])
def test_an_unknown_network_is_refused_with_those_that_exist(name):
    with pytest.raises(UnknownNetwork, match='must be "diagonal", "quadratic" or "attention"') as caught:
        network_named(name)
    assert isinstance(caught.value, InvalidArgument) and caught.value.name == "network"
    again = pickle.loads(pickle.dumps(caught.value))
    assert type(again) is UnknownNetwork and str(again) == str(caught.value)


def test_a_missing_capability_is_named():
    painting = Capability("painting")
    painting.register("quadratic")("a portrait")
    assert painting.of("quadratic") == painting.of(Quadratic()) == "a portrait"
    with pytest.raises(NotSupported, match="has no painting; those that have: quadratic") as caught:
        painting.of("diagonal")
    assert isinstance(caught.value, ShallowsError)
    with pytest.raises(UnknownNetwork):
        painting.of("cubic")


def test_balanced_weights_realise_the_l1_norm():
    rng = np.random.default_rng(0)
    theta = rng.normal(size=50)
    own = Diagonal().own_weights(theta)
    a, w = own["a"], own["w"]
    assert Diagonal().effective_weights(own) == pytest.approx(theta)
    # min ||a||^2 + ||w||^2 at fixed product is 2 sqrt(d) ||theta||_1, and no rescaling does better
    norm = (a**2).sum() + (w**2).sum()
    assert norm == pytest.approx(2 * np.sqrt(50) * np.abs(theta).sum())
    scale = np.exp(rng.normal(size=50) * 0.1)
    assert ((a * scale) ** 2).sum() + ((w / scale) ** 2).sum() > norm


@pytest.mark.parametrize("width", [3, 20, 33])
def test_frobenius_norm_is_the_trace(width):
    rng = np.random.default_rng(1)
    weights = rng.normal(size=(width, 20))
    effective = Quadratic().effective_weights({"W": weights})
    assert effective.rank <= min(width, 20)
    matrix = effective.matrix()
    assert matrix == pytest.approx(weights.T @ weights / np.sqrt(width * 20))
    assert (weights**2).sum() == pytest.approx(np.sqrt(width * 20) * effective.trace)
    for given in (matrix, effective):
        again = Quadratic().own_weights(given, width)
        assert again["W"].shape == (width, 20)
        assert Quadratic().effective_weights(again).matrix() == pytest.approx(matrix)
    x = rng.normal(size=(7, 20))
    network = (((x @ weights.T) ** 2).sum(axis=1) - (weights**2).sum()) / np.sqrt(width * 20) / np.sqrt(20)
    assert network == pytest.approx((np.einsum("ni,ij,nj->n", x, matrix, x) - np.trace(matrix)) / np.sqrt(20))


def test_own_weights_refuse_what_no_network_has():
    with pytest.raises(InvalidArgument, match="rank"):
        Quadratic().own_weights(np.eye(5), 3)
    with pytest.raises(InvalidArgument, match="positive semidefinite"):
        Quadratic().own_weights(-np.eye(5))
    with pytest.raises(InvalidArgument, match="symmetric"):
        Quadratic().own_weights(np.triu(np.ones((4, 4))))


def test_units_of_the_diagonal_network():
    net = Diagonal()
    assert (net.effective_samples(500, 100), net.sample_ratio(500, 100), net.constraints(500, 100)) == (500, 5.0, 500.0)
    assert (net.modes_per_energy(100), net.freedom_unit(100), net.noise_per_error(0.3)) == (1.0, 1.0, 0.3)
    assert net.strength(0.5, None, 100) == 5.0
    assert net.noise_scale(np.full(100, 2.0), 7) == pytest.approx(0.2)
    assert net.noise_edge(0.5, 1000) == pytest.approx(0.5 * np.sqrt(2 * np.log(1000)))
    assert net.is_convex(10, None) and net.rank_share(10, None) == 1.0
    theta, truth = np.array([3.0, 0.0, -1.0]), np.array([2.0, 0.0, -2.0])
    assert net.excess_risk(theta, truth) == 2.0 and net.features(theta) == 2 and net.weights_dim(theta) == 3
    assert net.spectrum(theta).tolist() == [3.0, 1.0, 0.0] and net.aligned(theta, truth).tolist() == [3.0, 0.0, 1.0]


def test_units_of_the_quadratic_network():
    net = Quadratic()
    assert net.effective_samples(500, 100) == 5.0 and net.sample_ratio(500, 100) == 0.05
    assert net.constraints(500, 100) == 0.1 and net.interpolation_samples(100) == 25
    assert (net.modes_per_energy(100), net.freedom_unit(100), net.noise_per_error(0.3)) == (100.0, 5000.0, 0.15)
    assert net.strength(9.0, 0.5, 100) == 0.25
    # delta = sqrt(mean(r^2) / (4 alpha)), alpha = n/d^2
    assert net.noise_scale(np.full(50, 2.0), 10) == pytest.approx(np.sqrt(4 / 2.0))
    assert net.noise_edge(0.5, 1000) == pytest.approx(1.01) and net.noise_edge(0.5, 1000, 3) == pytest.approx(1.03)
    assert net.is_convex(10, 10) and not net.is_convex(10, 9)
    assert net.rank_share(10, 4) == 0.4 and net.rank_share(10, 14) == 1.0
    weights, truth = LowRankPSD.diagonal([3.0, 0.0, 1.0]), LowRankPSD.diagonal([2.0, 0.0, 0.0])
    assert net.excess_risk(weights, truth) == pytest.approx(2 * 2 / 3)
    assert net.features(weights) == 2 and net.weights_dim(weights) == 3
    assert net.spectrum(weights).tolist() == pytest.approx([3.0, 1.0, 0.0])


@pytest.mark.parametrize("net", [Diagonal(), Quadratic()], ids=lambda net: net.name)
def test_weights_survive_a_file(net):
    weights = net.weights_of_modes(np.array([2.0, 1.0, 0.0]))
    assert net.is_weights(weights)
    again = net.from_tensors(net.to_tensors(weights))
    assert net.squared_distance(weights, again) == 0
    assert net.dense(again).shape == net.dense_shape(3)
    for tensors in ({}, {name: value[..., None] for name, value in net.to_tensors(weights).items()}):
        with pytest.raises(InvalidArgument):
            net.from_tensors(tensors)
    with pytest.raises(InvalidArgument):
        net.from_tensors({name: value * np.nan for name, value in net.to_tensors(weights).items()})


def test_width_and_penalty_belong_to_the_quadratic_network():
    assert Quadratic().check_width(5) == 5 and Quadratic().check_width(None) is Diagonal().check_width(None) is None
    for bad in (0, 2.5, True, "3"):
        with pytest.raises(InvalidArgument, match="width"):
            Quadratic().check_width(bad)
    with pytest.raises(InvalidArgument, match="not apply to the diagonal network"):
        Diagonal().check_width(5)
    with pytest.raises(InvalidArgument, match="not apply to the diagonal network"):
        Diagonal().regularisation(None, 0.1, 10, None)
    assert Diagonal().regularisation(0.1, None, 10, None) == (0.1, None)
    assert Quadratic().regularisation(None, 0.2, 10, 40) == (pytest.approx(0.1), 0.2)
    assert Quadratic().regularisation(0.1, None, 10, 40) == (0.1, pytest.approx(0.2))


def test_a_semidefinite_matrix_has_no_negative_eigenvalues():
    for values in ([-1.0, 2.0], [np.nan, 1.0]):
        with pytest.raises(InvalidArgument, match="must be >= 0"):
            LowRankPSD.diagonal(values)


@pytest.mark.parametrize("net", [Diagonal(), Quadratic()], ids=lambda net: net.name)
@pytest.mark.parametrize("width", [None, 3])
def test_a_strength_is_that_of_one_weight_decay(net, width):
    width = width if net.has_width else None
    penalty = net.penalty_from_weight_decay(0.7, 12, width)
    assert net.weight_decay_from_strength(net.strength(0.7, penalty, 12), 12, width) == pytest.approx(0.7)


@pytest.mark.parametrize("net", [Diagonal(), Quadratic()], ids=lambda net: net.name)
def test_costs_grow_with_the_data(net):
    power = {"diagonal": 1, "quadratic": 2}[net.name]  # numbers in one sample's feature
    assert net.product_cost(1000, 20) == 1000 * 20**power
    assert net.product_cost(2000, 40) == 2 * 2**power * net.product_cost(1000, 20)
    assert net.training_cost(2000, 20) == pytest.approx(2 * net.training_cost(1000, 20))
    assert net.training_cost(1000, 40) == pytest.approx(2 * net.training_cost(1000, 20))


def test_memory_for_training_grows_with_what_is_held():
    net = Quadratic()
    convex = net.training_numbers(50, None, gradient=False)
    assert convex >= 50**2  # one matrix at the least
    assert net.training_numbers(100, None, gradient=False) == 4 * convex
    assert net.training_numbers(50, 3, gradient=False) == convex
    narrow, wide = (net.training_numbers(50, width, gradient=True) for width in (10, 20))
    assert convex + 10 * 50 <= narrow  # the weights of the hidden units come on top
    assert wide - narrow == pytest.approx(narrow - convex)
    assert net.training_numbers(50, None, gradient=True) == net.training_numbers(50, 50, gradient=True)
    assert Diagonal().training_numbers(50, None, gradient=True) >= 2 * 50
    assert Diagonal().training_numbers(100, None, True) == 2 * Diagonal().training_numbers(50, None, True)
