"""State dicts and modules of PyTorch, and pickles that ask for more."""

import os
import pickle
import subprocess
import sys
import warnings
import zipfile
from collections import OrderedDict

import numpy as np
import pytest

from shallows.checkpoints import open_checkpoint, weight_matrices
from shallows.errors import InvalidArgument

torch = pytest.importorskip("torch")
nn = torch.nn


class Runs:
    """Touches a file when it is unpickled without care."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(11, 8)
        self.convolution = nn.Conv2d(4, 8, 3, groups=2)
        self.depthwise = nn.Conv2d(8, 8, 3, groups=8)
        self.back = nn.ConvTranspose1d(4, 6, 3)
        self.attention = nn.MultiheadAttention(8, 2)
        self.lstm = nn.LSTM(8, 5)
        self.norm = nn.BatchNorm1d(8)
        self.out = nn.Linear(8, 11)
        self.out.weight = self.embedding.weight
        self.register_buffer("table", torch.ones(4, 3))
        self.register_buffer("scratch", torch.ones(4, 3), persistent=False)


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return Network()


def names(checkpoint):
    return [tensor.name for tensor in checkpoint.tensors]


def test_a_module_is_read_where_it_is(network):
    with open_checkpoint(network) as checkpoint:
        assert (checkpoint.title, checkpoint.format, list(checkpoint.files)) == ("Network", "module", [])
        matrices, skipped = weight_matrices(checkpoint)
    by_name = {matrix.name: matrix for matrix in matrices}
    assert by_name["convolution.weight[group 1]"].shape == (4, 18)
    expected = network.convolution.weight[4:].detach().reshape(4, 18).numpy()
    np.testing.assert_array_equal(by_name["convolution.weight[group 1]"].read(), expected)
    assert by_name["embedding.weight"].kind == "embedding" and by_name["embedding.weight"].also == ("out.weight",)
    assert "inputs first" in by_name["back.weight"].made and by_name["back.weight"].shape == (4, 18)
    why = {item.name: item.reason for item in skipped}
    assert "depthwise" in why["depthwise.weight"] and "share their memory" in why["out.weight"]
    assert why["table"] == why["scratch"] == why["norm.running_mean"] == "a buffer of the module, not trained"
    expected = {name for name, _ in network.named_parameters(remove_duplicate=False)}
    expected |= {name for name, _ in network.named_buffers()}
    assert {name for matrix in matrices for name in matrix.tensors} | set(why) == expected


def test_heads_of_a_module_are_its_own(network):
    with open_checkpoint(network) as checkpoint:
        matrices, _ = weight_matrices(checkpoint, heads=True, layers="attention")
    by_name = {matrix.name: matrix for matrix in matrices}
    assert len(by_name) == 8
    key = network.attention.in_proj_weight[8:16].detach().numpy()
    np.testing.assert_array_equal(by_name["attention.in_proj_weight[key head 1]"].read(), key[4:])
    out = network.attention.out_proj.weight.detach().numpy()
    np.testing.assert_array_equal(by_name["attention.out_proj.weight[head 0]"].read(), out[:, :4])


@pytest.mark.parametrize("wrap", ["", "model", "state_dict", "model_state_dict"])
@pytest.mark.parametrize("old", [False, True])
def test_a_state_dict_may_be_wrapped_and_of_the_old_format(tmp_path, network, wrap, old):
    state = network.state_dict()
    momentum = {"state": {0: {"exp_avg": torch.ones(3, 3), "step": torch.tensor(1.0)}}, "param_groups": [{"lr": 0.1}]}
    held = {wrap: state, "optimizer": momentum, "epoch": 3, "args": {"lr": 0.1}} if wrap else state
    torch.save(held, tmp_path / "m.pt", _use_new_zipfile_serialization=not old)
    with open_checkpoint(tmp_path / "m.pt") as checkpoint:
        assert checkpoint.format == "pytorch" and set(names(checkpoint)) == set(state)
        for tensor in checkpoint.tensors:
            np.testing.assert_array_equal(tensor.read(), state[tensor.name].numpy())
        lost = {item.name for item in checkpoint.skipped}
        assert lost == ({"optimizer.state.0.exp_avg", "optimizer.state.0.step"} if wrap else set())
        matrices, _ = weight_matrices(checkpoint)
        assert ("out.weight",) in {matrix.also for matrix in matrices}


def test_two_models_in_one_file_keep_their_names(tmp_path):
    torch.save({"model": {"w": torch.eye(3)}, "ema": {"w": torch.ones(3, 3)}}, tmp_path / "m.pt")
    with open_checkpoint(tmp_path / "m.pt") as checkpoint:
        assert names(checkpoint) == ["model.w", "ema.w"]


def test_lists_and_a_bare_tensor_are_read(tmp_path):
    torch.save([torch.eye(2), OrderedDict(a=torch.ones(2, 3))], tmp_path / "list.pt")
    torch.save(torch.eye(4), tmp_path / "bare.pt")
    with open_checkpoint(tmp_path / "list.pt") as checkpoint:
        assert names(checkpoint) == ["0", "1.a"]
    with open_checkpoint(tmp_path / "bare.pt") as checkpoint:
        assert names(checkpoint) == ["bare"] and checkpoint.tensors[0].shape == (4, 4)


@pytest.mark.parametrize("kind", ["zip", "old", "plain", "module"])
def test_a_pickle_that_would_run_a_command_does_not(tmp_path, network, kind):
    target, path = tmp_path / "ran", tmp_path / "m.pt"
    if kind == "plain":
        path.write_bytes(pickle.dumps({"w": Runs(target)}))
    else:
        held = {"w": network if kind == "module" else Runs(target)}
        torch.save(held, path, _use_new_zipfile_serialization=kind != "old")
    with pytest.raises(InvalidArgument) as caught:
        open_checkpoint(path)
    assert not target.exists() and "\n" not in str(caught.value) and "state_dict()" in str(caught.value)


def test_types_without_values_or_of_another_layout_are_skipped_by_name(tmp_path):
    held = {
        "complex": torch.ones(2, 2, dtype=torch.complex64),
        "bool": torch.ones(2, 2, dtype=torch.bool),
        "int": torch.ones(2, 2, dtype=torch.int64),
        "sparse": torch.eye(3).to_sparse(),
        "meta": torch.ones(2, 2, device="meta"),
        "w": torch.eye(3, dtype=torch.bfloat16),
    }
    with open_checkpoint(held) as checkpoint:
        matrices, skipped = weight_matrices(checkpoint)
        assert [matrix.name for matrix in matrices] == ["w"] and matrices[0].read().trace() == 3
    why = {item.name: (item.reason, item.failed) for item in skipped}
    assert why["complex"] == ("complex numbers (complex64), which are not analysed", False)
    assert why["bool"] == ("truth values, no weights", False)
    assert why["int"] == ("whole numbers (int64), no weights", False)
    assert why["sparse"][1] and "layout sparse_coo" in why["sparse"][0]
    assert why["meta"][1] and "meta" in why["meta"][0]


def test_quantised_tensors_are_dequantised():
    values = torch.randn(6, 4, generator=torch.Generator().manual_seed(0))
    zeros = torch.zeros(6, dtype=torch.long)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch is about to drop them; files have them
        stored = torch.quantize_per_channel(values, torch.full((6,), 0.05), zeros, 0, torch.qint8)
    with open_checkpoint({"w.weight": stored}) as checkpoint:
        matrices, _ = weight_matrices(checkpoint)
    np.testing.assert_array_equal(matrices[0].read(), stored.dequantize().numpy())


def test_a_transposed_tensor_and_a_view_are_what_they_are():
    whole = torch.arange(12.0).reshape(3, 4)
    with open_checkpoint({"a": whole.T, "b": whole[1:], "c": whole[1:]}) as checkpoint:
        matrices, skipped = weight_matrices(checkpoint)
    assert [matrix.read().tolist() for matrix in matrices] == [whole.T.tolist(), whole[1:].tolist()]
    assert [item.name for item in skipped] == ["c"]


@pytest.mark.parametrize("damage", ["cut", "emptied", "no pickle"])
def test_a_damaged_archive_is_one_line(tmp_path, network, damage):
    path = tmp_path / "m.pt"
    torch.save(network.state_dict(), path)
    whole = path.read_bytes()
    if damage == "cut":
        path.write_bytes(whole[: len(whole) // 2])
    elif damage == "emptied":
        path.write_bytes(b"")
    else:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("other", "text")
    with pytest.raises(InvalidArgument) as caught:
        open_checkpoint(path)
    assert "\n" not in str(caught.value)


def test_without_pytorch_a_file_of_it_says_what_is_missing(tmp_path):
    torch.save({"w": torch.eye(2)}, tmp_path / "m.pt")
    program = (
        "import sys; sys.modules['torch'] = None\n"
        "from shallows.checkpoints import open_checkpoint\n"
        "from shallows.errors import MissingDependency\n"
        "try:\n    open_checkpoint(sys.argv[1])\n"
        "except MissingDependency as error:\n    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, tmp_path / "m.pt"], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "files of PyTorch need PyTorch: pip install 'shallows[train]'"


def test_a_folder_with_pytorchs_shards(tmp_path):
    torch.save({"a.weight": torch.eye(2)}, tmp_path / "pytorch_model-00001-of-00002.bin")
    torch.save({"b.weight": torch.ones(2, 2)}, tmp_path / "pytorch_model-00002-of-00002.bin")
    table = '{"a.weight": "pytorch_model-00001-of-00002.bin", "b.weight": "pytorch_model-00002-of-00002.bin"}'
    (tmp_path / "pytorch_model.bin.index.json").write_text(f'{{"weight_map": {table}}}')
    torch.save({"x": torch.eye(2)}, tmp_path / "optimizer.pt")
    with open_checkpoint(tmp_path) as checkpoint:
        assert names(checkpoint) == ["a.weight", "b.weight"]
