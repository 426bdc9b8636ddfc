"""How points are handed out: dear ones first and one by one, cheap ones in batches; retries where they are due."""

from dataclasses import replace

import pytest
import sweep_fakes

from shallows.sweeps import Store, Sweep
from shallows.sweeps.backends import Answer, Done
from shallows.sweeps.engine import BATCH_SECONDS, Engine, EngineSettings


class Scripted:
    """Answers at once, says that points took the seconds of a script, and keeps the batches."""

    def __init__(self, seconds, workers=2, death=lambda batch: None, repeated=False):
        self.seconds, self.workers, self.death, self.repeated = seconds, workers, death, repeated
        self.batches, self.waiting, self.most = [], [], 0

    def free(self):
        return 2 * self.workers - len(self.waiting)

    def start(self, batch):
        self.batches.append([point.settings["samples"] for point in batch.points])
        self.waiting.append(batch)
        self.most = max(self.most, len(self.waiting))

    def wait(self, seconds):
        batch = self.waiting.pop(0)
        death = self.death(batch)
        if death:
            return [Done(batch, None, death, self.repeated)]
        answers = [Answer(batch.compute(point), self.seconds(point)) for point in batch.points]
        return [Done(batch, answers)]

    def close(self, seconds):
        return []


def run_scripted(problem, quantity, backend, last=400, **options):
    sweep = Sweep(problem, {"samples": {"linspace": [1, last, last]}}, [quantity.name])
    points = [sweep.point(quantity, sweep.settings(i)) for i in range(len(sweep))]
    with Store() as store:
        store.begin(sweep, [quantity])
        settings = EngineSettings(**options)
        report = Engine(points, {quantity.name: len(points)}, [quantity], store, backend, settings=settings).run()
        return report, list(store.failures())


def test_dear_points_go_one_by_one_the_dearest_first(problem):
    dear = replace(sweep_fakes.PLAIN, seconds=2.0, cost=lambda settings: float(settings["samples"]))
    backend = Scripted(lambda point: 2.0 * point.settings["samples"])
    report, _ = run_scripted(problem, dear, backend, last=30)
    assert backend.batches == [[n] for n in range(30, 0, -1)]
    assert report.computed == 30


def test_cheap_points_go_in_batches_of_the_intended_length(problem):
    backend = Scripted(lambda point: 0.01)
    report, _ = run_scripted(problem, sweep_fakes.PLAIN, backend, last=4000)
    assert report.computed == 4000
    sizes = [len(batch) for batch in backend.batches]
    assert max(sizes) == pytest.approx(BATCH_SECONDS / 0.01, abs=1)
    assert sizes[0] <= 8, "before anything was timed"
    assert sizes[-1] <= 8, "something is left for everybody at the end"
    assert backend.most == 4


def test_a_wrong_first_guess_is_corrected(problem):
    optimist = replace(sweep_fakes.PLAIN, seconds=1e-6)
    backend = Scripted(lambda point: 5.0)
    run_scripted(problem, optimist, backend)
    assert max(len(batch) for batch in backend.batches[8:]) == 1


def test_a_deadly_point_is_found_by_halving(problem):
    backend = Scripted(lambda point: 0.001, death=lambda b: "worker died" if 13 in sizes_of(b) else None)
    report, failures = run_scripted(problem, sweep_fakes.PLAIN, backend)
    assert (report.computed, report.failed) == (399, 1)
    assert "samples=13" in failures[0].point
    deadly = [batch for batch in backend.batches if 13 in batch]
    assert len(deadly) < 12


def test_points_beside_a_deadly_one_on_a_cluster_are_not_blamed(problem):
    # A scheduler holds the death of a worker against every task on it: here against everything under 21.
    backend = Scripted(lambda point: 0.001, repeated=True)
    backend.death = lambda b: (
        "worker died" if 13 in sizes_of(b) or (min(sizes_of(b)) < 21 and len(backend.waiting) > 0) else None
    )
    report, failures = run_scripted(problem, sweep_fakes.PLAIN, backend)
    assert (report.computed, report.failed) == (399, 1)
    assert "samples=13" in failures[0].point


@pytest.mark.parametrize("retries", [0, 1, 3])
def test_retries_are_counted(problem, retries):
    backend = Scripted(lambda point: 0.001)
    garbage = replace(sweep_fakes.PLAIN, compute=lambda point: {"ratio": float("nan"), "noisy": 0.0})
    report, failures = run_scripted(problem, garbage, backend, last=3, retries=retries)
    assert report.failed == 3
    assert {failure.attempts for failure in failures} == {retries + 1}
    assert sum(map(len, backend.batches)) == 3 * (retries + 1)


def sizes_of(batch):
    return [point.settings["samples"] for point in batch.points]
