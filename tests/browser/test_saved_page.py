"""The page without a server, in a real browser that is offline."""

import numpy as np
import pytest

from shallows import predict
from shallows.explore.views import View


@pytest.fixture
def one(visit, saved):
    page = visit()
    page.context.set_offline(True)
    return page.open(saved[0].as_uri())


def test_opens_offline_with_everything_in_it(one, saved):
    assert one.requests == [saved[0].as_uri()] or all(
        url.startswith(("file:", "data:", "blob:")) for url in one.requests
    )
    assert saved[0].stat().st_size < 10e6
    assert one.errors == []
    assert saved[1]["statement"] in one.page.locator("#explorer-footer").inner_text()
    assert one.page.locator("#explorer-dim").is_disabled() and one.page.locator("#explorer-train").is_disabled()
    assert one.run("explorer.figures.sources.borders.data.x0.length") > 20
    assert one.run("explorer.answer.spectrum.spikes.length") > 0


def test_numbers_are_as_far_from_predict_as_the_page_says(one, saved):
    typical, most, _ = saved[1]["errors"]["excess_risk"]
    generator = np.random.default_rng(3)
    errors = []
    for _ in range(50):
        one.slide({name: float(generator.random()) for name in ("samples", "weight_decay", "gamma", "noise")})
        given = {name: str(value) for name, value in one.view.items() if value not in (None, "")}
        exact = predict(View.parse(given).problem(), weight_decay=one.view["weight_decay"], throw=False)
        if exact.status.ok and one.risk is not None:
            errors.append(abs(one.risk / exact.excess_risk - 1))
    assert len(errors) >= 45
    assert np.mean(np.array(errors) <= most) >= 0.85  # 95 % expected; five in 50 more by chance once in a thousand
    assert np.median(errors) <= 3 * typical
    assert one.errors == []


def test_the_address_holds_the_state(one, visit, saved):
    one.slide({"samples": 0.6, "weight_decay": 0.35, "gamma": 0.7})
    one.ready()
    assert "#network=diagonal" in one.page.url
    other = visit().open(one.page.url)
    assert other.view == one.view and other.risk == one.risk
    bad = visit().open(f"{saved[0].as_uri()}#dim=100&gamma=7&samples=0")
    assert "gamma = 7 must be" in bad.page.locator("#explorer-notice").inner_text()
    assert bad.view["dim"] == 60 and bad.risk is not None
    assert one.errors == other.errors == bad.errors == []


def test_the_diagram_moves_it(one):
    one.page.locator("#explorer-diagram").click(position={"x": 260, "y": 120})
    one.ready()
    assert one.risk is not None
    one.page.locator("#explorer-diagram").focus()
    before = one.view
    one.page.keyboard.press("ArrowRight")
    one.ready()
    assert one.view["samples"] > before["samples"]
    assert one.errors == []
