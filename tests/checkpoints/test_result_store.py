"""Results that survive being killed."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from shallows.checkpoints import ResultStore, fingerprint, open_checkpoint
from shallows.errors import StoreError

WRITER = """
import sys
from shallows.checkpoints import ResultStore
with ResultStore(sys.argv[1], "a") as store:
    print(len(store.results), flush=True)
    for index in range(len(store.results), 10**9):
        store.add(f"layer.{index}", {"index": index, "values": [0.5] * 200})
"""


def test_a_process_that_is_killed_loses_nothing_that_was_kept(tmp_path):
    path = tmp_path / "results.jsonl"
    count = 0
    for _ in range(3):
        process = subprocess.Popen([sys.executable, "-c", WRITER, path], stdout=subprocess.PIPE, text=True)
        assert int(process.stdout.readline()) == count
        deadline = time.monotonic() + 30
        while path.read_bytes().count(b"\n") < count + 50 and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        with ResultStore(path, "a") as store:
            assert len(store.results) > count
            count = len(store.results)
            assert all(store.results[f"layer.{index}"]["index"] == index for index in range(count))


def test_a_line_half_written_is_dropped_at_every_place_it_can_break(tmp_path):
    path = tmp_path / "results.jsonl"
    with ResultStore(path, "a") as store:
        store.add("one", {"x": 1})
        kept = path.stat().st_size
        store.add("two", {"x": "é"})
    whole = path.read_bytes()
    for cut in range(kept, len(whole)):
        path.write_bytes(whole[:cut])
        with ResultStore(path, "a") as store:
            assert store.results == {"one": {"x": 1}} and path.stat().st_size == kept
            store.add("three", {"x": 3})
        with ResultStore(path, "a") as store:
            assert set(store.results) == {"one", "three"}


def test_a_damaged_line_costs_itself_alone(tmp_path):
    path = tmp_path / "results.jsonl"
    with ResultStore(path, "a") as store:
        for index in range(3):
            store.add(str(index), {"x": index})
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + lines[1] + b'{"name": "1", \xff\n' + lines[3])
    with ResultStore(path, "a") as store:
        assert set(store.results) == {"0", "2"}
        store.add("1", {"x": 1})
    with ResultStore(path, "a") as store:
        assert set(store.results) == {"0", "1", "2"}


@pytest.mark.parametrize("content", [b"", b"{", b'{"format": "shallows-results-1", "identity": "b"}\n{}\n'])
def test_what_is_of_another_analysis_is_begun_afresh(tmp_path, content):
    path = tmp_path / "deep" / "results.jsonl"
    path.parent.mkdir()
    path.write_bytes(content)
    with ResultStore(path, "a") as store:
        assert store.results == {}
        store.add("w", {"x": np.float64(1.5), "y": np.arange(2), "z": np.int64(3)})
    with ResultStore(path, "a") as store:
        assert store.results == {"w": {"x": 1.5, "y": [0, 1], "z": 3}}


def test_the_last_result_of_a_name_counts(tmp_path):
    with ResultStore(tmp_path / "r.jsonl", "a") as store:
        store.add("w", {"x": 1})
        store.add("w", {"x": 2})
        assert store.results["w"] == {"x": 2}
    with ResultStore(tmp_path / "r.jsonl", "a") as store:
        assert store.results == {"w": {"x": 2}}


def test_what_cannot_be_written_is_a_store_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be used"):
        ResultStore(tmp_path / "file" / "r.jsonl", "a")
    with pytest.raises(StoreError, match="cannot be used"):
        ResultStore(tmp_path, "a")
    store = ResultStore(tmp_path / "r.jsonl", "a")
    with pytest.raises(TypeError, match="cannot keep"):
        store.add("w", {"x": object()})
    store.close()
    store.close()
    with pytest.raises(StoreError, match="cannot be written"):
        store.add("w", {"x": 1})


def test_a_fingerprint_tells_files_settings_and_values_apart(tmp_path):
    np.savez(tmp_path / "m.npz", w=np.eye(3))
    with open_checkpoint(tmp_path / "m.npz") as checkpoint:
        first = fingerprint(checkpoint, "1")
        assert first == fingerprint(checkpoint, "1") != fingerprint(checkpoint, "2")
    about = os.stat(tmp_path / "m.npz")
    os.utime(tmp_path / "m.npz", ns=(about.st_atime_ns, about.st_mtime_ns + 10**9))
    with open_checkpoint(tmp_path / "m.npz") as checkpoint:
        assert fingerprint(checkpoint, "1") != first
    seen = {
        fingerprint(open_checkpoint(arrays)) for arrays in ({"w": np.eye(3)}, {"v": np.eye(3)}, {"w": 2 * np.eye(3)})
    }
    assert len(seen) == 3 and fingerprint(open_checkpoint({"w": np.eye(3)})) in seen
    assert len({fingerprint(open_checkpoint({"w": np.zeros(shape)})) for shape in ((0, 3), (3, 0), (9,), (3, 3))}) == 4


def test_every_line_is_json(tmp_path):
    with ResultStore(tmp_path / "r.jsonl", "a") as store:
        store.add('<b>"\n\x1b', {"x": float("inf")})
        assert store.results == {'<b>"\n\x1b': {"x": float("inf")}}
    lines = (tmp_path / "r.jsonl").read_text().splitlines()
    assert len(lines) == 2 and json.loads(lines[1])["name"] == '<b>"\n\x1b'
