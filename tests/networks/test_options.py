"""Options of networks: part of their names, kept everywhere that names go."""

import json
import pickle

import pytest

from shallows import PowerLaw, Problem
from shallows.errors import InvalidArgument, NotSupported, UnknownNetwork
from shallows.networks import Capability, Diagonal, Quadratic, network_named, network_with
from shallows.sweeps import Point

TEACHER = PowerLaw(10, 1.0)


def test_a_default_is_not_spelled():
    assert Diagonal(depth=2) == Diagonal() == network_named("diagonal") == network_with("diagonal", depth=2)
    assert Diagonal(depth=2).name == "diagonal" and repr(Quadratic()) == "Quadratic()"
    assert network_named("quadratic:depth=1").name == "quadratic"


def test_an_option_is_part_of_the_name():
    deep = Diagonal(depth=3)
    assert deep != Diagonal() and hash(deep) != hash(Diagonal()) and deep != Quadratic(depth=3)
    assert deep.name == "diagonal:depth=3" and repr(deep) == "Diagonal(depth=3)" and deep.kind == "deep_diagonal"
    assert network_named(deep.name) == deep and network_with(deep, depth=None) == deep
    assert network_with(deep.name, depth=4) == Diagonal(depth=4)
    assert pickle.loads(pickle.dumps(deep)) == deep


def test_a_problem_keeps_it():
    problem = Problem(Diagonal(depth=3), TEACHER, samples=20)
    assert problem == Problem("diagonal:depth=3", TEACHER, samples=20) != Problem("diagonal", TEACHER, samples=20)
    assert problem.architecture == Diagonal(depth=3)
    assert json.loads(json.dumps(problem.to_dict()))["network"] == "diagonal:depth=3"
    assert pickle.loads(pickle.dumps(problem)) == problem


def test_a_point_of_a_sweep_has_it_as_a_setting():
    settings = {"network": "diagonal", "depth": 3, "dim": 10, "gamma": 1.0, "samples": 20}
    assert Point("theory", settings).problem().network == "diagonal:depth=3"


@pytest.mark.parametrize(
    "given", ["diagonal:", "diagonal:depth", "diagonal:depth=x", "diagonal:depth=2.5", "diagonal:3"]
)
def test_a_name_that_cannot_be_read_is_refused(given):
    with pytest.raises(InvalidArgument, match="options such as"):
        network_named(given)


@pytest.mark.parametrize("kind,least", [("diagonal", 2), ("quadratic", 1)])
@pytest.mark.parametrize("depth", [-1, 0, 1.5, "3", True, float("nan")])
def test_a_depth_is_an_integer_from_the_smallest_network_on(kind, least, depth):
    with pytest.raises(InvalidArgument, match="depth"):
        network_with(kind, depth=depth)
    assert network_with(kind, depth=least).depth == least
    with pytest.raises(InvalidArgument, match="depth"):
        network_with(kind, depth=least - 1)


def test_an_option_that_a_network_lacks_is_named():
    with pytest.raises(InvalidArgument, match=r"width.*diagonal"):
        network_with("diagonal", width=3)
    with pytest.raises(UnknownNetwork):
        network_with("cubic", depth=3)


def test_a_capability_makes_one_implementation_for_each_network():
    capability, made = Capability("greeting"), []
    capability.register("diagonal")("plain")
    capability.register_for_each("deep_diagonal")(lambda network: made.append(network) or [network.depth])
    assert capability.of("diagonal") == "plain" and capability.of("diagonal:depth=3") == [3]
    assert capability.of(Diagonal(depth=3)) is capability.of("diagonal:depth=3") and capability.of(Diagonal(4)) == [4]
    assert made == [Diagonal(3), Diagonal(4)]
    assert capability.has(Diagonal(5)) and not capability.has(Quadratic(2)) and not capability.has("quadratic")
    with pytest.raises(NotSupported, match="greeting; those that have: diagonal, deep_diagonal"):
        capability.of("quadratic:depth=2")
