"""
Modes are learned one after another
===================================

Training from small weights: nothing seems to happen, then the strongest mode appears, then the next. Colours
are modes of the teacher; the risk falls by a step for each. Before the modes crowd, every step of the risk is
one of them.
"""

import matplotlib.pyplot as plt
import numpy as np

from shallows import PowerLaw, Problem, predict_dynamics

times = np.geomspace(100, 5e4, 400)
problem = Problem("quadratic", PowerLaw(dim=100, gamma=1.25), samples=1, noise=0.1)
found = predict_dynamics(problem, times, init_scale=1e-3)
narrow = predict_dynamics(Problem("quadratic", PowerLaw(100, 1.25), 1, 0.1, 5), times, init_scale=1e-3)

figure, (above, below) = plt.subplots(2, 1, figsize=(6.6, 5.4), sharex=True, layout="constrained")
above.plot(times, found.excess_risk, color="black", label="100 hidden units")
above.plot(times, narrow.excess_risk, color="#D55E00", linestyle="--", label="5 hidden units")
above.set(xscale="log", yscale="log", ylabel="excess risk")
above.legend()
for k, colour in enumerate(plt.get_cmap("viridis")(np.linspace(0, 0.9, 12))):
    below.plot(times, found.state.mean[:, k], color=colour)
    below.axhline(found.state.values[k], color=colour, linewidth=0.5, linestyle=":")
below.set(xlabel="time: learning rate times steps", ylabel="learned eigenvalue, by mode")
plt.show()
