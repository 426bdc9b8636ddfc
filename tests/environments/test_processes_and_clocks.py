"""Other processes are looked at, never touched; a time left is told once it can be trusted."""

import os
import subprocess
import sys

import numpy as np
import pytest

from shallows import _system
from shallows._system import process_exists
from shallows.reproduce import _sweep_up
from shallows.sweeps.driver_processes import lives
from shallows.sweeps.progress import SteadyEstimate


@pytest.fixture
def a_dead_number():
    done = subprocess.Popen([sys.executable, "-c", ""])
    done.wait()
    return done.pid


def test_processes_that_run_and_that_do_not(a_dead_number):
    assert process_exists(os.getpid()) is True
    assert process_exists(a_dead_number) is False
    assert process_exists(2**70) is False


def test_where_asking_would_end_a_process_nobody_asks(monkeypatch, tmp_path):
    def deadly(*_):
        raise AssertionError("this ends the process on such a system")

    import socket
    import time

    monkeypatch.setattr(_system.os, "kill", deadly)
    monkeypatch.setattr(_system.os, "name", "nt")
    assert process_exists(4) is None
    seen = time.time()
    assert lives("driver", socket.gethostname(), 4, "", seen)
    assert not lives("driver", socket.gethostname(), 4, "", seen - 1e4)


def test_what_a_killed_run_left_is_swept_up_and_nothing_else(tmp_path, a_dead_number):
    names = {f".partial-{a_dead_number}-x": False, f".partial-{os.getpid()}-x": True, ".partial-0-x": True}
    names |= {".partial--1-x": True, ".partial-word-x": True}
    for name in names:
        (tmp_path / name).mkdir()
    _sweep_up(tmp_path)
    assert {name: (tmp_path / name).exists() for name in names} == names


def told(estimates, step=1.0):
    left = SteadyEstimate(0.0)
    return [left.update((i + 1) * step, seconds) for i, seconds in enumerate(estimates)]


def test_a_steady_estimate_is_told_after_a_while():
    found = told([300.0 - i for i in range(1, 120)])
    first = next(i for i, value in enumerate(found) if value is not None)
    assert first + 1 == SteadyEstimate.PATIENCE
    assert all(value == 300.0 - (i + 1) for i, value in enumerate(found) if i >= first)


def test_an_estimate_that_jumps_is_not_told():
    """47 s, 13 min, 23 s: none of them is told, nor what follows until it has held."""
    found = told([47.0] * 19 + [780.0] * 10 + [23.0] * 5)
    assert found == [None] * len(found)


def test_it_is_told_again_when_the_jump_is_long_past():
    found = told([600.0] * 5 + [60.0 - i for i in range(50)])
    assert found[-1] is not None
    assert found[25] is None or found[25] <= 60.0


@pytest.mark.parametrize("seed", range(5))
def test_what_is_told_is_right_where_costs_are_uneven(seed):
    """Points whose costs fall by a factor of ten on the way, timed with noise: what is told is not far off."""
    rng = np.random.default_rng(seed)
    seconds = np.linspace(2.0, 0.2, 400) * rng.uniform(0.5, 1.5, 400)
    left, now, mean, errors = SteadyEstimate(0.0), 0.0, None, []
    for done, cost in enumerate(seconds, 1):
        now += cost
        mean = cost if mean is None else 0.7 * mean + 0.3 * cost
        shown = left.update(now, mean * (400 - done))
        if shown is not None:
            errors.append(abs(shown - (seconds.sum() - now)) / max(seconds.sum() - now, 10.0))
    assert sum(error > 1 for error in errors) < 20  # off by a factor of two, as half of what it was given
