"""Who may ask the server, what it answers, and what it refuses."""

import asyncio
import http.client
import json
import threading

import pytest

from shallows import predict
from shallows.explore.server import serve
from shallows.explore.service import Service
from shallows.explore.views import View

QUERY = "network=diagonal&dim=40&samples=200&weight_decay=0.5&gamma=1.2&noise=0.2"


@pytest.fixture(scope="module")
def port():
    found, loop_of = [], []
    ready = threading.Event()

    def told(address):
        found.append(int(address.rstrip("/").rsplit(":", 1)[1]))
        loop_of.append((asyncio.get_running_loop(), asyncio.current_task()))
        ready.set()

    def run():
        with pytest.raises(asyncio.CancelledError):
            serve(Service(), "127.0.0.1", 0, QUERY, told)

    thread = threading.Thread(target=run)
    thread.start()
    assert ready.wait(60)
    yield found[0]
    loop, task = loop_of[0]
    loop.call_soon_threadsafe(task.cancel)
    thread.join(30)
    assert not thread.is_alive()


def ask(port, path, method="GET", body=None, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body=body, headers=named)
        answer = connection.getresponse()
        return answer.status, answer.read().decode(), dict(answer.getheaders())
    finally:
        connection.close()


def test_the_page_and_its_parts(port):
    status, text, headers = ask(port, "/")
    assert status == 200 and QUERY.replace("&", "&") in text and "<!--" not in text
    assert "script-src 'self';" in headers["Content-Security-Policy"]
    for name in ("bokeh.min.js", "bokeh-api.min.js", "explorer.js", "explorer.css"):
        status, text, _ = ask(port, f"/{name}")
        assert status == 200 and len(text) > 1000


def test_a_point_is_the_prediction(port):
    status, text, _ = ask(port, f"/api/point?{QUERY}")
    view = View.parse(dict(pair.split("=") for pair in QUERY.split("&")))
    risk = predict(view.problem(), weight_decay=view.weight_decay).excess_risk
    assert status == 200 and json.loads(text)["numbers"]["excess_risk"] == pytest.approx(risk, rel=1e-12)


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "127.0.0.1.evil.example:80"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Sec_Fetch_Site": "cross-site"},
    ],
)
def test_other_names_and_other_pages_are_refused(port, headers):
    for path, method in ((f"/api/point?{QUERY}", "GET"), ("/", "GET"), (f"/api/train?{QUERY}", "POST")):
        status, text, _ = ask(port, path, method, **headers)
        assert status == 403 and "excess_risk" not in text


@pytest.mark.parametrize(
    "path,method,status",
    [
        ("/api/point?network=cubic", "GET", 400),
        ("/api/point?dim=1000000", "GET", 400),
        ("/api/point?samples=__import__('os')", "GET", 400),
        ("/api/point?teacher=../../etc/passwd", "GET", 400),
        (f"/api/diagram?{QUERY}&grid=huge", "GET", 400),
        (f"/api/train?{QUERY}", "GET", 405),
        (f"/api/point?{QUERY}", "POST", 405),
        (f"/api/train?{QUERY}&seed=-1", "POST", 400),
        ("/api/train?dim=5000&samples=1e9", "POST", 400),
        ("/api/training?job=unknown", "GET", 400),
        ("/api/eval?x=1", "GET", 404),
        ("/../../etc/passwd", "GET", 404),
        ("/api/point?" + "a" * 5000, "GET", 414),
    ],
)
def test_what_cannot_be_used_is_refused_without_a_word_more(port, path, method, status):
    found, text, _ = ask(port, path, method)
    assert found == status
    assert list(json.loads(text)) == ["error"] and "Traceback" not in text


def test_a_file_can_be_loaded_and_looked_at(port):
    status, text, _ = ask(port, "/api/load?name=modes.txt", "POST", b"3 1 0.5 0.25")
    name = json.loads(text)["settings"]["teacher"]
    assert status == 200
    status, text, _ = ask(port, f"/api/point?teacher={name}&dim=4&samples=40&network=diagonal")
    assert status == 200 and json.loads(text)["dim"] == 4
    try:
        status, _, _ = ask(port, "/api/load?name=modes.txt", "POST", b"1 " * 6_000_000)
    except ConnectionError:  # hung up on before all was sent
        status = 413
    assert status in (400, 413)


def test_a_page_that_moved_on_gets_no_diagram():
    service = Service()
    given = dict(pair.split("=") for pair in QUERY.split("&"))
    held = threading.Event()
    results = []

    def first():
        held.set()
        results.append(service.answer("diagram", given | {"noise": "0.21"}, "page"))

    with service._one_diagram:
        thread = threading.Thread(target=first)
        thread.start()
        held.wait(10)
        while not service._latest:
            pass
        service._latest["page"] = object()
    thread.join(60)
    assert results == [{"superseded": True}]
