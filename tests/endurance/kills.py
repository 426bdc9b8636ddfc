"""Kill drivers and workers of a sweep at random moments, resume, and check that nothing was lost.

    python tests/endurance/kills.py --kills 25              # local pool
    python tests/endurance/kills.py --kills 25 --dask       # Dask on the loopback interface

After every kill: each point that was reported as stored is in the store, and none of them is computed again. At the
end the results are the same, bit by bit, as those of an undisturbed run in one process. Exits with 1 otherwise.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

HERE = str(Path(__file__).parent)
sys.path.insert(0, HERE)

import traced  # noqa: E402

from shallows.sweeps import Store, Sweep, run  # noqa: E402


def the_sweep(points: int) -> Sweep:
    axes = {
        "samples": {"geomspace": [100, 1e5, max(2, points // 40)]},
        "weight_decay": {"geomspace": [0.01, 10, 20]},
    }
    return Sweep({"network": "quadratic", "dim": 60, "gamma": 1.2, "noise": 0.3}, axes, ["traced"], seeds=2)


def drive(options: argparse.Namespace) -> None:
    """One driver; a point counts as reported when its line is in the log."""
    log = os.open(options.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def stored(keys: list[bytes]) -> None:
        os.write(log, b"".join(key.hex().encode() + b"\n" for key in keys))

    report = run(
        the_sweep(options.points),
        options.store,
        workers=None if options.cluster else options.workers,
        cluster=options.cluster,
        on_stored=stored,
    )
    print(json.dumps({"computed": report.computed, "failed": report.failed, "settled": report.settled}))


def lines(path: Path) -> list[str]:
    """Whole lines of a file that may have been cut off."""
    if not path.exists():
        return []
    text = path.read_text()
    return text[: text.rfind("\n") + 1].split()


def children(pid: int) -> list[int]:
    """Worker processes of a local driver."""
    found = []
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        with contextlib.suppress(OSError):
            if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes():
                found.append(int(child))
    return found


class Endurance:
    def __init__(self, options: argparse.Namespace, folder: Path, cluster: object | None) -> None:
        self.options, self.folder, self.cluster = options, folder, cluster
        self.trace, self.log, self.store = folder / "trace", folder / "log", folder / "store"
        self.random = random.Random(options.seed)
        self.killed: Counter[str] = Counter()
        self.troubles: list[str] = []
        self.finished = False

    def start(self) -> subprocess.Popen[str]:
        command = [sys.executable, __file__, "--driver", "--store", str(self.store), "--log", str(self.log)]
        command += ["--points", str(self.options.points), "--workers", str(self.options.workers)]
        if self.cluster is not None:
            command += ["--cluster", self.cluster.scheduler_address]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def workers(self, driver: int) -> list[int]:
        if self.cluster is None:
            return children(driver)
        processes = [getattr(worker.process, "process", None) for worker in list(self.cluster.workers.values())]
        return [process.pid for process in processes if process is not None and process.pid]

    def round(self) -> None:
        """One driver, and at least one kill unless it finishes."""
        reported = set(lines(self.log))
        traced_before = len(lines(self.trace))
        driver = self.start()
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and driver.poll() is None and len(lines(self.trace)) == traced_before:
            time.sleep(0.02)
        while driver.poll() is None:
            time.sleep(self.random.uniform(0, 3))
            victims = self.workers(driver.pid)
            if victims and self.random.random() < 0.5 and self.killed["worker"] < 0.6 * self.options.kills:
                with contextlib.suppress(OSError):
                    os.kill(self.random.choice(victims), signal.SIGKILL)
                    self.killed["worker"] += 1
                continue  # the same driver goes on
            if driver.poll() is None:
                driver.kill()
                self.killed["driver"] += 1
            break
        _, errors = driver.communicate(timeout=120)
        if driver.returncode not in (0, -signal.SIGKILL):
            self.troubles.append(f"driver ended with {driver.returncode}: {errors[-500:]}")
        self.finished = driver.returncode == 0
        self.check(reported, traced_before, errors)

    def check(self, reported: set[str], traced_before: int, errors: str) -> None:
        again = reported & set(lines(self.trace)[traced_before:])
        if again:
            self.troubles.append(f"{len(again)} points were computed again although they were reported")
        keys = [bytes.fromhex(line) for line in lines(self.log)]
        with Store(self.store, create=False, read_only=True) as store:
            lost = set(keys) - store.settled([("traced", key) for key in keys])
        if lost:
            self.troubles.append(f"{len(lost)} reported points are not in the store")

    def last(self) -> dict[str, object]:
        """Let it finish and compare with an undisturbed run."""
        driver = self.start()
        _, errors = driver.communicate(timeout=600)
        if driver.returncode:
            self.troubles.append(f"the last run failed: {errors[-500:]}")
        counts = Counter(lines(self.trace))
        os.environ["SWEEP_TRACE"] = str(self.folder / "trace of the undisturbed run")
        sweep = the_sweep(self.options.points)
        run(sweep, self.folder / "undisturbed", workers=0)
        with Store(self.store, create=False) as one, Store(self.folder / "undisturbed", create=False) as other:
            same = one.fingerprint() == other.fingerprint()
            results, failures = one.counts(), one.failure_counts()
        if not same:
            self.troubles.append("the results differ from those of an undisturbed run")
        if failures:
            self.troubles.append(f"failures: {failures}")
        twice = {key: count for key, count in counts.items() if count > 1}
        return {
            "where": "Dask" if self.cluster is not None else "local pool",
            "kills": dict(self.killed),
            "points": sweep.total,
            "results": results,
            "identical to an undisturbed run": same,
            "computations": sum(counts.values()),
            "points computed more than once": len(twice),
            "computations lost per kill": (sum(counts.values()) - len(counts)) / max(1, sum(self.killed.values())),
            "troubles": self.troubles,
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=25)
    parser.add_argument("--points", type=int, default=20_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--dask", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    for hidden in ("--store", "--log", "--cluster"):
        parser.add_argument(hidden, help=argparse.SUPPRESS)
    parser.add_argument("--driver", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.driver:
        drive(options)
        return
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        os.environ["SWEEP_TRACE"] = str(folder / "trace")
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [HERE, os.environ.get("PYTHONPATH")]))
        for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
            os.environ[variable] = "1"
        cluster = None
        if options.dask:
            from distributed import LocalCluster

            cluster = stack.enter_context(
                LocalCluster(
                    n_workers=options.workers,
                    threads_per_worker=1,
                    host="127.0.0.1",
                    dashboard_address=":0",
                    silence_logs="CRITICAL",
                )
            )
        test = Endurance(options, folder, cluster)
        while sum(test.killed.values()) < options.kills and not test.finished and not test.troubles:
            test.round()
            print(f"{dict(test.killed)}, {len(set(lines(test.log)))} points stored", file=sys.stderr, flush=True)
        if test.finished and sum(test.killed.values()) < options.kills:
            test.troubles.append("the sweep was over before all kills were done: ask for more --points")
        result = test.last()
    print(json.dumps(result, indent=2))
    sys.exit(bool(result["troubles"]))


assert traced.TRACED

if __name__ == "__main__":
    main()
