"""The explorer's live page, in a real browser."""

import numpy as np
import pytest

from shallows import predict
from shallows.explore.jobs import train_once
from shallows.explore.views import View

SLIDERS = ("samples", "weight_decay", "noise", "gamma", "dim", "width", "covariance")


def expected(view):
    """What `predict` says of the view that a page is at, None where it has no answer."""
    given = {name: str(value) for name, value in view.items() if value is not None and value != ""}
    prediction = predict(View.parse(given).problem(), weight_decay=view["weight_decay"], throw=False)
    return prediction.excess_risk if prediction.status.ok else None


def test_loads_without_console_errors_and_starts_where_the_command_says(visit, address):
    one = visit().open(address)
    assert (one.view["network"], one.view["dim"]) == ("diagonal", 60)
    assert one.risk == pytest.approx(expected(one.view), rel=1e-9)
    assert one.page.locator("#explorer-phase").inner_text() != "–"
    assert "The four terms add up" in one.page.locator("#explorer-reading").inner_text()
    assert one.run("explorer.figures.sources.borders.data.x0.length") > 20
    assert one.run("[...document.querySelectorAll('.drawing')].every((f) => f.getBoundingClientRect().height > 200)")
    assert one.errors == []
    assert all(url.startswith((address, "data:", "blob:")) for url in one.requests)


def test_sliders_change_numbers_to_what_predict_says(visit, address):
    one = visit().open(address)
    generator = np.random.default_rng(0)
    answered = 0
    for k in range(50):
        if k % 10 == 0:
            network = ("quadratic", "diagonal")[k // 10 % 2]
            one.page.locator(f"input[value={network}]").check(force=True)
            one.run("document.activeElement.blur()")
        one.slide({name: float(generator.random()) for name in SLIDERS})
        shown, right = one.risk, expected(one.view)
        assert (shown is None) == (right is None), one.view
        if right is not None:
            assert shown == pytest.approx(right, rel=1e-6), one.view
            answered += 1
    assert answered >= 40
    assert one.errors == []


def test_no_number_where_theory_has_no_answer(visit, address):
    one = visit().open(f"{address}?network=diagonal&dim=60&samples=60&noise=0.5&weight_decay=0")
    assert one.risk is None
    text = one.page.locator(".facts").inner_text() + one.page.locator("#explorer-reading").inner_text()
    assert "no answer" in text and "divergent" in text
    assert not any(part.strip() and part.strip()[0].isdigit() for part in one.page.locator(".fact b").all_inner_texts())
    assert one.run("explorer.figures.sources.terms.data.value.length") == 0
    assert one.errors == []


def test_click_and_drag_on_the_diagram(visit, address):
    one = visit().open(address)
    where = """([u, v]) => {
        const view = explorer.figures.views.diagram, box = view.frame.bbox;
        const corner = view.canvas_view.el.getBoundingClientRect();
        return [corner.left + box.x0 + u * (box.x1 - box.x0), corner.top + box.y1 - v * (box.y1 - box.y0)];
    }"""
    one.page.mouse.click(*one.run(where, [0.4, 0.7]))
    one.ready()
    sight = one.run("explorer.answer.sight")
    aim = {name: low * (high / low) ** u for (name, (low, high)), u in zip(sight.items(), (0.4, 0.7), strict=True)}
    assert one.view["samples"] == pytest.approx(aim["samples"], rel=0.05)
    assert one.view["weight_decay"] == pytest.approx(aim["weight_decay"], rel=0.05)
    assert one.risk == pytest.approx(expected(one.view), rel=1e-6)
    one.page.mouse.move(*one.run(where, [0.3, 0.3]))
    one.page.mouse.down()
    one.page.mouse.move(*one.run(where, [0.6, 0.5]), steps=5)
    one.page.mouse.up()
    one.ready()
    assert one.view["samples"] == pytest.approx(
        sight["samples"][0] * (sight["samples"][1] / sight["samples"][0]) ** 0.6, rel=0.05
    )
    assert one.risk == pytest.approx(expected(one.view), rel=1e-6)
    assert one.errors == []


def test_a_link_restores_the_state_and_the_code_reproduces_it(visit, address):
    first = visit().open(address)
    first.page.locator("input[value=quadratic]").check(force=True)
    first.slide({"samples": 0.55, "weight_decay": 0.3, "gamma": 0.4, "width": 0.5, "covariance": 0.2})
    first.ready()
    other = visit().open(first.page.url)
    assert other.view == first.view and other.risk == first.risk
    other.page.locator("#explorer-code").click()
    lines = other.page.locator("#explorer-python").inner_text()
    assert other.page.locator("#explorer-shell").inner_text().startswith("shallows predict --network quadratic")
    scope = {}
    exec(lines.replace("print(prediction)", ""), scope)
    assert scope["prediction"].excess_risk == pytest.approx(first.risk, rel=1e-9)
    other.page.locator("#explorer-close").click()
    assert first.errors == other.errors == []


def test_train_and_cancel(visit, address):
    one = visit().open(f"{address}?network=diagonal&dim=60&samples=300&noise=0.2&weight_decay=0.5")
    one.page.locator("#explorer-train").click()
    one.until("explorer.training.points.length === 1")
    point = one.run("explorer.training.points[0]")
    view = View.parse({k: str(v) for k, v in one.view.items() if v not in (None, "")})
    assert point["excess_risk"] == pytest.approx(train_once(view.problem(), 0.5, 0)["excess_risk"], rel=1e-9)
    assert one.run("[...explorer.figures.sources.trained.data.y]") == [point["excess_risk"]]
    one.page.locator("input[value=quadratic]").check(force=True)
    one.page.locator("#explorer-dim").fill("300")
    one.page.locator("#explorer-dim").press("Enter")
    one.page.locator("#explorer-samples").fill("60000")
    one.page.locator("#explorer-samples").press("Enter")
    one.ready()
    one.page.locator("#explorer-train").click()
    one.page.locator("#explorer-cancel").click()
    one.until("document.querySelector('#explorer-training').textContent === 'cancelled'")
    assert one.run("explorer.training.points.length") == 1
    assert one.page.locator("#explorer-train").is_enabled() and one.page.locator("#explorer-cancel").is_hidden()
    assert one.errors == []


@pytest.mark.parametrize(
    "query,told",
    [
        ("network=cubic", "there is no network called cubic"),
        ("samples=-5&gamma=nan", "samples = -5 must be an integer from 1"),
        ("samples=8000.5", "samples = 8000.5 must be"),
        ("dim=1e99", "dim = 1e99 must be"),
        ("nonsense=%00%ff&network=<script>alert(1)</script>", "nonsense is not a setting"),
        ("noise=&weight_decay=1e999", "noise = must be"),
        ("teacher=0123456789abcdef", "is not loaded here"),
        ("%E0%A4%A", "is not a setting"),
    ],
)
def test_bad_addresses_are_told_and_left_out(visit, address, query, told):
    one = visit().open(f"{address}?{query}")
    assert told in one.page.locator("#explorer-notice").inner_text()
    assert one.risk == pytest.approx(expected(one.view), rel=1e-6)
    assert one.dialogs == []
    assert [text for text in one.errors if "status of 400" not in text] == []


def test_two_sessions_at_once(visit, address):
    visits = [visit().open(address), visit().open(address)]
    visits[1].page.locator("input[value=quadratic]").check(force=True)
    for place in (0.2, 0.5, 0.8, 0.35):
        for k, one in enumerate(visits):
            one.slide({"gamma": place, "samples": (place + 0.3 * k) % 1})
    for one in visits:
        one.ready()
        assert one.risk == pytest.approx(expected(one.view), rel=1e-6)
        assert one.run("explorer.floors !== null")
        assert one.errors == []
    assert visits[0].view["network"] != visits[1].view["network"]


def test_keyboard_only(visit, address):
    one = visit().open(address)
    reached = []
    for _ in range(40):
        one.page.keyboard.press("Tab")
        where = one.run(
            "document.activeElement.id || document.activeElement.dataset.slider || document.activeElement.value"
        )
        reached.append(where)
        if where == "explorer-samples-slider":
            before = one.view
            one.page.keyboard.press("ArrowRight")
            one.ready()
            assert one.view["samples"] > before["samples"]
        if where == "explorer-noise":
            one.page.keyboard.press("Control+A")
            one.page.keyboard.type("0.25")
            one.page.keyboard.press("Enter")
            one.ready()
            assert one.view["noise"] == 0.25
        if where == "explorer-diagram":
            before = one.view
            one.page.keyboard.press("ArrowLeft")
            one.page.keyboard.press("ArrowUp")
            one.ready()
            assert one.view["samples"] < before["samples"] and one.view["weight_decay"] > before["weight_decay"]
            break
    for name in (
        "explorer-share",
        "explorer-code",
        "explorer-svg",
        "explorer-train",
        "explorer-load",
        "explorer-diagram",
    ):
        assert name in reached
    assert one.risk == pytest.approx(expected(one.view), rel=1e-6)
    one.page.locator("#explorer-code").focus()
    one.page.keyboard.press("Enter")
    assert one.page.locator("#explorer-dialog").is_visible()
    one.page.keyboard.press("Escape")
    assert one.page.locator("#explorer-dialog").is_hidden()
    assert one.errors == []


def test_narrow_screen(visit, address):
    one = visit(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True).open(address)
    assert one.run("document.documentElement.scrollWidth") <= 390
    boxes = one.run(
        """[...document.querySelectorAll('figure, aside, .fact')].map((element) => {
            const box = element.getBoundingClientRect();
            return [box.left, box.right];
        })"""
    )
    assert all(left >= 0 and right <= 390 for left, right in boxes)
    one.page.locator("#explorer-diagram").scroll_into_view_if_needed()
    before = one.view
    one.page.locator("#explorer-diagram").tap(position={"x": 250, "y": 100})
    one.ready()
    assert one.view["samples"] != before["samples"]
    one.slide({"weight_decay": 0.2})
    assert one.risk == pytest.approx(expected(one.view), rel=1e-6)
    assert one.errors == []


def test_a_spectrum_and_a_drawing(visit, address, tmp_path):
    file = tmp_path / "modes.csv"
    file.write_text("mode\n" + "\n".join(str(2.0 / (k + 1)) for k in range(40)))
    one = visit().open(address)
    one.page.locator("#explorer-file").set_input_files(file)
    one.until("document.querySelector('#explorer-loaded').textContent.includes('40 values')")
    one.ready()
    assert one.view["dim"] == 40 and one.page.locator("#explorer-gamma").is_disabled()
    assert one.risk is not None
    file.write_text("not numbers at all")
    one.page.locator("#explorer-file").set_input_files(file)
    one.until("document.querySelector('#explorer-notice').textContent.includes('modes.csv')")
    one.page.locator("#explorer-unload").click()
    one.until("explorer.view.teacher === ''")
    one.ready()
    assert one.page.locator("#explorer-gamma").is_enabled()
    with one.page.expect_download() as download:
        one.page.locator("#explorer-svg").click()
    text = download.value.path().read_text()
    assert text.startswith("<svg ") and text.count("<svg ") == 5 and "shallows predict" in text
    assert (
        one.run("new DOMParser().parseFromString(explorer.drawn, 'image/svg+xml').querySelector('parsererror')") is None
    )
