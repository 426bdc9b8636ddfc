"""Results out of the store: labelled, with units and provenance, the same in every format."""

import csv
import json

import numpy as np
import pytest
import sweep_fakes
import xarray

from shallows import InvalidArgument
from shallows.sweeps import Store, Sweep, load, output, run

pyarrow = pytest.importorskip("pyarrow.parquet")


@pytest.fixture
def done(problem, tmp_path):
    """Two quantities, one of them sampled, on a grid with a linked axis; one point fails."""
    axes = {
        "samples": [9, 1, 20, 30],
        "noise": [0.25, 0.5],
        "weight_decay": {"linked": "samples/10 + noise"},
    }
    sweep = Sweep(problem, axes, ["misbehave", "draw"], ["convex", "gradient"], [3, 5])
    report = run(sweep, tmp_path / "store", workers=0)
    assert (report.computed, report.failed) == (6 + 32, 2)
    return sweep, tmp_path / "store"


def test_a_dataset_has_labels_units_and_provenance(done):
    sweep, folder = done
    data = load(folder)
    assert dict(data.sizes) == {"samples": 4, "noise": 2, "trainer": 2, "seed": 2}
    assert data.fine.dims == ("samples", "noise")
    assert data.drawn.dims == ("samples", "noise", "trainer", "seed")
    assert float(data.fine.sel(samples=20, noise=0.5)) == 20
    assert float(data.weight_decay.sel(samples=30, noise=0.5)) == 3.5
    assert data.weight_decay.dims == ("samples", "noise")
    assert data.misbehave_state.sel(samples=1).values.tolist() == [2, 2]
    assert np.isnan(data.fine.sel(samples=1)).all()
    assert list(data.seed) == [3, 5]
    assert all("units" in data[name].attrs for name in data.data_vars)
    assert Sweep.from_dict(json.loads(data.attrs["sweep"])).name == sweep.name
    point = sweep_fakes.draw(next(p for p in sweep.points() if p.quantity == "draw" and p.seed == 5))
    assert float(data.drawn.isel(samples=0, noise=0).sel(trainer="convex", seed=5)) == point["drawn"]


def test_what_is_not_computed_yet_is_missing(done):
    sweep, folder = done
    larger = Sweep(sweep.problem, {**sweep.axes, "noise": [0.25, 0.75]}, ["misbehave"])
    data = load(folder, larger)
    assert data.misbehave_state.sel(noise=0.75).values.tolist() == [0, 0, 0, 0]


def test_every_format_holds_the_same_numbers(done, tmp_path):
    sweep, folder = done
    with Store(folder, create=False, read_only=True) as store:
        assert output.export_csv(store, sweep, tmp_path / "a.csv") == 32
        assert output.export_parquet(store, sweep, tmp_path / "a.parquet") == 32
        assert output.export_netcdf(store, sweep, tmp_path / "a.nc") == 8
    data = load(folder)
    with xarray.open_dataset(tmp_path / "a.nc", engine="h5netcdf") as stored:
        xarray.testing.assert_identical(stored.load().drop_attrs(), data.drop_attrs())
        assert stored.attrs["sweep"] == data.attrs["sweep"]
        assert stored.drawn.attrs["units"] == "1"
    with (tmp_path / "a.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    table = pyarrow.read_table(tmp_path / "a.parquet")
    assert b"sweep" in table.schema.metadata
    for row, other in zip(rows, table.to_pylist(), strict=True):
        at = {"samples": float(row["samples"]), "noise": float(row["noise"])}
        drawn = float(data.drawn.sel(**at, trainer=row["trainer"], seed=int(row["seed"])))
        assert float(row["drawn"]) == other["drawn"] == drawn
        assert float(row["weight_decay"]) == other["weight_decay"] == float(data.weight_decay.sel(**at))
        assert row["misbehave_state"] == other["misbehave_state"]
        assert (row["fine"] == "") == (other["fine"] is None) == (row["misbehave_state"] == "failed")


def test_zarr(done, tmp_path):
    pytest.importorskip("zarr")
    sweep, folder = done
    with Store(folder, create=False, read_only=True) as store:
        output.export_zarr(store, sweep, tmp_path / "a.zarr")
        with pytest.raises(InvalidArgument):
            output.export_zarr(store, sweep, tmp_path / "a.zarr")
    with xarray.open_zarr(tmp_path / "a.zarr") as stored:
        np.testing.assert_array_equal(stored.drawn, load(folder).drawn)


def test_a_file_appears_whole_or_not_at_all(done, tmp_path, monkeypatch):
    sweep, folder = done

    def broken(store, sweep):
        yield [{"samples": 1}]
        raise OSError("the disk went away")

    (tmp_path / "a.csv").write_text("before")
    monkeypatch.setattr(output, "rows", broken)
    with Store(folder, create=False, read_only=True) as store, pytest.raises(OSError, match="went away"):
        output.export_csv(store, sweep, tmp_path / "a.csv")
    assert (tmp_path / "a.csv").read_text() == "before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv", "store"]


def test_the_latest_sweep_or_the_one_named(done, tmp_path):
    sweep, folder = done
    second = Sweep(sweep.problem, {"samples": [9]}, ["misbehave"])
    run(second, folder, workers=0)
    assert load(folder).sizes == {"samples": 1}
    assert load(folder, sweep.name).sizes["samples"] == 4
    with pytest.raises(InvalidArgument, match="not on this store"):
        load(folder, "nonsense")
    with pytest.raises(InvalidArgument):
        load(tmp_path / "none")


def test_networks_and_spectra_as_axes(tmp_path):
    np.save(tmp_path / "three.npy", [3.0, 2.0, 1.0])
    np.savetxt(tmp_path / "two.csv", [2.0, 1.0])
    problem = {"effective_samples": 10, "weight_decay": 1.0}
    files = [str(tmp_path / "three.npy"), str(tmp_path / "two.csv")]
    axes = {"network": ["diagonal", "quadratic"], "spectrum": files, "noise": {"linked": "1/dim"}}
    sweep = Sweep(problem, axes, ["plain_numbers"])
    run(sweep, tmp_path / "store", workers=0)
    data = load(tmp_path / "store")
    assert data.dim.values.tolist() == [3, 2]
    assert data.samples.sel(network="quadratic").values.tolist() == [30, 20]
    assert data.samples.sel(network="diagonal").values.tolist() == [10, 10]
    assert data.noise.values == pytest.approx([1 / 3, 1 / 2])
    with Store(tmp_path / "store", create=False, read_only=True) as store:
        assert output.export_csv(store, sweep, tmp_path / "a.csv") == 4
        assert output.export_netcdf(store, sweep, tmp_path / "a.nc") == 4


def test_an_error_while_writing_names_the_file_that_was_asked_for(tmp_path):
    from shallows._system import replacing

    (tmp_path / "taken").mkdir()
    with pytest.raises(OSError) as caught, replacing(tmp_path / "taken") as temporary:
        temporary.write_text("new")
    assert caught.value.filename == str(tmp_path / "taken") and str(caught.value).count("taken") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]
