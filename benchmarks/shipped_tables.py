"""Tables with gaps and categories as an installed package ships them, from file to report with no preparation.

    ./run bench shipped_tables [--out DIR]

Needs `palmerpenguins` (the extra `bench`), whose two files are read as they are: penguins.csv, with gaps and
categories, and penguins-raw.csv, with identifiers, dates, remarks, blanks in names and more gaps. The fitted estimate
is held against rows that were kept away from it, over random splits.
"""

import argparse
import json
import tempfile
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from shallows.cli import main as shallows

TABLES = {"penguins.csv": "body_mass_g", "penguins-raw.csv": "Body Mass (g)"}


def folder_of_tables():
    spec = find_spec("palmerpenguins")
    if spec is None or spec.origin is None:
        raise SystemExit("needs the extra bench: pip install shallows[bench]")
    return Path(spec.origin).parent / "data"


def call(*arguments):
    code = shallows([str(argument) for argument in arguments])
    if code != 0:
        raise SystemExit(f"shallows {arguments[0]} ended with {code}")


def held_out(path, target, seed, folder):
    """Estimated test error of a fit to 70 % of the rows, the error on the others, and its standard error."""
    lines = path.read_text(encoding="utf-8").splitlines()
    order = np.random.default_rng(seed).permutation(len(lines) - 1) + 1
    cut = int(0.7 * order.size)
    for name, rows in (("train.csv", order[:cut]), ("held.csv", order[cut:])):
        (folder / name).write_text(
            "\n".join([lines[0], *(lines[row] for row in sorted(rows))]) + "\n", encoding="utf-8"
        )
    call("fit", folder / "train.csv", "--target", target, "--network", "diagonal", "--out", folder / "fit", "--force")
    call("apply", folder / "fit", folder / "held.csv", "--out", folder / "p.csv", "--force")
    import csv

    with open(folder / "held.csv", encoding="utf-8") as stream:
        labels = [row[target] for row in csv.DictReader(stream)]
    with open(folder / "p.csv", encoding="utf-8") as stream:
        predicted = [float(row[1]) for row in list(csv.reader(stream))[1:]]
    pairs = [(float(label), value) for label, value in zip(labels, predicted, strict=True) if label not in ("", "NA")]
    errors = np.array([(label - value) ** 2 for label, value in pairs])
    estimate = json.loads((folder / "fit" / "fit.json").read_text())["test_error"]
    return estimate, errors.mean(), errors.std() / np.sqrt(errors.size)


def main(out, splits):
    with tempfile.TemporaryDirectory() as scratch:
        results = []
        for name, target in TABLES.items():
            path = folder_of_tables() / name
            report = Path(out or scratch) / path.stem
            call("fit", path, "--target", target, "--network", "auto", "--out", report, "--force")
            content = json.loads((report / "fit.json").read_text())
            ratios, covered = [], 0
            for seed in range(splits):
                estimate, error, spread = held_out(path, target, seed, Path(scratch))
                ratios.append(estimate["value"] / error)
                # The held-out error has a standard error of its own.
                covered += abs(estimate["value"] - error) <= 1.645 * np.hypot(estimate["standard_error"], spread)
            results.append((name, content, np.array(ratios), covered / splits))
    print()
    for name, content, ratios, covered in results:
        table, shares = content["table"], {c["name"]: c["r_squared"] for c in content["compared"]["candidates"]}
        print(f"{name}: {table['rows']} rows, {table['columns']} columns, {table['features']} features")
        print(f"  verdict: {content['compared']['verdict']}")
        print("  R^2 held out:", {key: None if share is None else round(share, 3) for key, share in shares.items()})
        print(
            f"  estimated over held-out error, {splits} splits: {ratios.mean():.3f} +- "
            f"{ratios.std() / np.sqrt(splits):.3f}; intervals that held: {covered:.2f}"
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", help="folder for the two reports (default: none kept)")
    parser.add_argument("--splits", type=int, default=20)
    arguments = parser.parse_args()
    main(arguments.out, arguments.splits)
