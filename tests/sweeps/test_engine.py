"""The engine: the same results whoever computes, failures recorded, nothing computed twice."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections import Counter
from pathlib import Path

import pytest
import sweep_fakes

from shallows import InvalidArgument
from shallows.sweeps import Failure, PointFailed, PointRequest, Store, Sweep, run, run_points
from shallows.sweeps.progress import Counts, LineLog, duration

HERE = os.path.dirname(__file__)


def fingerprint(folder):
    with Store(folder, create=False, read_only=True) as store:
        return store.fingerprint()


def sweep_of(problem, last, quantity="plain_numbers", **more):
    return Sweep(problem, {"samples": {"linspace": [1, last, last]}, **more}, [quantity], seeds=2)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """An undisturbed run of random draws, for comparison."""
    folder = tmp_path_factory.mktemp("drawn") / "store"
    sweep = sweep_of(sweep_fakes.PROBLEM, 500, "draw")
    report = run(sweep, folder, workers=0)
    assert (report.total, report.computed, report.failed, report.interrupted) == (1000, 1000, 0, False)
    return sweep, fingerprint(folder)


@pytest.mark.parametrize("workers", [1, 3])
def test_results_do_not_depend_on_who_computes(drawn, tmp_path, workers):
    sweep, expected = drawn
    run(sweep, tmp_path / "store", workers=workers)
    assert fingerprint(tmp_path / "store") == expected


def test_an_extended_sweep_computes_only_what_is_missing(problem, tmp_path, trace):
    run(sweep_of(problem, 50), tmp_path / "store", workers=0)
    report = run(sweep_of(problem, 80), tmp_path / "store", workers=0)
    assert (report.settled, report.computed) == (50, 30)
    assert set(Counter(trace.read_text().split()).values()) == {1}
    report = run(sweep_of(problem, 80), tmp_path / "store", workers=0)
    assert (report.settled, report.computed) == (80, 0)


def test_another_version_of_the_code_computes_again(problem, tmp_path, monkeypatch):
    run(sweep_of(problem, 5), tmp_path / "store", workers=0)
    monkeypatch.setattr("shallows.sweeps.quantities.__version__", "9.9.9")
    assert run(sweep_of(problem, 5), tmp_path / "store", workers=0).computed == 5


@pytest.mark.parametrize("workers", [0, 1])
def test_garbage_and_errors_are_failures_with_their_reason(problem, tmp_path, workers):
    report = run(sweep_of(problem, 12, "misbehave"), tmp_path / "store", workers=workers)
    assert (report.computed, report.failed) == (4, 8)
    assert report.reasons == {"garbage result": 6, "ZeroDivisionError": 1, "SystemExit": 1}
    with Store(tmp_path / "store", create=False) as store:
        assert all(failure.attempts == 2 for failure in store.failures())
        assert store.counts() == {"misbehave": 4}
    again = run(sweep_of(problem, 12, "misbehave"), tmp_path / "store", workers=0)
    assert (again.settled, again.computed, again.failed) == (12, 0, 0)
    again = run(sweep_of(problem, 12, "misbehave"), tmp_path / "store", workers=0, retry_failed=True)
    assert (again.settled, again.failed) == (4, 8)


def test_a_point_that_kills_its_worker_is_found_and_the_rest_goes_on(problem, tmp_path):
    sweep = Sweep(problem, {"samples": {"linspace": [9, 400, 392]}}, ["misbehave"])
    report = run(sweep, tmp_path / "store", workers=2)
    assert (report.computed, report.failed) == (391, 1)
    with Store(tmp_path / "store", create=False) as store:
        (failure,) = store.failures()
    assert failure.reason == "worker died"
    assert "samples=13" in failure.point


def test_passing_trouble_is_no_failure(problem, tmp_path, trace):
    report = run(sweep_of(problem, 40, "once"), tmp_path / "store", workers=2)
    assert (report.computed, report.failed) == (40, 0)


def test_two_runs_at_once_share_the_work(problem, tmp_path, trace, monkeypatch):
    monkeypatch.setenv("SWEEP_SLEEP", "0.002")
    sweep = sweep_of(problem, 400)
    reports = []
    threads = [
        threading.Thread(target=lambda: reports.append(run(sweep, tmp_path / "store", workers=1))) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(report.computed for report in reports) == 400
    assert all(report.settled + report.computed == 400 for report in reports)
    assert set(Counter(trace.read_text().split()).values()) == {1}


SCRIPT = """
import os
import sys
sys.path.insert(0, {here!r})
import sweep_fakes
from shallows.sweeps import Sweep, run
if __name__ == "__main__":
    sweep = Sweep({problem!r}, {{"samples": {{"linspace": [1, {last}, {last}]}}}}, ["plain_numbers"])
    log = os.open({log!r}, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    def stored(keys):
        os.write(log, "".join(key.hex() + "\\n" for key in keys).encode())  # at once: two drivers share the file
    report = run(sweep, {store!r}, workers={workers}, on_stored=stored)
    print("interrupted" if report.interrupted else "finished")
"""


def start(tmp_path, problem, last, workers):
    paths = {"log": str(tmp_path / "log"), "store": str(tmp_path / "store")}
    script = tmp_path / "driver.py"
    script.write_text(textwrap.dedent(SCRIPT).format(here=HERE, problem=problem, last=last, workers=workers, **paths))
    return subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True)


def wait_for(path, lines, process):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        if path.exists() and path.read_bytes().count(b"\n") >= lines:
            return
        time.sleep(0.02)


@pytest.mark.parametrize("workers", [0, 2])
def test_kill_and_resume_lose_nothing(problem, tmp_path, trace, monkeypatch, workers):
    monkeypatch.setenv("SWEEP_SLEEP", "0.003")
    sweep = sweep_of(problem, 1500)
    for kill in range(1, 4):
        process = start(tmp_path, problem, 1500, workers)
        wait_for(tmp_path / "log", 60 * kill, process)
        process.kill()
        process.communicate()
        with Store(tmp_path / "store", create=False) as store:
            reported = [bytes.fromhex(line) for line in (tmp_path / "log").read_text().split()]
            keys = [("plain_numbers", key) for key in reported]
            assert store.settled(keys) == set(reported), "a reported point was lost"
    monkeypatch.setenv("SWEEP_SLEEP", "0")
    run(sweep, tmp_path / "store", workers=0)
    run(sweep, tmp_path / "clean", workers=0)
    assert fingerprint(tmp_path / "store") == fingerprint(tmp_path / "clean")
    with Store(tmp_path / "store", create=False) as store:
        assert store.counts() == {"plain_numbers": 1500}
        assert store.drivers() == 0


def test_two_processes_at_once_share_the_work_and_one_may_be_killed(problem, tmp_path, trace, monkeypatch):
    monkeypatch.setenv("SWEEP_SLEEP", "0.002")
    killed, survivor = (start(tmp_path, problem, 1200, 1) for _ in range(2))
    wait_for(tmp_path / "log", 300, killed)
    killed.kill()
    killed.communicate()
    out, _ = survivor.communicate(timeout=100)
    assert out.strip() == "finished"
    reported = Counter((tmp_path / "log").read_text().split())
    assert set(reported.values()) == {1}, "a point was stored twice"
    with Store(tmp_path / "store", create=False) as store:
        assert store.counts() == {"plain_numbers": 1200}
        assert {key.hex() for key in store.settled([("plain_numbers", bytes.fromhex(k)) for k in reported])} == set(
            reported
        )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_stores_what_runs_and_stops(problem, tmp_path, monkeypatch, number):
    monkeypatch.setenv("SWEEP_SLEEP", "0.003")
    process = start(tmp_path, problem, 100_000, 2)
    wait_for(tmp_path / "log", 20, process)
    process.send_signal(number)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert out.strip() == "interrupted"
    with Store(tmp_path / "store", create=False) as store:
        assert 20 <= store.counts()["plain_numbers"] < 100_000
        assert store.drivers() == 0


def test_workers_follow_a_killed_driver(problem, tmp_path, monkeypatch):
    if not Path("/proc/self/stat").exists():
        pytest.skip("needs /proc to see the children")
    monkeypatch.setenv("SWEEP_SLEEP", "0.003")
    process = start(tmp_path, problem, 100_000, 2)
    wait_for(tmp_path / "log", 20, process)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    assert len(children) >= 2
    process.kill()
    process.communicate()
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and any(Path(f"/proc/{child}").exists() for child in children):
        time.sleep(0.05)
    assert not [child for child in children if Path(f"/proc/{child}").exists()]


def test_points_from_a_list(problem):
    asked = [PointRequest({**problem, "samples": n}, "plain_numbers") for n in (10, 20, 10)]
    records = run_points(asked)
    assert [record["ratio"] for record in records] == pytest.approx([0.3, 0.5, 0.3])
    bad = PointRequest({**problem, "samples": 1}, "misbehave")
    with pytest.raises(PointFailed, match="division"):
        run_points([bad])
    (failure,) = run_points([bad], throw=False)
    assert isinstance(failure, Failure)
    with pytest.raises(InvalidArgument):
        run_points([PointRequest({**problem, "samples": 1}, "unknown")])
    assert run_points([]) == []


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"workers": -1}, "workers"),
        ({"workers": 1.5}, "workers"),
        ({"threads": 0}, "threads"),
        ({"retries": -1}, "retries"),
        ({"workers": 1, "cluster": "tcp://127.0.0.1:1"}, "workers / cluster"),
        ({"cluster": "nowhere"}, "cluster"),
    ],
)
def test_bad_options_are_named(problem, tmp_path, options, named):
    with pytest.raises(InvalidArgument) as caught:
        run(sweep_of(problem, 2), tmp_path / "store", **options)
    assert caught.value.name == named


def test_the_line_log_says_where_it_stands(capsys):
    log = LineLog(every=0)
    log.close(Counts(200, settled=50, computed=40, failed=10, reasons={"a": 7, "b": 3}, rate=2.5))
    line = capsys.readouterr().err
    log._last -= 2  # the first line comes after a second
    log.show(Counts(200, settled=50, computed=40, rate=2.5, seconds_left=44.0))
    assert "90/200 (45.0 %), 2.5 points/s, about 40 s left" in capsys.readouterr().err
    assert "100/200 (50.0 %), 2.5 points/s, 10 failed: 7 x a; 3 x b" in line
    assert [duration(s) for s in (0.2, 59.6, 3700, 90_000, None)] == [
        "less than 1 s",
        "1 min 0 s",
        "1 h 1 min",
        "1 d 1 h",
        "unknown",
    ]
