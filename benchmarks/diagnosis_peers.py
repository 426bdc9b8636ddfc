"""What established tools make of the quadratic networks of ``diagnosis_suite.py``, against their true excess risk.

    python benchmarks/diagnosis_peers.py

In an environment of its own with weightwatcher and PyTorch; this package is not needed. Writes ``peers.csv`` beside the
suite. Every network is a model of one linear layer.
"""

import csv
import json
from pathlib import Path

import numpy as np
import torch
import weightwatcher

FOLDER = Path(__file__).parent / "results" / "diagnosis_suite"
METRICS = (
    "alpha",
    "alpha_weighted",
    "log_norm",
    "log_spectral_norm",
    "stable_rank",
    "log_alpha_norm",
    "D",
    "num_spikes",
)
BATCH = 20


def analysed(weights):
    """Metrics of every matrix, by its place."""
    model = torch.nn.ModuleList()
    for matrix in weights:
        layer = torch.nn.Linear(matrix.shape[1], matrix.shape[0], bias=False)
        layer.weight.data = torch.from_numpy(matrix.astype(np.float32))
        model.append(layer)
    found = weightwatcher.WeightWatcher(model=model).analyze(min_evals=10)
    rows = {}
    for row in found.to_dict("records"):
        name = str(row.get("longname") or row.get("name"))
        rows[int(name.split(".")[-1])] = {metric: row.get(metric) for metric in METRICS}
    return rows


def main():
    chosen = []
    for path in sorted(FOLDER.glob("*.npz"), key=lambda path: int(path.stem)):
        with np.load(path) as file:
            record = json.loads(str(file["record"]))
            if record["network"] == "quadratic" and np.abs(file["W"]).max() > 1e-8:
                chosen.append((record, file["W"]))
    with (FOLDER / "peers.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, ["seed", "true_risk", *METRICS])
        writer.writeheader()
        for start in range(0, len(chosen), BATCH):
            batch = chosen[start : start + BATCH]
            for place, metrics in analysed([weights for _, weights in batch]).items():
                record = batch[place][0]
                writer.writerow({"seed": record["seed"], "true_risk": record["true_risk"]} | metrics)
            file.flush()


if __name__ == "__main__":
    main()
