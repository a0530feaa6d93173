"""A backend in process over a real database, a clock that a test sets, and a node that remembers what a node must."""

import json
import shutil
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from plant_backend.bus.local import LocalBus
from plant_backend.bus.relay import Relay
from plant_backend.domain.account import Principal
from plant_backend.domain.command import Ack, AckStatus, Action, Command
from plant_backend.domain.model import Device, Mode, Profile
from plant_backend.domain.telemetry import Receipt
from plant_backend.integrations.notifications import AppriseNotifier
from plant_backend.services.directory import DeviceEntry, Directory
from plant_backend.services.registry import Services, build_services
from plant_backend.services.tokens import SigningKeys
from plant_backend.storage.backup import backup, restore
from plant_backend.storage.driver import raw
from plant_backend.storage.migrate import migrate
from plant_backend.storage.postgres_store import PostgresStorage
from plant_backend.storage.sealer import FileSealer
from plant_backend.storage.store import SqliteStorage, SqlStorage
from plant_backend.storage.tables import metadata
from plant_backend.storage.times import from_ms
from plant_backend.wording.writer import CatalogWriter

from tests.builders import DAY, NOW, a_manifest, to_ms

in_a_file = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
"""For tests of what does not depend on the database, or of a file's alone."""

TTL_MS = 120_000
CAP_MS = 20_000
PROFILE = Profile(mode=Mode.ON, daily_cap_ms=CAP_MS, cooldown_s=600, soak_s=60, stale_after_s=900)


class SetClock:
    """True time passes by `wait`; what the backend's clock says may `jump` away from it."""

    def __init__(self) -> None:
        self.true_ms = to_ms(NOW)
        self.ahead_ms = 0

    def now(self) -> datetime:
        return from_ms(self.now_ms())

    def now_ms(self) -> int:
        return self.true_ms + self.ahead_ms

    def steady_ms(self) -> int:
        return self.true_ms - to_ms(NOW)

    async def sleep(self, seconds: float) -> None:
        self.wait(seconds)

    def wait(self, seconds: float) -> None:
        self.true_ms += round(seconds * 1000)

    def jump(self, seconds: float) -> None:
        self.ahead_ms += round(seconds * 1000)


@dataclass(frozen=True)
class Reading:
    """One reading of a request."""

    sensor: str
    value: float
    age_ms: int | None = 0
    measured_at: datetime | None = None


class Backend:
    """The services over a file or a server's database. `crash` goes on with what is stored, as after a power cut."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lives = 0
        self._url = ""
        self.clock = SetClock()
        self.who = Principal(1, "ada")
        self.storage: SqlStorage
        self.services: Services
        self.device: Device

    @property
    def _path(self) -> Path:
        return self._folder / str(self._lives) / "plants.db"

    async def begin(self, empty: Path | str) -> None:
        """Start with one node. `empty` is a file of this version, or the address of a database, which is emptied."""
        self._path.parent.mkdir()
        if isinstance(empty, str):
            self._url = empty
            tables = ", ".join(table.name for table in metadata.sorted_tables)
            with psycopg.connect(empty, autocommit=True) as connection:
                connection.execute(f"TRUNCATE {tables} RESTART IDENTITY".encode())
        else:
            shutil.copy(empty, self._path)
        await self._open()

        def work(tx):  # type: ignore[no-untyped-def]
            user = tx.users.add("ada", "hash", NOW)
            device = tx.devices.add(Principal(user.id, "ada"), "d-1", "Fern", b"\1" * 32, NOW)
            tx.devices.register(device.number, a_manifest(), NOW)
            tx.automation.set_profile(device.number, PROFILE, NOW)
            return user.id, tx.devices.by_number(device.number)

        user_id, self.device = await self.storage.write(work)
        self.who = Principal(user_id, "ada")

    async def crash(self) -> None:
        """Copy the files as they are, then go on with the copy: nobody closed them."""
        if self._url:
            with psycopg.connect(self._url, autocommit=True) as connection:
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            await self.storage.close()
            await self._open()
            return
        old, folder = self.storage, self._path.parent
        self._lives += 1
        self._path.parent.mkdir()
        for name in ("plants.db", "plants.db-wal"):
            if (folder / name).exists():
                shutil.copy(folder / name, self._path.parent / name)
        await old.close()
        shutil.rmtree(folder)
        await self._open()

    def backup(self) -> Path:
        """Keep what is committed now. Give it to `restore` later."""
        kept = self._folder / f"backup-{self.clock.true_ms}"
        if self._url:
            _dump(self._url, kept)
        else:
            backup(self._path, kept)
        return kept

    async def restore(self, kept: Path) -> None:
        """End, put the backup back, and go on with that."""
        await self.storage.close()
        if self._url:
            _load(self._url, kept)
        else:
            set_aside = restore(kept, self._path).kept
            if set_aside is not None:
                # Its name has the second: another restore in it would be refused.
                set_aside.unlink()
        await self._open()

    async def end(self) -> None:
        await self.storage.close()

    async def _open(self) -> None:
        if self._url:
            # Nobody else is here: what it would follow is its own.
            self.storage = PostgresStorage(self._url, self.clock, look_every_s=3_600)
        else:
            self.storage = SqliteStorage(self._path, self.clock)
        await self.storage.open()
        self.bus = bus = LocalBus()
        self.services = build_services(
            self.storage,
            bus,
            self.clock,
            instance_id="i",
            signing_keys=SigningKeys(b"k" * 32),
            command_ttl_ms=TTL_MS,
            notifier=AppriseNotifier(),
            writer=CatalogWriter(),
            sealer=FileSealer(self._path.with_name("notifications.key")),
            real_clock=self.clock,
            public_url="",
        )
        self.storage.listen(Relay(bus))
        self.directory = Directory(self.storage)

    async def _entry(self) -> DeviceEntry:
        entry = await self.directory.entry(self.device.number)
        assert entry is not None
        return entry

    async def telemetry(self, batch_id: str, readings: list[Reading]) -> Receipt:
        return await self.services.telemetry.accept(await self._entry(), batch_id, "boot", readings)

    async def poll(self, after: int, wait_s: float = 0) -> list[tuple[Command, int]]:
        return list((await self.services.commands.poll(await self._entry(), after, wait_s)).commands)

    def wake(self) -> None:
        """Tell a waiting poll to look again."""
        self.bus.publish("commands", self.device.number)

    async def acknowledge(self, acks: list[Ack]):  # type: ignore[no-untyped-def]
        return await self.services.commands.acknowledge(await self._entry(), acks)

    async def evaluate(self) -> None:
        await self.services.automation.evaluate(self.device.number)

    async def dose(self, duration_ms: int = 5_000, *, is_forced: bool = False) -> Command:
        return await self.services.commands.request(
            self.who, self.device.id, "pump", Action.ON, duration_ms, is_forced=is_forced
        )

    async def off(self) -> Command:
        return await self.services.commands.request(self.who, self.device.id, "pump", Action.OFF, None)

    async def rewrite(self, sql: str, *values: object) -> None:
        """Change what is stored, as another version might have written it."""
        await self.storage.write(lambda tx: raw(tx.connection).execute(sql, values))  # type: ignore[attr-defined]

    async def sweep(self) -> None:
        await self.services.commands.heal_clock()
        await self.services.commands.give_up_overdue()

    async def commands(self) -> list[Command]:
        return list(await self.storage.read(lambda tx: tx.commands.all(self.device.number, None, 10_000)))

    async def tell(self, soil: float, tank: float = 80.0) -> None:
        """Report twice, as the rules want it."""
        for _ in range(2):
            self.clock.wait(20)
            await self.telemetry(f"t-{self.clock.true_ms}", [Reading("soil", soil), Reading("tank", tank)])


_TABLES = [table.name for table in metadata.sorted_tables]
_SEQUENCES = "SELECT schemaname || '.' || sequencename, last_value FROM pg_sequences WHERE last_value IS NOT NULL"


def _dump(url: str, folder: Path) -> None:
    """Do what `pg_dump` does: keep all rows, and how far the ids have come, as one moment has them."""
    folder.mkdir()
    with psycopg.connect(url) as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        for table in _TABLES:
            with (folder / table).open("wb") as file, connection.cursor().copy(_copying(table, "TO STDOUT")) as copy:
                for block in copy:
                    file.write(block)
        (folder / "sequences").write_text(json.dumps(connection.execute(_SEQUENCES).fetchall()))


def _load(url: str, folder: Path) -> None:
    """Do what `pg_restore --clean` does."""
    with psycopg.connect(url) as connection:
        connection.execute(f"TRUNCATE {', '.join(_TABLES)} RESTART IDENTITY".encode())
        for table in _TABLES:
            with connection.cursor().copy(_copying(table, "FROM STDIN")) as copy:
                copy.write((folder / table).read_bytes())
        for name, last in json.loads((folder / "sequences").read_text()):
            connection.execute("SELECT setval(%s::regclass, %s)", (name, last))


def _copying(table: str, how: str) -> bytes:
    what = f"(SELECT * FROM {table})" if how == "TO STDOUT" else table
    return f"COPY {what} {how}".encode()


@dataclass
class Run:
    """Water that really ran, in true time."""

    command: Command
    from_ms: int
    until_ms: int


@dataclass
class Node:
    """A node without an envelope: it runs what it is told, each `seq` once. So the backend alone keeps the cap."""

    clock: SetClock
    last_seq: int = 0
    runs: list[Run] = field(default_factory=list)
    acks: list[Ack] = field(default_factory=list)

    @property
    def running(self) -> Run | None:
        return self.runs[-1] if self.runs and self.runs[-1].until_ms > self.clock.true_ms else None

    def obey(self, command: Command, left_ms: int, status: AckStatus) -> bool:
        """Write `seq` down and act; `status` is what becomes of a dose. Tells whether water runs."""
        if command.seq <= self.last_seq:
            return False
        self.last_seq = command.seq
        planned_ms = command.duration_ms or 0
        if left_ms <= 0:
            self._say(command, AckStatus.EXPIRED, 0)
        elif command.action is Action.OFF:
            self.stop()
            self._say(command, AckStatus.SUCCEEDED, 0)
        elif status in (AckStatus.REJECTED, AckStatus.EXPIRED, AckStatus.FAILED):
            self._say(command, status, 0)
        else:
            assert self.running is None, "never two runs at once"
            now_ms = self.clock.true_ms
            ran_ms = planned_ms // 2 if status is AckStatus.INTERRUPTED else planned_ms
            self.runs.append(Run(command, now_ms, now_ms + ran_ms))
            if status is AckStatus.ACCEPTED:
                self._say(command, AckStatus.ACCEPTED, None)
            if status is AckStatus.DUPLICATE:
                # It runs, and its outcome will be forgotten.
                self._say(command, AckStatus.DUPLICATE, None)
            else:
                self._say(command, AckStatus.SUCCEEDED if ran_ms == planned_ms else AckStatus.INTERRUPTED, ran_ms)
            return True
        return False

    def stop(self) -> None:
        """End a run early: its last word is corrected."""
        run = self.running
        if run is not None:
            run.until_ms = self.clock.true_ms
            self._correct(run, run.until_ms - run.from_ms)

    def crash(self) -> None:
        """Lose power: the pump stops, the run's end is unknown, `seq` and the words that were not sent are kept."""
        run = self.running
        if run is not None:
            run.until_ms = self.clock.true_ms
            self._correct(run, None)

    def ready_acks(self) -> list[Ack]:
        """What may be said by now: an outcome is known when the run is over."""
        running = self.running
        held = None if running is None else running.command.id
        return [ack for ack in self.acks if ack.id != held or ack.status is AckStatus.ACCEPTED]

    def said(self, acks: list[Ack]) -> None:
        self.acks = [ack for ack in self.acks if ack not in acks]

    def most_in_24_hours_ms(self) -> int:
        """Some fullest window of 24 hours ends where a run ends."""
        day = DAY // timedelta(milliseconds=1)
        ends = [run.until_ms for run in self.runs]
        return max(
            (sum(max(0, min(run.until_ms, end) - max(run.from_ms, end - day)) for run in self.runs) for end in ends),
            default=0,
        )

    def _say(self, command: Command, status: AckStatus, ran_ms: int | None) -> None:
        self.acks.append(Ack(command.id, command.seq, status, ran_ms))

    def _correct(self, run: Run, ran_ms: int | None) -> None:
        self.acks = [
            Ack(ack.id, ack.seq, AckStatus.INTERRUPTED, ran_ms)
            if ack.id == run.command.id and ack.status in (AckStatus.SUCCEEDED, AckStatus.INTERRUPTED)
            else ack
            for ack in self.acks
        ]


def an_empty_database(folder: Path) -> Path:
    """Give a database of this version, without anybody in it."""
    path = folder / "empty.db"
    migrate(path)
    return path
