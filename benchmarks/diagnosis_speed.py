"""Time and memory of a diagnosis, beside plain singular value decompositions and beside weightwatcher.

Run: ./run bench diagnosis_speed [--peer PYTHON] [CHECKPOINT...]
Without checkpoints it makes three: a perceptron and a residual network trained on digits with a fifth of the labels
wrong, and a transformer of 110 million weights, some of its matrices noise, others with planted directions, power laws,
heavy-tailed entries or uneven rows. Each way runs in a process of its own on one thread; times are the processor's,
after the imports. PYTHON is an interpreter that has weightwatcher and PyTorch: both tools see the same matrices.
Memory is what the process holds of its own (files that it maps are not counted) beyond what it held before, in units of
the largest matrix in single precision.
"""

from __future__ import annotations

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[_name] = "1"

import argparse
import json
import logging
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np


def digits(make: Any, steps: int, path: Path) -> None:
    """Train a network on digits, a fifth of whose labels are wrong, and save it."""
    import torch
    from safetensors.torch import save_file
    from sklearn.datasets import load_digits

    torch.manual_seed(0)
    data = load_digits()
    inputs, labels = torch.tensor(data.data / 16 - 0.3, dtype=torch.float32), torch.tensor(data.target)
    labels = torch.where(torch.rand(len(labels)) < 0.2, torch.randint(0, 10, (len(labels),)), labels)
    network = make(torch.nn)
    step = torch.optim.AdamW(network.parameters(), lr=1e-3, weight_decay=0.01)
    for _ in range(steps):
        batch = torch.randint(0, 1400, (64,))
        loss = torch.nn.functional.cross_entropy(network(inputs[batch]), labels[batch])
        step.zero_grad()
        loss.backward()
        step.step()
    save_file({name: values.contiguous() for name, values in network.state_dict().items()}, path)


def perceptron(nn: Any) -> Any:
    sizes = (64, 1024, 1024, 512, 10)
    layers = [part for a, b in zip(sizes, sizes[1:], strict=False) for part in (nn.Linear(a, b), nn.ReLU())]
    return nn.Sequential(*layers[:-1])


def convolutional(nn: Any) -> Any:
    class Block(nn.Module):  # type: ignore[name-defined,misc]
        def __init__(self, a: int, b: int, stride: int) -> None:
            super().__init__()
            self.first = nn.Sequential(nn.Conv2d(a, b, 3, stride, 1, bias=False), nn.BatchNorm2d(b), nn.ReLU())
            self.second = nn.Sequential(nn.Conv2d(b, b, 3, 1, 1, bias=False), nn.BatchNorm2d(b))
            self.past = nn.Conv2d(a, b, 1, stride, bias=False)

        def forward(self, x: Any) -> Any:
            return nn.functional.relu(self.second(self.first(x)) + self.past(x))

    blocks = [Block(64, 64, 1), Block(64, 128, 2), Block(128, 256, 2), Block(256, 512, 2)]
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 10)]
    return nn.Sequential(nn.Unflatten(1, (1, 8, 8)), nn.Conv2d(1, 64, 3, 1, 1, bias=False), *blocks, *head)


def transformer(path: Path, width: int = 768) -> None:
    from safetensors.numpy import save_file

    rng = np.random.default_rng(0)

    def planted(rows: int, columns: int, strengths: Any) -> Any:
        noise = rng.standard_normal((rows, columns))
        left, right = (rng.standard_normal((size, len(strengths))) / np.sqrt(size) for size in (rows, columns))
        return noise + np.sqrt(max(rows, columns)) * (left * strengths) @ right.T

    tensors = {"wte.weight": rng.standard_normal((32000, width)), "wpe.weight": rng.standard_normal((1024, width))}
    for layer in range(12):
        few = np.geomspace(8, 1.2, 4 * layer + 1) if layer % 2 else 12 / np.sqrt(np.arange(1, 80))
        tensors[f"h.{layer}.attn.qkv.weight"] = planted(3 * width, width, few)
        power = 8 * np.arange(1, width + 1) ** -0.6 * (layer % 3 > 0)
        tensors[f"h.{layer}.attn.out.weight"] = planted(width, width, power)
        entries = rng.standard_t(3 if layer % 4 == 0 else 8, (4 * width, width))
        tensors[f"h.{layer}.mlp.fc.weight"] = entries * np.exp(0.2 * (layer % 4) * rng.standard_normal((4 * width, 1)))
        tensors[f"h.{layer}.mlp.proj.weight"] = planted(width, 4 * width, 9 * np.arange(1, 40 + 10 * layer) ** -0.7)
    save_file({name: (0.02 * values).astype(np.float32) for name, values in tensors.items()}, path)


def held() -> float:
    """Bytes of memory of its own that this process holds."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(1024.0 * int(line.split()[1]) for line in lines if line.startswith("RssAnon"))


def matrices_of(path: str) -> dict[str, Any]:
    """Matrices as both tools take them: a kernel as outputs x (inputs times kernel)."""
    from safetensors.numpy import load_file

    shaped = {name: values.reshape(len(values), -1) for name, values in load_file(path).items() if values.ndim > 1}
    return {name: values for name, values in shaped.items() if min(values.shape) >= 10}


def diagnosed(path: str) -> None:
    from shallows import diagnose

    diagnose({"warm": np.random.default_rng(0).standard_normal((64, 64))})
    done, peak, before = threading.Event(), [0.0], held()

    def watch() -> None:
        while not done.wait(0.003):
            peak[0] = max(peak[0], held())

    watcher = threading.Thread(target=watch)
    watcher.start()
    start = time.process_time()
    found = diagnose(path)
    seconds = time.process_time() - start
    done.set()
    watcher.join()
    largest = max(4 * layer.parameters for layer in found)
    print(json.dumps({"seconds": seconds, "extra": peak[0] - before, "largest": largest, "verdicts": found.verdicts}))


def decomposed(path: str) -> None:
    matrices, start = matrices_of(path), time.process_time()
    for values in matrices.values():
        np.linalg.svd(values.astype(float), compute_uv=False)
    print(json.dumps({"seconds": time.process_time() - start}))


def peer(path: str) -> None:
    import torch
    import weightwatcher

    torch.set_num_threads(1)
    logging.disable(logging.CRITICAL)
    model = torch.nn.ModuleList()
    for values in matrices_of(path).values():
        layer = torch.nn.Linear(values.shape[1], values.shape[0], bias=False)
        layer.weight.data = torch.from_numpy(values)
        model.append(layer)
    start = time.process_time()
    rows = len(weightwatcher.WeightWatcher(model=model).analyze())
    print(json.dumps({"seconds": time.process_time() - start, "rows": rows}))


ROLES = {"diagnosed": diagnosed, "decomposed": decomposed, "peer": peer}


def child(python: str, role: str, path: Path) -> dict[str, Any]:
    out = subprocess.run([python, __file__, "--work", role, str(path)], capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(out.stdout.splitlines()[-1])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoints", nargs="*", type=Path)
    parser.add_argument("--peer", default="", metavar="PYTHON")
    parser.add_argument("--work", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        ROLES[options.work[0]](options.work[1])
        return
    with tempfile.TemporaryDirectory() as folder:
        paths = options.checkpoints
        if not paths:
            paths = [Path(folder, f"{name}.safetensors") for name in ("perceptron", "residual", "transformer")]
            digits(perceptron, 250, paths[0])
            digits(convolutional, 40, paths[1])
            transformer(paths[2])
        for path in paths:
            runs = [[child(sys.executable, role, path) for role in ("diagnosed", "decomposed")] for _ in range(3)]
            ours, plain = (float(np.median([run[i]["seconds"] for run in runs])) for i in (0, 1))
            extra, largest = max(run[0]["extra"] for run in runs), runs[0][0]["largest"]
            line = f"{path.stem}: {ours:.2f} s, {ours / plain:.2f} times the decompositions alone ({plain:.2f} s)"
            if options.peer:
                theirs = float(np.median([child(options.peer, "peer", path)["seconds"] for _ in range(3)]))
                line += f", {ours / theirs:.2f} times weightwatcher ({theirs:.2f} s)"
            share = extra / largest
            print(
                f"{line}; memory {extra / 1e6:.0f} MB, {share:.2f} times the largest matrix; {runs[0][0]['verdicts']}"
            )


if __name__ == "__main__":
    main()
