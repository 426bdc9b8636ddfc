"""Where gradient training of deep diagonal networks ends, by the scale of its initial weights.

Run: ./run bench depth_map [SEEDS] [FOLDER]
Each setting is trained from every scale, beside message passing on the same data sets; a table of excess risks, of
objectives over message passing's, and of active weights, with their standard errors over the data sets; figures into
the folder.
"""

from __future__ import annotations

import sys
from pathlib import Path

from shallows import PowerLaw, Problem, verify
from shallows.networks import Diagonal

DIM, GAMMA, NOISE = 300, 1.0, 0.5
#: Layers, samples and weight decay, from weak to strong.
SETTINGS = [(3, 600, 1.0), (3, 1200, 0.3), (3, 1200, 2.0), (4, 1200, 0.5)]
SCALES = (1.0, 0.5, 0.3, 0.2, 0.1, 0.05)


def main() -> None:
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    folder = Path(sys.argv[2]) if len(sys.argv) > 2 else None
    print("| L | n | lam | initial weights | excess risk | objective over message passing's | active | ends |")
    print("|---|---|---|---|---|---|---|---|")
    for place, (depth, samples, weight_decay) in enumerate(SETTINGS):
        problem = Problem(Diagonal(depth=depth), PowerLaw(DIM, GAMMA), samples, NOISE)
        found = verify(
            problem, weight_decay=weight_decay, seeds=seeds, init_scales=SCALES, learning_curve=False, workers=0
        )
        head = f"| {depth} | {samples} | {weight_decay:g} |"
        print(f"{head} theory | {found.prediction.excess_risk:.4f} | | | |")
        for name in ("amp", "starts"):
            print(f"{head} {name} | {found.measured[name].excess_risk.in_words} | | | |")
        for ending in found.endings:
            height = f"{100 * ending.above.mean:+.1f} +- {100 * (ending.above.standard_error or 0):.1f} %"
            print(
                f"{head} times {ending.init_scale:g} | {ending.excess_risk.in_words} | {height} | "
                f"{ending.active.in_words} | {ending.branch} |",
                flush=True,
            )
        if folder is not None:
            from shallows.plotting.style import save, styled
            from shallows.report.verification_figures import endings_figure

            folder.mkdir(parents=True, exist_ok=True)
            with styled():
                save(endings_figure(found), folder, f"endings-{place}")


if __name__ == "__main__":
    main()
