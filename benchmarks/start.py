"""How long commands take from the shell and back: the first time after installing, and every time after that.

Run: ./run bench start [--cold] [NAME...]
Every command is a process of its own, on one core and one thread. Warm: kernels are compiled and files are in the
system's cache; the median of five runs, interleaved with those of the others, beside what an empty Python with NumPy
and one with scikit-learn take at the same time. With --cold also the first use: the same commands one after another
in an empty folder for compiled kernels, and what `python -m shallows._warm` takes, with which `./run setup` ends.
NAMEs choose the commands whose label holds one of them.
"""

from __future__ import annotations

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[_name] = "1"

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROWS, COLUMNS, REPEATS = 500, 10, 5
PROBLEM = "--samples 2000 --gamma 1.25 --noise 0.1 --weight-decay 0.5"
VERIFIED = "verify --network quadratic --dim 60 --samples 1500 --gamma 1.25 --noise 0.1 --penalty 0.1 --seeds 2"
VERIFIED += " --trainers convex --workers 0"


def make_files(folder: Path) -> None:
    """Tables of one size and several kinds, modes, weights and a learning curve."""
    rng = np.random.default_rng(0)
    weights = rng.standard_normal(COLUMNS) / np.arange(1, COLUMNS + 1)
    plain = rng.standard_normal((ROWS, COLUMNS))
    common = rng.standard_normal((ROWS, 3)) @ rng.standard_normal((3, COLUMNS)) + 0.5 * plain
    for name, inputs in (("plain", plain), ("correlated", common)):
        write_table(folder / f"{name}.csv", inputs, inputs @ weights)
    gaps = np.where(rng.random(plain.shape) < 0.03, np.nan, plain)
    write_table(folder / "gaps.csv", gaps, plain @ weights)
    colours, letters = rng.choice(["red", "green", "blue"], ROWS), rng.choice(list("abcde"), ROWS)
    words = np.column_stack([plain[:, :8].astype("U8"), colours, letters])
    write_table(folder / "categories.csv", words, plain[:, :8] @ weights[:8] + (colours == "red"))
    np.save(folder / "modes.npy", np.linspace(2.0, 0.1, 50))
    np.save(folder / "weights.npy", rng.standard_normal((100, 60)) + 3 * np.outer(plain[:100, 0], plain[:60, 1]) / 8)
    samples = np.geomspace(100, 1e5, 12)
    risk = 3 * samples**-0.4 * (1 + 0.02 * rng.standard_normal(12))
    curve = np.column_stack([samples, risk, 0.06 * samples**-0.4])
    np.savetxt(folder / "curve.csv", curve, delimiter=",", header="n,risk,stderr", comments="")


def write_table(path: Path, columns: np.ndarray, signal: np.ndarray) -> None:
    labels = signal + 0.5 * np.random.default_rng(1).standard_normal(ROWS)
    names = [f"x{place}" for place in range(columns.shape[1])] + ["y"]
    rows = []
    for row, label in zip(columns, labels, strict=True):
        rows.append([*("" if cell != cell else str(cell) for cell in row), f"{label:.6g}"])
    path.write_text("\n".join(map(",".join, [names, *rows])) + "\n")


COMMANDS: dict[str, str] = {
    "help": "--help",
    "help of fit": "fit --help",
    "wrong file": "fit absent.csv --network diagonal",
    "wrong network": "predict --network cubic --dim 10",
    "predict, diagonal": f"predict --network diagonal --dim 1000 {PROBLEM}",
    "predict, quadratic": f"predict --network quadratic --dim 400 {PROBLEM}",
    "predict, file of modes": "predict --network quadratic --spectrum modes.npy --samples 5000 --penalty 0.05",
    "predict, depth 3": f"predict --network diagonal --depth 3 --dim 1000 {PROBLEM}",
    "predict, covariance": f"predict --network quadratic --dim 400 {PROBLEM} --covariance 0.5",
    "optimal": "optimal --network quadratic --dim 400 --samples 26515 --gamma 1.25 --noise 0.1",
    "dynamics": "dynamics --network diagonal --dim 400 --gamma 1 --noise 0.5 --until 1e4",
    "exponents": "exponents curve.csv",
    "phases, 10 x 10": "phases --network diagonal --dim 400 --gamma 1.25 --noise 0.1 --points 10 --out phases --force",
    "diagnose": "diagnose weights.npy",
    "diagnose, report": "diagnose weights.npy --out diagnosed --force",
    "train": "train plain.csv --network diagonal --weight-decay 0.5",
    "fit, diagonal": "fit plain.csv --network diagonal",
    "fit, quadratic": "fit plain.csv --network quadratic",
    "fit, correlated": "fit correlated.csv --network diagonal",
    "fit, categories": "fit categories.csv --network diagonal",
    "fit, gaps": "fit gaps.csv --network diagonal",
    "fit, auto": "fit plain.csv --network auto",
    "fit, report": "fit plain.csv --network diagonal --out fitted --force",
    "forecast": "forecast plain.csv --network diagonal --samples 2x",
    "verify": VERIFIED,
    "verify, report": f"{VERIFIED} --out verified --force",
}
#: What no command of this kind can do without, to tell a slow machine from a slow program.
LIBRARIES = {"(NumPy alone)": "import numpy", "(scikit-learn alone)": "import sklearn.linear_model"}


def timed(label: str, folder: Path, environment: dict[str, str]) -> float:
    if label in LIBRARIES:
        command = [sys.executable, "-c", LIBRARIES[label]]
    else:
        command = [sys.executable, "-m", "shallows", *COMMANDS[label].split()]
    began = time.perf_counter()
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, check=False)
    took = time.perf_counter() - began
    if done.returncode != (2 if label.startswith("wrong") else 0):
        sys.exit(f"{label}: exit code {done.returncode}: {done.stderr.decode()[-300:]}")
    return took


def main() -> int:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    names = [word for word in sys.argv[1:] if not word.startswith("-")]
    chosen = [label for label in COMMANDS if not names or any(name in label for name in names)]
    environment = os.environ | {"MPLBACKEND": "Agg"}
    with tempfile.TemporaryDirectory() as text:
        folder = Path(text)
        make_files(folder)
        first: dict[str, float] = {}
        if "--cold" in sys.argv[1:]:
            print("first use, in this order, with nothing compiled", flush=True)
            cold = environment | {"NUMBA_CACHE_DIR": str(folder / "kernels")}
            for label in chosen:
                first[label] = timed(label, folder, cold)
                print(f"  {label:24}{first[label]:7.2f} s", flush=True)
            again = environment | {"NUMBA_CACHE_DIR": str(folder / "kernels of setup")}
            began = time.perf_counter()
            subprocess.run([sys.executable, "-W", "ignore", "-m", "shallows._warm"], env=again, check=True)
            print(f"  compiling everything beforehand takes {time.perf_counter() - began:.0f} s", flush=True)
        subprocess.run([sys.executable, "-W", "ignore", "-m", "shallows._warm"], env=environment, check=True)
        every = [*LIBRARIES, *chosen]
        times: dict[str, list[float]] = {label: [] for label in every}
        for _ in range(REPEATS):
            for label in every:
                times[label].append(timed(label, folder, environment))
    base = float(np.median(times["(NumPy alone)"]))
    print(f"warm, medians of {REPEATS}          seconds   slowest   over NumPy alone")
    for label in every:
        middle = float(np.median(times[label]))
        print(f"  {label:24}{middle:11.2f}{max(times[label]):10.2f}{middle / base:12.0f}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
