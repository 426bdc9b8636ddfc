"""No command that a newcomer types compiles anything, once ``python -m shallows._warm`` has run."""

import inspect
import itertools
import subprocess
import sys

import numpy as np
import pytest

from shallows.cli import predict as predict_command
from shallows.dynamics import FLOWS
from shallows.estimators import REGRESSORS
from shallows.networks import network_named, network_names, network_with
from shallows.state_evolution import COVARIANCE_EVOLUTIONS
from shallows.sweeps.points import TEACHERS

#: Warms up, runs commands, one a line of its input, and prints those that fail or call a kernel, for some types, that
#: warming up did not: whether it was on disk says only what ran on this machine before.
PROGRAM = """
import contextlib, io, sys, warnings

from shallows._warm import warm
from shallows.cli import main


def ready():
    found = set()
    for name, module in list(sys.modules.items()):
        if name.startswith("shallows."):
            for kernel in vars(module).values():
                if hasattr(kernel, "signatures") and hasattr(kernel, "py_func"):
                    found |= {(kernel.py_func.__module__, kernel.py_func.__name__, str(s)) for s in kernel.signatures}
    return found


warnings.simplefilter("ignore")
warm()
known, count = ready(), 0
for count, line in enumerate(sys.stdin, 1):
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        code = main(line.split())
    new = ready() - known
    known |= new
    bad = code not in ((0, 1) if line.startswith("amp") else (0,))  # so few samples are off the predicted path
    if bad or new:
        print(line.strip(), code, *new, *([said.getvalue()[-200:]] if bad else []))
print(len(known) > 20, count)
"""


def networks() -> list[tuple[str, str]]:
    """Names of all networks and of their variants, each with how the command line asks for it."""
    typed = inspect.signature(predict_command.run).parameters
    found = []
    for name in network_names():
        found.append((name, f"--network {name}"))
        for option, plain in network_named(name).defaults.items():
            if option in typed:
                variant = network_with(name, **{option: plain + 1})
                found.append((variant.name, f"--network {name} --{option} {plain + 1}"))
    return found


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Paths by name, without blanks."""
    folder = tmp_path_factory.mktemp("first")
    rng = np.random.default_rng(0)
    basis = np.linalg.qr(rng.standard_normal((8, 8)))[0]
    eigenvalues = np.linspace(2.0, 0.5, 8)
    np.savetxt(folder / "modes.csv", np.arange(8, 0, -1.0))
    np.save(folder / "modes.npy", np.geomspace(1, 1e-3, 700))
    np.save(folder / "whole.npy", np.arange(8, 0, -1))
    np.savetxt(folder / "eigenvalues.csv", eigenvalues)
    np.savetxt(folder / "matrix.csv", basis * eigenvalues @ basis.T, delimiter=",")
    np.savetxt(folder / "rotation.csv", basis, delimiter=",")
    inputs = rng.standard_normal((60, 4))
    rows = np.column_stack([inputs, inputs[:, 0] + 0.5 * rng.standard_normal(60)])
    np.savetxt(folder / "table.csv", rows, delimiter=",", header="a,b,c,d,y", comments="")
    np.save(folder / "weights.npy", rng.standard_normal((60, 40)))
    return {path.name: path for path in folder.iterdir()}


def commands(files):
    """Every kind of teacher, network and covariance, and every other thing that a network can do."""
    teachers = {
        "gamma": ["--dim 8 --gamma 1.25", "--dim 2000 --gamma 1"],
        "rank": ["--dim 8 --rank 2"],
        "spectrum": [f"--spectrum {files[name]}" for name in ("modes.csv", "whole.npy", "modes.npy")],
    }
    assert set(teachers) == set(TEACHERS), "a kind of teacher is missing here and perhaps in _warm"
    covariances = ["0.5", "0.5 --alignment random", str(files["eigenvalues.csv"]), str(files["matrix.csv"])]
    covariances.append(f"{files['eigenvalues.csv']} --alignment {files['rotation.csv']}")
    every = list(itertools.chain(*teachers.values()))
    small = "--dim 8 --gamma 1"
    for name, network in networks():
        asked = f"{network} --samples 400 --noise 0.1 --weight-decay 0.5"
        plain = network_named(name).penalty_exponent == 1
        for teacher in every if plain else [every[0], every[-1]]:
            yield f"predict {teacher} {asked}"
        if COVARIANCE_EVOLUTIONS.has(name):
            yield from (f"predict {small} {asked} --covariance {covariance}" for covariance in covariances)
        if FLOWS.has(name):
            yield f"dynamics {network} {small} --noise 0.1 --until 10"
            yield f"dynamics {network} --spectrum {files['modes.csv']} --noise 0.1 --until 10"
        yield f"amp {asked} {small} --replicas 0"
        if plain:
            yield f"amp {network} {small} --samples 400 --noise 0.1 --bayes --replicas 0"
        if REGRESSORS.has(name):
            yield f"fit {files['table.csv']} {network}"
        if len(network_named(name).input_shape(1, 1)) == 2:
            yield f"train {files['table.csv']} {network} --weight-decay 0.5"
    yield f"diagnose {files['weights.npy']}"


def test_no_command_compiles_after_warming_up(files, tmp_path):
    lines = [f"{line} --json" for line in commands(files)]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        input="\n".join(lines),
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert done.stdout.splitlines() == [f"True {len(lines)}"], done.stdout + done.stderr[-2000:]
