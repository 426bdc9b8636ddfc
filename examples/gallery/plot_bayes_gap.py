"""
What the best weight decay leaves on the table
==============================================

The excess risk at the best weight decay over that of the best conceivable estimator, which knows the spectrum
of the teacher and not its directions. No weight decay can beat the latter; the distance is what pruning or a
better method could still win. Waves are single modes that the network begins to learn.
"""

import matplotlib.pyplot as plt
import numpy as np

from shallows import PowerLaw, Problem, optimal_weight_decay

d, ratios = 400, np.geomspace(30, 30000, 16)
figure, axes = plt.subplots(1, 2, figsize=(7, 3.6), sharey=True, layout="constrained")
for ax, network, unit in zip(axes, ("diagonal", "quadratic"), ("n", "n/d"), strict=True):
    for gamma, colour in ((0.75, "#56B4E9"), (1.25, "#E69F00"), (2.0, "#009E73")):
        gaps = []
        for ratio in ratios:
            samples = ratio if network == "diagonal" else ratio * d
            gaps.append(optimal_weight_decay(Problem(network, PowerLaw(d, gamma), samples, noise=0.3)).gap_to_bayes)
        ax.plot(ratios, gaps, color=colour, label=rf"$\gamma$ = {gamma}")
    ax.axhline(1, color="black", linewidth=0.8)
    ax.set(xscale="log", xlabel=f"effective samples, ${unit}$", title=f"{network} network")
axes[0].set_ylabel("excess risk over the Bayes-optimal one")
axes[0].legend()
plt.show()
