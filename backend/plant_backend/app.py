"""Puts the application together: the only place that knows who fulfils the ports."""

import asyncio
import contextlib
import os
import secrets
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from contextlib import asynccontextmanager
from dataclasses import astuple
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog
from fastapi import FastAPI

from plant_backend import __version__
from plant_backend.api import (
    API_VERSION,
    alerts,
    calibrations,
    devices,
    events,
    metrics,
    nodes,
    notifications,
    people,
    problems,
    simulations,
    system,
)
from plant_backend.api.body_limit import BodyLimit
from plant_backend.api.gate import Hosts, Proxies, Unheard, guarded, host_of, while_heard, wrong_host
from plant_backend.api.ingress import Ingress, not_the_supervisor
from plant_backend.api.metrics import Counts
from plant_backend.api.openapi import describe_telemetry
from plant_backend.api.telemetry import MAX_BODY, TelemetryEndpoint
from plant_backend.bus.local import LocalBus
from plant_backend.bus.relay import FollowerRelay, Relay
from plant_backend.clock import AgreedClock, SystemClock
from plant_backend.domain.keeping import Keeping
from plant_backend.integrations.notifications import AppriseNotifier
from plant_backend.ports import Clock
from plant_backend.services.registry import Services, build_services
from plant_backend.services.tokens import SigningKeys
from plant_backend.settings import Settings
from plant_backend.storage import allocator, signing_key
from plant_backend.storage.errors import DatabaseUnusable
from plant_backend.storage.instance import instance_id, is_common_key
from plant_backend.storage.migrate import migrate, migrate_postgres
from plant_backend.storage.retention import Retention
from plant_backend.storage.sealer import FileSealer
from plant_backend.storage.store import SqliteStorage, SqlStorage
from plant_backend.wording.writer import CatalogWriter
from plant_backend.worker import Worker

if TYPE_CHECKING:
    from plant_backend.web.site import Site

log = structlog.get_logger(__name__)

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


@asynccontextmanager
async def running(
    settings: Settings, *, with_worker: bool = True, is_guest: bool = False, clock: Clock | None = None
) -> AsyncIterator[Services]:
    """Open the database and run the services over it. Raises storage.errors.DatabaseError.

    `clock` is for who tells a story on SQLite; without it time passes as the settings say.
    """
    allocator.settle()
    keeping = Keeping(
        settings.raw_retention_days,
        settings.five_minute_retention_days,
        settings.decision_retention_days,
        settings.record_retention_days,
        settings.audit_days,
    )
    storage, clock = _storage(settings, keeping, clock, with_worker=with_worker, is_guest=is_guest)
    await storage.open()
    bus: LocalBus = LocalBus()
    notifier = AppriseNotifier(settings.notification_networks)
    try:
        instance = await instance_id(storage)
        keys = SigningKeys(*signing_key.load(settings.signing_key_path))
        if storage.is_shared and not await is_common_key(storage, keys.all):
            log.warning(
                "signing_key_differs", hint=f"Copy {settings.signing_key_path} from the machine that was first."
            )
        if settings.redis_url:
            bus = _redis_bus(settings.redis_url, instance, does_work=with_worker and not is_guest)
        services = build_services(
            storage,
            bus,
            clock,
            instance_id=instance,
            signing_keys=keys,
            command_ttl_ms=settings.command_ttl_s * 1000,
            notifier=notifier,
            writer=CatalogWriter(),
            sealer=FileSealer(settings.notification_key_path),
            real_clock=SystemClock(),
            public_url=settings.public_url,
            keeping=keeping,
        )
        services.events.start()
        storage.listen(services.events)
        storage.listen_here(Relay(bus))
        storage.listen_elsewhere(services.elsewhere)
        storage.listen_elsewhere(FollowerRelay(bus))
        for topic in ("log", "gap"):
            bus.subscribe(topic, lambda _: storage.look())
        worker = Worker(
            services, storage, sweep_s=settings.sweep_interval_s, interval_ms=settings.evaluation_interval_ms
        )
        if with_worker:
            worker.start()
            services.sender.start()
        await bus.start()
        try:
            yield services
        finally:
            services.events.close()
            services.commands.end_all_polls()
            await worker.stop()
            await services.sender.stop()
            await notifier.close()
            await bus.close()
    finally:
        await storage.close()


def _storage(
    settings: Settings, keeping: Keeping, told: Clock | None, *, with_worker: bool, is_guest: bool
) -> tuple[SqlStorage, Clock]:
    """Give the storage that the settings name, brought to this version's schema, and the clock that goes with it."""
    options: dict[str, Any] = {
        "compact_every_s": settings.compact_every_s,
        "compact_at_batches": settings.compact_at_batches,
        "retention": Retention(*astuple(keeping)),
        "is_guest": is_guest,
    }
    clock: Clock
    if settings.database_url:
        _make_folder(settings.data_dir.expanduser())
        before, after = migrate_postgres(settings.database_url)
        # Only who has a second database pays for its driver.
        from plant_backend.storage.postgres_store import PostgresStorage

        clock = AgreedClock(settings.clock_speed, settings.clock_origin_ms)
        shared = PostgresStorage(settings.database_url, clock, may_lead=with_worker, **options)
        storage: SqlStorage = shared
        where = shared.place
    else:
        before, after = migrate(settings.database_path)
        clock = told or SystemClock(settings.clock_speed, settings.clock_origin_ms)
        storage = SqliteStorage(settings.database_path, clock, **options)
        where = str(settings.database_path)
    if before != after:
        log.info("database_migrated", path=where, before=before, after=after)
    return storage, clock


def _make_folder(folder: Path) -> None:
    """Make the folder of the keys. Raises DatabaseUnusable."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DatabaseUnusable(f"The folder {folder} cannot be made: {error.strerror}.") from error


def _redis_bus(url: str, instance: str, *, does_work: bool) -> LocalBus:
    try:
        from plant_backend.bus.redis_streams import RedisBus
    except ImportError as error:
        raise DatabaseUnusable("Redis needs one more package: install plant-backend[redis].") from error
    name = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
    return RedisBus(url, f"plant:{instance}", name, does_work=does_work)


def can_be_advertised(settings: Settings) -> bool:
    """Tell whether the local network should hear of the server: not of one that only this machine reaches."""
    return settings.zeroconf and settings.host not in ("localhost", "::1") and not settings.host.startswith("127.")


@asynccontextmanager
async def advertised(settings: Settings, services: Services, port: int) -> AsyncIterator[None]:
    """Be found on the local network for the length of a block."""
    if not can_be_advertised(settings):
        yield
        return
    # Only who is advertised pays for the library.
    from plant_backend.integrations.zeroconf import Advertisement

    interfaces = None if settings.host in ("0.0.0.0", "::", "") else [settings.host]  # noqa: S104
    advertisement = Advertisement(services.instance_id, API_VERSION, __version__, port, interfaces)
    await advertisement.start()
    try:
        yield
    finally:
        await advertisement.stop()


class Application:
    """The ASGI application: `/telemetry` takes the short way, pages are the dashboard's, all else is FastAPI's."""

    def __init__(self, services: Services, settings: Settings | None = None, ingress: Ingress | None = None) -> None:
        settings = settings or Settings()
        self._ingress = ingress
        self.services = services
        self.counts = Counts()
        self.fastapi = build_fastapi(services)
        self._rest = BodyLimit(self.fastapi)
        self.fastapi.state.metrics_token = settings.metrics_token
        self.fastapi.state.metrics = metrics.registry(services, self.counts)
        self._telemetry = TelemetryEndpoint(services, self.counts.add_telemetry)
        self._hosts = Hosts(settings.names(settings.allowed_hosts))
        self._proxies = Proxies(settings.names(settings.trusted_proxies))
        self._site: Site | None = None
        self._site_opening = asyncio.Lock()

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.fastapi(scope, receive, send)
            return
        with contextlib.suppress(Unheard):
            await self._answer(scope, receive, while_heard(send))

    async def _answer(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if self._ingress is not None and self._ingress.is_way_of(scope):
            # Home Assistant has asked who is there; by which name they came to it is its affair.
            if self._ingress.take_in(scope):
                await self._answer_rest(scope, receive, send)
            else:
                await not_the_supervisor()(scope, receive, guarded(send, self.counts.add_other))
        elif not self._hosts.allows(host_of(scope)):
            await wrong_host()(scope, receive, guarded(send, self.counts.add_other))
        elif scope["path"] == "/telemetry" and scope["method"] == "POST":
            await self._telemetry(scope, receive, send)
        else:
            self._proxies.believe(scope)
            await self._answer_rest(scope, receive, send)

    async def _answer_rest(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        # Whoever is before us has been believed: the path begins with its prefix.
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        is_page = path in ("/", "/web") or path.startswith("/web/")
        rest = await self._dashboard() if is_page else self._rest
        await rest(scope, receive, guarded(send, self.counts.add_other))

    async def _dashboard(self) -> "Site":
        """Give the dashboard. It is made for the first who looks: a server that nobody looks at saves its memory."""
        async with self._site_opening:
            if self._site is None:
                self._site = await asyncio.to_thread(_make_site, self.services)
        return self._site


def _make_site(services: Services) -> "Site":
    from plant_backend.web.site import Site

    return Site(services)


def build_fastapi(services: Services | None) -> FastAPI:
    """Make the FastAPI part. Without services it only describes itself."""
    app = FastAPI(
        title="Plant Automation",
        version=__version__,
        description="Devices, telemetry, watering rules, commands and alerts. Nodes: see `docs/protocol.md`.",
        max_body_size=MAX_BODY,
    )
    app.state.services = services
    problems.install(app)
    for module in (system, metrics, people, nodes, devices, simulations, calibrations, alerts, notifications, events):
        app.include_router(module.router)
    describe_telemetry(app)
    return app
