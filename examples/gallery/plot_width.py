"""
How wide is wide enough
=======================

Excess risk of a quadratic network over its width, at the weight decay that is best for full width. Each
hidden unit can hold one mode: more of them help until the modes that stand out of the noise are learned, and
nothing is gained beyond. With few samples a narrow network is even a little better: it has no room to learn
noise.
"""

import matplotlib.pyplot as plt
import numpy as np

from shallows import PowerLaw, Problem, optimal_weight_decay, predict

d = 400
widths = np.unique(np.geomspace(1, d, 40).astype(int))
figure, axes = plt.subplots(figsize=(6.6, 4), layout="constrained")
for n, colour in zip((1e4, 1e5, 1e6), ("#56B4E9", "#E69F00", "#009E73"), strict=True):
    best = optimal_weight_decay(Problem("quadratic", PowerLaw(d, 1.25), n, noise=0.1))
    risks = [
        predict(Problem("quadratic", PowerLaw(d, 1.25), n, 0.1, int(p)), penalty=best.penalty).excess_risk
        for p in widths
    ]
    axes.plot(widths, risks, color=colour, label=f"{n:,.0f}")
    out = sum(outlier.multiplicity for outlier in best.prediction.spectrum.outliers)
    axes.axvline(out, color=colour, linewidth=0.8, linestyle=":")
axes.plot([], [], color="0.4", linestyle=":", label="learned modes")
axes.set(xscale="log", yscale="log", xlabel="hidden units", ylabel="excess risk")
axes.legend(title="samples")
plt.show()
