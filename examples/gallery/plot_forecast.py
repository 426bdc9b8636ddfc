"""
What more data will bring
=========================

A network fitted to 200 rows forecasts its error on more of them, with the weight decay that will be best
then. Crosses are what comes out when the rows arrive and the network is fitted again; the forecast has not
seen them.
"""

import matplotlib.pyplot as plt

from shallows import DiagonalNetworkRegressor, PowerLaw, Problem, sample

problem = Problem("diagonal", PowerLaw(dim=100, gamma=1.0), samples=3200, noise=0.1)
data = sample(problem, seed=0)
X, y = data
model = DiagonalNetworkRegressor().fit(X[:200], y[:200])
later = [400, 800, 1600, 3200]
ahead = model.forecast(later)
print(ahead)

came = []
for n in later:
    again = DiagonalNetworkRegressor().fit(X[:n], y[:n])
    came.append(problem.noise + ((again.coef_ - data.weights) ** 2).sum())
axes = ahead.plot()
axes.plot(later, came, "x", color="black", markersize=8, markeredgewidth=2, label="came out")
axes.legend()
plt.show()
