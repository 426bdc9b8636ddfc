"""An 8 GB sharded model, every matrix of it read under a memory limit; killed, resumed, and the same.

Time and memory of a diagnosis of what is read: diagnosis_speed.py.

Run: ./run bench checkpoints [--gigabytes 8] [--with MODULE:FUNCTION]
The shards are sparse: all zero but for the first page of each tensor, so that they take little of the disk while all
of their bytes go through the reader. The limit is on the data segment (RLIMIT_DATA), which counts what a process
allocates and not the files that it maps: what it has after its imports, one and a half times the largest matrix (in
single precision, in which bfloat16 is given), and 64 MB. The function that is timed takes a matrix and returns a dict
of numbers; without one, a few sums are taken of it.
"""

from __future__ import annotations

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[_name] = "1"

import argparse
import importlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

WIDTH, HIDDEN, WORDS = 4096, 11008, 32000
LAYER = {
    **{f"self_attn.{name}_proj.weight": (WIDTH, WIDTH) for name in "qkvo"},
    "mlp.gate_proj.weight": (HIDDEN, WIDTH),
    "mlp.up_proj.weight": (HIDDEN, WIDTH),
    "mlp.down_proj.weight": (WIDTH, HIDDEN),
    "input_layernorm.weight": (WIDTH,),
}
SPARE = 64 << 20


def build(folder: Path, gigabytes: float) -> int:
    """Write the shards, one for each layer, and the index; bytes of all tensors."""
    per_layer = sum(2 * int(np.prod(shape)) for shape in LAYER.values())
    layers = max(1, round((gigabytes * 1e9 - 2 * WORDS * WIDTH) / per_layer))
    shards: list[dict[str, tuple[int, ...]]] = [{"model.embed_tokens.weight": (WORDS, WIDTH)}]
    shards += [{f"model.layers.{index}.{name}": shape for name, shape in LAYER.items()} for index in range(layers)]
    rng, table, total = np.random.default_rng(0), {}, 0
    for number, shard in enumerate(shards, 1):
        file = folder / f"model-{number:05d}-of-{len(shards):05d}.safetensors"
        header, begin = {}, 0
        for name, shape in shard.items():
            end = begin + 2 * int(np.prod(shape))
            header[name] = {"dtype": "BF16", "shape": list(shape), "data_offsets": [begin, end]}
            table[name], begin = file.name, end
        text = json.dumps(header).encode()
        with open(file, "wb") as stream:
            stream.write(len(text).to_bytes(8, "little") + text)
            start = stream.tell()
            for stated in header.values():
                stream.seek(start + stated["data_offsets"][0])
                ones = rng.standard_normal(min(2048, stated["shape"][-1])).astype(np.float32)
                stream.write((ones.view(np.uint32) >> 16).astype(np.uint16).tobytes())
            stream.truncate(start + begin)
        total += begin
    index = {"metadata": {"total_size": total}, "weight_map": table}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    (folder / "config.json").write_text(json.dumps({"num_attention_heads": 32, "hidden_size": WIDTH}))
    return total


def sums(matrix: np.ndarray) -> dict[str, float]:
    """Sums of a matrix in double precision, block by block."""
    energy = total = 0.0
    for start in range(0, matrix.shape[0], 256):
        block = matrix[start : start + 256].astype(float)
        energy, total = energy + float(np.vdot(block, block)), total + float(block.sum())
    return {"energy": energy, "sum": total}


def allocated() -> tuple[int, int]:
    """Bytes this process has allocated (its data segment) and the most that were resident in memory of its own."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines() if ":" in line)
    return tuple(1024 * int(status[name].split()[0]) for name in ("VmData", "RssAnon"))  # type: ignore[return-value]


def work(folder: str, store: str, function: str) -> None:
    """Read every matrix that is not in the store yet; runs in a process of its own."""
    import resource

    from shallows.checkpoints import ResultStore, fingerprint, open_checkpoint, weight_matrices

    analyse: Callable[[Any], dict[str, Any]] = sums
    if function:
        module, _, name = function.partition(":")
        analyse = getattr(importlib.import_module(module), name)
    with open_checkpoint(folder) as checkpoint:
        start = time.perf_counter()
        matrices, skipped = weight_matrices(checkpoint)
        listed = time.perf_counter() - start
        names = {name for matrix in matrices for name in matrix.tensors} | {item.name for item in skipped}
        assert names == {tensor.name for tensor in checkpoint.tensors}, "a tensor is not accounted for"
        largest = max(4 * matrix.shape[0] * matrix.shape[1] for matrix in matrices)
        data, resident = allocated()
        resource.setrlimit(resource.RLIMIT_DATA, (data + int(1.5 * largest) + SPARE,) * 2)
        peak = resident
        with ResultStore(store, fingerprint(checkpoint, function)) as results:
            there = len(results.results)
            for matrix in matrices:
                if matrix.name not in results.results:
                    values = matrix.read()
                    peak = max(peak, allocated()[1])
                    results.add(matrix.name, analyse(values))
                    del values
    print(json.dumps([len(matrices), there, listed, largest, resident, peak]))


def child(folder: Path, store: Path, function: str, kill_at: int = 0) -> list[Any]:
    """Run :func:`work`; kill it once the store has so many results."""
    command = [sys.executable, __file__, "--work", str(folder), str(store), "--with", function]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        while kill_at and process.poll() is None:
            if store.exists() and store.read_bytes().count(b"\n") > kill_at:
                process.kill()
            time.sleep(0.02)
        out = process.communicate()[0]
    return json.loads(out) if out else []


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gigabytes", type=float, default=8.0)
    parser.add_argument("--with", dest="function", default="", help="MODULE:FUNCTION of a matrix that returns a dict")
    parser.add_argument("--work", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work:
        work(*options.work, options.function)
        return 0
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place, "model")
        folder.mkdir()
        total = build(folder, options.gigabytes)
        on_disk = sum(512 * file.stat().st_blocks for file in folder.iterdir())
        print(
            f"{total / 1e9:.2f} GB of tensors in {len(list(folder.glob('*.safetensors')))} shards, "
            f"{on_disk / 1e6:.1f} MB on disk"
        )
        start = time.perf_counter()
        whole = child(folder, Path(place, "whole.jsonl"), options.function)
        seconds = time.perf_counter() - start
        if not whole:
            print("failed under the limit")
            return 1
        count, _, listed, largest, before, peak = whole
        print(f"{count} matrices accounted for in {listed:.2f} s, read and summed in {seconds:.1f} s")
        print(
            f"memory of its own: {before / 1e6:.0f} MB before, at most {peak / 1e6:.0f} MB while reading: "
            f"{(peak - before) / largest:.2f} times the largest matrix ({largest / 1e6:.0f} MB; allowed 1.5)"
        )
        store = Path(place, "killed.jsonl")
        for share in (0.3, 0.6):
            child(folder, store, options.function, kill_at=max(1, int(share * count)))
        resumed = child(folder, store, options.function)
        same = sorted(store.read_text().splitlines()) == sorted(Path(place, "whole.jsonl").read_text().splitlines())
        print(
            f"killed twice, resumed with {resumed[1]} of {count} results there: {'identical' if same else 'DIFFERENT'}"
        )
        return 0 if same and peak - before <= 1.5 * largest else 1


if __name__ == "__main__":
    sys.exit(main())
