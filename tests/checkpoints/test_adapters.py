"""Low-rank changes: alone, and as the change of a base."""

import json

import numpy as np
import pytest
from safetensors.numpy import save_file

from shallows.checkpoints import merged, open_checkpoint, weight_matrices, write_checkpoint
from shallows.errors import InvalidArgument


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def adapter(folder, **settings):
    """A folder as PEFT writes it: two layers of rank 2 and 3."""
    tensors = {}
    for layer, rank in (("encoder.q_proj", 2), ("encoder.fc", 3)):
        tensors[f"base_model.model.{layer}.lora_A.weight"] = numbers(rank, 6, seed=rank)
        tensors[f"base_model.model.{layer}.lora_B.weight"] = numbers(5, rank, seed=10 + rank)
    folder.mkdir(exist_ok=True)
    save_file(tensors, folder / "adapter_model.safetensors")
    (folder / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", "r": 2, "lora_alpha": 6} | settings))
    return {
        layer: tensors[f"base_model.model.{layer}.lora_B.weight"] @ tensors[f"base_model.model.{layer}.lora_A.weight"]
        for layer in ("encoder.q_proj", "encoder.fc")
    }


@pytest.mark.parametrize("named", ["", "adapter_model.safetensors"])
@pytest.mark.parametrize(
    "settings,scales",
    [
        ({}, (3.0, 2.0)),
        ({"use_rslora": True}, (6 / np.sqrt(2), 6 / np.sqrt(3))),
        ({"alpha_pattern": {"fc": 12}}, (3.0, 4.0)),
        ({"lora_alpha": None}, (1.0, 1.0)),
    ],
)
def test_an_adapter_alone_is_one_matrix_for_each_pair(tmp_path, named, settings, scales):
    product = adapter(tmp_path / "a", **settings)
    with open_checkpoint(tmp_path / "a" / named) as checkpoint:
        matrices, skipped = weight_matrices(checkpoint)
        assert not skipped and {matrix.kind for matrix in matrices} == {"adapter"}
        by_name = {matrix.name: matrix for matrix in matrices}
        for layer, scale in zip(product, scales, strict=True):
            matrix = by_name[f"{layer}.weight[adapter]"]
            assert matrix.shape == (5, 6) and len(matrix.tensors) == 2
            np.testing.assert_allclose(matrix.read(), scale * product[layer], rtol=1e-5, atol=1e-6)
            assert ("not known" in matrix.made) == (settings.get("lora_alpha", 0) is None)


def test_the_magnitudes_of_dora_are_said_to_be_left_out(tmp_path):
    adapter(tmp_path / "a", use_dora=True)
    with open_checkpoint(tmp_path / "a") as checkpoint:
        assert all("magnitudes" in matrix.made for matrix in weight_matrices(checkpoint)[0])


def test_adapters_of_other_customs():
    down, up, table, rows = numbers(2, 6), numbers(5, 2), numbers(2, 9), numbers(4, 2)
    arrays = {
        "lora_unet_mid.lora_down.weight": down,
        "lora_unet_mid.lora_up.weight": up,
        "lora_unet_mid.alpha": np.float32(1.0),
        "m.embed.lora_embedding_A": table,
        "m.embed.lora_embedding_B": rows,
        "conv.lora_A.weight": numbers(2, 3, 3, 3),
        "conv.lora_B.weight": numbers(8, 2, 1, 1),
        "odd.lora_A.weight": numbers(2, 6),
        "odd.lora_B.weight": numbers(5, 3),
    }
    matrices, skipped = weight_matrices(open_checkpoint(arrays))
    by_name = {matrix.name: matrix for matrix in matrices}
    first = by_name["lora_unet_mid.weight[adapter]"]
    np.testing.assert_allclose(first.read(), 0.5 * up @ down, rtol=1e-5, atol=1e-6)
    assert "lora_unet_mid.alpha" in first.tensors and not skipped
    np.testing.assert_allclose(by_name["m.embed.weight[adapter]"].read(), (rows @ table).T, rtol=1e-5, atol=1e-6)
    expected = arrays["conv.lora_B.weight"].reshape(8, 2) @ arrays["conv.lora_A.weight"].reshape(2, 27)
    np.testing.assert_allclose(by_name["conv.weight[adapter]"].read(), expected, rtol=1e-5, atol=1e-6)
    assert {"odd.lora_A.weight", "odd.lora_B.weight"} <= set(by_name)
    assert all("does not fit" in by_name[f"odd.lora_{side}.weight"].made for side in "AB")
    assert "does not fit" not in by_name["conv.weight[adapter]"].made


def test_a_base_with_its_adapter(tmp_path):
    product = adapter(tmp_path / "a")
    base = {
        "encoder.q_proj.weight": numbers(5, 6, seed=5),
        "model.encoder.fc.weight": numbers(5, 6, seed=6),
        "encoder.fc.bias": numbers(5),
    }
    with open_checkpoint(base) as before, open_checkpoint(tmp_path / "a") as change:
        both = merged(before, change)
        assert [tensor.name for tensor in both.tensors] == list(base) and not both.skipped
        values = {tensor.name: tensor.read() for tensor in both.tensors}
    np.testing.assert_allclose(
        values["encoder.q_proj.weight"], base["encoder.q_proj.weight"] + 3 * product["encoder.q_proj"]
    )
    np.testing.assert_allclose(
        values["model.encoder.fc.weight"], base["model.encoder.fc.weight"] + 2 * product["encoder.fc"]
    )
    np.testing.assert_array_equal(values["encoder.fc.bias"], base["encoder.fc.bias"])


def test_a_base_with_its_adapter_is_not_written(tmp_path):
    adapter(tmp_path / "a")
    save_file({"encoder.fc.weight": numbers(5, 6)}, tmp_path / "base.safetensors")
    with open_checkpoint(tmp_path / "base.safetensors") as before, open_checkpoint(tmp_path / "a") as change:
        both = merged(before, change)
    with pytest.raises(InvalidArgument, match="a base with an adapter"):
        write_checkpoint(both, {}, tmp_path / "both.safetensors")


def test_a_base_that_stores_its_layers_the_other_way_round():
    down, up = numbers(2, 4), numbers(4, 2, seed=1)
    pair = {"base_model.model.h.lora_A.weight": down, "base_model.model.h.lora_B.weight": up}
    wide = {"base_model.model.h.lora_A.weight": down, "base_model.model.h.lora_B.weight": numbers(7, 2)}
    base = {"h.weight": numbers(4, 4, seed=2)}
    change = open_checkpoint(pair)
    change._config = {"fan_in_fan_out": True}
    np.testing.assert_allclose(
        merged(open_checkpoint(base), change).tensors[0].read(), base["h.weight"] + (up @ down).T
    )
    tall = {"h.weight": numbers(4, 7)}
    found = merged(open_checkpoint(tall), open_checkpoint(wide)).tensors[0].read()
    expected = tall["h.weight"] + (wide["base_model.model.h.lora_B.weight"] @ down).T
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_what_has_no_place_in_the_base_is_named():
    saved = numbers(3, 4, seed=4)
    given = {
        "base_model.model.gone.lora_A.weight": numbers(2, 4),
        "base_model.model.gone.lora_B.weight": numbers(4, 2),
        "base_model.model.fc.lora_A.weight": numbers(2, 9),
        "base_model.model.fc.lora_B.weight": numbers(4, 2),
        "base_model.model.head.modules_to_save.default.weight": saved,
        "base_model.model.other.weight": numbers(2, 2),
        "base_model.model.head.lora_A.weight": numbers(1, 4),
        "base_model.model.head.lora_B.weight": numbers(3, 1),
        "base_model.model.table.base_layer.weight": saved,
    }
    base = {"fc.weight": numbers(4, 4), "head.weight": numbers(3, 4), "table.weight": numbers(3, 4)}
    both = merged(open_checkpoint(base), open_checkpoint(given))
    assert {item.name for item in both.skipped} == {
        "gone.weight[adapter]",
        "fc.weight[adapter]",
        "base_model.model.other.weight",
    }
    change = given["base_model.model.head.lora_B.weight"] @ given["base_model.model.head.lora_A.weight"]
    np.testing.assert_allclose(both.tensors[1].read(), saved + change)  # both a new one and a change of it
    np.testing.assert_array_equal(both.tensors[2].read(), saved)


def test_factored_matrices_are_one():
    left, right = numbers(8, 2), numbers(2, 3, 3, 3)
    matrices, skipped = weight_matrices(open_checkpoint({"conv.weight.left": left, "conv.weight.right": right}))
    assert [(matrix.name, matrix.shape) for matrix in matrices] == [("conv.weight", (8, 27))] and not skipped
    assert matrices[0].kind == "convolution"
    np.testing.assert_allclose(matrices[0].read(), left @ right.reshape(2, -1))


def test_a_pair_without_a_rank_is_two_empty_tensors():
    pair = {"q.lora_A.weight": numbers(0, 6), "q.lora_B.weight": numbers(5, 0)}
    matrices, skipped = weight_matrices(open_checkpoint(pair))
    assert not matrices and [item.reason for item in skipped] == ["empty (0 x 6)", "empty (5 x 0)"]
