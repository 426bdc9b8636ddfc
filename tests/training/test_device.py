"""Tensors and devices. Where there is no GPU, PyTorch's CPU stands for one: the same code, on another device."""

import json
import subprocess
import sys

import numpy as np
import pytest

import shallows.operators
from shallows import cli
from shallows.amp import amp
from shallows.errors import InvalidArgument, MissingDependency
from shallows.operators import (
    QuadraticOperator,
    check_data,
    checks,
    devices,
    diagonal_torch,
    operator_for,
    quadratic_torch,
)
from shallows.operators.diagonal import DiagonalOperator
from shallows.problems import Problem
from shallows.teachers import PowerLaw
from shallows.training import sample, task, train, train_path

torch = pytest.importorskip("torch")

from torch.utils._python_dispatch import TorchDispatchMode  # noqa: E402

GPU = torch.cuda.is_available()


@pytest.fixture
def accelerator(monkeypatch):
    """The name of a GPU; of a pretended one, on which PyTorch does the work on the CPU, where there is none."""
    if GPU:
        return "cuda"
    real = devices.find_device

    def find_device(device, data=None):
        return torch.device("cpu") if device == "cuda" else real(device, data)

    for module in (checks, task):
        monkeypatch.setattr(module, "find_device", find_device)
    return "cuda"


@pytest.fixture(scope="module")
def data():
    return sample(Problem("quadratic", PowerLaw(30, 1.25), 500, 0.1), 3)


@pytest.fixture(scope="module")
def wide():
    return sample(Problem("diagonal", PowerLaw(60, 1.0), 40, 0.3), 3)


def on_device(inputs):
    return torch.tensor(inputs, device="cuda" if GPU else "cpu")


def test_every_product_is_that_of_numpy(data, monkeypatch):
    rng = np.random.default_rng(0)
    for inputs in (data.inputs, np.asfortranarray(data.inputs)):
        monkeypatch.setattr(quadratic_torch, "DEVICE_BLOCK_NUMBERS", (1000, 1000))  # many blocks
        ours, theirs = operator_for("quadratic", on_device(inputs)), QuadraticOperator(inputs)
        assert ours.rows == 33 and isinstance(ours, quadratic_torch.TorchQuadraticOperator)
        assert type(operator_for("quadratic", inputs)) is QuadraticOperator
        matrix, values = rng.standard_normal((30, 30)), rng.standard_normal(500)
        factor, direction = rng.standard_normal((30, 4)), rng.standard_normal((30, 4))
        matrix = matrix + matrix.T
        for name, arguments in (
            ("forward", (matrix,)),
            ("forward_factor", (factor,)),
            ("forward_factor", (factor, np.array([1.0, -1.0, 0.5, 0.0]))),
            ("forward_factor", (factor[:, :0],)),
            ("forward_mixed", (factor, direction)),
            ("adjoint", (values,)),
            ("adjoint_times", (values, factor)),
            ("normal_times", (factor, direction)),
            ("eigvalsh", (matrix,)),
        ):
            before = [a.copy() for a in arguments]
            got, expected = getattr(ours, name)(*arguments), getattr(theirs, name)(*arguments)
            np.testing.assert_allclose(got, expected, rtol=1e-11, atol=1e-11, err_msg=name)
            assert all(np.array_equal(a, b) for a, b in zip(arguments, before, strict=True))
        values, vectors = ours.eigh(matrix)
        np.testing.assert_allclose((vectors * values) @ vectors.T, matrix, atol=1e-11)
        assert np.array_equal(values, np.sort(values))


@pytest.mark.parametrize("order", ["C", "F"])
def test_every_product_with_columns_is_that_of_numpy(order, monkeypatch):
    monkeypatch.setattr(quadratic_torch, "DEVICE_BLOCK_NUMBERS", (1000, 1000))
    rng = np.random.default_rng(0)
    inputs = np.array(rng.standard_normal((70, 90)) * 10.0 ** np.linspace(-20, 20, 90), order=order)
    inputs[:, 5] = 0
    theirs = DiagonalOperator(inputs)
    tensor = on_device(inputs) if order == "C" else on_device(inputs.T.copy()).T
    ours = operator_for("diagonal", tensor)
    assert type(operator_for("diagonal", inputs)) is DiagonalOperator and not ours.by_columns
    np.testing.assert_array_equal(ours.inputs, inputs)
    for name in ("squares", "scales"):
        np.testing.assert_allclose(getattr(ours, name), getattr(theirs, name), rtol=1e-13)
    theta, values, few = rng.standard_normal(90) / theirs.scales, rng.standard_normal(70), np.zeros(90)
    few[7] = 1.0
    for size in (1e-60, 1e60):  # beyond the range of single precision
        got, expected = ours.forward(size * theta, rough=True), theirs.forward(size * theta)
        np.testing.assert_allclose(got / size, expected / size, rtol=1e-5, atol=1e-3)
        got, expected = ours.adjoint(size * values, rough=True), theirs.adjoint(size * values)
        np.testing.assert_allclose(got / theirs.scales / size, expected / theirs.scales / size, atol=1e-3)
    support, none = np.array([0, 3, 40, 5, 89]), np.array([], dtype=int)
    for rough, accuracy in ((False, 1e-13), (True, 1e-5)):
        dtype = np.float32 if rough else np.float64
        for argument in (theta, few, 0 * few):
            got, expected = ours.forward(argument, rough=rough), theirs.forward(argument, rough=rough)
            np.testing.assert_allclose(got, expected, rtol=accuracy, atol=100 * accuracy)
        got, expected = ours.adjoint(values, rough=rough), theirs.adjoint(values, rough=rough)
        np.testing.assert_allclose(got / theirs.scales, expected / theirs.scales, atol=100 * accuracy)
        for columns in (support, none):
            got, expected = ours.products(columns, rough=rough), theirs.products(columns, rough=rough)
            outer = theirs.scales[:, None] * theirs.scales[columns]
            np.testing.assert_allclose(got / outer, expected / outer, atol=100 * accuracy)
            got, expected = ours.gram(columns, dtype), theirs.gram(columns, dtype)
            assert got.dtype == dtype and got.shape == expected.shape and got.flags.f_contiguous
            np.testing.assert_allclose(np.tril(got), np.tril(expected), atol=100 * accuracy)
            np.testing.assert_array_equal(ours.columns(columns), theirs.columns(columns))


def test_fused_products_are_those_they_are_made_of(data):
    rng = np.random.default_rng(1)
    operator = QuadraticOperator(data.inputs)
    factor, direction = rng.standard_normal((30, 4)), rng.standard_normal((30, 4))
    mixed = operator.forward(factor @ direction.T + direction @ factor.T)
    first, second = operator.forward_mixed(factor, direction)
    np.testing.assert_allclose(first, mixed, atol=1e-10)
    np.testing.assert_allclose(second, operator.forward_factor(direction), atol=1e-10)
    np.testing.assert_allclose(operator.normal_times(factor, direction), operator.adjoint(mixed) @ factor, atol=1e-8)


@pytest.mark.parametrize("solver", ["auto", "convex", "amp"])
@pytest.mark.parametrize("penalty", [0.05, 1e-3])
def test_the_device_reaches_the_same_minimum(data, accelerator, solver, penalty):
    options = {"penalty": penalty, "solver": solver, "tolerance": 1e-7, "throw": solver != "amp"}
    there, here = train(data, device=accelerator, **options), train(data, **options)
    assert there.objective == pytest.approx(here.objective, rel=2e-7)
    if here.status.ok:
        assert there.gap <= 1e-7
        assert there.weights.matrix() == pytest.approx(here.weights.matrix(), abs=1e-3)
    assert type(there.weights.factor) is np.ndarray
    assert there.status is here.status


def test_vanishing_penalty_and_paths_on_the_device(data, accelerator):
    few = data.inputs[:150], data.labels[:150]
    limits = [
        train(few, network="quadratic", penalty=0, device=where, tolerance=1e-5) for where in (accelerator, "cpu")
    ]
    assert limits[0].weights.trace == pytest.approx(limits[1].weights.trace, rel=1e-4)
    grid = [0.02, 0.5, 0.1]
    there = train_path(data, penalties=grid, device=accelerator)
    for fit, penalty in zip(there, grid, strict=True):
        assert fit.objective == pytest.approx(train(data, penalty=penalty).objective, rel=2e-6)


@pytest.mark.parametrize("precision", ["float64", "float32"])
def test_gradient_training_on_the_device(data, wide, accelerator, precision):
    for given, options in ((data, {"penalty": 0.1}), (wide, {"weight_decay": 0.5})):
        options |= {"solver": "gradient", "precision": precision, "throw": False, "tolerance": 1e-5}
        there, here = train(given, device=accelerator, **options), train(given, **options)
        assert there.objective == pytest.approx(here.objective, rel=1e-4)
        assert all(type(p) is np.ndarray for p in there.parameters.values())
        assert there.details["device"] == ("cuda:0" if GPU else "cpu")
    narrow = {"penalty": 0.1, "width": 3, "throw": False}
    there, here = train(data, device=accelerator, **narrow), train(data, **narrow)
    assert there.objective == pytest.approx(here.objective, rel=1e-3) and there.weights.rank == 3


@pytest.mark.parametrize("solver", ["auto", "convex", "amp", "gradient"])
def test_the_diagonal_network_takes_a_device(wide, accelerator, solver):
    options = {"weight_decay": 0.5, "solver": solver, "throw": False}
    there, here = train(wide, device=accelerator, **options), train(wide, **options)
    assert there.objective == pytest.approx(here.objective, rel=2e-6 if solver != "gradient" else 1e-4)
    assert there.weights == pytest.approx(here.weights, abs=1e-3 if solver != "gradient" else 1e-2)
    paths = [train_path(wide, weight_decays=[0.3, 1.0], device=where) for where in (accelerator, None)]
    assert [f.objective for f in paths[0]] == pytest.approx([f.objective for f in paths[1]], rel=2e-6)


def test_only_small_things_travel(data, accelerator, monkeypatch):
    """Nothing of the size of the data crosses between host and device once the data are there."""
    sizes = []

    class Watched(quadratic_torch.TorchQuadraticOperator):
        def send(self, array):
            sizes.append(array.size)
            return super().send(array)

        def fetch(self, tensor):
            sizes.append(tensor.numel())
            return super().fetch(tensor)

    monkeypatch.setattr(shallows.operators, "TorchQuadraticOperator", Watched)
    assert train(data, penalty=0.02, solver="convex", device=accelerator).gap <= 1e-6
    assert len(sizes) > 50 and max(sizes) < 0.2 * data.inputs.size


class Allocations(TorchDispatchMode):
    """How many numbers each tensor has that was made anew."""

    def __init__(self):
        super().__init__()
        self.sizes = []

    def __torch_dispatch__(self, function, types, arguments=(), named=None):
        out = function(*arguments, **(named or {}))
        given = {t.untyped_storage().data_ptr() for t in arguments if isinstance(t, torch.Tensor)}
        for tensor in out if isinstance(out, tuple | list) else [out]:
            if isinstance(tensor, torch.Tensor) and tensor.untyped_storage().data_ptr() not in given:
                self.sizes.append(tensor.numel())
        return out


def test_work_arrays_are_blocks(data, accelerator, monkeypatch):
    monkeypatch.setattr(quadratic_torch, "DEVICE_BLOCK_NUMBERS", (1000, 1000))
    placed = on_device(data.inputs)
    with Allocations() as seen:
        train((placed, data.labels), network="quadratic", penalty=0.02, solver="convex", device=accelerator)
    assert data.samples <= max(seen.sizes) <= 2100 < data.inputs.size / 7


def test_the_diagonal_network_stays_on_the_device(accelerator, monkeypatch):
    """One copy in single precision beside the data, and none on the host unless coordinate descent is asked for."""
    monkeypatch.setattr(quadratic_torch, "DEVICE_BLOCK_NUMBERS", (1000, 1000))
    fetched = []

    def inputs(operator):
        fetched.append(True)
        return operator.fetch(operator.tensor)

    monkeypatch.setattr(diagonal_torch.TorchDiagonalOperator, "inputs", property(inputs))
    data = sample(Problem("diagonal", PowerLaw(400, 1.0), 300, 0.5), 0)
    placed = on_device(data.inputs)
    with Allocations() as seen:
        fit = train((placed, data.labels), network="diagonal", weight_decay=1.0, device=accelerator)
    assert fit.gap <= 1e-6 and fit.details["amp_iterations"] > 0 and not fetched
    copy, *rest = sorted(seen.sizes, reverse=True)
    assert copy == data.inputs.size and rest[0] < 0.4 * data.inputs.size
    train((placed, data.labels), network="diagonal", weight_decay=1.0, device=accelerator, solver="convex")
    assert fetched == [True]


TENSORS = {
    "float64": lambda x: torch.tensor(x),
    "float32": lambda x: torch.tensor(x, dtype=torch.float32),
    "float16": lambda x: torch.tensor(x, dtype=torch.float16),
    "bfloat16": lambda x: torch.tensor(x, dtype=torch.bfloat16),
    "integers": lambda x: torch.tensor(np.round(3 * x)).to(torch.int32),
    "transposed": lambda x: torch.tensor(x.T.copy()).mT if x.ndim == 2 else torch.tensor(x),
    "strided": lambda x: torch.tensor(np.repeat(x, 2, axis=-1))[..., ::2],
    "requires grad": lambda x: torch.tensor(x, requires_grad=True),
    "parameter": lambda x: torch.nn.Parameter(torch.tensor(x)),
    "of a read-only array": lambda x: devices.place(x, torch.device("cpu")),
}


@pytest.mark.parametrize("kind", TENSORS)
@pytest.mark.parametrize("where", ["here", "device"])
def test_tensors_of_every_kind(data, wide, kind, where, accelerator):
    device = accelerator if where == "device" else None
    for given, network in ((data, "quadratic"), (wide, "diagonal")):
        x, y = TENSORS[kind](given.inputs), TENSORS[kind](given.labels)
        before = x.clone(), y.clone()
        as_numpy = tuple(np.array(t.detach().double()) for t in (x, y))
        fit = train((x, y), network=network, weight_decay=0.3, device=device)
        assert fit.objective == pytest.approx(train(as_numpy, network=network, weight_decay=0.3).objective, rel=2e-6)
        assert torch.equal(before[0], x) and torch.equal(before[1], y)
        mixed = train((x, as_numpy[1][:, None]), network=network, weight_decay=0.3, device=device)
        assert mixed.objective == pytest.approx(fit.objective, rel=2e-6)


def test_message_passing_on_the_device(wide, data, accelerator, monkeypatch):
    """The same run, whatever the labels and inputs are, and nothing of the size of the data travels."""
    sizes = []

    def watched(operator, tensor):
        sizes.append(tensor.numel())
        return devices.to_host(tensor)

    monkeypatch.setattr(devices.OnDevice, "fetch", watched)
    for given, network, options in ((wide, "diagonal", {"weight_decay": 2.0}), (data, "quadratic", {"penalty": 0.3})):
        x = on_device(given.inputs).requires_grad_()
        here = amp(tuple(given), network=network, throw=False, **options)
        assert not sizes
        there = amp((x, torch.tensor(given.labels)), network=network, throw=False, device=accelerator, **options)
        assert sizes and max(sizes) < 0.5 * given.inputs.size
        assert there.weights == pytest.approx(here.weights, abs=1e-6) and type(there.weights) is np.ndarray
        assert there.iterations == here.iterations and there.status is here.status
        assert there.noise_scale == pytest.approx(here.noise_scale, rel=1e-9)
        sampled = amp(given, device=accelerator, throw=False, **options)
        assert sampled.weights == pytest.approx(here.weights, abs=1e-6)
        assert sampled.trajectory.predicted_noise_scale == pytest.approx(
            amp(given, throw=False, **options).trajectory.predicted_noise_scale, rel=1e-9
        )
        sizes.clear()


def test_message_passing_refuses_unknown_devices(data):
    for device in ("gpu", "cuda:-1"):
        with pytest.raises(InvalidArgument, match="device: got"):
            amp(data, penalty=0.3, device=device)


@pytest.mark.parametrize("layout", ["C", "F"])
def test_data_that_fit_are_never_copied(data, accelerator, layout):
    array = np.array(data.inputs, order=layout)
    array.setflags(write=False)
    tensor = torch.tensor(array) if layout == "C" else torch.tensor(array.T.copy()).T
    labels = torch.tensor(data.labels)
    x, y = check_data(tensor, labels, None)
    assert type(x) is np.ndarray and x.ctypes.data == tensor.data_ptr() and y.ctypes.data == labels.data_ptr()
    x, _ = check_data(array, data.labels)
    assert x is array
    placed = on_device(data.inputs)
    assert check_data(placed, labels, accelerator)[0].data_ptr() == placed.data_ptr()
    assert operator_for("quadratic", placed).inputs.data_ptr() == placed.data_ptr()
    if not GPU:
        assert check_data(array, labels, accelerator)[0].data_ptr() == array.ctypes.data
        assert check_data(tensor, labels, accelerator)[0].data_ptr() == tensor.data_ptr()


def test_unusable_tensors_are_refused(data, accelerator):
    x, y = torch.tensor(data.inputs), torch.tensor(data.labels)
    broken = x.clone()
    broken[3, 4] = torch.nan
    bad = [
        ((broken, y), "X.*nan at position \\(3, 4\\)"),
        ((broken.T.contiguous().T, y), "X.*nan at position \\(3, 4\\)"),
        ((x, torch.where(torch.arange(len(y)) == 5, torch.inf, y)), "y.*inf at position \\(5,\\)"),
        ((x, y[:-1]), "one label per row"),
        ((x[0], y), "X.*shape \\(30,\\).*2 dimension"),
        ((x, torch.stack([y, y], 1)), "1 dimension"),
        ((x[:0], y[:0]), "at least one sample"),
        ((x.to(torch.complex128), y), "X.*complex128.*real numbers"),
        ((x, y.to(torch.complex64)), "y.*complex64.*real numbers"),
        ((x.to_sparse(), y), "X.*sparse.*dense"),
        ((torch.empty(500, 30, device="meta"), y), "meta"),
        ((x * 1e200, y), "1e65"),
    ]
    for device in ("cpu", None, accelerator):
        for pair, message in bad:
            with pytest.raises(InvalidArgument, match=message):
                train(pair, network="quadratic", penalty=0.1, device=device)


@pytest.mark.parametrize("device", ["gpu", "cuda:", "cuda:-1", "mps", "", "CPU", 0, ["cuda"], torch.device("mps")])
@pytest.mark.parametrize("network", ["diagonal", "quadratic"])
def test_unknown_devices_are_refused(device, network):
    with pytest.raises(InvalidArgument, match=r'device: got .*must be "cpu", "cuda", or "cuda:N"'):
        train(Problem(network, PowerLaw(10, 1.0), 20), seed=0, weight_decay=0.1, device=device)
    with pytest.raises(InvalidArgument, match="device: got"):
        train_path(Problem(network, PowerLaw(10, 1.0), 20), seed=0, weight_decays=[0.1], device=device)


def test_a_gpu_that_is_not_there_is_named_with_what_is(monkeypatch):
    def refused(device, words):
        for solver in ("auto", "gradient"):
            problem = Problem("diagonal", PowerLaw(10, 1.0), 20)
            with pytest.raises(InvalidArgument, match=words):
                train(problem, seed=0, weight_decay=0.1, device=device, solver=solver)

    if not GPU:
        for device in ("cuda", "cuda:1", torch.device("cuda")):
            refused(device, "device: got 'cuda.*available here: cpu$")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.version, "cuda", "12.8")
    refused("cuda", "PyTorch finds no GPU; available here: cpu$")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    refused("cuda:2", "there is no such GPU; available here: cpu, cuda:0, cuda:1$")
    assert devices.find_device("cuda") == torch.device("cuda")
    assert devices.find_device("cuda:1") == torch.device("cuda:1")
    assert devices.find_device("cpu") is devices.find_device(torch.device("cpu")) is devices.find_device(None) is None


def test_data_too_large_for_a_device_are_refused(data, accelerator, monkeypatch):
    def full(*_, **__):
        raise torch.cuda.OutOfMemoryError("out of memory")

    monkeypatch.setattr(torch.Tensor, "to", full)
    with pytest.raises(InvalidArgument, match=r"device: .*no room for 0\.00012 GB"):
        train((data.inputs, data.labels), network="quadratic", penalty=0.1, device=accelerator)


def test_without_torch_the_cpu_works_and_a_gpu_is_explained(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    problem = Problem("quadratic", PowerLaw(10, 1.0), 60, 0.1)
    assert train(problem, seed=0, penalty=0.1, device="cpu").status.ok
    with pytest.raises(MissingDependency, match=r'device="cuda" needs PyTorch.*shallows\[train\]'):
        train(problem, seed=0, penalty=0.1, device="cuda")
    with pytest.raises(MissingDependency, match=r"gradient training needs PyTorch.*shallows\[train\]"):
        train(problem, seed=0, penalty=0.1, solver="gradient")


def test_the_command_takes_a_device(data, tmp_path, capsys, monkeypatch):
    path = tmp_path / "data.npz"
    np.savez(path, X=data.inputs, y=data.labels)
    command = ["train", str(path), "--network", "quadratic", "--penalty", "0.1", "--json", "--device"]
    assert cli.main([*command, "cpu"]) == 0
    assert json.loads(capsys.readouterr().out)["details"]["device"] == "cpu"
    if GPU:
        assert cli.main([*command, "cuda"]) == 0
        assert json.loads(capsys.readouterr().out)["details"]["device"] == "cuda:0"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for device, words in (("cuda", "available here: cpu"), ("tpu", 'must be "cpu"'), ("", "must be")):
        assert cli.main([*command, device]) == 2
        lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("shallows:")]
        assert len(lines) == 1 and "--device: got" in lines[0] and words in lines[0]
    monkeypatch.setitem(sys.modules, "torch", None)
    assert cli.main([*command, "cuda"]) == 1
    assert "pip install shallows[train]" in capsys.readouterr().err
    assert cli.main([*command, "cpu"]) == 0


def test_numpy_data_do_not_import_torch():
    code = """
import sys
from shallows import PowerLaw, Problem
from shallows.training import train, train_path
for network in ("diagonal", "quadratic"):
    train(Problem(network, PowerLaw(10, 1.0), 60, 0.1), seed=0, weight_decay=0.1, device="cpu")
    train_path(Problem(network, PowerLaw(10, 1.0), 60, 0.1), seed=0, weight_decays=[0.1])
assert "torch" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)
