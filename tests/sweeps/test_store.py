"""The store: durable, shared, and clear about what it is not."""

import os
import resource
import sqlite3
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest
import sweep_fakes

from shallows import InvalidArgument
from shallows.sweeps import Failure, Store, StoreError, Sweep, run
from shallows.sweeps.store import FILE, Success


def success(number, value=1.0):
    return Success(number.to_bytes(16, "big"), "plain_numbers", {"ratio": value, "noisy": -value}, 0.1)


@pytest.fixture
def store(tmp_path):
    with Store(tmp_path / "store") as opened:
        opened.begin(None, [sweep_fakes.PLAIN])
        yield opened


def pairs(*numbers):
    return [("plain_numbers", n.to_bytes(16, "big")) for n in numbers]


def test_numbers_come_back_to_the_last_bit(store):
    values = [0.1, 1 / 3, 5e-324, 1.7976931348623157e308, -1e-300, 2.0**53 + 2]
    store.commit([success(i, value) for i, value in enumerate(values)])
    found = store.records(sweep_fakes.PLAIN, [key for _, key in pairs(*range(6))])
    for i, value in enumerate(values):
        assert np.float64(found[i.to_bytes(16, "big")][0]).tobytes() == np.float64(value).tobytes()


def test_a_claim_belongs_to_one_driver(store, tmp_path):
    assert store.claim(pairs(1, 2)) == ({key for _, key in pairs(1, 2)}, set())
    with Store(tmp_path / "store") as other:
        other.begin(None, [sweep_fakes.PLAIN])
        keys = [key for _, key in pairs(1, 2, 3)]
        assert other.claim(pairs(1, 2, 3)) == ({keys[2]}, {keys[0], keys[1]})
        store.commit([success(1)])
        assert other.claim(pairs(1, 2)) == (set(), {keys[1]})
        store.release([keys[1]])
        assert other.claim(pairs(1, 2)) == ({keys[1]}, set())
    assert store.claim(pairs(3))[0] == {keys[2]}


def test_the_claims_of_a_dead_driver_die_with_it(store, tmp_path):
    code = f"""
        import os, signal, sys
        sys.path.insert(0, {os.path.dirname(__file__)!r})
        import sweep_fakes
        from shallows.sweeps import Store
        store = Store({str(tmp_path / "store")!r})
        store.begin(None, [sweep_fakes.PLAIN])
        assert len(store.claim([("plain_numbers", (7).to_bytes(16, "big"))])[0]) == 1
        os.kill(os.getpid(), signal.SIGKILL)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=False, capture_output=True)
    assert done.returncode == -9, done.stderr
    assert store.claim(pairs(7))[0] == {key for _, key in pairs(7)}


def test_a_failure_is_replaced_by_a_later_success(store):
    key = pairs(5)[0][1]
    store.commit([Failure(key, "plain_numbers", "why", "because", 2, "where")])
    assert store.settled(pairs(5)) == {key}
    assert store.settled(pairs(5), retry_failed=True) == set()
    assert store.failure_of(key).detail == "because"
    store.commit([success(5)])
    assert store.failure_counts() == {}
    assert store.counts() == {"plain_numbers": 1}


def test_commits_are_whole(store):
    bad = Success(b"1" * 16, "plain_numbers", {"ratio": 1.0}, 0.1)
    with pytest.raises(KeyError):
        store.commit([success(1), bad])
    assert store.counts() == {"plain_numbers": 0}
    store.commit([success(1)])


def test_another_layout_is_refused_and_left_alone(tmp_path):
    Store(tmp_path / "store").close()
    file = tmp_path / "store" / FILE
    with sqlite3.connect(file) as connection:
        connection.execute("PRAGMA user_version=99")
    connection.close()
    for options in ({}, {"read_only": True}):
        with pytest.raises(InvalidArgument, match="layout 99"):
            Store(tmp_path / "store", **options)


@pytest.mark.parametrize("content", [b"", b"SQLite format 3\0 and then nonsense" * 100, b"nonsense" * 1000])
def test_another_file_in_its_place_is_refused(tmp_path, content):
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / FILE).write_bytes(content)
    with pytest.raises((InvalidArgument, StoreError)):
        Store(tmp_path / "store", create=False, read_only=True)
    assert (tmp_path / "store" / FILE).read_bytes() == content


def test_another_database_is_refused(tmp_path):
    (tmp_path / "store").mkdir()
    with sqlite3.connect(tmp_path / "store" / FILE) as connection:
        connection.execute("CREATE TABLE mine (x)")
    connection.close()
    with pytest.raises(InvalidArgument, match="not a sweep store"):
        Store(tmp_path / "store")


def test_folders_that_cannot_be_a_store(tmp_path):
    with pytest.raises(InvalidArgument, match="not a sweep store"):
        Store(tmp_path / "none", create=False)
    assert not (tmp_path / "none").exists()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").touch()
    with pytest.raises(InvalidArgument, match="other files"):
        Store(tmp_path / "full")
    (tmp_path / "file").touch()
    with pytest.raises(InvalidArgument):
        Store(tmp_path / "file")


def test_a_full_disk_is_a_clear_error_and_the_store_still_opens(tmp_path, problem):
    """A limit on the size of files stands for the full disk: writes beyond it fail the same way."""
    code = f"""
        import resource, sys
        sys.path.insert(0, {os.path.dirname(__file__)!r})
        import sweep_fakes
        from shallows.sweeps import StoreError, Sweep, run
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, resource.RLIM_INFINITY))
        sweep = Sweep({problem!r}, {{"samples": {{"linspace": [1, 20000, 20000]}}}}, ["plain_numbers"])
        reported = []
        for attempt in range(2):  # the same process may try again, and is not kept waiting by its own claims
            try:
                run(sweep, {str(tmp_path / "store")!r}, workers=0, on_stored=reported.extend)
            except StoreError as error:
                print(len(reported), error)
    """
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[1] == resource.RLIM_INFINITY
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], check=False, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.splitlines()
    assert "disk full" in first
    assert "disk full" in second
    reported = second.split()[0]
    with Store(tmp_path / "store", create=False, read_only=True) as opened:
        assert opened.counts()["plain_numbers"] == int(reported) > 0
    sweep = Sweep(problem, {"samples": {"linspace": [1, 20000, 20000]}}, ["plain_numbers"])
    report = run(sweep, tmp_path / "store", workers=0)
    assert (report.settled, report.computed) == (int(reported), 20000 - int(reported))


def test_many_may_make_the_same_store_at_once(tmp_path):
    code = f"""
        import sys, time
        sys.path.insert(0, {os.path.dirname(__file__)!r})
        import sweep_fakes
        from shallows.sweeps import Store
        time.sleep(max(0, float(sys.argv[1]) - time.time()))
        for number in range(15):
            with Store({str(tmp_path)!r} + f"/{{number}}") as store:
                store.begin(None, [sweep_fakes.PLAIN])
    """
    command = [sys.executable, "-c", textwrap.dedent(code), str(time.time() + 2)]
    processes = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    for process in processes:
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
