"""
Exponents read off a learning curve
===================================

A learning curve that changes its power law: a quadratic network with a fixed weight decay learns mode by mode
(phase II), then shrinks the modes that it has (phase III). :func:`shallows.fit_power_laws` is given the
points with five percent of scatter and nothing else. It finds the number of power laws, where one goes over
into the other, and intervals of the exponents.
"""

import matplotlib.pyplot as plt
import numpy as np

from shallows import PowerLaw, Problem, fit_power_laws, predict_grid

d, gamma = 100, 1.25
samples = np.geomspace(3e6, 6e9, 24)
problem = Problem("quadratic", PowerLaw(d, gamma), samples=1, noise=0.1)
risk = predict_grid(problem, samples=samples, weight_decay=[1000.0])["excess_risk"].values[:, 0]
seen = risk * np.exp(0.05 * np.random.default_rng(0).normal(size=samples.size))

fit = fit_power_laws(samples, seen, floor=False)
print(fit)
axes = fit.plot(n=samples, risk=seen)
axes.set(xlabel="samples", ylabel="excess risk")
axes.text(0.03, 0.06, rf"derived: $-(2 - 1/\gamma)$ = {1 / gamma - 2:.2f}, then $-2$", transform=axes.transAxes)
plt.show()
