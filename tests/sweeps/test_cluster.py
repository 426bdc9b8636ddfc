"""Dask on the loopback interface: the same results, and workers that die do not stop a sweep."""

import json
import os
import threading
import time
from collections import Counter

import pytest
import sweep_fakes

from shallows import InvalidArgument
from shallows.sweeps import Store, Sweep, WorkersFailed, run

distributed = pytest.importorskip("distributed")

HERE = os.path.dirname(__file__)


@pytest.fixture(scope="module")
def cluster():
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [HERE, before]))
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=":0", silence_logs="CRITICAL"
    ) as cluster:
        yield cluster
    if before is None:
        del os.environ["PYTHONPATH"]
    else:
        os.environ["PYTHONPATH"] = before


def fingerprint(folder):
    with Store(folder, create=False, read_only=True) as store:
        return store.fingerprint(), store.counts()


def test_a_cluster_gives_the_same_bits_as_one_process(cluster, problem, tmp_path):
    sweep = Sweep(problem, {"samples": {"linspace": [1, 300, 300]}}, ["draw", "plain_numbers"], seeds=2)
    report = run(sweep, tmp_path / "dask", cluster=cluster.scheduler_address)
    assert (report.computed, report.failed) == (900, 0)
    run(sweep, tmp_path / "here", workers=0)
    assert fingerprint(tmp_path / "dask") == fingerprint(tmp_path / "here")


def test_a_scheduler_file_is_an_address_too(cluster, problem, tmp_path):
    content = {"type": "Scheduler", "id": "any", "address": cluster.scheduler_address, "workers": {}}
    (tmp_path / "scheduler.json").write_text(json.dumps(content))
    sweep = Sweep(problem, {"samples": [1, 2, 3]}, ["plain_numbers"])
    assert run(sweep, tmp_path / "store", cluster=str(tmp_path / "scheduler.json")).computed == 3


def test_a_killed_worker_does_not_stop_the_sweep(cluster, problem, tmp_path):
    sweep = Sweep(problem, {"samples": {"linspace": [100, 699, 600]}, "noise": [0.5]}, ["plain_numbers"])
    with distributed.Client(cluster.scheduler_address, set_as_default=False) as client:
        pids = list(client.run(sweep_fakes.slow_down, 0.005).values())
        stored = []

        def kill_when_under_way():
            deadline = time.monotonic() + 60
            while len(stored) < 100 and time.monotonic() < deadline:
                time.sleep(0.02)
            os.kill(pids[0], 9)

        killer = threading.Thread(target=kill_when_under_way)
        killer.start()
        report = run(sweep, tmp_path / "dask", cluster=cluster.scheduler_address, on_stored=stored.extend)
        killer.join()
    assert (report.computed, report.failed) == (600, 0)
    assert set(Counter(stored).values()) == {1}
    run(sweep, tmp_path / "here", workers=0)
    assert fingerprint(tmp_path / "dask") == fingerprint(tmp_path / "here")


def test_a_point_that_kills_its_worker_is_recorded(cluster, problem, tmp_path):
    sweep = Sweep(problem, {"samples": [9, 13, 20, 30]}, ["misbehave"])
    report = run(sweep, tmp_path / "store", cluster=cluster.scheduler_address)
    assert (report.computed, report.failed) == (3, 1)
    assert report.reasons == {"worker died": 1}


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "nonsense://x", "tcp://no.such.host.invalid:8786", "tcp://"])
def test_an_unreachable_cluster_is_an_error_before_anything_runs(problem, tmp_path, address, monkeypatch):
    from shallows.sweeps import cluster as module

    monkeypatch.setattr(module.DaskCluster.__init__, "__defaults__", (1, 1.0))
    with pytest.raises(InvalidArgument) as caught:
        run(Sweep(problem, {"samples": [1]}, ["plain_numbers"]), tmp_path / "store", cluster=address)
    assert caught.value.name == "cluster"


def test_a_cluster_that_goes_away_is_a_clear_error_and_what_was_reported_is_safe(problem, tmp_path, monkeypatch):
    from shallows.sweeps import cluster as module

    monkeypatch.setattr(module.DaskCluster.__init__, "__defaults__", (1, 2.0))
    sweep = Sweep(problem, {"samples": {"linspace": [1, 5000, 5000]}}, ["plain_numbers"])
    stored = []
    with distributed.LocalCluster(
        n_workers=1,
        threads_per_worker=1,
        processes=False,
        protocol="tcp://",
        host="127.0.0.1",
        dashboard_address=":0",
        silence_logs="CRITICAL",
    ) as mine:

        def stop(keys):
            if not stored:
                mine.close()
            stored.extend(keys)

        with pytest.raises(WorkersFailed, match="gone"):
            run(sweep, tmp_path / "store", cluster=mine.scheduler_address, on_stored=stop)
    with Store(tmp_path / "store", create=False) as store:
        assert store.counts()["plain_numbers"] == len(stored) > 0
