"""Training on a GPU against the same machine's processor: from which size it pays.

    python benchmarks/gpu.py [--device cuda] [--draws N] [--largest NUMBERS]

Every size is solved to the same certificate (relative gap 1e-6) on the host, with as many threads as the process may
use, on the device from an array on the host (its copy counted), and on the device from a tensor that is there already.
Medians over draws, with the worst; the objectives must agree to the gap. The ratio is the host's time over that from a
tensor on the device.
"""

from __future__ import annotations

import argparse
import os
import time

import numpy as np

from shallows import PowerLaw, Problem
from shallows.operators import require_torch
from shallows.training import sample, train

GAP = 1e-6
#: Network, exponent, noise, then features, samples and weight decay of each size, from small to large.
SIZES = [
    ("diagonal", 1.0, 0.5, [(1000, 500, 0.5), (2000, 1000, 0.5), (4000, 2000, 0.5), (8000, 8000, 0.5)]),
    (
        "quadratic",
        1.25,
        0.1,
        [
            (50, 1000, 0.5),
            (100, 3000, 0.5),
            (150, 6000, 0.5),
            (200, 10000, 0.5),
            (400, 26515, 0.5),
            (800, 60000, 0.5),
        ],
    ),
]


def timed(solve, synchronize):
    began = time.perf_counter()
    fit = solve()
    synchronize()
    return time.perf_counter() - began, fit


def spread(times):
    return f"{np.median(times):.3f} ({max(times):.3f})"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--draws", type=int, default=10)
    parser.add_argument("--largest", type=float, default=3e8, help="leave out sizes of more numbers than this")
    options = parser.parse_args()
    torch = require_torch("this benchmark", "run the others")
    on_gpu = options.device.startswith("cuda")
    synchronize = torch.cuda.synchronize if on_gpu else lambda: None
    name = torch.cuda.get_device_name(options.device) if on_gpu else options.device
    print(f"{name} against {len(os.sched_getaffinity(0))} cores; seconds: median (worst) of {options.draws} draws")
    header = ("network", "d", "n", "host", "device, copied", "device, there", "ratio", "worst ratio", "apart")
    print(" ".join(f"{h:>16}" for h in header))
    for network, gamma, noise, sizes in SIZES:
        for d, n, decay in sizes:
            if d * n > options.largest:
                continue
            rows = []
            for seed in range(-1, options.draws):  # the first compiles and loads
                data = sample(Problem(network, PowerLaw(d, gamma), n, noise), max(seed, 0))
                ask = {"network": network, "weight_decay": decay, "tolerance": GAP}
                there = torch.tensor(data.inputs, device=options.device)
                host, fit = timed(lambda d=data, a=ask: train((d.inputs, d.labels), **a), synchronize)
                copied, second = timed(
                    lambda d=data, a=ask: train((d.inputs, d.labels), device=options.device, **a), synchronize
                )
                ready, third = timed(lambda t=there, d=data, a=ask: train((t, d.labels), **a), synchronize)
                apart = max(abs(f.objective / fit.objective - 1) for f in (second, third))
                rows.append((host, copied, ready, apart))
            host, copied, ready, apart = np.array(rows[1:]).T
            ratio = host / ready
            cells = (spread(host), spread(copied), spread(ready), f"{np.median(ratio):.2f}", f"{min(ratio):.2f}")
            print(" ".join(f"{c:>16}" for c in (network, d, n, *cells, f"{max(apart):.0e}")), flush=True)


if __name__ == "__main__":
    main()
