"""
Spending a budget of compute
============================

Excess risk over the width of a quadratic network for budgets of one pass of SGD. Too narrow cannot hold the
modes; too wide leaves too few samples. The best widths lie on a power law, which derives from the teacher's.
"""

import matplotlib.pyplot as plt
import numpy as np

from shallows import PowerLaw, Problem, compute_optimal

problem = Problem("quadratic", PowerLaw(dim=1000, gamma=1.25), samples=1, noise=0.1)
budgets = np.geomspace(1e9, 1e15, 7)
best = compute_optimal(problem, budgets, init_scale=0.01)

figure, axes = plt.subplots(figsize=(6.6, 4), layout="constrained")
for budget, risks, colour in zip(budgets, best.isoflop, plt.get_cmap("viridis")(np.linspace(0, 0.92, 7)), strict=True):
    axes.plot(best.widths, risks, color=colour, label=f"$10^{{{np.log10(budget):.0f}}}$")
axes.plot(best.width, best.excess_risk, "o-", color="black", markersize=4, linewidth=0.8, label="best")
axes.set(xscale="log", yscale="log", xlabel="hidden units", ylabel="excess risk")
axes.legend(title="multiply-adds", ncols=2)
plt.show()
