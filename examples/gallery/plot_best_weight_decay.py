"""
The best weight decay, and the price of missing it
==================================================

Excess risk over weight decay for rising numbers of samples. The best weight decay grows with the square root
of the number of samples, along the noise line, as long as modes remain to be learned. A factor of two either
way costs up to 40 percent, a factor of ten several times the risk.
"""

import matplotlib.pyplot as plt
import numpy as np

from shallows import PowerLaw, Problem, optimal_weight_decay, predict_grid

d = 400
problem = Problem("quadratic", PowerLaw(dim=d, gamma=1.25), samples=1, noise=0.1)
decays = np.geomspace(1e-3, 1e2, 81)
samples = [3e3, 1e4, 3e4, 1e5, 3e5, 1e6]
grid = predict_grid(problem, samples=samples, weight_decay=decays)

figure, axes = plt.subplots(figsize=(6.6, 4), layout="constrained")
for n, colour in zip(samples, plt.get_cmap("viridis")(np.linspace(0, 0.92, len(samples))), strict=True):
    axes.plot(decays, grid["excess_risk"].sel(samples=n), color=colour, label=f"{n:,.0f}")
    best = optimal_weight_decay(Problem("quadratic", PowerLaw(d, 1.25), n, noise=0.1))
    axes.plot(best.weight_decay, best.excess_risk, "o", color=colour)
    print(
        f"n = {n:9,.0f}: best {best.weight_decay:.3f}; half of it costs {best.price_of_half:.2f} times the risk, "
        f"double {best.price_of_double:.2f}"
    )
axes.set(xscale="log", yscale="log", xlabel="weight decay", ylabel="excess risk")
axes.legend(title="samples", ncols=2)
plt.show()
