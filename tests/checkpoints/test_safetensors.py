"""Files in the safetensors format: those of the library, sharded ones, and hostile ones."""

import json
import os

import numpy as np
import pytest
from safetensors.numpy import save_file

from shallows.checkpoints import open_checkpoint, weight_matrices
from shallows.errors import CannotRead, InvalidArgument


def written(path, header, data=b""):
    """A file with a header of our own making."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)
    return path


def entry(dtype, shape, begin, end):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def reasons(checkpoint):
    assert all(item.failed for item in checkpoint.skipped)
    return {item.name: item.reason for item in checkpoint.skipped}


@pytest.fixture
def arrays():
    rng = np.random.default_rng(0)
    return {
        "a.weight": rng.standard_normal((4, 3)),
        "b.weight": rng.standard_normal((5, 2)).astype(np.float32),
        "c.weight": rng.standard_normal((2, 7)).astype(np.float16),
        "d.bias": np.arange(3.0),
        "ids": np.arange(6).reshape(2, 3),
        "flag": np.array([True]),
        "empty": np.zeros((0, 4), np.float32),
        "number": np.array(2.5),
    }


def test_files_of_the_library_are_read_as_they_are(tmp_path, arrays):
    save_file(arrays, tmp_path / "m.safetensors", metadata={"format": "pt"})
    with open_checkpoint(tmp_path / "m.safetensors") as checkpoint:
        assert checkpoint.format == "safetensors" and checkpoint.title == "m.safetensors"
        assert checkpoint.metadata == {"format": "pt"} and not checkpoint.skipped
        for tensor in checkpoint.tensors:
            np.testing.assert_array_equal(tensor.read(), arrays[tensor.name])
            assert (tensor.shape, tensor.file) == (arrays[tensor.name].shape, "m.safetensors")
            assert tensor.dtype == arrays[tensor.name].dtype.name
        assert {tensor.name for tensor in checkpoint.tensors} == set(arrays)


def test_values_are_views_of_the_file_and_outlive_the_checkpoint(tmp_path):
    save_file({"w": np.ones((30, 20), np.float32)}, tmp_path / "m.safetensors")
    with open_checkpoint(tmp_path / "m.safetensors") as checkpoint:
        values = checkpoint.tensors[0].read()
    assert not values.flags.owndata and not values.flags.writeable and values.sum() == 600


def test_types_that_numpy_lacks(tmp_path):
    torch = pytest.importorskip("torch")
    from safetensors.torch import save_file as save_torch

    rng = torch.Generator().manual_seed(0)
    values = torch.randn(6, 5, generator=rng)
    types = [torch.bfloat16, torch.float8_e4m3fn, torch.float8_e5m2]
    stored = {str(dtype): values.to(dtype) for dtype in types}
    save_torch(stored, tmp_path / "m.safetensors")
    with open_checkpoint(tmp_path / "m.safetensors") as checkpoint:
        for tensor in checkpoint.tensors:
            expected = stored[tensor.name].float().numpy()
            assert tensor.dtype == tensor.name.removeprefix("torch.") and tensor.read().dtype == np.float32
            np.testing.assert_array_equal(tensor.read(), expected)


def sharded(folder, count=3):
    """A folder of shards as the Hugging Face hub has them."""
    table, total = {}, 0
    for shard in range(count):
        name = f"model-{shard + 1:05d}-of-{count:05d}.safetensors"
        held = {f"layer.{shard}.weight": np.full((3, 2), float(shard)), f"layer.{shard}.bias": np.zeros(3)}
        save_file(held, folder / name)
        table |= dict.fromkeys(held, name)
        total += sum(array.nbytes for array in held.values())
    index = {"metadata": {"total_size": total}, "weight_map": table}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    (folder / "config.json").write_text('{"num_attention_heads": 2}')
    return folder


@pytest.mark.parametrize("named", ["", "model.safetensors.index.json"])
def test_a_sharded_checkpoint_is_one(tmp_path, named):
    with open_checkpoint(sharded(tmp_path) / named) as checkpoint:
        assert [tensor.name for tensor in checkpoint.tensors][::2] == [f"layer.{i}.weight" for i in range(3)] or len(
            checkpoint.tensors
        ) == 6
        by_name = {tensor.name: tensor for tensor in checkpoint.tensors}
        assert by_name["layer.2.weight"].read()[0, 0] == 2.0
        assert by_name["layer.2.weight"].file == "model-00003-of-00003.safetensors"
        assert not checkpoint.skipped and len(checkpoint.files) == 3
        assert checkpoint.config["num_attention_heads"] == 2


def test_of_a_missing_shard_every_tensor_is_accounted_for(tmp_path):
    (sharded(tmp_path) / "model-00002-of-00003.safetensors").unlink()
    with open_checkpoint(tmp_path) as checkpoint:
        matrices, skipped = weight_matrices(checkpoint)
    assert len(matrices) == 2
    lost = {item.name: item.reason for item in skipped if item.failed}
    assert set(lost) == {"model-00002-of-00003.safetensors", "layer.1.weight", "layer.1.bias"}
    assert "missing" in lost["model-00002-of-00003.safetensors"]


def test_shards_without_an_index_are_counted(tmp_path):
    (sharded(tmp_path) / "model.safetensors.index.json").unlink()
    (tmp_path / "model-00001-of-00003.safetensors").unlink()
    with open_checkpoint(tmp_path) as checkpoint:
        assert len(checkpoint.tensors) == 4
        assert reasons(checkpoint) == {"model-00001-of-00003.safetensors": "the file is missing"}


def test_the_index_and_its_shards_may_disagree(tmp_path):
    index = json.loads((sharded(tmp_path) / "model.safetensors.index.json").read_text())
    index["weight_map"] |= {"ghost": "model-00001-of-00003.safetensors", "odd": 3, "out": "../secret.safetensors"}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    with open_checkpoint(tmp_path) as checkpoint:
        lost = reasons(checkpoint)
    assert "lacks it" in lost["ghost"] and "names no file" in lost["odd"] and "cannot be read" in lost["out"]
    assert "no name of a file in the folder" in lost["../secret.safetensors"]


def test_a_tensor_that_two_shards_hold_is_read_once(tmp_path):
    save_file({"w": np.ones((2, 2))}, tmp_path / "m-00001-of-00002.safetensors")
    save_file({"w": np.zeros((2, 2))}, tmp_path / "m-00002-of-00002.safetensors")
    with open_checkpoint(tmp_path) as checkpoint:
        assert checkpoint.tensors[0].read().sum() == 4
        assert reasons(checkpoint) == {"w": "a second tensor of this name"}


def test_a_header_that_claims_much_allocates_nothing(tmp_path):
    import tracemalloc

    size = 10 * 10**9
    path = written(tmp_path / "m.safetensors", {"w": entry("F32", [50_000, 50_000], 0, size)}, b"\0" * 64)
    tracemalloc.start()
    with open_checkpoint(path) as checkpoint:
        assert not checkpoint.tensors and reasons(checkpoint) == {"w": "the file ends within the tensor"}
    assert tracemalloc.get_traced_memory()[1] < 1e6
    tracemalloc.stop()
    path.write_bytes((10**10).to_bytes(8, "little") + b"{}")
    with pytest.raises(InvalidArgument, match="ends within its header"):
        open_checkpoint(path)


def test_a_truncated_file_loses_what_is_cut_and_no_more(tmp_path, arrays):
    path = tmp_path / "m.safetensors"
    save_file({f"w{i}": np.full((8, 8), float(i)) for i in range(4)}, path)
    whole = path.read_bytes()
    path.write_bytes(whole[:-600])
    with open_checkpoint(path) as checkpoint:
        assert [tensor.read()[0, 0] for tensor in checkpoint.tensors] == [0.0, 1.0]
        assert set(reasons(checkpoint)) == {"w2", "w3"}
        os.truncate(path, 200)
        with pytest.raises(CannotRead):
            checkpoint.tensors[1].read()


@pytest.mark.parametrize(
    "held,reason",
    [
        ({"w": entry("F32", [2, 2], 0, 12)}, "its shape takes 16 bytes, its place in the file has 12"),
        ({"w": entry("F32", [2, -2], 0, 16)}, "damaged"),
        ({"w": entry("F32", [2, 2.0], 0, 16)}, "damaged"),
        ({"w": entry("F32", [True, 4], 0, 16)}, "damaged"),
        ({"w": entry("F32", [2, 2], -16, 0)}, "damaged"),
        ({"w": entry("F32", [2, 2], 16, 0)}, "its place in the file has -16"),
        ({"w": entry("F32", [1] * 40, 0, 4)}, "has 40 axes"),
        ({"w": entry("F4", [2, 2], 0, 2)}, "numbers of type 'F4' are not known"),
        ({"w": entry(7, [2, 2], 0, 16)}, "damaged"),
        ({"w": {"dtype": "F32"}}, "damaged"),
        ({"w": 5}, "damaged"),
        ({"w": entry("F32", 3, 0, 16)}, "damaged"),
        (
            b'{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"w":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}',
            "more than once",
        ),
    ],
)
def test_a_damaged_entry_is_skipped_with_its_reason(tmp_path, held, reason):
    good = entry("F32", [2, 4], 16, 48)
    if isinstance(held, dict):
        held = held | {"good": good}
    with open_checkpoint(written(tmp_path / "m.safetensors", held, np.ones(12, np.float32).tobytes())) as checkpoint:
        assert reason in reasons(checkpoint)["w"]
        if isinstance(held, dict):
            assert [tensor.read().sum() for tensor in checkpoint.tensors] == [8.0]


def test_tensors_that_overlap_are_refused_both(tmp_path):
    held = {
        "a": entry("F32", [4], 0, 16),
        "b": entry("F32", [4], 8, 24),
        "c": entry("F32", [2], 24, 32),
        "inner": entry("F32", [1], 4, 8),
        "empty": entry("F32", [0], 8, 8),
    }
    with open_checkpoint(written(tmp_path / "m.safetensors", held, b"\0" * 32)) as checkpoint:
        assert {tensor.name for tensor in checkpoint.tensors} == {"c", "empty"}
        assert set(reasons(checkpoint)) == {"a", "b", "inner"}


@pytest.mark.parametrize(
    "content,reason",
    [
        (b"", "ends within its header"),
        (b"\x01\x00\x00", "ends within its header"),
        ((5).to_bytes(8, "little") + b"{oops", "not readable JSON"),
        ((2).to_bytes(8, "little") + b"[]", "not a JSON object"),
        ((4).to_bytes(8, "little") + b"\xff\xfe{}", "not readable JSON"),
        ((200_000).to_bytes(8, "little") + b"[" * 200_000, "not readable JSON"),
    ],
)
def test_a_file_without_a_header_is_no_checkpoint(tmp_path, content, reason):
    (tmp_path / "m.safetensors").write_bytes(content)
    with pytest.raises(InvalidArgument, match=reason):
        open_checkpoint(tmp_path / "m.safetensors")


def test_metadata_that_is_not_text_is_left_out(tmp_path):
    held = {"__metadata__": {"a": "b", "c": 3}, "w": entry("F32", [2, 2], 0, 16)}
    with open_checkpoint(written(tmp_path / "m.safetensors", held, b"\0" * 16)) as checkpoint:
        assert checkpoint.metadata == {"a": "b"} and len(checkpoint.tensors) == 1


def test_an_entry_that_is_not_aligned_is_read_all_the_same(tmp_path):
    data = b"\0" + np.arange(4, dtype="<f4").tobytes()
    held = {"pad": entry("U8", [1], 0, 1), "w": entry("F32", [2, 2], 1, 17)}
    path = written(tmp_path / "m.safetensors", held, data)
    with open_checkpoint(path) as checkpoint:
        values = checkpoint.tensors[1].read()
        assert values.tolist() == [[0, 1], [2, 3]] and values.flags.aligned
