"""
Pruning what noise would have produced
======================================

Left: the unbiased weights of a fitted network beside what noise alone gives. Right: what dropping the weights
that do not stand out does to the test error. Of the change more is known than of either error, because both
networks are wrong on the same rows.
"""

import matplotlib.pyplot as plt

from shallows import DiagonalNetworkRegressor, PowerLaw, Problem, sample

problem = Problem("diagonal", PowerLaw(dim=200, gamma=1.5), samples=400, noise=0.5)
X, y = sample(problem, seed=1)
model = DiagonalNetworkRegressor(weight_decay=0.1).fit(X, y)
pruned = model.prune(X, y)
print(pruned)

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
model.inference_.plot(left)
pruned.plot(right)
plt.show()
