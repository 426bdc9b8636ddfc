"""
A table, fitted and read
========================

Ten measurements of 442 patients, and the progress of their diabetes a year later. The network chooses its
weight decay from the training data alone and says how large its error on new patients will be. Beside it
stands what each column tells, with an interval that holds for correlated columns too; filled marks are
discoveries, of which one in ten is expected to be false at most.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_diabetes

from shallows import DiagonalNetworkRegressor

X, y = load_diabetes(return_X_y=True, as_frame=True)
model = DiagonalNetworkRegressor().fit(X, y)
error = model.test_error_estimate_
print(f"test error {error.value:.0f}, 90 % interval {error.low:.0f} to {error.high:.0f}; labels vary by {y.var():.0f}")

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
model.check_weights().plot(left)
model.path_.plot(right)
left.set_title("What each column tells")
right.set_title("Weight decays tried")
plt.show()
