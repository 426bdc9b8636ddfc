"""Units and exact maps of the quadratic network with depth, and what is refused."""

import numpy as np
import pytest

from shallows import PowerLaw, Problem
from shallows.errors import InvalidArgument
from shallows.networks import Quadratic, network_with
from shallows.weights import LowRankPSD


@pytest.mark.parametrize("depth", [2, 3, 4])
def test_own_weights_have_the_smallest_norm_and_the_weights_asked_for(depth):
    net, d = Quadratic(depth), 7
    factor = np.random.default_rng(depth).standard_normal((d, 4))
    own = net.own_weights(factor @ factor.T)
    assert tuple(own) == net.parameter_names == tuple(f"W{j}" for j in range(1, depth + 1))
    assert tuple(w.shape for w in own.values()) == net.parameter_shapes(d, None) == ((d, d),) * depth
    assert np.allclose(net.effective_weights(own).matrix(), factor @ factor.T)
    eigenvalues = LowRankPSD(factor).eigenvalues()[:4]
    least = depth * d ** (1 / depth) * np.sum(eigenvalues ** (1 / depth))  # k sum sigma^(2/k), sigma^2 = d s
    assert sum(np.sum(w**2) for w in own.values()) == pytest.approx(least)
    # lam sum ||W_j||^2 over d^2 is pen/d sum s^(1/k)
    lam, pen = 0.7, net.penalty_from_weight_decay(0.7, d, None)
    assert lam * least / d**2 == pytest.approx(pen / d * np.sum(eigenvalues ** (1 / depth)))
    # no other factors of the same product have less: any invertible change of basis between two layers has more
    change = np.eye(d) + 0.1 * np.random.default_rng(0).standard_normal((d, d))
    moved = own | {"W1": change @ own["W1"], "W2": own["W2"] @ np.linalg.inv(change)}
    assert np.allclose(net.effective_weights(moved).matrix(), factor @ factor.T)
    assert sum(np.sum(w**2) for w in moved.values()) > least


def test_units_of_depth_one_stay():
    assert Quadratic(1) == Quadratic() and Quadratic(1).name == Quadratic(1).kind == "quadratic"
    assert Quadratic(1).parameter_names == ("W",) and Quadratic(1).has_width and Quadratic(1).has_penalty
    deep = Quadratic(3)
    assert deep.name == "quadratic:depth=3" and deep.kind == "deep_quadratic"
    assert deep.has_penalty and not deep.has_width and not deep.is_convex(10, None)
    assert deep.penalty_exponent == 1 / 3 and Quadratic().penalty_exponent == 1
    assert deep.weight_decay_from_penalty(deep.penalty_from_weight_decay(0.3, 50, None), 50, None) == pytest.approx(0.3)
    assert deep.regularisation(None, 0.2, 50, None)[1] == 0.2
    assert "3 square linear layers" in deep.words.student and "two-layer" in Quadratic().words.student
    assert deep.output_formula.startswith("|W3 W2 W1 x|^2")
    # entries of the product have the variance that those of one layer have
    rng, d = np.random.default_rng(0), 60
    own = {name: deep.initial_spread(2.0, d) * rng.standard_normal((d, d)) for name in deep.parameter_names}
    assert np.var(deep.product(own)) == pytest.approx(2.0, rel=0.2)


def test_depth_and_width_are_refused_in_one_line():
    for bad in (0, -1, 1.5, "2", True):
        with pytest.raises(InvalidArgument, match="depth"):
            Quadratic(bad)
    with pytest.raises(InvalidArgument, match="width: got 5; does not apply with depth 2"):
        Problem(Quadratic(2), PowerLaw(20, 1.0), 100, width=5)
    with pytest.raises(InvalidArgument, match="depth"):
        network_with("quadratic", depth=0)
