"""Sweep files: every mistake is named before anything runs, and points are numbered, not listed."""

import itertools
import tracemalloc

import numpy as np
import pytest

from shallows import InvalidArgument
from shallows.sweeps import Sweep
from shallows.sweeps.quantities import quantity_named

GOOD = """
[problem]
network = "quadratic"
dim = 400
gamma = 1.25
noise = 0.1
[axes]
samples = { geomspace = [1e4, 1e6, 25] }
penalty = { linked = "0.05*sqrt(samples/dim**2)" }
width = [20, 62, 400]
[compute]
quantities = ["theory"]
"""


def written(tmp_path, text):
    path = tmp_path / "sweep.toml"
    path.write_text(text)
    return path


def test_the_example_of_the_documentation(tmp_path):
    sweep = Sweep.from_file(written(tmp_path, GOOD))
    sweep.check()
    assert sweep.shape == (25, 3)
    assert len(sweep) == sweep.total == 75
    first, last = sweep.settings(0), sweep.settings(74)
    assert (first["samples"], first["width"]) == (10_000, 20)
    assert (last["samples"], last["width"]) == (1_000_000, 400)
    assert last["penalty"] == pytest.approx(0.05 * np.sqrt(1e6 / 400**2), rel=1e-11)
    assert all(isinstance(sweep.settings(i)["samples"], int) for i in range(75))
    assert Sweep.from_dict(sweep.to_dict()).name == sweep.name


def test_points_are_the_product_with_the_last_axis_fastest(problem):
    axes = {"samples": [10, 20], "noise": [0.1, 0.2, 0.3], "weight_decay": {"linspace": [1, 2, 2]}}
    sweep = Sweep(problem, axes)
    found = [tuple(sweep.settings(i)[name] for name in axes) for i in range(len(sweep))]
    assert found == list(itertools.product([10, 20], [0.1, 0.2, 0.3], [1.0, 2.0]))


def test_repetitions_and_trainers(problem):
    sweep = Sweep({**problem, "weight_decay": 1.0}, {"samples": [10, 20]}, ["draw"], ["convex", "gradient"], 3)
    assert sweep.total == 12
    assert len({point.key("1") for point in sweep.points()}) == 12
    shared = {}
    for point in sweep.points():
        shared.setdefault((point.settings["samples"], point.seed), set()).add(point.random_seed())
    assert all(len(seeds) == 1 for seeds in shared.values()), "trainers are given the same data"
    assert len(set.union(*shared.values())) == 6


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (("width = [20, 62, 400]", "widht = [20]"), "axes.widht"),
        (("dim = 400", "dims = 400"), "problem.dims"),
        (("[compute]", "[computes]"), "sweep file.computes"),
        (('quantities = ["theory"]', 'quantity = ["theory"]'), "compute.quantity"),
        (('["theory"]', '["theorie"]'), "quantities"),
        (('["theory"]', "[]"), "quantities"),
        (('["theory"]', '"theory"'), "quantities"),
        (("[20, 62, 400]", "[]"), "width"),
        (("[20, 62, 400]", "20"), "width"),
        (("[20, 62, 400]", "[20, 20]"), "width"),
        (("[20, 62, 400]", "[20.5]"), "width"),
        (("[20, 62, 400]", "[nan]"), "width"),
        (("[20, 62, 400]", '["20"]'), "width"),
        (("[20, 62, 400]", "[true]"), "width"),
        (("[20, 62, 400]", "{ geomspce = [1, 2, 3] }"), "width"),
        (("[20, 62, 400]", "{ geomspace = [1, 2, 3], linspace = [1, 2, 3] }"), "width"),
        (("1e6, 25]", "1e6]"), "samples"),
        (("1e6, 25]", "1e6, 0]"), "samples"),
        (("1e6, 25]", "1e6, 2.5]"), "samples"),
        (("1e6, 25]", "1e6, 1e12]"), "samples"),
        (("[1e4,", "[0,"), "samples"),
        (("[1e4,", "[1e6,"), "samples"),
        (("sqrt(samples", "sqrt(sample"), "penalty"),
        (("sqrt(samples", "open(samples"), "penalty"),
        (("samples/dim", "samples.real/dim"), "penalty"),
        (("samples/dim", "samples/penalty"), "penalty"),
        (("noise = 0.1", "noise = [0.1]"), "problem.noise"),
        (("noise = 0.1", "weight_decay = 0.1"), "weight_decay / penalty"),
        (("noise = 0.1", "penalty = 0.1"), "penalty"),
        (("noise = 0.1", "rank = 3"), "gamma / rank"),
        (("noise = 0.1", "effective_samples = 3"), "samples / effective_samples"),
        (("noise = 0.1", 'spectrum = "missing.npy"'), "gamma / spectrum"),
        (('penalty = { linked = "0.05*sqrt(samples/dim**2)" }', ""), "weight_decay / penalty"),
        (("gamma = 1.25", ""), "gamma"),
        (("dim = 400", ""), "dim"),
        (('network = "quadratic"', ""), "network"),
        (('"quadratic"', '"cubic"'), "network"),
        (("[problem]", "[problem"), "sweep file"),
        (('["theory"]', '["theory"]\nseeds = 0'), "seeds"),
        (('["theory"]', '["theory"]\nseeds = [1, 1]'), "seeds"),
        (('["theory"]', '["theory"]\nseeds = [-1]'), "seeds"),
        (('["theory"]', '["theory"]\ntrainers = ["sgd"]'), "trainers"),
    ],
)
def test_mistakes_are_named(tmp_path, change, named):
    assert change[0] in GOOD
    with pytest.raises(InvalidArgument) as caught:
        Sweep.from_file(written(tmp_path, GOOD.replace(*change)))
    assert caught.value.name == named


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (("dim = 400", "dim = 1"), "dim"),
        (("noise = 0.1", "noise = -0.1"), "noise"),
        (("[20, 62, 400]", "[20, 0]"), "width"),
        (("[1e4, 1e6, 25]", "[1e4, 0.1, 25]"), "samples"),
        (('"0.05*sqrt', '"-0.05*sqrt'), "penalty"),
        (('"quadratic"', '"diagonal"'), "width"),
    ],
)
def test_impossible_problems_are_named_before_anything_runs(tmp_path, change, named):
    assert change[0] in GOOD
    sweep = Sweep.from_file(written(tmp_path, GOOD.replace(*change)))
    with pytest.raises(InvalidArgument) as caught:
        sweep.check()
    assert caught.value.name == named


def test_a_typo_is_corrected():
    with pytest.raises(InvalidArgument, match="did you mean samples"):
        Sweep({"network": "diagonal"}, {"smaples": [1]})


def test_links_may_follow_each_other_in_any_order(problem):
    axes = {"weight_decay": {"linked": "noise*2"}, "noise": {"linked": "samples/100"}, "samples": [10, 20]}
    sweep = Sweep(problem, axes)
    assert sweep.settings(1)["weight_decay"] == pytest.approx(0.4)
    axes["noise"] = {"linked": "weight_decay"}
    with pytest.raises(InvalidArgument, match="circle"):
        Sweep(problem, axes)


def test_files_that_are_not_there(tmp_path):
    with pytest.raises(InvalidArgument, match="cannot be read"):
        Sweep.from_file(tmp_path / "none.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InvalidArgument, match="cannot be read"):
        Sweep.from_file(tmp_path / "binary.toml")


def test_effective_samples_become_samples():
    base = {"dim": 100, "gamma": 1.0, "penalty": 0.1, "effective_samples": 30}
    assert Sweep({**base, "network": "quadratic"}).settings(0)["samples"] == 3000
    del base["penalty"]
    assert Sweep({**base, "network": "diagonal", "weight_decay": 1.0}).settings(0)["samples"] == 30


def test_the_name_of_a_point_is_its_content(problem):
    def key(**settings):
        sweep = Sweep({**problem, "samples": 100, "weight_decay": 1.0, **settings})
        return next(sweep.points()).key("1")

    assert key() == key(samples=100.0) == key(noise=0.0) == key(energy=1)
    others = [key(), key(samples=101), key(noise=0.1), key(gamma=1.5), key(weight_decay=2.0), key(energy=2)]
    assert len(set(others)) == len(others)


def test_a_spectrum_file_counts_by_its_content(tmp_path):
    def key(name, values):
        np.save(tmp_path / name, values)
        sweep = Sweep({"network": "diagonal", "spectrum": str(tmp_path / name), "samples": 10, "weight_decay": 1.0})
        return sweep.settings(0)["dim"], next(sweep.points()).key("1")

    first = key("a.npy", [3.0, 2.0, 1.0])
    assert first[0] == 3
    assert key("b.npy", [3.0, 2.0, 1.0]) == first
    assert key("a.npy", [3.0, 2.0, 1.5]) != first


def test_a_spectrum_file_may_have_a_header(tmp_path):
    for name, text in (("a.csv", "# teacher\nmode\n3\n2\n1\n"), ("b.txt", "3 2 1\n"), ("c.csv", "3, 2, 1\n")):
        (tmp_path / name).write_text(text)
        sweep = Sweep({"network": "diagonal", "spectrum": str(tmp_path / name), "samples": 10, "weight_decay": 1.0})
        assert next(sweep.points()).problem().teacher.array.tolist() == [3, 2, 1]


def test_a_table_is_no_spectrum(tmp_path):
    for name, text in (("b.txt", "3 2\n1"), ("d.csv", "a,b\n3,2\n1,0\n"), ("e.dat", "3\n2\n1\n")):
        (tmp_path / name).write_text(text)
        sweep = Sweep({"network": "diagonal", "spectrum": str(tmp_path / name), "samples": 10, "weight_decay": 1.0})
        with pytest.raises(InvalidArgument, match=r"holds a table|must be a \.npy") as caught:
            sweep.check()
        assert caught.value.name == "spectrum"


def test_a_pickle_is_no_spectrum(tmp_path):
    np.save(tmp_path / "evil.npy", np.array([object()]), allow_pickle=True)
    (tmp_path / "words.txt").write_text("three\ntwo\n")
    (tmp_path / "cut.npy").write_bytes(b"\x93NUMPY\x01")
    for name in ("evil.npy", "words.txt", "cut.npy", "none.npy"):
        sweep = Sweep({"network": "diagonal", "spectrum": str(tmp_path / name), "samples": 10, "weight_decay": 1.0})
        with pytest.raises(InvalidArgument) as caught:
            sweep.check()
        assert caught.value.name == "spectrum"


def test_a_million_points_take_no_memory(problem):
    axes = {"samples": {"linspace": [1, 1000, 1000]}, "noise": {"linspace": [0, 1, 1000]}}
    sweep = Sweep({**problem, "weight_decay": 1.0}, axes)
    assert len(sweep) == 1_000_000
    tracemalloc.start()
    sweep.check()
    for point in itertools.islice(sweep.points(), 20_000):
        point.key(quantity_named("theory").code)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5e6
