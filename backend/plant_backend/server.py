"""Runs the application under uvicorn."""

import asyncio
import contextlib
import gc
import signal
import socket
from collections.abc import Callable, Coroutine
from typing import Any

import structlog
import uvicorn

from plant_backend.api.ingress import Ingress
from plant_backend.app import Application, advertised, running
from plant_backend.settings import Settings

log = structlog.get_logger(__name__)


STALLED_MS = 30_000
"""How long a client may take nothing of what is sent to it: two heartbeats of the event stream."""


class PortInUse(Exception):
    """The address cannot be listened on."""


def listen(host: str, port: int) -> socket.socket:
    """Open the listening socket before anything else starts. Raises PortInUse."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        # Who takes nothing for so long is cut off by the kernel, with whatever waits for it: connections inherit this.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, STALLED_MS)
    try:
        listener.bind((host, port))
        # From here on callers wait instead of being refused, and no second server can bind the same port.
        listener.listen(2048)
    except OSError as error:
        listener.close()
        raise PortInUse(
            f"Cannot listen on {host} port {port}: {error.strerror}. "
            "Choose another with --port, PLANT_PORT or PLANT_INGRESS_PORT."
        ) from error
    return listener


class _Server(uvicorn.Server):
    """uvicorn, with the streams and waiting polls ended first, so that stopping takes no time."""

    def __init__(self, config: uvicorn.Config, on_stop: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_stop = on_stop

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._on_stop()
        await super().shutdown(sockets)


async def serve(
    settings: Settings,
    listener: socket.socket,
    ready: Callable[[str], None] | None = None,
    ingress_listener: socket.socket | None = None,
) -> None:
    """Serve until a signal comes. Raises storage.errors.DatabaseError."""
    ingress = (
        None if ingress_listener is None else Ingress(ingress_listener.getsockname()[1], str(settings.ingress_peer))
    )
    async with running(settings, with_worker=settings.with_worker) as services:
        config = uvicorn.Config(
            Application(services, settings, ingress),
            http="httptools",
            # Ours believes nobody until told so; uvicorn believes whoever is on the same machine.
            proxy_headers=False,
            lifespan="off",
            access_log=False,
            log_config=None,
            server_header=False,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=5,
        )

        def stop_waiting() -> None:
            services.events.close()
            services.commands.end_all_polls()

        server = _Server(config, stop_waiting)

        def end(*_: object) -> None:
            server.should_exit = True

        # Raised as an exception, a signal may hit a destructor and be lost; uvicorn's own handlers come later.
        signal.signal(signal.SIGTERM, end)
        host, port = listener.getsockname()[:2]
        url = f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{port}"  # noqa: S104
        if ingress is not None:
            owner = await services.home_users.ensure_owner()
            log.info("ingress_listening", port=ingress.port, peer=str(settings.ingress_peer))
            log.warning(
                "owner_code",
                code=services.home_users.offer_code(),
                hint="Whoever opens the dashboard in Home Assistant looks on; with this code, once and within 24 "
                f"hours, they are the owner ({owner.username}).",
            )
        setup_token = await services.accounts.offer_setup()
        if setup_token is not None:
            log.warning(
                "no_account_yet",
                link=f"{url}/web/setup#{setup_token}",
                hint="Open the link within 24 hours, or run: plant-backend user add NAME",
            )
        log.info("listening", url=url, data=str(settings.data_dir.expanduser()))
        _settle_memory()
        if ready is not None:
            ready(url)
        async with advertised(settings, services, port):
            with contextlib.suppress(KeyboardInterrupt, asyncio.CancelledError):
                await server.serve(sockets=[listener] if ingress_listener is None else [listener, ingress_listener])
    log.info("stopped")


async def work(settings: Settings, ready: Callable[[], None] | None = None) -> None:
    """Run the rules without an API, until a signal comes. Raises storage.errors.DatabaseError."""
    is_over = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, is_over.set)
    async with running(settings) as services:
        log.info("working", instance=services.instance_id)
        _settle_memory()
        if ready is not None:
            ready()
        await is_over.wait()
    log.info("stopped")


def _settle_memory() -> None:
    """Let the garbage collector pass over what lives as long as the process: else it costs a tenth of the ingest."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 50, 100)


def run(settings: Settings, listener: socket.socket, ingress_listener: socket.socket | None = None) -> None:
    """Run `serve` on uvloop where it is to be had."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    _run(serve(settings, listener, ingress_listener=ingress_listener))


def run_worker(settings: Settings) -> None:
    """Run `work` likewise."""
    _run(work(settings))


def _run(main: Coroutine[Any, Any, None]) -> None:
    try:
        import uvloop
    except ImportError:
        asyncio.run(main)
    else:
        uvloop.run(main)
