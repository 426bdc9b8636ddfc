"""
Inputs that are not white
=========================

A covariance that falls as a power law takes away the edge that white noise has: what is learned of the noise
is spread out. A network that all but interpolates overfits white inputs benignly at first, then harmfully.
With a covariance its error starts near a fixed multiple of the label noise (tempered overfitting). At
interpolation, and with more data, both are alike.
"""

import matplotlib.pyplot as plt
import numpy as np

from shallows import GaussianDesign, PowerLaw, Problem, predict

d, noise = 400, 0.3
samples = np.geomspace(1.2e3, 1.2e7, 33)
figure, axes = plt.subplots(figsize=(6.6, 4), layout="constrained")
for power, colour in ((0.0, "black"), (0.5, "#56B4E9"), (1.0, "#E69F00"), (2.0, "#D55E00")):
    risks = []
    for n in samples:
        problem = Problem("quadratic", PowerLaw(d, 1.25), n, noise, design=GaussianDesign(power))
        risks.append(predict(problem, weight_decay=1e-4).excess_risk)
    label = "white inputs" if power == 0 else f"eigenvalues $k^{{-{power:g}}}$"
    axes.plot(samples / d, np.array(risks) / noise, color=colour, label=label)
axes.set(xscale="log", yscale="log", xlabel="effective samples, $n/d$", ylabel="excess risk over label noise")
axes.legend()
plt.show()
