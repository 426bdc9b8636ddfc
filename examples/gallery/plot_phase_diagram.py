"""
Phase diagram of a quadratic network
====================================

How far a trained network is from its teacher, over the number of samples and the weight decay, at a dimension
of a million. Every point of the map is one solved prediction; nothing is trained. The blue line is the best
weight decay. Below the dashed line the threshold of training lies within the noise, so that noise is learned;
there lies the peak of interpolation, between the phases V and VIa. Black lines are the borders of the phases
as the dimension grows.
"""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patheffects import withStroke

from shallows.scaling import phase_diagram

d, gamma = 10**6, 1.25
diagram = phase_diagram("quadratic", d, gamma, noise=0.1, points=(60, 45), nu=(-0.5, 3.0), ell=(-1.0, 1.25))
nu = np.log(diagram["effective_samples"]) / np.log(d)
ell = np.log(diagram["weight_decay"]) / np.log(d)

figure, axes = plt.subplots(figsize=(7, 4.4), layout="constrained")
risk = np.log10(diagram["excess_risk"].transpose("weight_decay", "effective_samples"))
shade = axes.pcolormesh(nu, ell, risk, cmap="magma", shading="gouraud", rasterized=True)
figure.colorbar(shade, label="excess risk, powers of ten", pad=0.01)

outlined = [withStroke(linewidth=2, foreground="black")]
best = np.log(diagram["optimal_weight_decay"]) / np.log(d)
axes.plot(nu, best, color="#56B4E9", linewidth=2.4, path_effects=outlined, label="best weight decay")
axes.plot(nu, (nu - 1) / 2, color="black", linestyle="--", label="noise line, $\\sqrt{n_{eff}/d}$")
benign = 0.4 / (1.4 - 1 / (2 * gamma))  # where benign overfitting ends
axes.vlines(
    [0, benign, 1, 2 * gamma], -1, [(x - 1) / 2 for x in (0, benign, 1, 2 * gamma)], color="black", linewidth=0.7
)
for offset, start in ((0.5, 0), (0.5 + gamma, 2 * gamma)):
    axes.plot([start, 3], [start - offset, 3 - offset], color="black", linewidth=0.7)
places = {"Ia": (-0.25, -0.85), "IV": (0.2, -0.7), "V": (0.7, -0.55), "VIa": (1.75, -0.3), "VIb": (2.75, 0)}
places |= {"Ib": (0.3, 0.5), "II": (1.75, 0.75), "III": (2.8, 0.98)}
for name, place in places.items():
    axes.annotate(name, place, color="white", ha="center", va="center", path_effects=outlined)
axes.set(
    xlabel="effective samples, powers of $d$", ylabel="weight decay, powers of $d$", xlim=(-0.5, 3), ylim=(-1, 1.25)
)
axes.legend(loc="upper left")
plt.show()
