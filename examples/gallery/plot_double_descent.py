"""
Double descent, and what removes it
===================================

With little weight decay a diagonal network gets worse with more data until it has as many samples as weights,
and better from there on. Lines are predictions, points the mean of five trained networks each, with its
standard error. The weight decay that is best for each number of samples leaves no peak.
"""

import matplotlib.pyplot as plt
import numpy as np

from shallows import PowerLaw, Problem, optimal_weight_decay, predict_grid, sample, train_path

d, decays = 200, [0.003, 0.03, 0.3]
problem = Problem("diagonal", PowerLaw(dim=d, gamma=1.0), samples=d, noise=0.5)
grid = predict_grid(problem, samples=np.geomspace(25, 2000, 81), weight_decay=decays)
trained = {}
for n in (40, 80, 130, 200, 300, 500, 1000):
    runs = []
    for seed in range(5):
        data = sample(Problem("diagonal", PowerLaw(dim=d, gamma=1.0), samples=n, noise=0.5), seed=seed)
        path = train_path(data, weight_decays=decays[::-1])
        runs.append([fit.excess_risk(data) for fit in path][::-1])
    trained[n] = np.mean(runs, axis=0), np.std(runs, axis=0, ddof=1) / np.sqrt(5)

figure, axes = plt.subplots(figsize=(6.6, 4), layout="constrained")
for i, (decay, colour) in enumerate(zip(decays, ("#D55E00", "#E69F00", "#56B4E9"), strict=True)):
    grid["excess_risk"].sel(weight_decay=decay).plot(ax=axes, color=colour, label=f"weight decay {decay}")
    means, errors = zip(*((mean[i], error[i]) for mean, error in trained.values()), strict=True)
    axes.errorbar(list(trained), means, errors, color=colour, marker="o", markersize=4, linestyle="none")
samples = np.geomspace(25, 2000, 25)
best = [optimal_weight_decay(Problem("diagonal", PowerLaw(dim=d, gamma=1.0), n, 0.5)).excess_risk for n in samples]
axes.plot(samples, best, color="black", label="best weight decay for each")
axes.axvline(d, color="0.6", linewidth=0.8, linestyle=":")
axes.text(d, 0.02, " as many samples as weights", color="0.4")
axes.set(xscale="log", yscale="log", xlabel="samples", ylabel="excess risk", title="", ylim=(0.018, None))
axes.legend(title="lines: theory; points: trained")
plt.show()
