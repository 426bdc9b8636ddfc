"""Times `adelie` in an interpreter of its own, since it wants an older NumPy; `lasso_peers.py` starts it.

Reads one JSON line for each fit: files of ``X`` and ``y``, the penalty on ``1/(2n) ||y - X theta||^2``, the tolerance,
whether to copy ``X`` into Fortran order first, how long and how often to repeat; writes the weights to a file and
answers with a JSON line of seconds. Needs `adelie` and what it needs, nothing else.
"""

import json
import sys
import time
import warnings

import adelie
import numpy as np


def fit(x, y, task, threads):
    """Seconds and weights."""
    start = time.perf_counter()
    state = adelie.grpnet(
        np.asfortranarray(x) if task["copy"] else x,
        adelie.glm.gaussian(y),
        lmda_path=[task["penalty"]],
        intercept=False,
        tol=task["tolerance"],
        adev_tol=1.0,
        early_exit=False,
        n_threads=threads,
        progress_bar=False,
    )
    weights = np.asarray(state.betas[-1].todense()).ravel() if state.betas.shape[0] else np.zeros(x.shape[1])
    return time.perf_counter() - start, weights


def main():
    warnings.simplefilter("ignore")
    threads, loaded, x, y = int(sys.argv[1]), None, None, None
    print(json.dumps({"version": adelie.__version__}), flush=True)
    for line in sys.stdin:
        task = json.loads(line)
        if task["data"] != loaded:
            loaded = task["data"]
            x, y = np.load(task["data"] + ".x.npy"), np.load(task["data"] + ".y.npy")
        seconds, began, weights = [], time.perf_counter(), None
        while not seconds or (time.perf_counter() - began < task["spend"] and len(seconds) < task["repeat"]):
            took, weights = fit(x, y, task, threads)
            seconds.append(took)
        np.save(task["data"] + ".w.npy", weights)
        print(json.dumps({"seconds": seconds}), flush=True)


if __name__ == "__main__":
    main()
