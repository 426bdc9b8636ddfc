"""NumPy's files, mappings, folders, and what is no checkpoint at all."""

import contextlib
import io
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from shallows.checkpoints import open_checkpoint, printable, weight_matrices
from shallows.errors import CannotRead, InvalidArgument


class Runs:
    def __reduce__(self):
        return os.system, ("touch ran",)


def npy(array, **options):
    stream = io.BytesIO()
    np.lib.format.write_array(stream, array, **options)
    return stream.getvalue()


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_archives_of_numpy(tmp_path, save):
    rng = np.random.default_rng(0)
    arrays = {"a/kernel": rng.standard_normal((3, 4)), "b": rng.standard_normal((4, 5)).astype(">f4"), "n": np.array(2)}
    arrays["c"] = np.asfortranarray(rng.standard_normal((4, 3)))
    arrays["h"] = rng.standard_normal((3, 3)).astype(np.float16)
    save(tmp_path / "m.npz", **arrays)
    with open_checkpoint(tmp_path / "m.npz") as checkpoint:
        assert checkpoint.format == "numpy" and [tensor.name for tensor in checkpoint.tensors] == list(arrays)
        for tensor in checkpoint.tensors:
            np.testing.assert_array_equal(tensor.read(), arrays[tensor.name])
        matrices, _ = weight_matrices(checkpoint)
        assert {matrix.name: matrix.shape for matrix in matrices}["a/kernel"] == (4, 3)  # stored as in x out


def test_an_array_is_mapped_and_named_after_its_file(tmp_path):
    np.save(tmp_path / "weights.npy", np.arange(6.0).reshape(2, 3))
    with open_checkpoint(tmp_path / "weights.npy") as checkpoint:
        (tensor,) = checkpoint.tensors
        assert tensor.name == "weights" and isinstance(tensor.read(), np.memmap)


def test_objects_are_not_unpickled(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    held = np.array([Runs()], dtype=object)
    np.savez("m.npz", bad=held, good=np.eye(2), text=np.array(["a"]))
    np.save("m.npy", held)
    with open_checkpoint("m.npz") as checkpoint:
        assert [tensor.name for tensor in checkpoint.tensors] == ["good"]
        assert {item.name: item.reason for item in checkpoint.skipped} == {
            "bad": "an array of Python objects is not read",
            "text": "an array of type 'str32' is not read",
        }
    with pytest.raises(InvalidArgument, match=r"not a readable \.npy"):
        open_checkpoint("m.npy")
    assert not os.path.exists("ran")


def test_an_archive_that_lies_about_its_arrays(tmp_path):
    honest = npy(np.ones((4, 4)))
    huge = honest.replace(b"(4, 4), }", b"(400000, 400000), }")[: len(honest)]
    with zipfile.ZipFile(tmp_path / "m.npz", "w") as archive:
        archive.writestr("good.npy", honest)
        archive.writestr("huge.npy", huge)
        archive.writestr("cut.npy", honest[:-8])
        archive.writestr("notes.txt", "hello")
        archive.writestr("noise.npy", b"\x93NUMPY\x01")
    with open_checkpoint(tmp_path / "m.npz") as checkpoint:
        assert [tensor.name for tensor in checkpoint.tensors] == ["good"]
        lost = {item.name: item.reason for item in checkpoint.skipped}
    assert set(lost) == {"huge", "cut", "notes.txt", "noise"} and all(item.failed for item in checkpoint.skipped)
    assert lost["cut"] == "its shape takes 128 bytes, the archive has 120"


def test_bytes_that_were_changed_in_an_archive_are_noticed(tmp_path):
    np.savez(tmp_path / "m.npz", w=np.arange(10_000.0).reshape(100, 100))
    content = bytearray((tmp_path / "m.npz").read_bytes())
    content[50_000] ^= 255
    (tmp_path / "m.npz").write_bytes(content)
    with open_checkpoint(tmp_path / "m.npz") as checkpoint, pytest.raises(CannotRead, match="CRC"):
        checkpoint.tensors[0].read()


def test_a_truncated_array_is_no_checkpoint(tmp_path):
    (tmp_path / "m.npy").write_bytes(npy(np.ones((4, 4)))[:-8])
    with pytest.raises(InvalidArgument, match=r"not a readable \.npy"):
        open_checkpoint(tmp_path / "m.npy")


def test_mappings_may_be_nested_and_hold_what_is_no_array():
    loop = {"w": np.eye(3)}
    loop["again"] = loop
    with open_checkpoint({"enc": {"w": np.eye(2), "b": [1.0, 2.0]}, 3: np.eye(2), "loop": loop, "s": "text"}) as found:
        assert [tensor.name for tensor in found.tensors] == ["enc.w", "enc.b", "3", "loop.w"]
        assert {item.name for item in found.skipped} == {"loop.again", "s"}


def test_arrays_of_ml_dtypes_are_read():
    ml_dtypes = pytest.importorskip("ml_dtypes")
    values = np.random.default_rng(0).standard_normal((5, 4))
    for name in ("bfloat16", "float8_e4m3fn", "float8_e5m2"):
        stored = values.astype(getattr(ml_dtypes, name))
        with open_checkpoint({"w": stored}) as checkpoint:
            assert checkpoint.tensors[0].dtype == name
            np.testing.assert_array_equal(checkpoint.tensors[0].read(), stored.astype(np.float32))


def test_long_doubles_are_read():
    with open_checkpoint({"w": np.eye(3, dtype=np.longdouble)}) as checkpoint:
        matrices, _ = weight_matrices(checkpoint)
        assert matrices[0].read().dtype == np.float64


@pytest.mark.parametrize(
    "given,message",
    [
        ("", "must be a safetensors"),
        (None, "must be a safetensors"),
        (3, "must be a safetensors"),
        ("missing.safetensors", "no such file"),
        ("a\0b", "cannot be opened"),
        ("text.csv", "is of no known format"),
        ("text.npz", "is not a readable .npz file"),
        ("text.gguf", "is not a readable .gguf file"),
        ("keras.h5", "HDF5"),
        ("new.keras", "HDF5"),
        ("text.pt", "is not a readable file of PyTorch (KeyError)"),
        ("loop.safetensors", "cannot be opened"),
        ("loop", "cannot be opened"),
        ("pipe.safetensors", "is not a regular file"),
        ("nothing", "the folder holds no weights"),
        ("above", "there are some in below"),
        ("many", "holds several checkpoints; name one: a.pt, b.pt"),
        ("broken.safetensors.index.json", "weight_map"),
        ("unreadable.safetensors.index.json", "not readable JSON"),
        ("lost.safetensors.index.json", "none of its files can be read: x.safetensors: the file is missing"),
    ],
)
def test_what_is_no_checkpoint_is_one_line(tmp_path, monkeypatch, given, message):
    monkeypatch.chdir(tmp_path)
    for name, text in [("text.csv", "a,b"), ("text.npz", "a,b"), ("text.gguf", "a,b"), ("keras.h5", "\u0089HDF\r\n")]:
        (tmp_path / name).write_bytes(text.encode("latin-1"))
    Path("new.keras").write_bytes(b"PK\x03\x04")
    Path("text.pt").write_text("hello")
    os.symlink("loop.safetensors", "loop.safetensors")
    os.symlink("loop", "loop")
    os.mkfifo("pipe.safetensors")
    for folder in ("nothing", "above", "above/below", "many"):
        (tmp_path / folder).mkdir()
    for name in ("above/below/a.safetensors", "many/a.pt", "many/b.pt", "nothing/README.md"):
        (tmp_path / name).write_text("")
    (tmp_path / "broken.safetensors.index.json").write_text("{}")
    (tmp_path / "unreadable.safetensors.index.json").write_text("{")
    (tmp_path / "lost.safetensors.index.json").write_text('{"weight_map": {"w": "x.safetensors"}}')
    with pytest.raises(InvalidArgument) as caught:
        open_checkpoint(given)
    assert message in str(caught.value) and str(caught.value).startswith("source: ") and "\n" not in str(caught.value)


def test_a_loop_of_links_within_a_folder_is_not_followed(tmp_path):
    save_file({"w": np.eye(2)}, tmp_path / "model.safetensors")
    os.symlink(tmp_path, tmp_path / "again")
    os.symlink("config.json", tmp_path / "config.json")
    with open_checkpoint(tmp_path) as checkpoint:
        assert len(checkpoint.tensors) == 1 and checkpoint.config == {}


def test_content_decides_and_not_the_name(tmp_path):
    save_file({"w": np.eye(2)}, tmp_path / "m.bin")
    np.save(tmp_path / "m.npy", np.eye(3))
    (tmp_path / "m.npy").rename(tmp_path / "m.pt")
    for name, kind in (("m.bin", "safetensors"), ("m.pt", "numpy")):
        with open_checkpoint(tmp_path / name) as checkpoint:
            assert checkpoint.format == kind


def test_names_stay_as_they_are_and_are_made_harmless_for_output(tmp_path):
    name = "<script>alert(1)</script>\x1b[31m\u202e.weight"
    save_file({name: np.eye(2)}, tmp_path / "m.safetensors")
    with open_checkpoint(tmp_path / "m.safetensors") as checkpoint:
        matrices, _ = weight_matrices(checkpoint)
        assert matrices[0].name == name
    assert printable(name) == "<script>alert(1)</script> [31m .weight"


def test_an_open_checkpoint_is_handed_on():
    checkpoint = open_checkpoint({"w": np.eye(2)})
    assert open_checkpoint(checkpoint) is checkpoint


@pytest.mark.parametrize("ending", [".safetensors", ".npz", ".npy"])
def test_damage_of_any_kind_is_told_in_one_line_or_tensor_by_tensor(tmp_path, ending):
    arrays = {"a.weight": np.ones((6, 5), np.float32), "conv.weight": np.ones((4, 3, 3, 3)), "ids": np.arange(4)}
    good = tmp_path / f"good{ending}"
    if ending == ".safetensors":
        save_file(arrays, good)
    elif ending == ".npz":
        np.savez_compressed(good, **arrays)
    else:
        np.save(good, arrays["a.weight"])
    whole, rng, lines = good.read_bytes(), np.random.default_rng(0), []
    for trial in range(100):
        content = bytearray(whole)
        place = int(rng.integers(min(len(content), 400 if trial % 2 else len(content))))
        kind = trial % 3
        if kind == 0:
            content[place] = rng.integers(256)
        elif kind == 1:
            content = content[:place]
        else:
            content[place:place] = rng.bytes(int(rng.integers(1, 9)))
        (tmp_path / f"bad{ending}").write_bytes(content)
        try:
            with open_checkpoint(tmp_path / f"bad{ending}") as checkpoint:
                matrices, skipped = weight_matrices(checkpoint)
                there = {name for matrix in matrices for name in matrix.tensors} | {item.name for item in skipped}
                assert {tensor.name for tensor in checkpoint.tensors} <= there
                for matrix in matrices:
                    with contextlib.suppress(CannotRead):
                        assert matrix.read().shape == matrix.shape
        except InvalidArgument as error:
            lines.append(str(error).splitlines())
    assert 15 < len(lines) < 100 and all(len(line) == 1 for line in lines)
