"""
The learned spectrum: a bulk of noise, and outliers
===================================================

Eigenvalues of trained quadratic networks and the law that theory gives for them, without anything fitted.
What training learned of the noise is a bulk with a sharp edge; each outlier is a mode of the teacher, pushed
up by the noise and down by the weight decay.
"""

import matplotlib.pyplot as plt
import numpy as np

from shallows import PowerLaw, Problem, predict, sample, train

problem = Problem("quadratic", PowerLaw(dim=150, gamma=1.75), samples=5000, noise=0.3)
law = predict(problem, penalty=0.03).spectrum
trained = np.array([train(sample(problem, seed=seed), penalty=0.03).weights.eigenvalues() for seed in range(3)])
trained = np.sort(trained)[:, ::-1]
edge = law.bulk[1]

figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3.6), layout="constrained")
bins = np.linspace(0, 1.25 * edge, 21)
learned = trained[trained > 1e-6]  # the others are exactly zero
left.hist(learned, bins, weights=np.full(learned.size, 1 / (trained.size * bins[1])), color="#56B4E9", alpha=0.6)
x = np.linspace(1e-3 * edge, bins[-1], 400)
left.plot(x, law.density(x), color="black")
left.axvline(edge, color="#D55E00", linestyle=":", label="edge of the bulk")
left.set(xlabel="learned eigenvalue", ylabel="density", xlim=(0, bins[-1]), title="Bulk")
left.legend()

ranks = np.arange(1, 31)
for values in trained:
    right.plot(ranks, values[:30], "o", color="#56B4E9", alpha=0.6, markersize=4)
right.plot([], [], "o", color="#56B4E9", label="three trained networks")
outliers = [outlier.learned for outlier in law.outliers]
right.plot(ranks[: len(outliers)], outliers, "_", color="black", markersize=11, label="theory")
right.axhline(edge, color="#D55E00", linestyle=":")
right.set(xscale="log", yscale="log", xlabel="rank", title="Outliers")
right.legend()
plt.show()
