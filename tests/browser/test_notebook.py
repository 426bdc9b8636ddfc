"""The notebook's widget in a real browser, with the kernel's side played by this test."""

import pytest

from shallows import Explorer, PowerLaw, Problem, predict
from shallows.explore.notebook import widget_script
from shallows.explore.page import part, settings

PAGE = f"<!doctype html><meta charset=utf-8><style>{part('explorer.css')}</style><body><div id=cell></div></body>"
RENDER = """async ([code, settings, first]) => {
    const listeners = [];
    const model = {
        get: (name) => ({ settings, first })[name],
        on: (_, act) => listeners.push(act),
        send: async (message) => {
            const answer = await window.kernel(message);
            listeners.forEach((act) => act(answer));
        },
    };
    const address = URL.createObjectURL(new Blob([code], { type: 'text/javascript' }));
    await (await import(address)).default.render({ model, el: document.getElementById('cell') });
}"""


class Sent:
    def send(self, message):
        self.message = message


def test_the_widget_shows_what_the_kernel_predicts(visit):
    explorer = Explorer(Problem("diagonal", PowerLaw(60, 1.2), samples=500, noise=0.1), weight_decay=0.4)

    def kernel(question):
        sent = Sent()
        explorer._answer(sent, question, [])
        return sent.message

    one = visit()
    one.page.expose_function("kernel", kernel)
    one.page.set_content(PAGE)
    one.run(RENDER, [widget_script(), settings(), explorer.view.query()])
    one.page.wait_for_selector("#cell[data-state=ready]")
    right = predict(explorer.view.problem(), weight_decay=0.4).excess_risk
    assert one.risk == pytest.approx(right, rel=1e-9)
    before = one.page.locator("#explorer-samples").input_value()
    one.page.locator("#explorer-diagram").click(position={"x": 250, "y": 100})
    one.page.wait_for_function(f"document.querySelector('#explorer-samples').value !== '{before}'")
    assert one.errors == []
    assert one.requests == [] or all(url.startswith(("data:", "blob:", "about:")) for url in one.requests)
