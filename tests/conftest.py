"""Settings that every test runs under."""

import os

# Before NumPy loads: reproducible sums, and no fight for cores with a parallel test run.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
os.environ.setdefault("MPLBACKEND", "Agg")

from hypothesis import settings  # noqa: E402

settings.register_profile("shallows", deadline=None, derandomize=True, database=None, print_blob=True)
settings.load_profile("shallows")


def pytest_sessionstart() -> None:
    """Drop compiled kernels older than any source: Numba's cache looks at a function's file, not at what it calls."""
    from pathlib import Path

    package = Path(__file__).parents[1] / "src" / "shallows"
    newest = max(path.stat().st_mtime for path in package.rglob("*.py") if "@kernel" in path.read_text())
    for compiled in package.rglob("*.nb[ci]"):
        if compiled.stat().st_mtime < newest:
            compiled.unlink(missing_ok=True)
