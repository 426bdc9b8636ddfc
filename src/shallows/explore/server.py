"""The explorer's server: one page, and its questions answered in JSON. Runs nothing that it is sent."""

from __future__ import annotations

import asyncio
import json
import logging
import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from socket import AF_INET, AF_INET6, create_server, getaddrinfo, gethostname
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tornado.httpserver import HTTPServer
from tornado.web import Application, RequestHandler

from .._arguments import shown
from ..errors import InvalidArgument, ShallowsError
from .loaded import MOST_BYTES
from .page import assets, live_page

if TYPE_CHECKING:
    from collections.abc import Callable

    from .loaded import Opened
    from .service import Service

#: Names that a browser on this machine calls it by.
LOOPBACK = ("127.0.0.1", "localhost", "::1")
#: Longest address that is read, threads that answer.
MOST_QUERY, THREADS = 4000, 4
#: What a page may do: its own scripts and styles, and questions to this server alone.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class _Handler(RequestHandler):
    """What all answers have in common: who may ask, and how an error is told."""

    def initialize(self, service: Service, hosts: tuple[str, ...], page: str, pool: Any) -> None:
        self.service, self.hosts, self.page, self.pool = service, hosts, page, pool

    def set_default_headers(self) -> None:
        self.clear_header("Server")
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Referrer-Policy", "no-referrer")
        self.set_header("Cache-Control", "no-store")
        self.set_header("Content-Security-Policy", POLICY)
        self.set_header("Cross-Origin-Resource-Policy", "same-origin")

    def prepare(self) -> None:
        """Refuse other names for this machine (DNS rebinding), and other pages that ask through the user's browser."""
        host = self.request.host
        name = urlsplit(f"//{host}").hostname or ""
        if name not in self.hosts:
            self._refuse(403, f"this server is not called {name[:80]!r}")
            return
        origin = self.request.headers.get("Origin")
        foreign = origin is not None and urlsplit(origin).netloc != host
        if foreign or self.request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
            self._refuse(403, "asked from another page")
            return
        if len(self.request.uri or "") > MOST_QUERY:
            self._refuse(414, "the address is too long")

    def _refuse(self, status: int, reason: str) -> None:
        self.set_status(status)
        self.finish({"error": reason})

    async def tell(self, question: Callable[[], dict[str, Any]]) -> None:
        """Answer in a thread; what is unusable is told in one line, and what went wrong in no more than that."""
        try:
            found = await asyncio.get_running_loop().run_in_executor(self.pool, question)
        except InvalidArgument as error:
            self._refuse(400, f"{error.name}: got {error.value}; {error.allowed}")
        except (ShallowsError, ArithmeticError, MemoryError) as error:
            self._refuse(422, f"{error}" or type(error).__name__)
        else:
            self.set_header("Content-Type", "application/json")
            self.finish(json.dumps(found, allow_nan=False))

    def write_error(self, status_code: int, **_: Any) -> None:
        self.finish({"error": self._reason})

    def log_exception(self, *error: Any) -> None:
        logging.getLogger("shallows.explore").error("internal error", exc_info=error)


class _Page(_Handler):
    def get(self) -> None:
        """The page itself."""
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.finish(self.page)


class _Asset(_Handler):
    def get(self, name: str) -> None:
        """One of the files that the page is made of."""
        kind, read = assets()[name]
        self.set_header("Content-Type", f"{kind}; charset=utf-8")
        self.set_header("Cache-Control", "no-cache")
        content = read()
        self.set_etag_header()
        self.finish(content)


class _Question(_Handler):
    async def get(self, what: str) -> None:
        """A question that changes nothing."""
        await self._ask(what)

    async def post(self, what: str) -> None:
        """One that starts or ends something."""
        await self._ask(what)

    async def _ask(self, what: str) -> None:
        changes = what in ("train", "cancel")
        if changes != (self.request.method == "POST"):
            self._refuse(405, f"ask for it by {'POST' if changes else 'GET'}")
            return
        given: dict[str, str] = {}
        for name, values in self.request.query_arguments.items():
            given[name] = values[-1].decode("utf-8", "replace")
        page = self.request.headers.get("X-Page", "")[:64]
        await self.tell(lambda: self.service.answer(what, given, page))


class _Load(_Handler):
    async def post(self) -> None:
        """A file's content, whose name is in the address."""
        name, content = self.get_query_argument("name", "")[:200], self.request.body
        await self.tell(lambda: self.service.load(name, content))


def application(service: Service, hosts: tuple[str, ...], page: str) -> Application:
    """The web application.

    Parameters
    ----------
    service : Service
        Answers.
    hosts : tuple of str
        Names that the server may be called by.
    page : str
        What stands at the root.
    """
    common = {"service": service, "hosts": hosts, "page": page, "pool": ThreadPoolExecutor(THREADS)}
    names = "|".join(name.replace(".", r"\.") for name in assets())
    return Application(
        [
            (r"/", _Page, common),
            (rf"/({names})", _Asset, common),
            (r"/api/(point|diagram|train|training|cancel)", _Question, common),
            (r"/api/load", _Load, common),
        ],
        default_handler_class=_Missing,
        default_handler_args=common,
        log_function=lambda _: None,
    )


class _Missing(_Handler):
    def prepare(self) -> None:
        """There is nothing of this name."""
        self._refuse(404, "there is no such page")


def serve(
    service: Service, host: str, port: int, first: str, ready: Callable[[str], None], *, opened: Opened | None = None
) -> None:
    """Serve until interrupted.

    Parameters
    ----------
    service : Service
    host : str
        Address to listen on.
    port : int
        0: any that is free.
    first : str
        Query of the view that the bare page opens with.
    ready : callable
        Told the page's address once it can be opened.
    opened : Opened, optional
        What the page is to stand inside.

    Raises
    ------
    InvalidArgument
        If the address or the port cannot be had.
    """
    page = live_page(first, None if opened is None else opened.to_dict())
    asyncio.run(_serve(service, host, port, page, ready))


async def _serve(service: Service, host: str, port: int, page: str, ready: Callable[[str], None]) -> None:
    try:
        listening = create_server((host, port), family=AF_INET6 if ":" in host else AF_INET)
    except OSError as error:
        raise InvalidArgument("--host / --port", shown(f"{host}:{port}"), f"cannot be had: {error.strerror}") from None
    open_to_all = host in ("0.0.0.0", "::", "")
    names = (*LOOPBACK, *((gethostname(), *_own_addresses()) if open_to_all else (host,)))
    listening.setblocking(False)
    server = HTTPServer(
        application(service, names, page), max_body_size=2 * MOST_BYTES, idle_connection_timeout=120, body_timeout=30
    )
    server.add_socket(listening)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with suppress(NotImplementedError, RuntimeError, ValueError):  # Windows, or not the main thread
            loop.add_signal_handler(number, stop.set)
    shown_host = "127.0.0.1" if open_to_all else host
    shown_host = f"[{shown_host}]" if ":" in shown_host else shown_host
    ready(f"http://{shown_host}:{listening.getsockname()[1]}/")
    try:
        await stop.wait()
    finally:
        service.close()
        server.stop()
        await server.close_all_connections()


def _own_addresses() -> tuple[str, ...]:
    """Addresses that this machine's name stands for, as far as it tells."""
    with suppress(OSError):
        return tuple({str(found[4][0]) for found in getaddrinfo(gethostname(), None)})
    return ()
