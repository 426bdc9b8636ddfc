"""Free convolution of a discrete spectrum with a semicircle, without matrices and without Monte Carlo."""
