"""Settings that every test runs under."""

import os

# Before NumPy loads: reproducible sums, and no fight for cores with a parallel test run.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
os.environ.setdefault("MPLBACKEND", "Agg")

from hypothesis import settings  # noqa: E402

settings.register_profile("shallows", deadline=None, derandomize=True, database=None, print_blob=True)
settings.load_profile("shallows")
