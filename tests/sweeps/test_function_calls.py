"""Any function over any list, where sweeps are computed."""

import pytest
import sweep_fakes

from shallows.sweeps import CallFailed, run_calls


@pytest.mark.parametrize("workers", [0, 2])
def test_results_in_order(workers):
    seen = []
    results = run_calls(
        sweep_fakes.square, range(7), workers=workers, progress=lambda done, total: seen.append((done, total))
    )
    assert [result.tolist() for result in results] == [[i, i * i] for i in range(7)]
    assert seen == [(i, 7) for i in range(1, 8)]
    assert run_calls(sweep_fakes.square, [], workers=workers) == []


def test_a_failure_names_the_call():
    with pytest.raises(CallFailed, match="call 2 failed: a negative number") as caught:
        run_calls(sweep_fakes.square, [1, 2, -3])
    assert caught.value.index == 2


def test_a_call_that_kills_its_worker_is_a_failure():
    with pytest.raises(CallFailed, match="worker died"):
        run_calls(sweep_fakes.square, [1, 13_000, 2], workers=2)
