"""Which matrices are made of tensors, by their names and shapes, and that nothing is lost on the way."""

import numpy as np
import pytest

from shallows.checkpoints import Layout, open_checkpoint, weight_matrices
from shallows.errors import CannotRead, InvalidArgument


def opened(arrays, config=None):
    checkpoint = open_checkpoint(arrays)
    checkpoint._config = config or {}
    return checkpoint


def found(arrays, config=None, **options):
    """Matrices by name and reasons by name; asserts that every tensor is in exactly one of both."""
    checkpoint = opened(arrays, config)
    matrices, skipped = weight_matrices(checkpoint, **options)
    used = {name for matrix in matrices for name in matrix.tensors}
    left = [item.name for item in skipped]
    assert used | set(left) == {tensor.name for tensor in checkpoint.tensors} | {x.name for x in checkpoint.skipped}
    assert not used & set(left) and len(left) == len(set(left))
    for matrix in matrices:
        assert matrix.read().shape == matrix.shape
    return {matrix.name: matrix for matrix in matrices}, {item.name: item.reason for item in skipped}


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


@pytest.mark.parametrize(
    "name,shape,kind",
    [
        ("fc.weight", (4, 3), "linear"),
        ("encoder.layer.0.intermediate.dense.weight", (4, 3), "linear"),
        ("embeddings.word_embeddings.weight", (9, 3), "embedding"),
        ("model.embed_tokens.weight", (9, 3), "embedding"),
        ("transformer.wte.weight", (9, 3), "embedding"),
        ("shared.weight", (9, 3), "embedding"),
        ("token_embd.weight", (9, 3), "embedding"),
        ("embed_out.weight", (9, 3), "linear"),
        ("lm_head.weight", (9, 3), "linear"),
        ("layers.0.self_attn.q_proj.weight", (4, 4), "attention"),
        ("layers.0.self_attn.o_proj.weight", (4, 4), "attention"),
        ("layers.0.self_attn.out_proj.weight", (4, 4), "attention"),
        ("encoder.layer.0.attention.self.key.weight", (4, 4), "attention"),
        ("encoder.layer.0.attention.output.dense.weight", (4, 4), "attention"),
        ("encoder.layer.0.output.dense.weight", (4, 4), "linear"),
        ("block.0.layer.0.SelfAttention.q.weight", (4, 4), "attention"),
        ("blocks.0.ffn.key.weight", (4, 4), "linear"),
        ("unet.attn1.to_out.0.weight", (4, 4), "attention"),
        ("layers.0.attention.wq.weight", (4, 4), "attention"),
        ("layers.0.attn.Wo.weight", (4, 4), "attention"),
        ("block.0.layer.1.DenseReluDense.wo.weight", (4, 4), "linear"),
        ("h.0.mlp.c_proj.weight", (4, 4), "linear"),
        ("mixer.in_proj.weight", (12, 4), "linear"),
    ],
)
def test_kinds_go_by_name(name, shape, kind):
    matrices, _ = found({name: numbers(*shape)})
    assert {key: matrix.kind for key, matrix in matrices.items()} == {name: kind}


@pytest.mark.parametrize(
    "name,shape,reason",
    [
        ("norm.weight", (5,), "a vector: no spectrum"),
        ("scale", (), "a single number: no spectrum"),
        ("w", (1, 1), "a single number: no spectrum"),
        ("w", (1, 7), "a vector (1 x 7): no spectrum"),
        ("w", (7, 1), "a vector (7 x 1): no spectrum"),
        ("cls_token", (1, 1, 7), "a vector (1 x 1 x 7): no spectrum"),
        ("w", (0, 7), "empty (0 x 7)"),
        ("attn.bias", (1, 1, 6, 6), "a mask or a table of biases, not weights of a layer"),
        ("bilinear.weight", (5, 3, 40), "5 x 3 x 40: nothing says how its axes make a matrix"),
        ("w.weight", (2, 2, 2, 2, 2, 2), "2 x 2 x 2 x 2 x 2 x 2: has 6 axes"),
        ("features.3.depthwise.weight", (8, 1, 3, 3), "8 x 1 x 3 x 3, one kernel for each channel"),
        ("mixer.A_log", (8, 4), "decay rates of a state space"),
        ("mixer.conv1d.weight", (8, 1, 4), "8 x 1 x 4, one kernel for each channel"),
    ],
)
def test_what_is_no_matrix_says_why(name, shape, reason):
    matrices, skipped = found({name: numbers(*shape)})
    assert not matrices and skipped[name].startswith(reason)


@pytest.mark.parametrize("kernel", [(5,), (3, 3), (2, 3, 2)])
def test_a_convolution_is_outputs_by_the_rest(kernel):
    stored = numbers(8, 6, *kernel)
    matrices, _ = found({"conv.weight": stored})
    matrix = matrices["conv.weight"]
    assert matrix.kind == "convolution" and matrix.shape == (8, 6 * np.prod(kernel))
    np.testing.assert_array_equal(matrix.read(), stored.reshape(8, -1))
    assert matrix.made == f"8 x 6 x {' x '.join(map(str, kernel))} taken as 8 x {6 * np.prod(kernel)}"


def test_kernels_with_channels_last_are_turned():
    stored = numbers(3, 3, 4, 8)
    matrices, _ = found({"conv/kernel": stored, "dense/kernel": numbers(5, 7)})
    expected = stored.transpose(3, 2, 0, 1).reshape(8, -1)
    np.testing.assert_array_equal(matrices["conv/kernel"].read(), expected)
    assert matrices["dense/kernel"].shape == (7, 5) and "transposed" in matrices["dense/kernel"].made


def test_a_grey_image_is_not_depthwise_and_channels_one_by_one_are():
    grey, _ = found({"conv1.weight": numbers(8, 1, 3, 3), "conv2.weight": numbers(16, 8, 3, 3)})
    assert set(grey) == {"conv1.weight", "conv2.weight"}
    sound, _ = found({"conv.0.weight": numbers(8, 1, 5), "conv.1.weight": numbers(8, 8, 3)})
    assert len(sound) == 2
    _, skipped = found({"0.weight": numbers(8, 3, 3, 3), "1.weight": numbers(8, 1, 3, 3)})
    assert "depthwise" in skipped["1.weight"]
    grey = {f"{i}.weight": numbers(8, inputs, 3, 3, seed=i) for i, inputs in enumerate((1, 1, 8, 1))}
    assert set(found(grey)[1]) == {"1.weight", "3.weight"}
    text, _ = found({f"conv{size}.weight": numbers(8, 1, size, 40) for size in (3, 4, 5)})
    assert len(text) == 3


def test_experts_and_positions():
    stored = numbers(3, 4, 5)
    matrices, _ = found({"experts.up_proj": stored, "pos_embed": numbers(1, 9, 6)})
    np.testing.assert_array_equal(matrices["experts.up_proj[expert 2]"].read(), stored[2])
    assert matrices["pos_embed"].shape == (9, 6) and matrices["pos_embed"].kind == "embedding"


def test_fused_projections_are_split_where_thirds_are_sure():
    stored = numbers(12, 4)
    for name in ("attn.qkv.weight", "self_attn.in_proj_weight", "attn.Wqkv.weight", "self_attn.qkv_proj.weight"):
        matrices, _ = found({name: stored})
        assert list(matrices) == [f"{name}[{part}]" for part in ("query", "key", "value")]
        np.testing.assert_array_equal(matrices[f"{name}[key]"].read(), stored[4:8])
    for shape in ((14, 4), (15, 4)):
        matrices, _ = found({"self_attn.qkv_proj.weight": numbers(*shape)})
        assert "nothing says how" in matrices["self_attn.qkv_proj.weight"].made


def test_fewer_keys_than_queries_are_split_by_the_settings():
    stored = numbers(8 + 2 * 4, 8)
    config = {"num_attention_heads": 4, "num_key_value_heads": 2, "hidden_size": 8}
    matrices, _ = found({"self_attn.qkv_proj.weight": stored}, config)
    shapes = {name.split("[")[1]: matrix.shape for name, matrix in matrices.items()}
    assert shapes == {"query]": (8, 8), "key]": (4, 8), "value]": (4, 8)}
    np.testing.assert_array_equal(matrices["self_attn.qkv_proj.weight[value]"].read(), stored[12:])
    matrices, _ = found({"self_attn.qkv_proj.weight": stored}, config, heads=True)
    assert len(matrices) == 4 + 2 + 2
    np.testing.assert_array_equal(matrices["self_attn.qkv_proj.weight[value head 1]"].read(), stored[14:])


def test_three_equal_parts_that_the_settings_contradict_are_not_split():
    config = {"num_attention_heads": 8, "num_key_value_heads": 2, "head_dim": 3}
    matrices, _ = found({"attn.qkv_proj.weight": numbers(12, 4)}, config)
    assert list(matrices) == ["attn.qkv_proj.weight"]


def test_heads_side_by_side_are_told_apart():
    query, key, value = numbers(6, 6, seed=1), numbers(6, 6, seed=2), numbers(6, 6, seed=3)
    by_head = [part.reshape(3, 2, 6) for part in (query, key, value)]
    stored = np.stack(by_head, axis=1).reshape(18, 6)
    name, config = "attention.query_key_value.weight", {"model_type": "gpt_neox", "num_attention_heads": 3}
    matrices, _ = found({name: stored}, config)
    for role, expected in (("query", query), ("key", key), ("value", value)):
        np.testing.assert_array_equal(matrices[f"{name}[{role}]"].read(), expected)
    matrices, _ = found({name: stored}, config, heads=True)
    np.testing.assert_array_equal(matrices[f"{name}[key head 2]"].read(), key[4:])
    matrices, _ = found({name: stored}, {"model_type": "falcon", "num_attention_heads": 3})
    assert "nothing says how" in matrices[name].made


def test_layers_stored_the_other_way_round():
    arrays = {
        "h.0.attn.c_attn.weight": numbers(4, 12),
        "h.0.attn.c_attn.bias": numbers(12),
        "h.0.attn.c_proj.weight": numbers(4, 4),
        "h.0.mlp.c_fc.weight": numbers(4, 16),
        "h.0.mlp.c_fc.bias": numbers(16),
        "h.0.mlp.c_proj.weight": numbers(16, 4, seed=1),
        "h.0.mlp.c_proj.bias": numbers(4),
    }
    matrices, _ = found(arrays, {"n_head": 2})
    stored = arrays["h.0.attn.c_attn.weight"]
    np.testing.assert_array_equal(matrices["h.0.attn.c_attn.weight[value]"].read(), stored[:, 8:].T)
    np.testing.assert_array_equal(matrices["h.0.attn.c_proj.weight"].read(), arrays["h.0.attn.c_proj.weight"].T)
    assert matrices["h.0.mlp.c_fc.weight"].shape == (16, 4) and matrices["h.0.mlp.c_proj.weight"].shape == (4, 16)
    heads, _ = found(arrays, {"n_head": 2}, heads=True, layers="*c_attn*")
    np.testing.assert_array_equal(heads["h.0.attn.c_attn.weight[value head 1]"].read(), stored[:, 10:].T)
    usual = {name: array.T if array.ndim == 2 else array for name, array in arrays.items()}
    matrices, _ = found(usual)
    np.testing.assert_array_equal(matrices["h.0.attn.c_attn.weight[value]"].read(), stored[:, 8:].T)
    assert matrices["h.0.attn.c_proj.weight"].made == ""


def test_heads_need_to_be_known():
    arrays = {"attn.q_proj.weight": numbers(6, 6), "attn.o_proj.weight": numbers(6, 6, seed=1)}
    with pytest.raises(InvalidArgument, match=r"num_heads: got None; must be given: .*attn\.q_proj\.weight"):
        found(arrays, heads=True)
    matrices, _ = found(arrays, heads=True, num_heads=3)
    np.testing.assert_array_equal(matrices["attn.q_proj.weight[head 1]"].read(), arrays["attn.q_proj.weight"][2:4])
    np.testing.assert_array_equal(matrices["attn.o_proj.weight[head 1]"].read(), arrays["attn.o_proj.weight"][:, 2:4])
    matrices, _ = found(arrays, heads=True, num_heads=4)
    assert "no multiple of 4 heads" in matrices["attn.q_proj.weight"].made
    with pytest.raises(InvalidArgument, match="num_heads"):
        found(arrays, heads=True, num_heads=0)
    assert len(found({"fc.weight": numbers(4, 4)}, heads=True)[0]) == 1


@pytest.mark.parametrize(
    "gates,labels",
    [(4, ["input gate", "forget gate", "cell", "output gate"]), (3, ["reset gate", "update gate", "new"])],
)
def test_gates_are_split(gates, labels):
    inner, outer = numbers(gates * 5, 5), numbers(gates * 5, 7)
    matrices, _ = found({"rnn.weight_ih_l0": outer, "rnn.weight_hh_l0": inner, "rnn.bias_ih_l0": numbers(gates * 5)})
    assert len(matrices) == 2 * gates
    assert matrices[f"rnn.weight_hh_l0[{labels[1]}]"].made == f"rows 5 to 9 of {5 * gates}"
    for index, label in enumerate(labels):
        np.testing.assert_array_equal(matrices[f"rnn.weight_ih_l0[{label}]"].read(), outer[5 * index : 5 * index + 5])
        np.testing.assert_array_equal(matrices[f"rnn.weight_hh_l0[{label}]"].read(), inner[5 * index : 5 * index + 5])


def test_gates_that_nothing_tells_apart_stay_together():
    matrices, _ = found({"rnn.weight_ih_l0": numbers(10, 7)})
    assert "nothing says how many" in matrices["rnn.weight_ih_l0"].made
    plain, _ = found({"rnn.weight_ih_l0": numbers(5, 7), "rnn.weight_hh_l0": numbers(5, 5)})
    assert set(plain) == {"rnn.weight_ih_l0", "rnn.weight_hh_l0"}
    narrow, _ = found({"weight_ih_l0": numbers(12, 7), "weight_hh_l0": numbers(12, 2), "weight_hr_l0": numbers(2, 3)})
    assert narrow["weight_hh_l0[cell]"].shape == (3, 2) and narrow["weight_hr_l0"].kind == "recurrent"


def test_values_that_are_not_finite_are_refused_when_they_are_read():
    for value in (np.nan, np.inf):
        bad = numbers(12, 4)
        bad[-1, -1] = value
        matrices, _ = weight_matrices(open_checkpoint({"attn.qkv.weight": bad}))
        assert [matrix.name.split("[")[1] for matrix in matrices] == ["query]", "key]", "value]"]
        matrices[0].read()
        with pytest.raises(CannotRead, match="NaN or infinite"):
            matrices[2].read()


def test_copies_are_analysed_once_and_zeros_are_no_copies():
    stored = numbers(300, 200)
    arrays = {
        "a.weight": stored,
        "b.weight": stored.copy(),
        "c.weight": stored,
        "d.weight": stored + np.eye(300, 200),
        "e.weight": np.zeros((300, 200)),
        "f.weight": np.zeros((300, 200)),
        "g.weight": stored.astype(np.float32),
    }
    late = stored.copy()
    late[137, 3] += 1e-9  # far from where a sample is looked at
    matrices, skipped = found(arrays | {"late.weight": late})
    assert set(matrices) == {"a.weight", "d.weight", "e.weight", "f.weight", "g.weight", "late.weight"}
    assert matrices["a.weight"].also == ("b.weight", "c.weight")
    assert skipped["b.weight"] == "tied to a.weight, which is analysed: their values are the same"
    assert skipped["c.weight"] == "tied to a.weight, which is analysed: they share their memory"


def test_layers_are_chosen_by_patterns():
    arrays = {f"encoder.{i}.fc.weight": numbers(3, 3, seed=i) for i in range(3)} | {
        "head.weight": numbers(3, 3, seed=9)
    }
    for layers, expected in [
        ("encoder.*", 3),
        ("encoder.1", 1),
        ("encoder.1.fc.weight", 1),
        (["encoder.[02].*", "head*"], 3),
        ("*", 4),
        ("head", 1),
    ]:
        matrices, skipped = found(arrays, layers=layers)
        assert len(matrices) == expected
        assert all(reason == "not among the layers that were asked for" for reason in skipped.values())
    with pytest.raises(InvalidArgument, match=r"layers: got 'encodr\.\*'; matches no tensor; close are encoder"):
        found(arrays, layers="encodr.*")
    with pytest.raises(InvalidArgument, match="matches no tensor"):
        found(arrays, layers=["head*", "nothing"])
    for bad in ("", [], [3]):
        with pytest.raises(InvalidArgument, match="layers"):
            found(arrays, layers=bad)


@pytest.mark.parametrize(
    "layout",
    [
        Layout(),
        Layout(transposed=True),
        Layout(rows=range(2, 4)),
        Layout(columns=range(1, 3), transposed=True),
        Layout(rows=(0, 3, 5), columns=range(1, 4)),
        Layout(axes=(1, 0, 2), leading=2),
        Layout(leading=2, rows=range(5, 10)),
    ],
)
def test_what_is_taken_out_is_put_back(layout):
    tensor = numbers(6, 5, 4) if layout.axes or layout.leading == 2 else numbers(6, 5)
    matrix = layout.take(tensor)
    assert matrix.shape == layout.shape(tensor.shape)
    np.testing.assert_array_equal(layout.put(tensor, matrix), tensor)
    new = layout.put(tensor, matrix + 1)
    np.testing.assert_array_equal(layout.take(new), matrix + 1)
    assert (new != tensor).sum() == matrix.size and tensor.shape == new.shape


def test_int8_with_scales_by_row():
    rng = np.random.default_rng(0)
    stored, scale = rng.integers(-127, 128, (6, 8)).astype(np.int8), rng.random(6).astype(np.float32)
    matrices, _ = found({"fc.weight": stored, "fc.SCB": scale})
    np.testing.assert_allclose(matrices["fc.weight"].read(), stored * scale[:, None] / 127, rtol=1e-6)
    assert matrices["fc.weight"].tensors == ("fc.weight", "fc.SCB") and matrices["fc.weight"].layout is None


def spread(values):
    """One number, one for each of 6 rows, or blocks of 6 x 8."""
    if values.ndim < 2:
        return np.broadcast_to(values.reshape(-1, 1), (6, 8))
    return np.kron(values, np.ones((6 // values.shape[0], 8 // values.shape[1])))


@pytest.mark.parametrize("shape", [(), (1,), (6,), (6, 1), (3, 2), (2, 4)])
@pytest.mark.parametrize("leaf", ["weight_scale", "weight_scale_inv"])
def test_scales_are_multiplied_by_row_or_by_block(shape, leaf):
    rng = np.random.default_rng(0)
    stored, scale = rng.integers(-127, 128, (6, 8)).astype(np.int8), rng.random(shape).astype(np.float32)
    zero = rng.integers(-5, 5, shape).astype(np.int8)
    matrices, _ = found({"fc.weight": stored, f"fc.{leaf}": scale})
    np.testing.assert_allclose(matrices["fc.weight"].read(), stored * spread(scale), rtol=1e-6)
    matrices, _ = found({"fc.weight": stored, f"fc.{leaf}": scale, "fc.weight_zero_point": zero})
    expected = (stored.astype(float) - spread(zero)) * spread(scale)
    np.testing.assert_allclose(matrices["fc.weight"].read(), expected, rtol=1e-6)


def test_blocks_at_the_end_may_be_cut():
    stored, scale = np.ones((5, 7), np.int8), np.arange(1.0, 7.0, dtype=np.float32).reshape(2, 3)
    matrices, _ = found({"fc.weight": stored, "fc.weight_scale_inv": scale})
    np.testing.assert_array_equal(matrices["fc.weight"].read(), np.kron(scale, np.ones((3, 3)))[:5, :7])


def test_quantised_projections_are_split_too():
    stored = np.arange(48, dtype=np.int8).reshape(12, 4)
    matrices, _ = found({"attn.qkv.weight": stored, "attn.qkv.weight_scale": np.float32(0.5)})
    np.testing.assert_array_equal(matrices["attn.qkv.weight[key]"].read(), stored[4:8] * 0.5)


def test_what_cannot_be_dequantised_is_refused_by_name():
    integers = np.ones((4, 4), np.int32)
    _, skipped = found(
        {"fc.qweight": integers, "fc.scales": numbers(2, 4), "fc.qzeros": integers, "fc.g_idx": integers}
    )
    assert "packed into integers" in skipped["fc.qweight"]
    assert skipped["fc.scales"] == "belongs to the packed weights fc.qweight"
    _, skipped = found({"fc.weight": np.ones((8, 1), np.uint8), "fc.weight.absmax": numbers(4, 2)})
    assert "4 bits" in skipped["fc.weight"] and "belongs to" in skipped["fc.weight.absmax"]
    checkpoint = open_checkpoint({"fc.weight": np.ones((4, 4), np.int8), "fc.weight_scale": numbers(3, 3)})
    matrices, skipped = weight_matrices(checkpoint)
    assert [matrix.name for matrix in matrices] == ["fc.weight_scale"]
    assert skipped[0].failed and "no scale beside them that is known" in skipped[0].reason


def test_scales_of_a_vector_are_accounted_for():
    _, skipped = found({"fc.weight": np.ones((1, 4), np.int8), "fc.weight_scale": np.ones((1, 1), np.float32)})
    assert skipped["fc.weight_scale"] == "belongs to fc.weight"
