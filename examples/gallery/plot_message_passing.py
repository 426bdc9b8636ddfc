"""
Message passing on the path that theory draws for it
====================================================

Approximate message passing solves the LASSO of a diagonal network. At every iteration the noise on its
estimates is Gaussian, of a scale that state evolution predicts without looking at the data.
"""

import matplotlib.pyplot as plt

from shallows import PowerLaw, Problem, sample
from shallows.amp import amp

problem = Problem("diagonal", PowerLaw(dim=2000, gamma=1.0), samples=1500, noise=0.5)
run = amp(sample(problem, seed=0), weight_decay=1.0)
print(run)

figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3.6), layout="constrained")
run.plot(left, quantity="noise_scale")
run.plot(right, quantity="excess_risk")
plt.show()
