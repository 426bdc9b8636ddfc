"""
A classifier's weights before and after training
================================================

The first layer of a network that learned handwritten digits. Before training its singular values follow the
law of noise. Training leaves a bulk and pushes a handful of directions beyond its edge: those are what was
learned.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.neural_network import MLPClassifier

from shallows import diagnose

X, y = load_digits(return_X_y=True)
X = (X - X.mean(axis=0)) / (X.std(axis=0) + 1)
network = MLPClassifier((256,), max_iter=40, alpha=1e-3, random_state=0, early_stopping=True).fit(X, y)
rng = np.random.default_rng(0)
bound = np.sqrt(6 / (64 + 256))  # the initial weights of scikit-learn
found = diagnose({"before": rng.uniform(-bound, bound, (256, 64)), "after": network.coefs_[0].T})
print(found)

figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
for ax, name in zip(axes, ("before", "after"), strict=True):
    found[name].plot(ax)
plt.show()
