import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # worker processes find the fake quantities here

import sweep_fakes


@pytest.fixture
def problem():
    return dict(sweep_fakes.PROBLEM)


@pytest.fixture
def trace(tmp_path, monkeypatch):
    """Folder where computations leave their trace."""
    folder = tmp_path / "trace"
    folder.mkdir()
    monkeypatch.setenv("SWEEP_TRACE", str(folder))
    return folder / "trace"
