"""Copies of checkpoints with tensors replaced, in every format."""

import json
import os
import stat
import tracemalloc

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from shallows.checkpoints import Factors, open_checkpoint, tensor_changes, weight_matrices, write_checkpoint
from shallows.errors import InvalidArgument


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


@pytest.fixture
def arrays():
    return {
        "a.weight": numbers(6, 4),
        "b.weight": numbers(5, 7).astype(np.float16),
        "conv.weight": numbers(8, 3, 3, 3),
        "attn.qkv.weight": numbers(12, 4, seed=1).astype(np.float64),
        "ids": np.arange(6),
        "empty": np.zeros((0, 3), np.float32),
        "number": np.array(2.5, np.float32),
    }


def values_of(source):
    with open_checkpoint(source) as checkpoint:
        return {tensor.name: np.array(tensor.read()) for tensor in checkpoint.tensors}


@pytest.mark.parametrize("ending", [".safetensors", ".npz", ".pt"])
def test_a_copy_has_what_was_changed_and_all_else_as_it_was(tmp_path, arrays, ending):
    if ending == ".pt":
        pytest.importorskip("torch")
    first = write_checkpoint(arrays, {}, tmp_path / f"first{ending}")
    assert first.changed == () and first.parameters_saved == 0
    new = {
        "a.weight": np.ones((6, 4)),
        "conv.weight": lambda: np.full((8, 3, 3, 3), 2.0),
        "b.weight": Factors(numbers(5, 2), numbers(2, 7)),
    }
    written = write_checkpoint(first.path, new, tmp_path / f"second{ending}")
    found = values_of(written.path)
    assert list(found) == ["a.weight", "b.weight.left", "b.weight.right", *list(arrays)[2:]]
    assert (found["a.weight"] == 1).all() and (found["conv.weight"] == 2).all()
    np.testing.assert_array_equal(found["b.weight.left"], numbers(5, 2).astype(np.float16))
    for name in ("attn.qkv.weight", "ids", "empty", "number"):
        np.testing.assert_array_equal(found[name], arrays[name])
    with open_checkpoint(written.path) as checkpoint:
        kinds = {tensor.name: tensor.dtype for tensor in checkpoint.tensors}
    assert kinds["b.weight.right"] == "float16" and kinds["attn.qkv.weight"] == "float64" and kinds["ids"] == "int64"
    assert written.parameters_saved == 5 * 7 - 2 * (5 + 7) and written.bytes_before - written.bytes == 2 * 11
    assert set(written.changed) == {"a.weight", "conv.weight", "b.weight.left", "b.weight.right"}
    mask = os.umask(0)
    os.umask(mask)
    assert stat.S_IMODE(written.path.stat().st_mode) == 0o666 & ~mask
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"first{ending}", f"second{ending}"]


def test_the_library_reads_what_is_written_and_metadata_stay(tmp_path, arrays):
    save_file(arrays, tmp_path / "m.safetensors", metadata={"format": "pt", "note": "é"})
    written = write_checkpoint(
        tmp_path / "m.safetensors", {"a.weight": np.zeros((6, 4))}, tmp_path / "new" / "n.safetensors"
    )
    found = load_file(written.path)
    assert set(found) == set(arrays) and not found["a.weight"].any() and found["a.weight"].dtype == np.float32
    with open_checkpoint(written.path) as checkpoint:
        assert checkpoint.metadata == {"format": "pt", "note": "é"}


def test_bfloat16_is_written_as_pytorch_rounds_it(tmp_path):
    torch = pytest.importorskip("torch")
    from safetensors.torch import load_file as load_torch
    from safetensors.torch import save_file as save_torch

    stored = {"w": torch.zeros(30, 20, dtype=torch.bfloat16), "v": torch.randn(4, 4).to(torch.float8_e5m2)}
    save_torch(stored, tmp_path / "m.safetensors")
    torch.save(stored, tmp_path / "m.pt")
    new = numbers(30, 20)
    for ending, load in ((".safetensors", load_torch), (".pt", torch.load)):
        found = load(write_checkpoint(tmp_path / f"m{ending}", {"w": new}, tmp_path / f"n{ending}").path)
        assert found["w"].dtype == torch.bfloat16 and found["v"].dtype == torch.float8_e5m2
        assert torch.equal(found["w"], torch.from_numpy(new).to(torch.bfloat16))
        assert torch.equal(found["v"].view(torch.uint8), stored["v"].view(torch.uint8))


def test_a_sharded_folder_stays_one(tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    save_file({"a.weight": numbers(4, 3)}, source / "m-00001-of-00002.safetensors")
    save_file({"b.weight": numbers(6, 5), "b.bias": numbers(6)}, source / "m-00002-of-00002.safetensors")
    table = {"a.weight": "m-00001-of-00002.safetensors", "b.weight": "m-00002-of-00002.safetensors"}
    table["b.bias"] = table["b.weight"]
    index = {"metadata": {"total_size": 192, "note": 1}, "weight_map": table}
    (source / "m.safetensors.index.json").write_text(json.dumps(index))
    (source / "config.json").write_text('{"n_head": 2}')
    (source / "code.py").write_text("x = 1")
    written = write_checkpoint(source, {"b.weight": Factors(numbers(6, 1), numbers(1, 5))}, tmp_path / "new")
    names = {"m-00001-of-00002.safetensors", "m-00002-of-00002.safetensors", "m.safetensors.index.json", "config.json"}
    assert {path.name for path in (tmp_path / "new").iterdir()} == names
    index = json.loads((tmp_path / "new" / "m.safetensors.index.json").read_text())
    assert (
        index["weight_map"]["b.weight.left"] == "m-00002-of-00002.safetensors" and "b.weight" not in index["weight_map"]
    )
    assert index["metadata"] == {"total_size": 4 * (12 + 11 + 6), "note": 1}
    with open_checkpoint(tmp_path / "new") as checkpoint:
        matrices, skipped = weight_matrices(checkpoint)
        assert {matrix.name for matrix in matrices} == {"a.weight", "b.weight"}
        assert [item.name for item in skipped] == ["b.bias"] and checkpoint.config == {"n_head": 2}
    assert written.parameters_before - written.parameters == 30 - 11
    with pytest.raises(InvalidArgument, match="is not empty"):
        write_checkpoint(source, {}, tmp_path / "new")
    with pytest.raises(InvalidArgument, match="the checkpoint that is read"):
        write_checkpoint(source, {}, source, force=True)
    assert write_checkpoint(source, {}, tmp_path / "new", force=True).parameters == 48
    with pytest.raises(InvalidArgument, match="is a file"):
        write_checkpoint(source, {}, source / "config.json", force=True)


def test_of_a_folder_with_one_file_the_path_says_which_is_wanted(tmp_path):
    (tmp_path / "source").mkdir()
    save_file({"w": numbers(3, 3)}, tmp_path / "source" / "model.safetensors")
    assert write_checkpoint(tmp_path / "source", {}, tmp_path / "one.safetensors").path.is_file()
    assert write_checkpoint(tmp_path / "source", {}, tmp_path / "folder").files[0].name == "model.safetensors"


def test_never_in_place_and_never_over_a_file_without_force(tmp_path, arrays):
    save_file(arrays, tmp_path / "m.safetensors")
    os.symlink("m.safetensors", tmp_path / "link.safetensors")
    os.link(tmp_path / "m.safetensors", tmp_path / "hard.safetensors")
    before = (tmp_path / "m.safetensors").read_bytes()
    for name in ("m.safetensors", "link.safetensors", "hard.safetensors"):
        with pytest.raises(InvalidArgument, match="the checkpoint that is read"):
            write_checkpoint(tmp_path / "m.safetensors", {}, tmp_path / name, force=True)
    (tmp_path / "other.safetensors").write_text("mine")
    with pytest.raises(InvalidArgument, match="exists already"):
        write_checkpoint(tmp_path / "m.safetensors", {}, tmp_path / "other.safetensors")
    assert (tmp_path / "other.safetensors").read_text() == "mine"
    write_checkpoint(tmp_path / "m.safetensors", {}, tmp_path / "other.safetensors", force=True)
    assert set(values_of(tmp_path / "other.safetensors")) == set(arrays)
    assert (tmp_path / "m.safetensors").read_bytes() == before
    with pytest.raises(InvalidArgument, match="is a folder"):
        write_checkpoint(tmp_path / "m.safetensors", {}, tmp_path)


@pytest.mark.parametrize(
    "changes,message",
    [
        ({"gone": np.ones(3)}, "is the name of no tensor"),
        ({"a.weight": np.ones((4, 6))}, "the tensor it replaces has"),
        ({"a.weight": lambda: np.ones((4, 6))}, "the tensor it replaces has"),
        ({"a.weight": np.full((6, 4), np.nan)}, "must be finite numbers"),
        ({"a.weight": np.full((6, 4), "x")}, "must be finite numbers"),
        ({"b.weight": np.full((5, 7), 1e9)}, "beyond the largest of float16"),
        ({"ids": np.ones(6)}, "is stored as int64 and cannot be replaced"),
        ({"a.weight": Factors(np.ones((6, 1)), np.ones((1, 5)))}, "the product of its factors must be"),
    ],
)
def test_a_change_that_does_not_fit_leaves_nothing_behind(tmp_path, arrays, changes, message):
    with pytest.raises(InvalidArgument, match=message):
        write_checkpoint(arrays, changes, tmp_path / "n.safetensors")
    assert not list(tmp_path.iterdir())


def test_factors_have_to_fit_each_other():
    with pytest.raises(InvalidArgument, match=r"right: .* must have 2 rows"):
        Factors(np.ones((3, 2)), np.ones((3, 4)))
    with pytest.raises(InvalidArgument, match="left"):
        Factors(np.ones(3), np.ones((3, 4)))


def test_what_cannot_be_read_is_not_lost_in_silence(tmp_path, arrays):
    save_file(arrays, tmp_path / "m.safetensors")
    content = (tmp_path / "m.safetensors").read_bytes()
    (tmp_path / "m.safetensors").write_bytes(content[:-1])
    with pytest.raises(InvalidArgument, match="a copy of the checkpoint would lack it"):
        write_checkpoint(tmp_path / "m.safetensors", {}, tmp_path / "n.safetensors")


@pytest.mark.parametrize("path", ["m.unknown", "m"])
def test_arrays_need_an_ending_that_is_known(tmp_path, arrays, path):
    with pytest.raises(InvalidArgument, match="must end in one of"):
        write_checkpoint(arrays, {}, tmp_path / path)


def test_a_place_that_cannot_be_written_is_one_line(tmp_path, arrays):
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidArgument, match=r"path: .*cannot be written"):
        write_checkpoint(arrays, {}, tmp_path / "file" / "m.safetensors")


def test_matrices_are_put_back_where_they_lie(tmp_path, arrays):
    arrays["tied.weight"] = arrays["a.weight"].copy()
    arrays["h.c_fc.weight"], arrays["h.c_fc.bias"] = numbers(4, 9), numbers(9)
    with open_checkpoint(arrays) as checkpoint:
        matrices, _ = weight_matrices(checkpoint)
    kernel = numbers(8, 27, seed=3)
    left, right = numbers(9, 2), numbers(2, 4)
    new = {
        "a.weight": np.ones((6, 4)),
        "attn.qkv.weight[query]": lambda: np.zeros((4, 4)),
        "attn.qkv.weight[value]": np.ones((4, 4)),
        "conv.weight": kernel,
        "h.c_fc.weight": Factors(left, right),
    }
    written = write_checkpoint(arrays, tensor_changes(matrices, new), tmp_path / "n.safetensors")
    found = values_of(written.path)
    assert (found["a.weight"] == 1).all() and (found["tied.weight"] == 1).all()
    np.testing.assert_array_equal(found["conv.weight"], kernel.reshape(8, 3, 3, 3))
    expected = np.concatenate([np.zeros((4, 4)), arrays["attn.qkv.weight"][4:8], np.ones((4, 4))])
    np.testing.assert_array_equal(found["attn.qkv.weight"], expected)
    stored = found["h.c_fc.weight.left"] @ found["h.c_fc.weight.right"]
    np.testing.assert_allclose(stored, (left @ right).T, rtol=1e-5, atol=1e-6)


def test_matrices_that_cannot_be_put_back_say_so():
    with open_checkpoint(
        {"a.left": numbers(4, 2), "a.right": numbers(2, 3), "attn.qkv.weight": numbers(6, 2)}
    ) as found:
        matrices, _ = weight_matrices(found)
    query = "attn.qkv.weight[query]"
    for new, message in [
        ({"gone": np.ones(2)}, "is the name of no matrix"),
        ({"a": np.ones((4, 3))}, "made of several tensors"),
        ({query: np.ones((3, 3))}, "its shape is"),
        ({query: Factors(np.ones((2, 1)), np.ones((1, 2)))}, "is a part of a tensor"),
    ]:
        with pytest.raises(InvalidArgument, match=message):
            tensor_changes(matrices, new)


def test_pytorch_keeps_what_lies_beside_the_weights(tmp_path):
    torch = pytest.importorskip("torch")
    shared = torch.eye(3)
    held = {"model": {"a.weight": shared, "b.weight": shared, "c.weight": torch.ones(2, 3)}, "epoch": 7, "lr": [0.1]}
    torch.save(held | {"optimizer": {"state": {0: torch.ones(2)}}}, tmp_path / "m.pt")
    factors = Factors(np.ones((2, 1)), np.ones((1, 3)))
    new = {"a.weight": np.ones((3, 3)), "c.weight": factors}
    found = torch.load(write_checkpoint(tmp_path / "m.pt", new, tmp_path / "n.pt").path)
    assert found["epoch"] == 7 and found["lr"] == [0.1] and found["optimizer"]["state"][0].tolist() == [1, 1]
    assert list(found["model"]) == ["a.weight", "b.weight", "c.weight.left", "c.weight.right"]
    assert found["model"]["a.weight"].sum() == 9 and found["model"]["b.weight"].sum() == 3


def test_a_module_is_written_as_its_state_dict(tmp_path):
    torch = pytest.importorskip("torch")
    module = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4))
    module.register_buffer("scratch", torch.ones(3), persistent=False)
    path = write_checkpoint(module, {"0.weight": np.ones((4, 3))}, tmp_path / "m.pt").path
    module.load_state_dict(torch.load(path))
    assert module[0].weight.sum() == 12


def test_one_array_stays_one(tmp_path):
    np.save(tmp_path / "w.npy", numbers(3, 4))
    found = np.load(write_checkpoint(tmp_path / "w.npy", {"w": np.ones((3, 4))}, tmp_path / "n.npy").path)
    assert found.sum() == 12 and found.dtype == np.float32
    with pytest.raises(InvalidArgument, match="holds one array"):
        write_checkpoint(tmp_path / "w.npy", {"w": Factors(np.ones((3, 1)), np.ones((1, 4)))}, tmp_path / "f.npy")


def test_tensors_are_written_one_by_one(tmp_path):
    size = (512, 512)
    save_file({f"w{i}": np.ones(size, np.float32) for i in range(12)}, tmp_path / "m.safetensors")
    changes = {f"w{i}": lambda: np.zeros(size, np.float32) for i in range(6)}
    write_checkpoint(tmp_path / "m.safetensors", {}, tmp_path / "warm.safetensors")
    tracemalloc.start()
    write_checkpoint(tmp_path / "m.safetensors", changes, tmp_path / "n.safetensors")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3.5 * 4 * 512**2  # of twelve
