"""A real browser on the explorer's pages: Debian's Chromium, driven by Playwright. Run: ./run test-browser"""

import os
import shutil
import subprocess
import sys
import time

import pytest
from playwright.sync_api import sync_playwright

from shallows.explore.grids import Resolution, family_grid
from shallows.explore.page import saved_page
from shallows.explore.views import View

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()
#: Coarse, so that it is made within seconds: what it is off by is stated on the page all the same.
COARSE = Resolution(
    samples=15, weight_decays=13, gammas=4, noises=4, laws=(5, 6), points=40, modes=15, maps=6, probes=60
)
PATIENCE = 60_000


@pytest.fixture(scope="session")
def browser():
    path = os.environ.get("SHALLOWS_BROWSER") or next(filter(None, map(shutil.which, BROWSERS)), None)
    assert path, "no Chromium found: apt-get install chromium, or set SHALLOWS_BROWSER"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def address():
    """Of a server of its own, ended as a user ends it."""
    command = [sys.executable, "-m", "shallows", "explore", "--no-browser", "--network", "diagonal", "--dim", "60"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        line = server.stderr.readline()
        assert line.startswith("Explorer: http://127.0.0.1:"), line
        yield line.split()[1]
        server.send_signal(2)
        out, error = server.communicate(timeout=30)
        assert (server.returncode, out, error) == (0, "", ""), (server.returncode, out, error)


@pytest.fixture(scope="session")
def saved(tmp_path_factory):
    """A page without a server, and its grid."""
    view = View.parse({"network": "diagonal", "dim": "60", "samples": "2000"})
    grid = family_grid(view, view.problem(), lambda *_: None, COARSE)
    path = tmp_path_factory.mktemp("saved") / "explorer.html"
    path.write_text(saved_page(view, grid), encoding="utf-8")
    return path, grid


class Visit:
    """A page in a browser of its own, and what it said on the console."""

    def __init__(self, browser, **settings):
        self.context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **settings})
        self.context.set_default_timeout(PATIENCE)
        self.page = self.context.new_page()
        self.errors, self.requests, self.dialogs = [], [], []
        self.page.on("console", lambda message: message.type == "error" and self.errors.append(message.text))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("dialog", lambda dialog: (self.dialogs.append(dialog.message), dialog.dismiss()))

    def open(self, url):
        self.page.goto(url)
        self.ready()
        return self

    def ready(self):
        self.page.wait_for_selector("[data-state=ready]")
        self.until("!explorer.waiting && !explorer.asking")

    def until(self, condition):
        """Wait from outside: the page's own policy lets no text run in it."""
        end = time.monotonic() + PATIENCE / 1000
        while not self.run(condition):
            assert time.monotonic() < end, condition
            time.sleep(0.05)

    def run(self, script, argument=None):
        return self.page.evaluate(script, argument)

    @property
    def view(self):
        return self.run("({...explorer.view})")

    @property
    def risk(self):
        """The number that the page shows, unrounded; None where it shows none."""
        text = self.page.locator("#explorer-risk").get_attribute("data-value")
        return float(text) if text else None

    def slide(self, places):
        """Move sliders to these places, from 0 to 1, as a hand does, and wait for the answer."""
        self.run(
            """async (places) => {
                for (const [name, place] of Object.entries(places)) {
                    const slider = document.querySelector(`[data-slider=${name}]`);
                    if (slider.closest('[hidden]') || slider.disabled) continue;
                    slider.value = Math.round(place * Number(slider.max));
                    slider.dispatchEvent(new Event('input', { bubbles: true }));
                }
                while (explorer.waiting || explorer.asking) await new Promise((done) => setTimeout(done, 2));
            }""",
            places,
        )


@pytest.fixture
def visit(browser):
    visits = []

    def make(**settings):
        visits.append(Visit(browser, **settings))
        return visits[-1]

    yield make
    for one in visits:
        one.context.close()
