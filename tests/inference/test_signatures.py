"""Signatures: their null laws beside plain twins, what makes each of them fire, and what is said of it."""

from dataclasses import replace
from itertools import combinations_with_replacement

import numpy as np
import pytest
from scipy import stats

from shallows import PowerLaw, Problem, infer, sample, train
from shallows.amp import Iteration, ThresholdForPenalty
from shallows.inference import Concern, Diagnosis, ExpectedError, check_assumptions, check_inputs, look_for_signatures
from shallows.inference.signatures import FALSE_ALARMS, Seen, expected_error, signatures_of
from shallows.inference.signatures.inputs import normal_kurtosis
from shallows.inference.signatures.looking import SMALLEST_SLACK
from shallows.inference.signatures.residuals import KERNELS, chance, look_at_sizes, ranks
from shallows.inference.signatures.weights import StateEvolutionOfFit, look_at_bulk, look_at_messages
from shallows.networks import network_names
from shallows.operators import operator_for

SETTINGS = {"diagonal": (40, 200, 1.0), "quadratic": (20, 600, 0.5)}


def drawn(network, seed=0, noise=0.5):
    dim, samples, _ = SETTINGS[network]
    return sample(Problem(network, PowerLaw(dim, 1.25), samples=samples, noise=noise), seed=seed)


def read(network, inputs, labels):
    fit = train((inputs, labels), network=network, weight_decay=SETTINGS[network][2])
    return infer((inputs, labels), fit)


def fired(network, inputs, labels):
    found = check_assumptions(inputs, labels, read(network, inputs, labels))
    return {concern.name: concern for concern in found.concerns}


# -- null laws


def test_p_values_of_inputs_are_uniform_or_larger():
    seen = {}
    for seed in range(300):
        inputs = np.random.default_rng([3, seed]).standard_normal((50, 6))
        for signature in signatures_of("quadratic")[:6]:
            seen.setdefault(signature.name, []).append(signature.look(Seen("quadratic", inputs)).p_value)
    assert len(seen) == 6
    for name, values in seen.items():
        for level in (0.02, 0.1, 0.3):
            share = np.mean(np.array(values) < level)
            assert share < level + 3.5 * np.sqrt(level * (1 - level) / 300), (name, level, share)
        # Not far from uniform either: a test that never fires is none.
        assert np.mean(np.array(values) < 0.3) > 0.12, name


def test_the_kurtosis_is_brought_to_a_normal_number_as_scipy_does():
    data = np.random.default_rng(0).standard_normal((40, 30)) ** np.arange(1, 31).clip(1, 2)
    ours = normal_kurtosis(stats.kurtosis(data, fisher=False), 40)
    np.testing.assert_allclose(ours, stats.kurtosistest(data).statistic, rtol=1e-9)


def test_one_pair_of_columns_has_the_p_value_of_its_correlation():
    data = np.random.default_rng(0).standard_normal((30, 2))
    data[:, 1] += 0.5 * data[:, 0]
    found = Seen("diagonal", data).moments.correlations
    assert found.chance_of_largest() == pytest.approx(stats.pearsonr(*data.T).pvalue, rel=1e-6)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_kernels_are_sums_over_all_hermite_polynomials_of_an_order(order):
    rows = np.random.default_rng(order).standard_normal((5, 3))
    hermite = [np.ones_like, lambda x: x, lambda x: (x**2 - 1) / np.sqrt(2), lambda x: (x**3 - 3 * x) / np.sqrt(6)]
    features = []
    for columns in combinations_with_replacement(range(3), order):
        powers = np.bincount(columns, minlength=3)
        features.append(np.prod([hermite[power](rows[:, k]) for k, power in enumerate(powers)], axis=0))
    features = np.array(features).T
    np.testing.assert_allclose(KERNELS[order](rows), features @ features.T, atol=1e-10)


def test_ranks_correlate_as_spearmans():
    a, b = np.random.default_rng(0).standard_normal((2, 50))
    assert float(ranks(a) @ ranks(b)) == pytest.approx(stats.spearmanr(a, b).statistic)


def test_chance_is_students_and_doubt_and_echo_make_it_larger():
    values = np.random.default_rng(0).standard_normal(2000) + 3
    one = chance(6.0, values, 0.0)
    assert one == pytest.approx(stats.norm.sf(3), rel=0.4)
    assert chance(0.0, values, 0.0) == pytest.approx(one, rel=0.5)
    assert chance(6.0, values, 0.3) > 2 * one and chance(6.0, values, 0.0, echo=1.4) > 2 * one
    assert chance(6.0, values, 0.3, neutral=3.0) == pytest.approx(one, rel=0.1)


@pytest.mark.parametrize("network", ["diagonal", "quadratic"])
def test_errors_of_fits_without_a_row_are_what_leaving_it_out_gives(network):
    inputs, labels = drawn(network)
    decay = SETTINGS[network][2]
    found = read(network, inputs, labels)
    lengths = np.square(inputs).sum(axis=1)
    rows = np.argsort(lengths)[[0, 1, -2, -1]]
    ours = Seen(network, inputs, labels, found).left_out[rows]
    true = []
    for row in rows:
        others = np.arange(labels.size) != row
        fit = train((inputs[others], labels[others]), network=network, weight_decay=decay)
        operator = operator_for(network, inputs[row : row + 1])
        true.append(labels[row] - float(operator.output(fit.weights)[0]))
    true = np.array(true)
    assert np.abs(ours - true).max() < 0.3 * np.sqrt(found.test_error.value)
    assert np.abs(ours - true).sum() < np.abs(found.residuals[rows] - true).sum() or network == "diagonal"


def test_a_dependence_that_the_network_makes_itself_is_taken_off():
    inputs, labels = drawn("quadratic")
    seen = Seen("quadratic", inputs, labels, read("quadratic", inputs, labels))
    errors = np.random.default_rng(0).standard_normal((100, labels.size)) * seen.row_sizes**2
    vars(seen)["simulated"], vars(seen)["left_out"] = errors[1:], errors[0]
    assert float(ranks(np.abs(errors[0])) @ ranks(seen.row_sizes)) > 0.25
    assert abs(look_at_sizes(seen).statistic) < 0.25


@pytest.mark.parametrize("network", ["diagonal", "quadratic"])
def test_state_evolution_of_a_fit_needs_no_teacher(network):
    misses = []
    for seed in range(6):
        inputs, labels = drawn(network, seed)
        found = read(network, inputs, labels)
        strength = found.architecture.strength(found.weight_decay, found.penalty, found.dim)
        run = Iteration(network, inputs, labels, ThresholdForPenalty(strength))
        evolution, scale = StateEvolutionOfFit(found), run.scale
        run.propose()
        misses.append((np.log(scale / evolution.first), np.log(evolution.after(run.rule, scale) / evolution.first)))
    first, second = np.mean(misses, axis=0)
    assert abs(first) < 0.1
    # After one iteration the noise is less, and never below that of the fit.
    assert second < -0.05


@pytest.mark.parametrize("network,mix", [("diagonal", 1.0), ("quadratic", 0.6)])
def test_at_the_fits_own_noise_scale_state_evolution_stays_there(network, mix):
    inputs, labels = drawn(network)
    found = read(network, inputs, labels)
    strength = found.architecture.strength(found.weight_decay, found.penalty, found.dim)
    run = Iteration(network, inputs, labels, ThresholdForPenalty(strength))
    for _ in range(80):
        run.propose()
        run.mix(mix)
    assert StateEvolutionOfFit(found).after(run.rule, found.noise_scale) == pytest.approx(found.noise_scale, rel=1e-3)


def test_what_finite_size_does_to_message_passing_is_no_departure():
    # After its first iteration the quadratic network's noise is a tenth and more above state evolution.
    offs = []
    for seed in range(3):
        inputs, labels = drawn("quadratic", seed)
        look = look_at_messages(Seen("quadratic", inputs, labels, read("quadratic", inputs, labels)))
        assert look.p_value > 0.02
        offs.append(look.statistic)
    assert abs(np.mean(offs)) < 0.12


@pytest.mark.parametrize("network", ["diagonal", "quadratic"])
def test_a_teacher_only_widens_the_bulk(network):
    inputs, labels = drawn(network)
    found = read(network, inputs, labels)
    assert look_at_bulk(Seen(network, inputs, labels, found)).p_value > 0.05
    # The same weights beside noise said to be more than twice as large are too close to each other.
    narrow = look_at_bulk(Seen(network, inputs, labels, replace(found, noise_scale=2.5 * found.noise_scale)))
    assert narrow.p_value < 0.01 and narrow.matters and "no " in narrow.message


# -- what is raised


def test_clean_data_seldom_raise_an_alarm():
    alarms = []
    for network in network_names():
        if network not in SETTINGS:
            continue
        for seed in range(12):
            found = fired(network, *drawn(network, 100 + seed))
            alarms += [(network, seed, name) for name, one in found.items() if one.p_value is not None]
    assert len(alarms) <= 2, alarms


def test_the_false_alarms_are_shared_among_all_signatures():
    for network, (dim, samples, _) in SETTINGS.items():
        level = FALSE_ALARMS / len(signatures_of(network))
        rng = np.random.default_rng(0)
        unit = rng.standard_normal((samples, dim))
        unit = (unit - unit.mean(axis=0)) / unit.std(axis=0)
        just, below = (stats.t.isf(level / 2 / dim * factor, samples - 1) for factor in (1.5, 0.5))
        for strength, raised in ((just, False), (below, True)):
            shifted = unit.copy()
            shifted[:, 0] += strength / np.sqrt(samples - 1)
            assert ("mean" in {concern.name for concern in check_inputs(shifted, network)}) is raised


def departures():
    rng = np.random.default_rng(7)
    x = rng.standard_normal((500, 20))
    signal = x[:, 0] + x[:, 1]
    form = np.square(x[:, :2]).sum(axis=1) - 2
    noise = rng.standard_normal(500)
    one = x.copy()
    one[17] *= 3
    yield "diagonal", "residual tails", x, signal + rng.standard_t(2.5, 500)
    yield "diagonal", "heteroscedasticity", x, signal + noise * np.abs(signal)
    yield "diagonal", "curvature", x, signal + x[:, 2] * x[:, 3] + 0.3 * noise
    yield "diagonal", "cubic part", x[:, :5], signal + (x[:, 2] ** 3 - 3 * x[:, 2]) / 2 + 0.3 * noise
    yield "diagonal", "bend", x, signal + 0.4 * (signal**2 - 2) + 0.3 * noise
    yield "diagonal", "leverage", one, one[:, 0] + noise
    yield "diagonal", "kurtosis", np.sign(x), np.sign(x[:, 0]) + noise
    yield "quadratic", "linear part", x, form + signal + 0.5 * noise
    yield "quadratic", "negative modes", x, form - 2 * (x[:, 3] ** 2 - 1) + 0.5 * noise
    yield "quadratic", "residual tails", x, 0.2 * form + rng.standard_t(3, 500)
    common = np.sqrt(0.5) * (x + rng.standard_normal((500, 1)))
    yield "diagonal", "correlation", common, common[:, 0] + noise
    yield "diagonal", "message passing", common, common[:, :5].sum(axis=1) + noise


@pytest.mark.parametrize("case", list(departures()), ids=lambda case: f"{case[0]}, {case[1]}")
def test_a_departure_shows_with_its_p_value_and_advice(case):
    network, name, inputs, labels = case
    inference = infer((inputs, labels), train((inputs, labels), network=network, weight_decay=3.0))
    found = {one.name: one for one in check_assumptions(inputs, labels, inference).concerns}
    assert name in found, found
    assert found[name].p_value <= FALSE_ALARMS / len(signatures_of(network)) and found[name].advice
    assert look_for_signatures(inputs, labels, inference)[name] == pytest.approx(found[name].p_value)


def test_a_linear_part_that_centring_made_is_no_departure():
    # Columns without their own means make 2/n of a quadratic form's variance linear, which little noise lets show.
    smallest = 1.0
    for seed in range(5):
        inputs, labels = drawn("quadratic", seed, noise=0.01)
        inputs, labels = inputs[:300] - inputs[:300].mean(axis=0), labels[:300] - labels[:300].mean()
        smallest = min(smallest, look_for_signatures(inputs, labels, read("quadratic", inputs, labels))["linear part"])
    assert smallest > 1e-3
    # One that was there before shows.
    labels = labels + 0.3 * labels.std() * inputs[:, 4]
    assert look_for_signatures(inputs, labels, read("quadratic", inputs, labels))["linear part"] < 1e-6


def test_nothing_is_looked_for_in_residuals_next_to_interpolation():
    inputs, labels = drawn("diagonal")
    found = read("diagonal", inputs, labels)
    close = replace(found, degrees_of_freedom=(1 - SMALLEST_SLACK / 2) * found.samples)
    assert "bend" in look_for_signatures(inputs, labels, found)
    assert set(look_for_signatures(inputs, labels, close)) == {one.name for one in signatures_of("diagonal")[:6]}
    assert [one.name for one in check_assumptions(inputs, labels, close).concerns] == ["near interpolation"]


def test_a_table_of_another_shape_than_any_tested_says_so():
    inputs, labels = drawn("diagonal")
    found = read("diagonal", inputs, labels)
    for ratio, told in ((400, True), (290, False), (0.05, True)):
        diagnosis = check_assumptions(inputs, labels, replace(found, samples=ratio * 40, degrees_of_freedom=0.0))
        assert ("aspect ratio" in {one.name for one in diagnosis.concerns}) is told


# -- what is said


def test_one_line_says_what_was_seen_what_to_do_and_what_it_cost():
    expected = ExpectedError(40, 0.04, 0.21, rows=(60, 600))
    concern = Concern("a", False, 1.0, "seen", ("noise",), 2e-4, "mend it", expected)
    assert concern.line == "seen (p = 0.0002); mend it; " + expected.in_words
    # Of a test error that is not told, no error is.
    assert replace(concern, voids=("test_error",)).line == "seen (p = 0.0002); mend it"
    assert Concern("a", False, 1.0, "seen").line == "seen"


def test_a_diagnosis_expects_the_largest_error_of_its_concerns():
    small, large = ExpectedError(40, 0.04, 0.1), ExpectedError(40, 0.02, 0.3)
    two = tuple(Concern(name, False, 1.0, name, expected=one) for name, one in (("a", small), ("b", large)))
    assert Diagnosis(two, clean=small).expected is large
    assert Diagnosis((), clean=small).expected is small and Diagnosis(()).expected is None
    assert "off by 4 %" in Diagnosis((), clean=small).lines[0][1]
    assert Diagnosis(two).to_dict()["expected"]["test_error_ninety"] == 0.3


def test_the_shipped_table_has_what_fits_without_a_signature_miss_by():
    for network in SETTINGS:
        clean = expected_error(network, "none")
        assert 0 < clean.test_error < clean.test_error_ninety < 1
        rows = [expected_error(network, one.name) for one in signatures_of(network)]
        assert sum(row is not None for row in rows) >= 4
        # Nor is it told of tables of another size.
        fewest, most = clean.rows
        told = [expected_error(network, "none", rows) is not None for rows in (fewest - 1, fewest, most, most + 1)]
        assert told == [False, True, True, False]


def test_correlation_alone_lengthens_no_row():
    from shallows.inference import check_inputs

    for seed in range(10):
        rng = np.random.default_rng([seed, 5])
        plain = 0.7 * rng.standard_normal((400, 1)) + 0.6 * rng.standard_normal((400, 8))
        unit = (plain - plain.mean(0)) / plain.std(0)
        assert {concern.name for concern in check_inputs(unit, "diagonal")} == {"correlation"}
        uneven = unit * np.exp(0.8 * rng.standard_normal(400))[:, None]
        assert {concern.name for concern in check_inputs(uneven / uneven.std(0), "diagonal")} > {"correlation"}


def test_a_network_that_learned_next_to_nothing_raises_no_alarm():
    """Its prediction without a row is the mean of the other labels, which is the lower the higher the row's own is."""
    alarms = []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        inputs, labels = rng.standard_normal((100, 100)), rng.standard_normal(100)
        data = inputs, labels - labels.mean()
        silent = float(np.abs(data[1] @ inputs).max()) / 10
        fit = train(data, network="diagonal", weight_decay=0.999 * silent)
        assert fit.network == "diagonal" and np.count_nonzero(fit.weights) == 1
        found = check_assumptions(*data, infer(data, fit, centred=True))
        alarms += [concern.name for concern in found.concerns if concern.name in ("heteroscedasticity", "bend")]
    assert not alarms
