"""Ten thousand devices in a second: written into the database as `POST /devices` and their nodes' sign-in would."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import psycopg
from plant_backend.domain.account import DeviceSecrets
from plant_backend.domain.model import Device, Mode, Profile, PumpLimits
from plant_backend.services.directory import DeviceEntry, Directory, tag
from plant_backend.services.tokens import AccessTokens, SigningKeys
from plant_backend.storage import signing_key
from plant_backend.storage.json_codec import dump
from plant_backend.storage.postgres import WRITE_LOCK
from plant_backend.storage.times import from_ms

from benchmarks.backend import Node
from benchmarks.workload import Channel

_NAMES = "SELECT number, id, name FROM devices ORDER BY number"


@dataclass(frozen=True, slots=True)
class Fleet:
    """Devices that are signed in, and the ids of their sensors in the order of the channels."""

    nodes: list[Node]
    sensor_ids: list[tuple[int, ...]]


def add_fleet(url: str, key_path: Path, count: int, channels: Sequence[Channel]) -> Fleet:
    """Make so many devices with these channels and a pump, all of the one account that there is."""
    now_ms, digest = 1_767_225_600_000, hashlib.sha256(b"of no secret").digest()
    with psycopg.connect(url) as connection:
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (WRITE_LOCK,))
        connection.execute(
            "INSERT INTO devices (id, owner_id, name, secret_digest, created_at, firmware, version)"
            " SELECT gen_random_uuid()::text, (SELECT min(id) FROM users), 'node ' || n, %s, %s, 'benchmark', '1'"
            " FROM generate_series(1, %s) AS n",
            (digest, now_ms, count),
        )
        for channel in channels:
            connection.execute(
                "INSERT INTO sensors (device_number, key, kind, unit) SELECT number, %s, %s, %s FROM devices"
                " ORDER BY number",
                (channel.key, channel.kind, channel.unit),
            )
        connection.execute(
            "INSERT INTO actuators (device_number, key, kind, limits) SELECT number, 'pump', 'pump', %s FROM devices",
            (dump(PumpLimits(max_run_ms=30_000)),),
        )
        connection.execute(
            "INSERT INTO profiles (device_number, version, document, updated_at) SELECT number, 1, %s, %s FROM devices",
            (dump(Profile(mode=Mode.ON)), now_ms),
        )
        connection.commit()
        rows = connection.execute(_NAMES).fetchall()
        (issuer,) = connection.execute("SELECT value FROM instance WHERE key = 'id'").fetchone() or ("",)
        keys = [channel.key for channel in channels]
        ids: dict[int, dict[str, int]] = {}
        for number, key, sensor_id in connection.execute("SELECT device_number, key, id FROM sensors"):
            ids.setdefault(number, {})[key] = sensor_id
    # Who makes tokens looks nobody up.
    tokens = AccessTokens(SigningKeys(*signing_key.load(key_path)), issuer, cast(Directory, None))
    nodes = [
        Node(
            device_id,
            tokens.issue(
                DeviceEntry(Device(number, device_id, 1, name, from_ms(now_ms)), DeviceSecrets(digest, now_ms)),
                tag(digest),
            ),
        )
        for number, device_id, name in rows
    ]
    return Fleet(nodes, [tuple(ids[number][key] for key in keys) for number, _, _ in rows])
