"""Parts of pages that differ by network, and that a network without them is told so."""

import numpy as np
import pytest

from shallows import PowerLaw, Problem, predict, verify
from shallows.errors import NotSupported, UnknownNetwork
from shallows.networks import Capability, network_named
from shallows.plotting import draw_learned_density, new_figure, rank_ticks, shown_ranks
from shallows.plotting.unbiased import UNBIASED_FIGURES
from shallows.report.verification_figures import curve_figure
from shallows.report.verification_page import _facts


@pytest.fixture(scope="module", params=["diagonal", "quadratic"])
def verification(request):
    problem = Problem(request.param, PowerLaw(12, 1.25), samples=150, noise=0.3)
    return verify(problem, weight_decay=0.2, seeds=1, trainers=["convex"])


def test_a_second_axis_counts_effective_samples_where_they_are_not_the_samples(verification):
    (axes,) = curve_figure(verification).axes[:1]
    below = [child for child in axes.child_axes if child.get_xlabel()]
    unit = verification.problem.samples / verification.problem.effective_samples
    assert len(below) == (0 if unit == 1 else 1)
    for axis in below:
        assert axis.get_xlabel() == "effective samples n/d"
        axes.figure.draw_without_rendering()
        assert np.array(axis.get_xlim()) == pytest.approx(np.array(axes.get_xlim()) / 12)


def test_the_facts_are_in_the_words_of_the_network(verification):
    facts = {name: (symbol, value) for name, symbol, value in _facts(verification)}
    words = network_named(verification.problem.network).words
    assert facts["effective samples"][0] == words.effective_samples
    assert facts["noise scale on the weights"][0] == words.noise_scale_sign
    half = facts.get("estimation error on the weights")
    assert half is None if words.effective_samples == "n" else half[0] == "E = R/2"


def test_the_density_is_drawn_on_both_sides_or_up_to_a_sharp_edge():
    for network, labels in (("diagonal", ["predicted density", "_child1"]), ("quadratic", ["predicted bulk"])):
        law = predict(Problem(network, PowerLaw(60, 1.25), samples=900, noise=2.0), weight_decay=0.01).spectrum
        axes = new_figure(3, 2).subplots()
        height = draw_learned_density(axes, law, -0.5 * law.bulk[1], 0.9 * law.bulk[1])
        lines = axes.get_lines()
        assert [line.get_label() for line in lines] == labels
        assert height == pytest.approx(max(line.get_ydata().max() for line in lines), rel=1e-3)
        assert (min(line.get_xdata().min() for line in lines) < 0) == (network == "diagonal")


def test_ranks_are_all_shown_up_to_sixty_and_then_thinned():
    assert shown_ranks(60).tolist() == list(range(1, 61))
    many = shown_ranks(10**5)
    assert many[0] == 1
    assert many[-1] == 10**5
    assert many.size <= 60
    axes = new_figure(3, 2).subplots()
    rank_ticks(axes.xaxis, 500)
    assert axes.get_xticks().tolist() == [1, 10, 100]


def test_a_network_without_a_figure_of_its_weights_is_told_so(monkeypatch):
    assert UNBIASED_FIGURES.of("quadratic") is not UNBIASED_FIGURES.of("diagonal")
    with pytest.raises(UnknownNetwork):
        UNBIASED_FIGURES.of("cubic")
    with pytest.raises(NotSupported, match="no figure of unbiased weights"):
        Capability(UNBIASED_FIGURES.what).of("diagonal")
