"""Pruned checkpoints: what is kept, how it is written, and that the old one stays."""

import json

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from shallows import InvalidArgument, diagnose
from shallows.checkpoints import open_checkpoint, weight_matrices
from shallows.cli import main
from shallows.diagnosis import prune_checkpoint


def signal(rng, rows, columns, sizes):
    left = np.linalg.qr(rng.standard_normal((rows, len(sizes))))[0]
    right = np.linalg.qr(rng.standard_normal((columns, len(sizes))))[0]
    return (left * np.array(sizes)) @ right.T


@pytest.fixture
def world(tmp_path):
    """A checkpoint whose planted parts are known: what pruning should bring back."""
    rng = np.random.default_rng(11)
    truth = signal(rng, 200, 150, [70.0, 55.0, 40.0])
    weights = {
        "a.weight": (truth + rng.standard_normal((200, 150))).astype(np.float32),
        "b.weight": rng.standard_normal((120, 80)).astype(np.float32),
        "b.bias": np.arange(120, dtype=np.float32),
    }
    path = tmp_path / "model.safetensors"
    save_file(weights, path, metadata={"made": "here"})
    return path, weights, truth


def test_what_is_kept_is_closer_to_what_was_planted_than_plain_truncation(world, tmp_path):
    path, weights, truth = world
    old = path.read_bytes()
    pruned = prune_checkpoint(path, tmp_path / "new.safetensors")
    new = load_file(tmp_path / "new.safetensors")
    assert path.read_bytes() == old
    left, values, right = np.linalg.svd(weights["a.weight"].astype(float))
    plain = (left[:, :3] * values[:3]) @ right[:3]
    assert np.linalg.matrix_rank(new["a.weight"], tol=1e-3) == 3
    assert (
        np.linalg.norm(new["a.weight"] - truth)
        < np.linalg.norm(plain - truth)
        < np.linalg.norm(weights["a.weight"] - truth)
    )
    np.testing.assert_array_equal(new["b.weight"], weights["b.weight"])
    np.testing.assert_array_equal(new["b.bias"], weights["b.bias"])
    first, second = pruned.layers
    assert (first.rank, first.shrunk, second.rank, second.reason) == (3, True, None, "nothing stands out of its noise")
    assert first.energy_kept == pytest.approx(np.sum(values[:3] ** 2) / np.sum(values**2), rel=1e-5)
    assert pruned.parameters == 3 * (200 + 150) + 120 * 80 and pruned.parameters_before == 200 * 150 + 120 * 80


def test_factors_multiply_to_what_is_written_whole_and_take_what_was_said(world, tmp_path):
    path, _, _ = world
    prune_checkpoint(path, tmp_path / "whole.safetensors")
    pruned = prune_checkpoint(path, tmp_path / "factors.safetensors", factored=True)
    whole, factors = load_file(tmp_path / "whole.safetensors"), load_file(tmp_path / "factors.safetensors")
    product = factors["a.weight.left"] @ factors["a.weight.right"]
    np.testing.assert_allclose(product, whole["a.weight"], atol=1e-4)
    assert sum(value.size for name, value in factors.items() if name != "b.bias") == pruned.parameters
    with open_checkpoint(tmp_path / "factors.safetensors") as again:
        assert {matrix.name: matrix.shape for matrix in weight_matrices(again)[0]}["a.weight"] == (200, 150)


def test_a_rank_is_kept_as_it_is(world, tmp_path):
    path, weights, _ = world
    pruned = prune_checkpoint(path, tmp_path / "new.safetensors", keep=5, layers="b.*")
    new = load_file(tmp_path / "new.safetensors")
    left, values, right = np.linalg.svd(weights["b.weight"].astype(float))
    np.testing.assert_allclose(new["b.weight"], (left[:, :5] * values[:5]) @ right[:5], atol=1e-4)
    np.testing.assert_array_equal(new["a.weight"], weights["a.weight"])
    assert [layer.name for layer in pruned.layers] == ["b.weight"]


@pytest.mark.parametrize("budget", [0.02, 0.3, 0.7, 1.0])
def test_a_budget_is_kept_and_spent_on_what_holds_most(world, tmp_path, budget):
    path, weights, _ = world
    pruned = prune_checkpoint(path, tmp_path / "new.safetensors", budget=budget)
    assert pruned.share_kept <= budget + 1e-12
    ranks = {layer.name: layer.rank for layer in pruned.layers}
    if budget <= 0.3:
        # the direction that was left out first is worth less than each one kept
        worth = {}
        for name in ranks:
            values = np.linalg.svd(weights[name].astype(float), compute_uv=False)
            worth[name] = values**2 / np.sum(values**2) / sum(weights[name].shape)
        smallest_kept = min((worth[name][rank - 1] for name, rank in ranks.items() if rank), default=np.inf)
        assert smallest_kept >= max(worth[name][rank] for name, rank in ranks.items()) * (1 - 1e-9)
        left = budget * pruned.parameters_before - sum(rank * sum(weights[name].shape) for name, rank in ranks.items())
        assert 0 <= left < 200 + 150


def test_a_measurement_before_and_after_stands_in_the_result(world, tmp_path):
    path, _, truth = world

    def distance(place):
        return np.linalg.norm(load_file(place)["a.weight"] - truth)

    pruned = prune_checkpoint(path, tmp_path / "new.safetensors", evaluate=distance)
    assert pruned.after < pruned.before == pytest.approx(distance(path))
    assert pruned.to_dict()["after"] == pruned.after


def test_a_diagnosis_at_hand_is_used_again(world, tmp_path, monkeypatch):
    path, _, _ = world
    found = diagnose(path)
    import shallows.diagnosis.pruning as module

    monkeypatch.setattr(module, "diagnose_matrix", lambda matrix: pytest.fail("analysed again"))
    assert prune_checkpoint(path, tmp_path / "new.safetensors", diagnosis=found).layers[0].rank == 3


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"keep": "most"}, "keep"),
        ({"keep": 0}, "keep"),
        ({"keep": 2, "budget": 0.5}, "budget"),
        ({"budget": 0.0}, "budget"),
        ({"budget": 1.5}, "budget"),
    ],
)
def test_bad_options_are_told_before_any_work(world, tmp_path, options, words):
    with pytest.raises(InvalidArgument, match=words):
        prune_checkpoint(world[0], tmp_path / "new.safetensors", **options)
    assert not (tmp_path / "new.safetensors").exists()


def test_it_is_never_written_in_place_nor_over_another_file(world, tmp_path):
    with pytest.raises(InvalidArgument):
        prune_checkpoint(world[0], world[0], force=True)
    (tmp_path / "there.safetensors").write_bytes(b"mine")
    with pytest.raises(InvalidArgument):
        prune_checkpoint(world[0], tmp_path / "there.safetensors")
    assert (tmp_path / "there.safetensors").read_bytes() == b"mine"


def test_the_command_prunes(world, tmp_path, capsys):
    target = tmp_path / "pruned.safetensors"
    assert main(["diagnose", str(world[0]), "--prune", "--out-weights", str(target), "--json"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert [layer["rank"] for layer in content["pruned"]["layers"]] == [3, None]
    assert np.linalg.matrix_rank(load_file(target)["a.weight"], tol=1e-3) == 3


def test_the_whole_budget_changes_nothing_and_none_is_refused(world, tmp_path):
    path, weights, _ = world
    pruned = prune_checkpoint(path, tmp_path / "all.safetensors", budget=1.0)
    assert pruned.share_kept == 1.0
    for name, value in load_file(tmp_path / "all.safetensors").items():
        np.testing.assert_array_equal(value, weights[name])
    with pytest.raises(InvalidArgument, match="leaves nothing"):
        prune_checkpoint(path, tmp_path / "none.safetensors", budget=1e-6)
    assert not (tmp_path / "none.safetensors").exists()
