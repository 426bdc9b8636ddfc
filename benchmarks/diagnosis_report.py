"""What the evaluated networks of ``diagnosis_suite.py`` come to: verdicts and risks against theory and truth.

    python benchmarks/diagnosis_report.py

Even seeds give the constants of :mod:`shallows.diagnosis` (confidence, scatter of risks), odd ones everything reported.
Writes ``benchmarks/diagnosis_suite.csv``. With ``peers.csv`` of ``diagnosis_peers.py`` its metrics stand beside.
"""

import csv
import json
from collections import Counter
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr

from shallows.diagnosis.spectrum_reading import RISK_FREE, RISK_KNOWN, TEST_ERROR_KNOWN

FOLDER = Path(__file__).parent / "results" / "diagnosis_suite"
TARGET = Path(__file__).parent / "diagnosis_suite.csv"
CLASSES = ("collapsed", "noise", "bulk+spikes", "bleed-out", "heavy-tail")
COLUMNS = (
    "seed", "network", "phase", "dim", "samples", "gamma", "noise", "weight_decay", "gradient", "price", "true_risk",
    "theory_risk", "class", "free_verdict", "free_side", "free_risk", "known_verdict", "known_side", "known_risk",
    "known_test_error", "data_excess_risk", "data_test_error",
)  # fmt: skip


def evaluated():
    found = {}
    for path in FOLDER.glob("*.jsonl"):
        for line in path.read_text().splitlines():
            row = json.loads(line)
            found[row["seed"]] = found.get(row["seed"], {}) | row
    return [found[seed] for seed in sorted(found) if "class" in found[seed]]


def verdict(row, kind):
    """As :func:`shallows.diagnosis.judge` has it, which fits no law to few modes."""
    if row["positive"] == 0:
        return "collapsed", "over-regularised"
    if row["positive"] < 3:
        return row.get(f"{kind}_verdict", "bulk+spikes"), "over-regularised"
    return row[f"{kind}_verdict"], row[f"{kind}_side"]


def side(row):
    """On which side of the best weight decay a network was trained."""
    return "over-regularised" if row["weight_decay"] > row["best_weight_decay"] else "under-regularised"


def told(row, kind, quantity="risk"):
    """Whether a number is given."""
    if f"{kind}_{quantity}" not in row or row[f"{kind}_misfit"] > 2.0:
        return False
    if kind == "known" and row["effective"] < 6:
        return False
    if quantity == "test_error":
        return row[f"{kind}_learned"] - row[f"{kind}_out"] >= 3
    return row[f"{kind}_out"] >= 0.5 and (kind == "known" or row["positive"] >= 8)


def rank(rows, found, truth):
    values = [(row[found] if isinstance(found, str) else found(row), truth(row)) for row in rows]
    return float(spearmanr(*zip(*values, strict=True))[0]) if len(values) > 3 else float("nan")


def rounded(row):
    return {key: f"{value:.5g}" if isinstance(value, float) else value for key, value in row.items()}


def report(rows, kind):
    print(f"\n== {kind}: " + ("the weights alone" if kind == "free" else "weights, samples and weight decay"))
    for name, chosen in (
        ("quadratic", [row for row in rows if row["network"] == "quadratic"]),
        ("diagonal", [row for row in rows if row["network"] == "diagonal"]),
        ("both", rows),
    ):
        right = [verdict(row, kind)[0] == row["class"] for row in chosen]
        enough = [ok for ok, row in zip(right, chosen, strict=True) if row["effective"] >= 6]
        dear = [row for row in chosen if row["price"] > 1.2]
        sides = [verdict(row, kind)[1] == side(row) for row in dear]
        given = [row for row in chosen if told(row, kind)]
        risk = rank(given, f"{kind}_risk", lambda row: row["true_risk"])
        print(
            f"{name:10s} {len(chosen)} networks: class named {np.mean(right):.1%} (n_eff >= 6: {np.mean(enough):.1%} "
            f"of {len(enough)}), side {np.mean(sides):.1%} of {len(sides)}, risk told {len(given)}: "
            f"rank correlation {risk:.3f}"
        )
    table = Counter((row["class"], verdict(row, kind)[0]) for row in rows)
    print("true \\ said  " + " ".join(f"{name:>11s}" for name in (*CLASSES, "cannot-tell")))
    for name in CLASSES:
        print(f"{name:12s} " + " ".join(f"{table[name, said]:11d}" for said in (*CLASSES, "cannot-tell")))
    phases = Counter(row["phase"] for row in rows)
    missed = Counter(row["phase"] for row in rows if verdict(row, kind)[0] != row["class"])
    print("missed by phase: " + ", ".join(f"{phase} {missed[phase]}/{phases[phase]}" for phase in phases))


def calibrate(rows):
    print("\n== constants, from the calibration half")
    for close in (False, True):
        for name in CLASSES:
            right = [
                row["class"] == name
                for row in rows
                for kind in ("free", "known")
                if verdict(row, kind)[0] == name and row.get(f"{kind}_close", row["positive"] > 0) == close
            ]
            if right:
                share = (sum(right) + 1) / (len(right) + 2)
                print(f"  {name:12s} {'close' if close else 'clear'} {share:.2f} of {len(right)}")
    for kind, quantity in (("free", "risk"), ("known", "risk"), ("known", "test_error")):
        given = [row for row in rows if told(row, kind, quantity)]
        truth = [row["true_risk"] + (row["noise"] if quantity == "test_error" else 0.0) for row in given]
        miss = np.abs(np.log([row[f"{kind}_{quantity}"] for row in given]) - np.log(truth))
        if miss.size:
            print(f"  {kind} {quantity}: 90 % of {miss.size} within a factor {np.exp(np.quantile(miss, 0.9)):.2f}: "
                  f"relative standard error {np.quantile(miss, 0.9) / 1.645:.2f}")  # fmt: skip


def coverage(rows):
    """How often intervals of 90 % about risks read off spectra hold the truth."""
    spreads = {("free", "risk"): RISK_FREE, ("known", "risk"): RISK_KNOWN, ("known", "test_error"): TEST_ERROR_KNOWN}
    print("\n== intervals at 90 %, from spectra")
    for (kind, quantity), spread in spreads.items():
        given = [row for row in rows if told(row, kind, quantity)]
        truth = [row["true_risk"] + (row["noise"] if quantity == "test_error" else 0.0) for row in given]
        miss = np.abs(np.log([row[f"{kind}_{quantity}"] for row in given]) - np.log(truth))
        print(f"  {kind} {quantity}: {np.mean(miss < 1.645 * spread):.1%} of {miss.size}")


def with_data(rows):
    rows = [row for row in rows if "data_test_error" in row]
    truths = {"test_error": lambda row: row["noise"] + row["true_risk"], "excess_risk": lambda row: row["true_risk"],
              "noise": lambda row: row["noise"]}  # fmt: skip
    print("\n== with data")
    for name, truth in truths.items():
        enough = [row for row in rows if name == "test_error" or row["effective"] >= 6]
        given = [row for row in enough if row[f"data_{name}_told"]]
        if given:
            inside = [row[f"data_{name}_low"] <= truth(row) <= row[f"data_{name}_high"] for row in given]
            print(f"  {name}: told {len(given)} of {len(rows)}, rank {rank(given, f'data_{name}', truth):.3f}, "
                  f"covered {np.mean(inside):.1%}")  # fmt: skip


def peers(rows):
    path = FOLDER / "peers.csv"
    if not path.exists():
        return
    ours = {row["seed"]: row for row in rows}
    with path.open() as file:
        theirs = [row for row in csv.DictReader(file) if int(row["seed"]) in ours]
    print("\n== rank correlation with the true excess risk, quadratic networks")
    for metric in theirs[0]:
        values = []
        for chosen in (theirs, [row for row in theirs if told(ours[int(row["seed"])], "known")]):
            given = [row for row in chosen if row[metric] not in ("", "nan") and metric not in ("seed", "true_risk")]
            if given:
                pairs = [(float(row[metric]), float(row["true_risk"])) for row in given]
                values.append(f"{spearmanr(*zip(*pairs, strict=True))[0]:.2f} of {len(given)}")
        if values:
            print(f"  {metric}: {values[0]}; of those that ours is told of {values[-1]}")
    same = [ours[int(row["seed"])] for row in theirs]
    for kind in ("known", "free"):
        same = [row for row in same if told(row, kind)]
        found = rank(same, f"{kind}_risk", lambda row: row["true_risk"])
        print(f"  ours, {kind}: {found:.3f} of {len(same)}")


def main():
    rows = evaluated()
    with TARGET.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rounded(row) for row in rows)
    test = [row for row in rows if row["seed"] % 2]
    print(f"{len(rows)} networks, {len(test)} in the test half")
    calibrate([row for row in rows if row["seed"] % 2 == 0])
    for kind in ("free", "known"):
        report(test, kind)
    coverage(test)
    with_data(test)
    peers(rows)


if __name__ == "__main__":
    main()
