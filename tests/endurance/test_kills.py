"""A few of the kills of ``kills.py``; the script does fifty."""

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize("where", ["local", "dask"])
def test_a_few_kills(where):
    if where == "dask":
        pytest.importorskip("distributed")
    if not Path("/proc/self/stat").exists():
        pytest.skip("needs /proc to find the workers")
    command = [
        sys.executable,
        str(Path(__file__).parent / "kills.py"),
        "--kills",
        "2",
        "--points",
        "6000",
        "--seed",
        "3",
    ]
    done = subprocess.run(
        command + ["--dask"] * (where == "dask"), capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert '"troubles": []' in done.stdout
