"""A whole checkpoint: every tensor accounted for, tables, reports, comparisons."""

import json

import numpy as np
import pandas as pd
import pytest

from shallows import InvalidArgument, diagnose
from shallows.cli import main
from shallows.diagnosis import DiagnosisSeries, LayerDiagnosis, diagnose_series, principal_angles
from shallows.plotting.diagnosis import short_names
from shallows.report import write_diagnosis_report
from shallows.report.diagnosis_figures import most_telling

#: What a program may count on of each matrix.
PROMISED = (
    "name shape verdict confidence num_outliers outlier_pvalues bulk_edge noise_scale energy_outliers alpha alpha_lo "
    "alpha_hi alpha_pvalue stable_rank spectral_norm evidence"
).split()


def planted(rng, rows=150, columns=100, strength=60.0, count=1):
    """Noise of unit variance and `count` planted directions, far beyond its edge."""
    left = np.linalg.qr(rng.standard_normal((rows, count)))[0]
    right = np.linalg.qr(rng.standard_normal((columns, count)))[0]
    sizes = strength * (1 + 0.1 * np.arange(count))
    return rng.standard_normal((rows, columns)) + (left * sizes) @ right.T


@pytest.fixture
def weights():
    rng = np.random.default_rng(5)
    return {
        "net.noise.weight": rng.standard_normal((150, 100)),
        "net.learned.weight": planted(rng, count=2),
        "net.learned.bias": rng.standard_normal(150),
        "net.bad.weight": np.where(np.eye(30) > 0, np.nan, 1.0),
    }


@pytest.fixture
def checkpoint(weights, tmp_path):
    path = tmp_path / "model.npz"
    np.savez(path, **weights)
    return path


def test_every_tensor_is_analysed_or_skipped_with_its_reason(weights):
    found = diagnose(weights)
    assert {layer.name for layer in found} | {one.name for one in found.skipped} == set(weights)
    assert [one.name for one in found.failed] == ["net.bad.weight"]
    assert "NaN" in found.failed[0].reason
    assert found["net.learned.weight"].num_outliers == 2 and found["net.noise.weight"].num_outliers == 0


def test_json_has_what_is_promised_and_is_strict(weights):
    content = json.loads(json.dumps(diagnose(weights).to_dict(), allow_nan=False))
    assert set(content) == {"summary", "layers", "skipped"}
    for layer in content["layers"]:
        assert set(PROMISED) <= set(layer)
    learned = content["layers"][1]
    assert learned["shape"] == [150, 100] and len(learned["outlier_pvalues"]) == learned["num_outliers"] == 2
    assert content["summary"]["verdicts"] == {"noise": 1, "bulk+spikes": 1}
    assert {one["failed"] for one in content["skipped"]} == {True, False}


def test_a_record_makes_the_same_layer_again(weights):
    found = diagnose(weights, baseline={name: value + 0 * value for name, value in weights.items()}, layers="net.l*")
    for layer in (*diagnose(weights).layers, *found.layers):
        again = LayerDiagnosis.from_record(json.loads(json.dumps(layer.to_record())))
        assert again.to_dict() == layer.to_dict()
        np.testing.assert_array_equal(again.spectrum.singular_values, layer.spectrum.singular_values)


def test_the_table_keeps_numbers_numbers(weights, tmp_path):
    found = diagnose({**weights, "tiny": np.ones((2, 2))})
    frame = found.to_frame()
    assert frame["num_outliers"].tolist()[:2] == [0, 2] and frame["num_outliers"].isna().tolist()[2]
    assert frame["spectral_norm"].dtype == "float64" and frame["rows"].dtype == "int64"
    for ending, read in ((".csv", pd.read_csv), (".parquet", pd.read_parquet)):
        found.save(tmp_path / f"table{ending}")
        again = read(tmp_path / f"table{ending}")
        assert again["name"].tolist() == frame["name"].tolist()
        np.testing.assert_allclose(again["spectral_norm"], frame["spectral_norm"])
    with pytest.raises(InvalidArgument, match="must end in"):
        found.save(tmp_path / "table.xlsx")


def test_the_change_is_judged_against_the_baseline():
    rng = np.random.default_rng(1)
    before = rng.standard_normal((150, 100))
    step = planted(rng, strength=30.0) * 0.1
    found = diagnose({"w": before + step, "same": before, "new": before + 1}, baseline={"w": before, "same": before})
    change = found["w"].change
    assert change.verdict.name == "bulk+spikes" and len(change.spectrum.outliers) == 1
    assert change.relative_size == pytest.approx(np.linalg.norm(step) / np.linalg.norm(before))
    assert found["same"].change is None and "unchanged" in found["same"].spectrum.remarks[-1]
    assert found["new"].change is None
    assert "bulk+spikes 1, unchanged 1" in str(found)
    assert "change_verdict" in found.to_frame() and found.to_dict()["layers"][0]["change"]["num_outliers"] == 1
    with pytest.raises(InvalidArgument, match="no matrix of the same name"):
        diagnose({"w": before}, baseline={"v": before})


def test_another_shape_in_the_baseline_is_said():
    rng = np.random.default_rng(2)
    found = diagnose({"w": rng.standard_normal((60, 50))}, baseline={"w": rng.standard_normal((50, 60))})
    assert found["w"].change is None and "50 x 60" in found["w"].spectrum.remarks[-1]


def test_principal_angles_are_those_of_the_leading_directions():
    rng = np.random.default_rng(3)
    basis = np.linalg.qr(rng.standard_normal((40, 40)))[0]
    turned = basis.copy()
    angle = np.radians(25.0)
    turned[:, 1] = np.cos(angle) * basis[:, 1] + np.sin(angle) * basis[:, 5]
    sizes = np.array([9.0, 7.0, 1e-3])
    one, other = (vectors[:, :3] * sizes @ np.eye(3, 60) for vectors in (basis, turned))
    assert principal_angles(one, other, 2) == pytest.approx((0.0, 25.0), abs=1e-4)
    assert principal_angles(1e200 * one, 1e-200 * other, 1) == pytest.approx((0.0,), abs=1e-4)


def test_a_series_tells_what_changed(weights):
    start = {name: value for name, value in weights.items() if name != "net.bad.weight"}
    later = {**start, "net.noise.weight": planted(np.random.default_rng(7))}
    series = diagnose_series([start, later])
    assert series.sentences == ("net.noise.weight: noise, then bulk+spikes.",)
    assert series.to_frame()["checkpoint"].tolist() == [0, 0, 1, 1]
    assert [one["summary"]["matrices"] for one in series.to_dict()["checkpoints"]] == [2, 2]
    with pytest.raises(InvalidArgument, match="two at least"):
        diagnose_series([start])
    with pytest.raises(InvalidArgument, match="one checkpoint"):
        diagnose_series([start, later], store="results.jsonl")


def test_an_interrupted_run_goes_on_where_it_stopped(checkpoint, tmp_path, monkeypatch):
    store = tmp_path / "results.jsonl"
    whole = diagnose(checkpoint).to_dict()
    with pytest.raises(KeyboardInterrupt):
        diagnose(checkpoint, store=store, progress=stop_at(1))
    import shallows.diagnosis.run as module

    analysed = []
    original = module.diagnose_matrix
    monkeypatch.setattr(
        module, "diagnose_matrix", lambda matrix, before: (analysed.append(matrix.name), original(matrix, before))[1]
    )
    assert diagnose(checkpoint, store=store).to_dict() == whole
    assert analysed == ["net.learned.weight", "net.bad.weight"]
    assert diagnose(checkpoint, store=store, baseline=checkpoint).layers[0].unchanged  # not what was kept without one


def stop_at(count):
    def progress(name, done, total):
        if done == count:
            raise KeyboardInterrupt

    return progress


def test_an_adapter_is_judged_as_the_change_of_its_base():
    rng = np.random.default_rng(12)
    base = {"q.weight": rng.standard_normal((60, 50)), "k.weight": rng.standard_normal((60, 50))}
    left, right = rng.standard_normal((60, 2)), rng.standard_normal((2, 50))
    adapter = {"q.lora_A.weight": right, "q.lora_B.weight": left}
    found = diagnose(adapter, baseline=base)
    assert found["k.weight"].unchanged
    np.testing.assert_allclose(
        found["q.weight"].change.spectrum.singular_values[:2], np.linalg.svd(left @ right, compute_uv=False)[:2]
    )


def test_reports_escape_names_and_need_nothing_beside_them(tmp_path):
    rng = np.random.default_rng(4)
    evil = "<script>alert(1)</script>\x1b[31m$x_{"
    found = diagnose({evil: rng.standard_normal((60, 40)), "zero": np.zeros((30, 30)), "b\x1b[0m": np.ones(3)})
    page = write_diagnosis_report(found, tmp_path).read_text(encoding="utf-8")
    assert "<script>" not in page and "&lt;script&gt;" in page and "http" not in page.replace("http-equiv", "")
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"report.html", "diagnosis.json", "layers.csv"} | {
        f"{name}{end}" for name in ("overview", "gallery") for end in (".png", ".svg", "-column.svg")
    }
    series = DiagnosisSeries((found, found))
    page = write_diagnosis_report(series, tmp_path).read_text(encoding="utf-8")
    assert "No verdict changed" in page and (tmp_path / "series.png").exists()


def test_a_gallery_shows_some_of_every_verdict():
    rng = np.random.default_rng(8)
    matrices = {f"n{i}": rng.standard_normal((40, 30)) for i in range(12)} | {"z": np.zeros((30, 30))}
    shown = most_telling(diagnose(matrices), most=4)
    assert len(shown) == 4 and "z" in {layer.name for layer in shown}


def test_short_names_drop_what_all_share():
    assert short_names(["m.a.x.weight", "m.b.weight"], 20) == ["a.x", "b"]
    assert short_names(["same", "same"], 20) == ["same", "same"]
    assert short_names(["a" * 40], 11) == ["aaaaa…aaaaa"]
    assert short_names(["$x$"], 11) == [r"\$x\$"]


# -- the command


def run(*arguments, capsys):
    code = main(["diagnose", *map(str, arguments)])
    return code, *capsys.readouterr()


def test_the_command_prints_json_and_says_by_its_status_what_could_not_be_read(checkpoint, capsys):
    code, out, error = run(checkpoint, "--json", capsys=capsys)
    content = json.loads(out)
    assert code == 1 and "net.bad.weight" in error and "NaN" in error
    assert [layer["name"] for layer in content["layers"]] == ["net.noise.weight", "net.learned.weight"]
    code, out, _ = run(checkpoint, "--layers", "net.learned.*", capsys=capsys)
    assert code == 0 and "bulk+spikes" in out and "net.noise" not in out


def test_the_command_writes_tables_and_reports_and_never_over_them(checkpoint, tmp_path, capsys):
    table, folder = tmp_path / "t.csv", tmp_path / "report"
    wanted = (checkpoint, "--layers", "net.learned.weight", "--csv", table, "--out", folder)
    assert run(*wanted, capsys=capsys)[0] == 0
    assert pd.read_csv(table)["num_outliers"].tolist() == [2] and (folder / "report.html").exists()
    code, _, error = run(*wanted, capsys=capsys)
    assert code == 2 and "exists already" in error
    assert run(*wanted, "--force", capsys=capsys)[0] == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "CHECKPOINT"),
        (("nothing.safetensors",), "no such file"),
        (("{model}", "--layers", "net.lerned.weight"), "net.learned.weight"),
        (("{model}", "--table", "t.xlsx"), "must end in"),
        (("{model}", "--keep", "3"), "needs --prune"),
        (("{model}", "--prune"), "--out-weights"),
        (("{model}", "--prune", "--out-weights", "{model}", "--force"), "--out-weights"),
        (("{model}", "--prune", "--out-weights", "{folder}/p.npz", "--keep", "few"), "--keep"),
        (("{model}", "--prune", "--out-weights", "{folder}/p.npz", "--budget", "2"), "budget"),
        (("{model}", "{model}", "--prune", "--out-weights", "{folder}/p.npz"), "takes one"),
        (("{model}", "--baseline", "nothing.npz"), "no such file"),
    ],
)
def test_bad_input_is_one_line_and_nothing_is_written(arguments, words, checkpoint, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    given = [text.format(model=checkpoint, folder=tmp_path) for text in arguments]
    code, out, error = run(*given, capsys=capsys)
    last = error.strip().splitlines()[-1]
    assert code == 2 and words in last and last.startswith("shallows: ") and not out
    assert sorted(tmp_path.rglob("*")) == before


def test_a_series_on_the_command_line(checkpoint, tmp_path, capsys):
    other = tmp_path / "later.npz"
    np.savez(other, **{"net.noise.weight": planted(np.random.default_rng(9))})
    code, out, _ = run(checkpoint, other, "--layers", "net.n*", capsys=capsys)
    assert code == 0 and "noise, then bulk+spikes" in out


@pytest.mark.parametrize("content", [b"notes of mine\n", b'{"format": "other"}\n', b"no line ends here"])
def test_a_file_of_something_else_is_no_store(checkpoint, tmp_path, content, capsys):
    mine = tmp_path / "mine.jsonl"
    mine.write_bytes(content)
    code, _, error = run(checkpoint, "--store", mine, capsys=capsys)
    assert code != 0 and "something else" in error and mine.read_bytes() == content
    before = checkpoint.read_bytes()
    assert run(checkpoint, "--store", checkpoint, capsys=capsys)[0] != 0 and checkpoint.read_bytes() == before


def test_what_was_set_aside_is_said_with_the_verdict():
    rng = np.random.default_rng(21)
    spiked, equal = rng.standard_normal((80, 60)), np.full((80, 60), 0.3)
    spiked[3, 4] = 1e6
    found = diagnose({"spiked": spiked, "equal": equal, "orthogonal": np.eye(60)})
    verdict = found["spiked"].verdict
    assert verdict.name == "noise" and verdict.confidence is None and "due to one entry" in verdict.evidence
    assert found["equal"].verdict.name == "cannot-tell" and "rank 1" in found["equal"].verdict.evidence
    assert found["equal"].spectrum.tail is None
    assert "orthogonal" in found["orthogonal"].verdict.evidence


def test_a_baseline_is_found_under_the_names_that_wrappers_make(weights):
    before = {name: 0.9 * np.nan_to_num(values) for name, values in weights.items()}
    for wrapped in ("module.", "_orig_mod.", "_orig_mod.module."):
        found = diagnose({wrapped + name: values for name, values in weights.items()}, baseline=before)
        assert all(layer.change is not None for layer in found) and len(found) == 2
    inner = {name.replace("net.", "net._orig_mod."): values for name, values in before.items()}
    assert all(layer.change is not None for layer in diagnose(weights, baseline=inner))
    with pytest.raises(InvalidArgument, match="no matrix of the same name"):
        diagnose({name.replace("net.", "net.module."): values for name, values in weights.items()}, baseline=before)


def test_a_name_is_taken_as_it_is_before_it_is_unwrapped():
    rng = np.random.default_rng(0)
    first, second = rng.standard_normal((2, 40, 30))
    found = diagnose({"w": first, "module.w": second}, baseline={"w": first, "module.w": second})
    assert all(layer.unchanged for layer in found)


def test_zeros_of_unknown_origin_are_not_said_to_be_the_work_of_weight_decay():
    found = diagnose({"w": np.zeros((40, 30))})["w"].verdict
    assert (found.name, found.confidence, found.regularisation) == ("collapsed", None, "cannot-tell")
    assert "training has not reached" in found.evidence


def test_a_checkpoint_without_any_tensor_is_refused(tmp_path, capsys):
    with pytest.raises(InvalidArgument, match="holds no tensors"):
        diagnose({})
    np.savez(tmp_path / "empty.npz")
    assert main(["diagnose", str(tmp_path / "empty.npz")]) == 2
    assert "CHECKPOINT: got empty.npz; holds no tensors" in capsys.readouterr().err


def test_entries_that_are_no_numbers_are_counted(weights):
    assert diagnose(weights).failed[0].reason == "has entries that are NaN or infinite: 30 of 900"


def test_one_outlier_lies_and_a_low_rank_has_no_bulk():
    rng = np.random.default_rng(1)
    found = diagnose({"one": planted(rng), "rank": np.outer(rng.standard_normal(40), rng.standard_normal(30))})
    assert found["one"].verdict.evidence.startswith("1 of 100 singular values lies beyond")
    assert found["rank"].verdict.evidence == "No bulk of noise: of rank 1 up to rounding."
