"""Gradient descent on one data set: early like the population flow, late like the training minimum."""

import numpy as np
import pytest

from shallows import InvalidArgument, PowerLaw, Problem, predict_dynamics, sample, train
from shallows.dynamics import FLOWS, early_stopping, flow_setting
from shallows.networks import paper_networks
from shallows.sweeps import PointRequest, run_points


@pytest.mark.parametrize("network,dim,samples", [("diagonal", 60, 600), ("quadratic", 12, 1500)])
def test_it_is_the_population_flow_at_first_and_the_training_minimum_at_last(network, dim, samples):
    problem = Problem(network, PowerLaw(dim, 1.0), samples, 0.1)
    decay = 4.0
    setting = flow_setting(problem, 0.1, decay)
    data = sample(problem, 3)
    end = 400 / (FLOWS.of(network).growth_rate(problem) * problem.spectrum.values[0])
    run = early_stopping(setting, 3, until=end)
    minimum = train(data, weight_decay=decay)
    assert run.excess_risk[-1] == pytest.approx(minimum.excess_risk(data), rel=0.02)
    assert run.train_error[-1] == pytest.approx(minimum.train_error, rel=0.01)
    flow = predict_dynamics(problem, run.times, init_scale=0.1, weight_decay=decay).excess_risk
    early = flow > 0.7 * flow[0]
    assert early.sum() > 5
    assert run.excess_risk[early] == pytest.approx(flow[early], rel=0.25)


def test_it_is_the_same_for_the_same_seed_and_stops_at_its_best():
    setting = flow_setting(Problem("diagonal", PowerLaw(60, 1.0), 60, 0.5), 0.01)
    one, two, other = (early_stopping(setting, seed) for seed in (1, 1, 2))
    assert one.excess_risk.tolist() == two.excess_risk.tolist() != other.excess_risk.tolist()
    place = int(np.flatnonzero(one.times == one.best_time)[0])
    assert one.best_risk == one.excess_risk[place] == min(one.excess_risk)
    assert 0 < place < one.times.size - 1 and set(one.to_dict()) >= {"best_time", "excess_risk"}


@pytest.mark.parametrize("network", paper_networks())
def test_sweeps_measure_where_to_stop(network):
    settings = {"network": network, "dim": 10, "gamma": 1.0, "noise": 0.5, "samples": 60, "weight_decay": 0.1}
    (record,) = run_points([PointRequest(settings, "stopping", seed=2)])
    assert 0 < record["stopped_excess_risk"] <= record["unstopped_excess_risk"]
    assert 0 < record["stopping_time"] <= record["last_time"]


def test_samples_that_cannot_be_drawn_and_runs_that_never_end_are_refused():
    with pytest.raises(InvalidArgument, match="samples"):
        early_stopping(flow_setting(Problem("diagonal", PowerLaw(10, 1.0), 10.5), 0.1), 0)
    with pytest.raises(InvalidArgument, match="until"):
        early_stopping(flow_setting(Problem("diagonal", PowerLaw(10, 1.0), 10), 0.1), 0, until=1e12)
