"""ONNX and GGUF, where their packages are installed."""

import struct
import subprocess
import sys

import numpy as np
import pytest

from shallows.checkpoints import Factors, open_checkpoint, weight_matrices, write_checkpoint
from shallows.errors import CannotRead, InvalidArgument


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize(
    "package,content", [("onnx", b"\x08\x07"), ("gguf", b"GGUF" + bytes(60))], ids=["onnx", "gguf"]
)
def test_without_its_package_a_format_says_what_is_missing(tmp_path, package, content):
    path = tmp_path / f"m.{package}"
    path.write_bytes(content)
    program = (
        f"import sys; sys.modules[{package!r}] = None\n"
        "from shallows.checkpoints import open_checkpoint\n"
        "from shallows.errors import MissingDependency\n"
        "try:\n    open_checkpoint(sys.argv[1])\n"
        "except MissingDependency as error:\n    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, path], capture_output=True, text=True, check=True)
    assert done.stdout.strip().endswith("pip install 'shallows[checkpoints]'") and done.stdout.count("\n") == 1


@pytest.fixture
def onnx():
    return pytest.importorskip("onnx")


def model(onnx, arrays, nodes):
    initialisers = [onnx.numpy_helper.from_array(array, name) for name, array in arrays.items()]
    value = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, None)
    return onnx.helper.make_model(onnx.helper.make_graph(nodes, "g", [value], [], initialisers))


def layers(onnx):
    arrays = {
        "matmul": numbers(4, 7),
        "gemm": numbers(5, 4),
        "gemm_t": numbers(4, 5),
        "conv": numbers(8, 2, 3, 3),
        "depthwise": numbers(8, 1, 3, 3, seed=1),
        "lstm": numbers(2, 20, 6),
        "table": numbers(11, 4),
        "bias": numbers(7),
        "shape": np.array([1, -1]),
    }
    node = onnx.helper.make_node
    nodes = [
        node("MatMul", ["x", "matmul"], ["a"]),
        node("Gemm", ["x", "gemm"], ["b"], transB=1),
        node("Gemm", ["x", "gemm_t"], ["c"]),
        node("Conv", ["x", "conv"], ["d"], group=2),
        node("Conv", ["x", "depthwise"], ["e"], group=8),
        node("LSTM", ["x", "lstm"], ["f"]),
        node("Gather", ["table", "x"], ["g"]),
    ]
    return arrays, nodes


def test_initialisers_are_read_as_the_graph_applies_them(tmp_path, onnx):
    arrays, nodes = layers(onnx)
    onnx.save(model(onnx, arrays, nodes), tmp_path / "m.onnx")
    with open_checkpoint(tmp_path / "m.onnx") as checkpoint:
        assert checkpoint.format == "onnx" and [tensor.name for tensor in checkpoint.tensors] == list(arrays)
        for tensor in checkpoint.tensors:
            np.testing.assert_array_equal(tensor.read(), arrays[tensor.name])
        matrices, skipped = weight_matrices(checkpoint)
        by_name = {matrix.name: matrix for matrix in matrices}
        np.testing.assert_array_equal(by_name["matmul"].read(), arrays["matmul"].T)
        assert by_name["gemm"].shape == by_name["gemm_t"].shape == (5, 4) and by_name["table"].kind == "embedding"
        np.testing.assert_array_equal(by_name["conv[group 1]"].read(), arrays["conv"][4:].reshape(4, 18))
        np.testing.assert_array_equal(by_name["lstm[direction 1 gate 2]"].read(), arrays["lstm"][1, 10:15])
        assert {item.name for item in skipped} == {"depthwise", "bias", "shape"}
        assert {name for matrix in matrices for name in matrix.tensors} | {x.name for x in skipped} == set(arrays)


@pytest.mark.parametrize("scale,axis", [(np.float32(0.5), 1), (numbers(5), 0), (numbers(4), 1), (numbers(4), -1)])
@pytest.mark.parametrize("shifted", [False, True])
def test_integers_of_a_graph_are_dequantised(tmp_path, onnx, scale, axis, shifted):
    stored = np.random.default_rng(0).integers(0, 255, (5, 4)).astype(np.uint8)
    zero = np.random.default_rng(1).integers(0, 255, np.shape(scale)).astype(np.uint8)
    arrays = {"w": stored, "s": np.asarray(scale)} | ({"z": zero} if shifted else {})
    node = onnx.helper.make_node("DequantizeLinear", list(arrays), ["y"], axis=axis)
    onnx.save(model(onnx, arrays, [node]), tmp_path / "m.onnx")
    with open_checkpoint(tmp_path / "m.onnx") as checkpoint:
        matrices, _ = weight_matrices(checkpoint)
        around = (lambda v: v[:, None]) if axis == 0 else (lambda v: v)
        expected = (stored - around(zero.astype(float)) * shifted) * around(np.asarray(scale))
        np.testing.assert_allclose(matrices[0].read(), expected, rtol=1e-6)
        assert set(matrices[0].tensors) == set(arrays)


def test_types_that_numpy_lacks_and_values_beside_the_file(tmp_path, onnx):
    import ml_dtypes

    values = numbers(6, 5).astype(ml_dtypes.bfloat16)
    big = numbers(64, 64)
    whole = model(onnx, {"w": values, "big": big}, [])
    onnx.save(whole, tmp_path / "m.onnx", save_as_external_data=True, location="m.data", size_threshold=1024)
    with open_checkpoint(tmp_path / "m.onnx") as checkpoint:
        first, second = checkpoint.tensors
        assert first.dtype == "bfloat16"
        np.testing.assert_array_equal(first.read(), values.astype(np.float32))
        np.testing.assert_array_equal(second.read(), big)
        (tmp_path / "m.data").unlink()
        with pytest.raises(CannotRead, match="is damaged"):
            second.read()


def test_values_are_not_fetched_from_elsewhere(tmp_path, onnx):
    (tmp_path / "secret").write_bytes(bytes(4096))
    (tmp_path / "models").mkdir()
    whole = model(onnx, {"w": numbers(32, 32)}, [])
    onnx.save(whole, tmp_path / "models" / "m.onnx", save_as_external_data=True, location="m.data", size_threshold=0)
    whole = onnx.load(tmp_path / "models" / "m.onnx", load_external_data=False)
    whole.graph.initializer[0].external_data[0].value = "../secret"
    onnx.save(whole, tmp_path / "models" / "m.onnx")
    with open_checkpoint(tmp_path / "models" / "m.onnx") as checkpoint, pytest.raises(CannotRead):
        checkpoint.tensors[0].read()


@pytest.mark.parametrize("content", [b"\xff" * 40, b"", b"not a model at all"])
def test_what_is_no_model_is_one_line(tmp_path, onnx, content):
    (tmp_path / "m.onnx").write_bytes(content)
    with pytest.raises(InvalidArgument) as caught:
        open_checkpoint(tmp_path / "m.onnx")
    assert "\n" not in str(caught.value)


def test_too_few_bytes_are_noticed_when_they_are_read(tmp_path, onnx):
    whole = model(onnx, {"w": numbers(4, 4)}, [])
    whole.graph.initializer[0].dims[0] = 400_000_000_000
    onnx.save(whole, tmp_path / "m.onnx")
    with open_checkpoint(tmp_path / "m.onnx") as checkpoint, pytest.raises(CannotRead):
        checkpoint.tensors[0].read()


def test_a_model_is_written_with_other_values(tmp_path, onnx):
    arrays, nodes = layers(onnx)
    onnx.save(model(onnx, arrays, nodes), tmp_path / "m.onnx")
    written = write_checkpoint(tmp_path / "m.onnx", {"gemm": np.ones((5, 4))}, tmp_path / "n.onnx")
    with open_checkpoint(written.path) as checkpoint:
        found = {tensor.name: tensor.read() for tensor in checkpoint.tensors}
    assert found.pop("gemm").sum() == 20 and len(onnx.load(written.path).graph.node) == len(nodes)
    for name, values in found.items():
        np.testing.assert_array_equal(values, arrays[name])
    with pytest.raises(InvalidArgument, match="another graph"):
        write_checkpoint(tmp_path / "m.onnx", {"gemm": Factors(np.ones((5, 1)), np.ones((1, 4)))}, tmp_path / "f.onnx")


@pytest.fixture
def gguf():
    return pytest.importorskip("gguf")


def test_blocks_are_dequantised(tmp_path, gguf):
    values = numbers(6, 64)
    writer = gguf.GGUFWriter(tmp_path / "m.gguf", "llama")
    writer.add_tensor("token_embd.weight", values)
    writer.add_tensor("blk.0.attn_q.weight", values.astype(np.float16))
    for kind in (gguf.GGMLQuantizationType.Q8_0, gguf.GGMLQuantizationType.Q4_0):
        writer.add_tensor(f"blk.0.{kind.name}.weight", gguf.quants.quantize(values, kind), raw_dtype=kind)
    brain = gguf.GGMLQuantizationType.BF16
    writer.add_tensor("blk.0.brain.weight", gguf.quants.quantize(values, brain), raw_dtype=brain)
    writer.add_tensor("norm.weight", numbers(64))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    with open_checkpoint(tmp_path / "m.gguf") as checkpoint:
        assert checkpoint.format == "gguf"
        matrices, skipped = weight_matrices(checkpoint)
        found = {matrix.name: matrix for matrix in matrices}
        assert {matrix.shape for matrix in matrices} == {(6, 64)} and [item.name for item in skipped] == ["norm.weight"]
        np.testing.assert_array_equal(found["token_embd.weight"].read(), values)
        for name, allowed in (("attn_q", 1e-3), ("brain", 1e-2), ("Q8_0", 0.02), ("Q4_0", 0.4)):
            np.testing.assert_allclose(found[f"blk.0.{name}.weight"].read(), values, atol=allowed)
        assert found["blk.0.attn_q.weight"].kind == "attention"
    with pytest.raises(InvalidArgument, match="not written"):
        write_checkpoint(tmp_path / "m.gguf", {}, tmp_path / "n.gguf")


@pytest.mark.parametrize(
    "content",
    [
        b"GGUF",
        b"GGUF" + struct.pack("<IQQ", 3, 2**60, 0),
        b"GGUF" + struct.pack("<IQQ", 3, 0, 2**60),
        b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + struct.pack("<Q", 1) + b"a" + struct.pack("<IIQ", 9, 4, 2**60),
        b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + struct.pack("<Q", 2**62) + b"a",
        b"GGUF" + struct.pack("<IQQ", 99, 0, 0),
    ],
)
def test_counts_beyond_the_file_are_refused_at_once(tmp_path, gguf, content):
    (tmp_path / "m.gguf").write_bytes(content + b"\0" * 5)
    with pytest.raises(InvalidArgument, match="not a readable GGUF"):
        open_checkpoint(tmp_path / "m.gguf")
