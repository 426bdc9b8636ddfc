"""Teachers: normalisation, compression, and what they refuse."""

import numpy as np
import pytest
from scipy.special import zeta

from shallows import FromValues, InvalidArgument, LowRank, PowerLaw, Problem, predict
from shallows.teachers import EXACT_LIMIT, RESOLVED_LIMIT, Spectrum


@pytest.mark.parametrize("dim", [2, 400, 512, 513, 50_000])
@pytest.mark.parametrize("network", ["diagonal", "quadratic"])
def test_energy_is_as_asked(dim, network):
    for teacher in (PowerLaw(dim, 0.8, 2.5), LowRank(dim, 2, 2.5), LowRank(dim, 2, 2.5, profile=[3, 1])):
        values = teacher.values(network)
        assert values.shape == (dim,)
        energy = (values**2).sum() / (dim if network == "quadratic" else 1)
        assert energy == pytest.approx(2.5, rel=1e-12)
        assert teacher.energy_for(network) == pytest.approx(2.5, rel=1e-12)
        assert teacher.spectrum(network).multiplicities.sum() == pytest.approx(dim, rel=1e-12)


def test_large_power_law_is_small_and_exact():
    dim, gamma = 10**8, 0.75
    spectrum = PowerLaw(dim, gamma).spectrum("diagonal")
    assert spectrum.values.size < 2 * EXACT_LIMIT
    shape = spectrum.values / spectrum.values[0]
    for power in (2, 3.5, 6):  # sums of powers of the modes are Hurwitz zeta functions
        expected = zeta(power * gamma) - zeta(power * gamma, dim + 1)
        assert spectrum.multiplicities @ shape**power == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("network", ["diagonal", "quadratic"])
@pytest.mark.parametrize("samples", [3e3, 1e5, 1e7, 1e10])
def test_compression_changes_no_prediction(network, samples):
    class Plain(PowerLaw):
        def spectrum(self, network):
            return Spectrum(self.values(network), np.ones(self.dim), self.dim)

    strength = {"weight_decay": 0.3} if network == "diagonal" else {"penalty": 0.3}
    dim = 4000
    rng = np.random.default_rng(3)
    drawn = np.abs(rng.standard_t(3, size=dim)) * PowerLaw(dim, 1.0).values(network)[10]

    class PlainValues(FromValues):
        def spectrum(self, network):
            return Spectrum(np.sort(self.array)[::-1].copy(), np.ones(self.dim), self.dim)

    for compressed, plain in ((PowerLaw(dim, 0.9), Plain(dim, 0.9)), (FromValues(drawn), PlainValues(drawn))):
        assert compressed.spectrum(network).values.size < 2 * EXACT_LIMIT < plain.spectrum(network).values.size
        fast = predict(Problem(network, compressed, samples, 0.1), **strength)
        slow = predict(Problem(network, plain, samples, 0.1), **strength)
        assert fast.excess_risk == pytest.approx(slow.excess_risk, rel=1e-9)
        assert fast.degrees_of_freedom == pytest.approx(slow.degrees_of_freedom, rel=1e-9)


def test_resolved_spectrum_keeps_the_teacher():
    for dim in (RESOLVED_LIMIT // 2, 10**6):
        teacher = PowerLaw(dim, 0.9)
        resolved = teacher.resolved("diagonal", 1e-7)
        assert resolved.values.size < 3 * RESOLVED_LIMIT
        assert resolved.multiplicities.sum() == pytest.approx(dim, rel=1e-12)
        assert resolved.sum_of_squares() == pytest.approx(1.0, rel=1e-9)


@pytest.mark.parametrize("gamma", [0.5, 0.2, -1, float("nan"), float("inf"), "1", None, True])
def test_gamma_must_exceed_one_half(gamma):
    with pytest.raises(InvalidArgument, match="gamma"):
        PowerLaw(10, gamma)


@pytest.mark.parametrize("dim", [1, 0, -3, 2.5, float("nan"), "10", True, None])
def test_dim_must_be_an_integer_of_at_least_two(dim):
    with pytest.raises(InvalidArgument, match="dim"):
        PowerLaw(dim, 1.0)


@pytest.mark.parametrize("rank", [0, 11, 1.5, "2"])
def test_rank_must_lie_between_one_and_dim(rank):
    with pytest.raises(InvalidArgument, match="rank"):
        LowRank(10, rank)


@pytest.mark.parametrize(
    "array", [[], [1.0], [[1, 2], [3, 4]], [1, float("nan")], [1, float("inf")], ["a", "b"], [1j, 2]]
)
def test_values_must_be_a_finite_vector(array):
    with pytest.raises(InvalidArgument, match="spectrum"):
        FromValues(array)


def test_negative_values_are_for_the_diagonal_network_only():
    teacher = FromValues([0.5, -0.2, 0.1])
    assert Problem("diagonal", teacher, 10).energy == pytest.approx(0.3)
    with pytest.raises(InvalidArgument, match="position 1"):
        Problem("quadratic", teacher, 10)


def test_values_are_copied():
    values = np.array([3.0, 2.0, 1.0])
    teacher = FromValues(values)
    values[0] = 100.0
    assert teacher.values("diagonal").tolist() == [3.0, 2.0, 1.0]


def test_given_values_compare_by_content():
    one, same, other = FromValues([1.0, 2.0]), FromValues([1.0, 2.0]), FromValues([1.0, 3.0])
    assert one == same
    assert hash(one) == hash(same)
    assert one != other
    assert Problem("diagonal", one, 10) == Problem("diagonal", same, 10)


def test_given_values_must_have_squares():
    with pytest.raises(InvalidArgument, match="position 0"):
        FromValues([1e300, 1.0])
