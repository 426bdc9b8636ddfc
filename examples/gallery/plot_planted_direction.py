"""
When a direction stands out of noise
====================================

A matrix of noise with one planted direction. Below a sharp threshold of its strength nothing shows: the
largest singular value is that of noise. Above it an outlier leaves the bulk, and its direction begins to
agree with the planted one. Crosses are what :func:`shallows.diagnosis.analyse_matrix` found without knowing
what was planted.
"""

import matplotlib.pyplot as plt
import numpy as np

from shallows.diagnosis import analyse_matrix

m, n = 300, 150
rng = np.random.default_rng(0)
left, right = rng.normal(size=m), rng.normal(size=n)
left, right = left / np.linalg.norm(left), right / np.linalg.norm(right)
threshold = (m * n) ** 0.25  # Baik, Ben Arous and Peche
strengths, rows = np.linspace(0, 2.2, 23), []
for strength in strengths:
    matrix = rng.normal(size=(m, n)) + strength * threshold * np.outer(left, right)
    u, s, _ = np.linalg.svd(matrix)
    found = analyse_matrix(matrix).outliers
    rows.append((s[0], (u[:, 0] @ left) ** 2, found[0].strength / threshold if found else np.nan))
largest, overlap, estimated = np.array(rows).T

figure, (above, below) = plt.subplots(2, 1, figsize=(6.6, 5.4), sharex=True, layout="constrained")
above.axhspan(0, np.sqrt(m) + np.sqrt(n), color="0.88", label="bulk of noise", zorder=0)
above.plot(strengths, largest, "o", color="#0072B2", label="largest singular value")
above.plot(strengths, estimated * threshold, "x", color="#D55E00", label="strength found")
above.plot(strengths, strengths * threshold, color="#D55E00", linewidth=0.8, label="strength planted")
above.set(ylabel="singular value", ylim=(0, 55))
above.legend(loc="upper left", ncols=2)
s2, ratio = np.maximum(strengths, 1) ** 2, np.sqrt(n / m)
below.plot(strengths, overlap, "o", color="#0072B2", label="measured")
below.plot(strengths, (1 - s2**-2) / (1 + 1 / (ratio * s2)), color="black", label="derived, large matrices")
below.axvline(1, color="0.6", linewidth=0.8, linestyle=":")
below.set(xlabel="strength over threshold", ylabel="squared overlap of directions")
below.legend()
plt.show()
