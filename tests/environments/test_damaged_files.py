"""Files that are empty, half written, of the wrong kind, or begin with a byte-order mark: one line with the cause."""

import codecs
import json
import shutil

import numpy as np
import pytest

from shallows.cli import main
from shallows.errors import InvalidArgument
from shallows.sweeps import Sweep

SWEEP = """
[problem]
network = "diagonal"
dim = 50
gamma = 1.0
noise = 0.5
weight_decay = 0.5

[axes]
samples = [60, 90]

[compute]
quantities = ["theory"]
"""

DAMAGE = {
    "empty": lambda content: b"",
    "half written": lambda content: content[: len(content) // 2],
    "ends too early": lambda content: content[:-20],
    "zeros": lambda content: bytes(len(content)),
    "flipped in the middle": lambda content: (
        content[: len(content) // 3]
        + bytes(sign ^ 255 for sign in content[len(content) // 3 :][:30])
        + content[len(content) // 3 + 30 :]
    ),
    "text": lambda content: b"not what it is called\n",
    "a list": lambda content: b"[1, 2]\n",
    "too short": lambda content: content[:9],
    "garbage": lambda content: np.random.default_rng(1).bytes(max(len(content), 500)),
}


@pytest.fixture(scope="module")
def place(tmp_path_factory, table):
    """Good files of every kind, written by the commands themselves where they write them."""
    folder = tmp_path_factory.mktemp("good")
    rng = np.random.default_rng(0)
    inputs = rng.standard_normal((20, 3))
    np.savez(folder / "t.npz", X=inputs, y=inputs[:, 0])
    np.savez_compressed(folder / "z.npz", X=inputs, y=inputs[:, 0])
    np.save(folder / "modes.npy", np.array([1.0, 0.5, 0.2]))
    shutil.copy(table, folder / "t.csv")
    (folder / "sweep.toml").write_text(SWEEP)
    assert (
        main(
            ["train", str(table), "--network", "diagonal", "--weight-decay", "0.1", "--out", f"{folder}/w.safetensors"]
        )
        == 0
    )
    assert main(["sweep", "run", f"{folder}/sweep.toml", "--store", f"{folder}/store", "--workers", "0"]) == 0
    return folder


TRAIN = "train {} --network diagonal --weight-decay 0.1"
READERS = [
    ("t.npz", TRAIN),
    ("z.npz", TRAIN),
    ("modes.npy", "predict --network diagonal --samples 9 --weight-decay 1 --spectrum {}"),
    ("sweep.toml", "sweep plan {} --no-measure"),
    ("w.safetensors", "apply {} t.csv"),
    ("w.safetensors", "prune {} --data t.csv --out p.safetensors"),
    ("store/results.sqlite", "sweep status store"),
    ("store/results.sqlite", "sweep failures store"),
    ("store/results.sqlite", "sweep export store --csv out.csv"),
    ("store/results.sqlite", "sweep run sweep.toml --store store --workers 0"),
]


@pytest.mark.parametrize(("name", "line"), READERS)
def test_a_damaged_file_is_one_line(place, tmp_path, monkeypatch, capsys, name, line):
    shutil.copytree(place, tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    for path in (tmp_path / "here" / "store").glob("*-*"):
        path.unlink()  # the log of the database, which would mend it
    good = (place / name).read_bytes()
    before = sorted(path.name for path in tmp_path.rglob("*"))
    for how, damage in DAMAGE.items():
        with open(name, "wb") as file:
            file.write(damage(good))
        capsys.readouterr()
        code = main(line.format(name).split())
        found = capsys.readouterr()
        told = f"{how}: exit {code}: {found.err}{found.out}"
        if code == 0:  # what is damaged is not looked at, or reads as something else: a value, or an empty store
            assert how in ("empty", "ends too early", "too short", "half written", "flipped in the middle"), told
            assert "nan" not in found.out.lower()
            continue
        assert code == 2, told
        assert found.err.splitlines()[-1].startswith("shallows: ") and found.err.count("shallows: ") == 1, told
        assert "internal error" not in found.err, told
    after = {path.name for path in tmp_path.rglob("*")} - {"results.sqlite-wal", "results.sqlite-shm"}
    assert sorted(after - {"out.csv"}) == sorted(set(before)), "something half written was left"


def test_a_sweep_file_with_a_byte_order_mark_is_read(tmp_path):
    plain, marked = tmp_path / "plain.toml", tmp_path / "marked.toml"
    plain.write_text(SWEEP)
    marked.write_bytes(codecs.BOM_UTF8 + SWEEP.replace("\n", "\r\n").encode())
    assert Sweep.from_file(marked).name == Sweep.from_file(plain).name


@pytest.mark.parametrize("content", [b"", b" \n", codecs.BOM_UTF8])
def test_an_empty_sweep_file_says_what_it_lacks(tmp_path, content):
    (tmp_path / "s.toml").write_bytes(content)
    with pytest.raises(InvalidArgument, match=r"is empty; must have tables"):
        Sweep.from_file(tmp_path / "s.toml")


def test_a_folder_of_fit_that_lost_its_weights(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "fit").mkdir()
    for content in ("", "[]", '{"weights": '):  # what fit.json holds does not matter to apply
        (tmp_path / "fit" / "fit.json").write_text(content)
        assert main(["apply", "fit", "t.csv"]) == 2
        assert "no such file" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not the JSON"),
        (b'{"address": "tcp://127.0.0', "not the JSON"),
        (b"\xff\xfe", "not the JSON"),
        (b"[]", "names no address"),
        (b'{"address": 3}', "names no address"),
        (b'{"workers": {}}', "names no address"),
    ],
)
def test_a_scheduler_file_that_names_no_scheduler(tmp_path, content, words):
    from shallows.sweeps import cluster

    pytest.importorskip("distributed")
    (tmp_path / "scheduler.json").write_bytes(content)
    with pytest.raises(InvalidArgument, match=words) as caught:
        cluster.DaskCluster(str(tmp_path / "scheduler.json"), timeout=0.1)
    assert caught.value.name == "cluster"


def test_a_scheduler_file_with_a_byte_order_mark_is_read(tmp_path):
    from shallows.sweeps import cluster

    path = tmp_path / "scheduler.json"
    path.write_bytes(codecs.BOM_UTF8 + json.dumps({"address": "tcp://127.0.0.1:8786"}).encode())
    assert cluster._address_in(str(path)) == "tcp://127.0.0.1:8786"
