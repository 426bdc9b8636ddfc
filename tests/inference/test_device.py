"""Inputs on a device. Where there is no GPU, PyTorch's CPU stands for one: the same code, on another device."""

import numpy as np
import pytest

from shallows import PowerLaw, Problem, infer, prune, sample, train, tune
from shallows.inference import extrapolate_naively, silencing_weight_decay
from shallows.operators import checks, devices

torch = pytest.importorskip("torch")

GPU = torch.cuda.is_available()
PROBLEMS = [Problem("diagonal", PowerLaw(60, 1.0), 150, noise=0.5), Problem("quadratic", PowerLaw(15, 1.25), 500, 0.3)]


@pytest.fixture
def place(monkeypatch):
    """Moves inputs to a GPU; to a pretended one, on which PyTorch does the work on the CPU, where there is none."""
    if not GPU:
        real = devices.find_device

        def find_device(device, data=None):
            return data.device if device is None and devices.is_tensor(data) else real(device, data)

        monkeypatch.setattr(checks, "find_device", find_device)
    return lambda inputs: torch.tensor(inputs, device="cuda" if GPU else "cpu")


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda problem: problem.network)
def test_inputs_on_a_device_stay_there_and_say_the_same(problem, place, monkeypatch):
    data = sample(problem, 3)
    fit = train(data, weight_decay=0.5)
    expected = infer(data, fit)
    refined = prune(fit, expected, data=data)
    search = tune(data, network=problem.network)
    line = extrapolate_naively(data, [1000], network=problem.network)
    tensor = place(data.inputs)
    with monkeypatch.context() as patch:
        copies = []
        patch.setattr(torch.Tensor, "numpy", counted(torch.Tensor.numpy, data.inputs.size, copies))
        pair = (tensor, data.labels)
        found = infer(pair, fit)
        again = prune(fit, found, data=pair)
        fit_there, found_there, path_there = tune(pair, network=problem.network)
        decay = silencing_weight_decay(tensor, data.labels, problem.network)
    assert len(copies) == 2  # infer and tune look at them once
    assert found.test_error.value == pytest.approx(expected.test_error.value, rel=1e-9)
    np.testing.assert_allclose(found.observed, expected.observed, rtol=1e-7, atol=1e-10)
    assert (again.values, again.features_after) == (refined.values, refined.features_after)
    assert again.test_error.value == pytest.approx(refined.test_error.value, rel=1e-6)
    assert decay == pytest.approx(silencing_weight_decay(data.inputs, data.labels, problem.network))
    assert fit_there.weight_decay == pytest.approx(search[0].weight_decay, rel=1e-3)
    assert found_there.test_error.value == pytest.approx(search[1].test_error.value, rel=1e-3)
    assert path_there.weight_decay.size == search[2].weight_decay.size
    assert extrapolate_naively(pair, [1000], network=problem.network).exponent == pytest.approx(line.exponent, rel=1e-2)


def counted(numpy, size, copies):
    """``Tensor.numpy`` that notes when it brings the inputs to the host."""

    def guarded(tensor, *arguments, **options):
        copies.extend([size] * (tensor.numel() >= size))
        return numpy(tensor, *arguments, **options)

    return guarded
