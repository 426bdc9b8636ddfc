"""How often the intervals of noise scales and strengths that spectra give hold theory's and the teacher's.

    python benchmarks/diagnosis_intervals.py

Over the seeds 4 i + 1 of ``diagnosis_suite.py``, with samples and weight decay and without; widths were set on 4 i + 3.
"""

import numpy as np
from diagnosis_suite import FOLDER, load, problem_of

from shallows.diagnosis import analyse_network


def main():
    scales, strengths = {}, {}
    for path in sorted(FOLDER.glob("*.npz"), key=lambda path: int(path.stem)):
        if int(path.stem) % 4 != 1:
            continue
        record, own = load(path)
        problem = problem_of(record)
        if problem.effective_samples < 6:
            continue
        modes = problem.teacher.values(problem.network)
        for known in (True, False):
            options = {"samples": record["samples"], "weight_decay": record["weight_decay"]} if known else {}
            spectrum, _ = analyse_network(own, problem.network, **options)
            key = (problem.network, "known" if known else "free")
            seen = spectrum.bulk is not None
            if seen:
                low, high = spectrum.bulk.interval
                scales.setdefault(key, []).append(low <= record["noise_scale"] <= high)
            for one, mode in zip(spectrum.outliers, modes, strict=False):
                inside = one.strength_interval[0] <= np.sqrt(mode) <= one.strength_interval[1]
                strengths.setdefault((*key, "seen" if seen else "hidden"), []).append(inside)
    for name, found in (("noise scale", scales), ("strength", strengths)):
        for key, inside in sorted(found.items()):
            print(f"{name:12s} {' '.join(key):24s} {np.mean(inside):.1%} of {len(inside)}")


if __name__ == "__main__":
    main()
