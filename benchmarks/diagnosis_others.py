"""Networks that theory does not cover, along training: verdicts on their matrices against the true test error.

    python benchmarks/diagnosis_others.py [--quick]

A multilayer perceptron and a convolutional network on scikit-learn's digits, a fifth of the training labels at random,
and a transformer on the characters of scikit-learn's descriptions of its data sets; each with and without weight decay,
from initialisation to overfitting. Writes ``benchmarks/diagnosis_others.csv``, one row per matrix and time. About ten
minutes on one core.
"""

import argparse
import csv
import io
from pathlib import Path

import numpy as np
import torch
from scipy.stats import spearmanr
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris, load_wine
from torch import nn
from torch.nn import functional

from shallows.diagnosis import analyse_matrix, judge

TARGET = Path(__file__).parent / "diagnosis_others.csv"
#: Share of the steps at which networks are looked at.
TIMES = (0.0, 0.01, 0.03, 0.1, 0.3, 0.6, 1.0)
WEIGHT_DECAYS = (0.0, 0.3)
CONTEXT = 32
#: Matrices whose shorter side is below this have no bulk to speak of.
SMALLEST = 16


class Perceptron(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU(), nn.Linear(128, 10))


class Convolutional(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Conv2d(1, 32, 3, padding=1), nn.Conv2d(32, 64, 3, padding=1)
        self.hidden, self.last = nn.Linear(64 * 4, 64), nn.Linear(64, 10)

    def forward(self, x):
        x = functional.max_pool2d(torch.relu(self.first(x.view(-1, 1, 8, 8))), 2)
        x = functional.max_pool2d(torch.relu(self.second(x)), 2)
        return self.last(torch.relu(self.hidden(x.flatten(1))))


class Transformer(nn.Module):
    def __init__(self, letters, dim=64):
        super().__init__()
        self.letters, self.places = nn.Embedding(letters, dim), nn.Parameter(0.02 * torch.randn(CONTEXT, dim))
        layer = nn.TransformerEncoderLayer(dim, 4, 4 * dim, dropout=0.0, batch_first=True, norm_first=True)
        self.layers, self.last = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False), nn.Linear(dim, letters)
        self.register_buffer("mask", nn.Transformer.generate_square_subsequent_mask(CONTEXT))

    def forward(self, x):
        return self.last(self.layers(self.letters(x) + self.places, mask=self.mask, is_causal=True))


def digits(rng):
    images, labels = load_digits(return_X_y=True)
    order = rng.permutation(labels.size)
    images, labels = images[order] / 8 - 1, labels[order]
    train, wrong = labels[:600].copy(), rng.uniform(size=600) < 0.2
    train[wrong] = rng.integers(10, size=wrong.sum())
    pair = [torch.tensor(images[:600], dtype=torch.float32), torch.tensor(train)]
    return pair, [torch.tensor(images[600:], dtype=torch.float32), torch.tensor(labels[600:])]


def characters():
    makers = (load_breast_cancer, load_diabetes, load_digits, load_iris, load_wine)
    text = "".join(maker().DESCR for maker in makers)
    known = sorted(set(text))
    codes = torch.tensor([known.index(letter) for letter in text])
    cut = int(0.8 * len(codes))
    windows = [part.unfold(0, CONTEXT + 1, 4) for part in (codes[:cut], codes[cut:])]
    return [[part[:, :-1].contiguous(), part[:, 1:].contiguous()] for part in windows], len(known)


def error(model, data):
    """Share of wrong classes, and cross-entropy."""
    with torch.no_grad():
        out = model(data[0])
        classes = out.shape[-1]
        loss = functional.cross_entropy(out.reshape(-1, classes), data[1].reshape(-1))
        return float((out.argmax(-1) != data[1]).float().mean()), float(loss)


def matrices(model):
    for name, value in model.named_parameters():
        if value.ndim < 2 or "places" in name:
            continue
        matrix = value.detach().double().numpy().reshape(value.shape[0], -1)
        parts = np.split(matrix, 3) if "in_proj" in name else [matrix]
        for letter, part in zip("qkv" if len(parts) > 1 else [""], parts, strict=True):
            if min(part.shape) >= SMALLEST:
                yield name + letter, part


def follow(kind, model, train, test, steps, batch, decay, rate, writer):
    optimiser = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=decay)
    generator = torch.Generator().manual_seed(0)
    looks = {round(time * steps) for time in TIMES}
    for step in range(steps + 1):
        if step in looks:
            wrong, loss = error(model, test)
            own, own_loss = error(model, [part[:600] for part in train])
            for name, matrix in matrices(model):
                found = analyse_matrix(matrix)
                verdict = judge(found)
                row = [kind, decay, step, name, verdict.name, len(found.outliers), found.energy_outliers]
                tail = found.tail.alpha if found.tail else None
                writer.writerow([*row, tail, found.stable_rank, found.norm, wrong, loss, own, own_loss])
        rows = torch.randint(len(train[1]), (batch,), generator=generator)
        out = model(train[0][rows])
        loss = functional.cross_entropy(out.reshape(-1, out.shape[-1]), train[1][rows].reshape(-1))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()


COLUMNS = ("model", "weight_decay", "step", "matrix", "verdict", "outliers", "energy_outliers", "alpha", "stable_rank",
           "norm", "test_error", "test_loss", "train_error", "train_loss")  # fmt: skip


def summarise(rows):
    for kind in dict.fromkeys(row["model"] for row in rows):
        for decay in dict.fromkeys(row["weight_decay"] for row in rows):
            chosen = [row for row in rows if row["model"] == kind and row["weight_decay"] == decay]
            print(f"\n{kind}, weight decay {decay}")
            times, losses, energies = dict.fromkeys(int(row["step"]) for row in chosen), [], []
            for step in times:
                now = [row for row in chosen if int(row["step"]) == step]
                verdicts = [row["verdict"] for row in now]
                names = {name: verdicts.count(name) for name in dict.fromkeys(verdicts)}
                losses.append(float(now[0]["test_loss"]))
                energies.append(np.mean([float(row["energy_outliers"] or 0) for row in now]))
                errors = f"test error {float(now[0]['test_error']):.3f} loss {losses[-1]:.3f}"
                print(f"  step {step:6d}  {errors}  train {float(now[0]['train_error']):.3f}  {names}")
            print(f"  rank correlation of test loss with the energy of outliers {spearmanr(losses, energies)[0]:.2f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a tenth of the steps")
    options = parser.parse_args()
    torch.set_num_threads(1)
    share = 0.1 if options.quick else 1.0
    (texts, letters), images = characters(), digits(np.random.default_rng(0))
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(COLUMNS)
    for decay in WEIGHT_DECAYS:
        for kind, make, data, steps, batch, rate in (
            ("perceptron", Perceptron, images, 3000, 50, 1e-3),
            ("convolutional", Convolutional, images, 1500, 50, 1e-3),
            ("transformer", lambda: Transformer(letters), texts, 1500, 32, 2e-3),
        ):
            torch.manual_seed(0)
            follow(kind, make(), *data, round(steps * share), batch, decay, rate, writer)
            TARGET.write_text(file.getvalue(), encoding="utf-8")
    summarise(list(csv.DictReader(io.StringIO(file.getvalue()))))


if __name__ == "__main__":
    main()
