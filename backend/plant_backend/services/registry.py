"""All services of one application, made by `app.py` and used by the API and the worker."""

import hashlib
from dataclasses import dataclass

from plant_backend.domain.keeping import Keeping
from plant_backend.ports import Bus, Clock, NotificationWriter, Notifier, Sealer, Storage
from plant_backend.services.accounts import Accounts
from plant_backend.services.alerts import AlertService
from plant_backend.services.audit import AuditService
from plant_backend.services.automation import Automation
from plant_backend.services.calibrations import CalibrationService
from plant_backend.services.clock_watch import ClockWatch
from plant_backend.services.commands import CommandService
from plant_backend.services.devices import DeviceService
from plant_backend.services.directory import Directory
from plant_backend.services.elsewhere import Elsewhere
from plant_backend.services.events import EventFeed
from plant_backend.services.health import Health
from plant_backend.services.history import HistoryService
from plant_backend.services.home_users import HomeUsers
from plant_backend.services.node_auth import NodeAuth
from plant_backend.services.notification_sender import NotificationSender
from plant_backend.services.notifications import NotificationTargets
from plant_backend.services.passwords import Passwords
from plant_backend.services.people import People
from plant_backend.services.plant_states import PlantStates
from plant_backend.services.replay import Replay
from plant_backend.services.telemetry import Telemetry
from plant_backend.services.tokens import AccessTokens, SigningKeys
from plant_backend.services.what_if import WhatIf


@dataclass(frozen=True, slots=True)
class Services:
    """What an application can do."""

    instance_id: str
    bus: Bus
    clock: Clock
    tokens: AccessTokens
    telemetry: Telemetry
    node_auth: NodeAuth
    commands: CommandService
    automation: Automation
    devices: DeviceService
    plant_states: PlantStates
    calibrations: CalibrationService
    alerts: AlertService
    history: HistoryService
    people: People
    accounts: Accounts
    home_users: HomeUsers
    audit: AuditService
    events: EventFeed
    health: Health
    replay: Replay
    what_if: WhatIf
    notifications: NotificationTargets
    sender: NotificationSender
    public_url: str
    keeping: Keeping
    elsewhere: Elsewhere


def build_services(
    storage: Storage,
    bus: Bus,
    clock: Clock,
    *,
    instance_id: str,
    signing_keys: SigningKeys,
    command_ttl_ms: int,
    notifier: Notifier,
    writer: NotificationWriter,
    sealer: Sealer,
    real_clock: Clock,
    public_url: str,
    keeping: Keeping = Keeping(),  # noqa: B008 - it is frozen
) -> Services:
    """Make the services over a storage, a bus and a clock."""
    directory = Directory(storage, bus)
    # The same in all processes of an installation, and known to nobody else.
    salt = hashlib.sha256(b"attempts" + signing_keys.current).hexdigest()
    tokens = AccessTokens(signing_keys, instance_id, directory)
    watch = ClockWatch(storage, clock)
    commands = CommandService(storage, bus, clock, watch, command_ttl_ms)
    devices = DeviceService(storage, bus, clock, directory)
    passwords = Passwords()
    audit = AuditService(storage)
    history = HistoryService(storage, clock)
    people = People(storage, clock, passwords, bus, salt)
    return Services(
        instance_id=instance_id,
        bus=bus,
        clock=clock,
        tokens=tokens,
        telemetry=Telemetry(storage, clock, watch),
        node_auth=NodeAuth(storage, bus, clock, watch, directory, tokens, salt),
        commands=commands,
        automation=Automation(storage, bus, clock, watch, directory, commands),
        devices=devices,
        plant_states=PlantStates(storage, clock, devices),
        calibrations=CalibrationService(storage, bus, clock, directory, devices),
        alerts=AlertService(storage, clock),
        history=history,
        people=people,
        accounts=Accounts(storage, clock, passwords, people, devices, bus, salt),
        home_users=HomeUsers(storage, clock, people),
        audit=audit,
        events=EventFeed(storage, directory, devices),
        health=Health(storage),
        replay=Replay(storage),
        what_if=WhatIf(storage, clock, history),
        notifications=NotificationTargets(storage, bus, notifier, writer, sealer, public_url),
        sender=NotificationSender(storage, bus, real_clock, notifier, writer, sealer, public_url),
        public_url=public_url,
        keeping=keeping,
        elsewhere=Elsewhere(bus, directory),
    )
