"""
Do the intervals hold?
======================

Sixty data sets from one world, and for each the 90 % interval of the test error that the fit states from its
training data alone. The dot is the true error of that very network on new rows. About six should be missed.
"""

import matplotlib.pyplot as plt
import numpy as np

from shallows import DiagonalNetworkRegressor, PowerLaw, Problem, sample

problem = Problem("diagonal", PowerLaw(dim=50, gamma=1.0), samples=300, noise=0.5)
rows = []
for seed in range(60):
    data = sample(problem, seed=seed)
    model = DiagonalNetworkRegressor(weight_decay=0.5, fit_intercept=False, standardize=False).fit(*data)
    stated, truth = model.test_error_estimate_, problem.noise + ((model.coef_ - data.weights) ** 2).sum()
    rows.append((stated.low, stated.value, stated.high, truth))
low, value, high, truth = np.array(sorted(rows, key=lambda row: row[1])).T
held = (low <= truth) & (truth <= high)
print(f"{held.sum()} of {held.size} intervals hold the true error")

figure, axes = plt.subplots(figsize=(7, 3.8), layout="constrained")
place = np.arange(held.size)
axes.vlines(place, low, high, color=np.where(held, "#56B4E9", "#D55E00"), linewidth=2.5)
axes.plot(place, truth, "o", color="black", markersize=3.5, label="true error")
axes.plot([], [], color="#56B4E9", linewidth=2.5, label="90 % interval")
axes.plot([], [], color="#D55E00", linewidth=2.5, label="one that misses")
axes.set(xlabel="data set, by estimate", ylabel="test error")
axes.legend(loc="upper left")
plt.show()
