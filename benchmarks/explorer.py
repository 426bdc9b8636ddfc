"""How fast the explorer starts and answers, in a real browser, on one core.

Run: ./run bench explorer [--two-cores] [--saved]
Starting: from the command to the page's address, and to the first figures in the browser. A slider's answer: from the
move to the frame in which numbers, curve, spectrum and bars have followed, at d = 400, the server and the browser
sharing that core, unless --two-cores lets them use all. Beside it the processor time that server and browser together
spent on the answer, which does not depend on what else the machine does.
With --saved: size of a saved page of each network, what making it takes, and what it says of its error.
"""

from __future__ import annotations

import os

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[_name] = "1"

import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import psutil

FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
MOVES = 8
SLIDERS = ("samples", "weight_decay", "noise", "gamma", "width", "covariance")
MOVE = """async ([name, place]) => {
    const slider = document.querySelector(`[data-slider=${name}]`), before = explorer.timings.length;
    slider.value = Math.round(place * Number(slider.max));
    slider.dispatchEvent(new Event('input', { bubbles: true }));
    while (explorer.waiting || explorer.asking || explorer.timings.length === before)
        await new Promise((done) => setTimeout(done, 1));
    return explorer.timings.at(-1);
}"""


def one_core() -> None:
    """Everything that this process starts shares one core, where the system can say so."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def spent() -> float:
    """Processor time so far of everything that this process has started, in milliseconds."""
    total = 0.0
    for process in psutil.Process().children(recursive=True):
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += 1e3 * (times.user + times.system)
    return total


def live() -> None:
    from playwright.sync_api import sync_playwright

    path = os.environ.get("SHALLOWS_BROWSER") or next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        sys.exit("no Chromium found: apt-get install chromium, or set SHALLOWS_BROWSER")
    generator = np.random.default_rng(0)
    print("network     slider         median ms   95 of 100 ms   processor ms")
    for network in ("diagonal", "quadratic"):
        began = time.perf_counter()
        command = [sys.executable, "-m", "shallows", "explore", "--no-browser", "--network", network]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
            assert server.stderr is not None
            address = server.stderr.readline().split()[1]
            served = time.perf_counter() - began
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
                page = browser.new_page(viewport={"width": 1280, "height": 900})
                opening = time.perf_counter()
                page.goto(address)
                page.wait_for_selector("#explorer-risk[data-value]")
                shown = time.perf_counter() - opening
                page.wait_for_selector("[data-state=ready]")
                rested = time.perf_counter() - opening
                for name in SLIDERS:
                    if not page.locator(f"[data-slider={name}]").is_visible():
                        continue
                    times, work = [], 0.0
                    for place in generator.uniform(0.2, 0.8, MOVES):
                        before = spent()
                        times.append(page.evaluate(MOVE, [name, float(place)]))
                        work += (spent() - before) / MOVES
                        page.wait_for_selector("[data-state=ready]")
                    typical, most = np.quantile(times, [0.5, 0.95])
                    print(f"{network:12}{name:15}{typical:9.0f}{most:15.0f}{work:15.0f}", flush=True)
                browser.close()
            server.send_signal(2)
            server.wait(30)
        print(
            f"{network:12}address after {served:.1f} s, figures {shown:.1f} s after opening it, everything "
            f"{rested:.1f} s after",
            flush=True,
        )


def saved() -> None:
    with tempfile.TemporaryDirectory() as folder:
        for network in ("diagonal", "quadratic"):
            path = Path(folder) / f"{network}.html"
            began = time.perf_counter()
            command = [sys.executable, "-m", "shallows", "explore", "--network", network, "--save", str(path)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            took = time.perf_counter() - began
            print(f"{network}: {path.stat().st_size / 1e6:.1f} MB, made in {took:.0f} s. {done.stdout.splitlines()[1]}")


def main() -> int:
    if "--two-cores" not in sys.argv[1:]:
        one_core()
    if "--saved" in sys.argv[1:]:
        saved()
    else:
        live()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
