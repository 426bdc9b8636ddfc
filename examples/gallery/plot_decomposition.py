"""
Where the error comes from
==========================

The excess risk of a quadratic network in its four parts, along the number of samples at one weight decay. Few
samples: most of the teacher is not learned (underfitting). At interpolation the network follows the noise
(overfitting), of which a little points along the teacher by chance (alignment, negative). What is learned is
shrunk by the weight decay and not quite in the right direction (approximation).
"""

import matplotlib.pyplot as plt
import numpy as np

from shallows import PowerLaw, Problem, predict

samples = np.geomspace(400, 4e6, 41)
parts = {"underfitting": [], "overfitting": [], "approximation": [], "alignment": []}
risks = []
for n in samples:
    prediction = predict(Problem("quadratic", PowerLaw(dim=400, gamma=1.25), n, noise=0.3), weight_decay=0.3)
    risks.append(prediction.excess_risk)
    for name, values in parts.items():
        values.append(getattr(prediction.decomposition, name))

figure, (above, below) = plt.subplots(2, 1, figsize=(6.6, 5), sharex=True, layout="constrained", height_ratios=[1, 1.3])
above.plot(samples / 400, risks, color="black")
above.set(yscale="log", ylabel="excess risk")
colours = {"underfitting": "#56B4E9", "overfitting": "#D55E00", "approximation": "#009E73"}
shares = {name: np.array(values) / risks for name, values in parts.items()}
below.stackplot(
    samples / 400, *(shares[name] for name in colours), colors=colours.values(), labels=list(colours), alpha=0.85
)
below.fill_between(samples / 400, shares["alignment"], color="#CC79A7", alpha=0.85, label="alignment")
below.axhline(0, color="black", linewidth=0.8)
below.set(xscale="log", xlabel="effective samples, $n/d$", ylabel="share of the excess risk", xlim=(1, 1e4))
below.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=4)
plt.show()
