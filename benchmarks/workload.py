"""What the nodes of a benchmark send: ready-made requests, of which only the batch id is new each time."""

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass

BOOT_ID = "6f1c2d"
_VARIANTS = 8
"""How many different sets of values a node goes through."""


@dataclass(frozen=True, slots=True)
class Channel:
    """A sensor of the workload, and the values that it takes."""

    key: str
    kind: str
    unit: str
    lowest: float
    highest: float
    digits: int = 1


# Moist soil and a full reservoir: the rules look at each batch and find nothing to do.
TEN_CHANNELS = (
    Channel("soil", "soil_moisture", "%", 55, 65),
    Channel("soil_2", "soil_moisture", "%", 55, 65),
    Channel("tank", "reservoir_level", "%", 75, 85),
    Channel("air", "air_temperature", "°C", 19, 24),
    Channel("humidity", "air_humidity", "%", 40, 60),
    Channel("light", "illuminance", "lx", 2000, 9000, 0),
    Channel("root", "soil_temperature", "°C", 16, 20),
    Channel("pressure", "pressure", "hPa", 1000, 1020),
    Channel("supply", "voltage", "V", 4.9, 5.1, 2),
    Channel("signal", "signal_strength", "dBm", -80, -50, 0),
)
FOUR_CHANNELS = tuple(channel for channel in TEN_CHANNELS if channel.key in {"soil", "tank", "air", "humidity"})


class BatchRequests:
    """Makes the requests of one node: each with the next batch id, as the node of a device would send them."""

    def __init__(self, token: str, channels: Sequence[Channel], seed: int) -> None:
        rng = random.Random(seed)
        self._parts = [_parts(token, channels, rng) for _ in range(_VARIANTS)]
        self.made = 0

    def next(self) -> bytes:
        """Give the next request, head and body."""
        self.made += 1
        head, tail = self._parts[self.made % _VARIANTS]
        return b"%b%08d%b" % (head, self.made, tail)


def batch_id(number: int) -> str:
    """Give the id of the n-th batch of a node."""
    return f"b1-{number:08d}"


def reading(channel: Channel, age_ms: int, rng: random.Random) -> dict[str, object]:
    """Give one reading as it goes over the wire."""
    value = round(rng.uniform(channel.lowest, channel.highest), channel.digits)
    return {"sensor": channel.key, "value": value, "age_ms": age_ms}


def post(path: str, token: str, body: bytes) -> bytes:
    """Give a whole POST request of a node."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: plants.local\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def get(path: str, token: str) -> bytes:
    """Give a whole GET request of a node."""
    return f"GET {path} HTTP/1.1\r\nHost: plants.local\r\nAuthorization: Bearer {token}\r\n\r\n".encode()


def _parts(token: str, channels: Sequence[Channel], rng: random.Random) -> tuple[bytes, bytes]:
    """Give what comes before and after the number of the batch."""
    number = "00000000"
    document = {
        "batch_id": f"b1-{number}",
        "boot_id": BOOT_ID,
        # A node reads its sensors in turn and then sends: the first value is the oldest, and none overtakes another.
        "readings": [reading(channel, 1240 - 120 * place, rng) for place, channel in enumerate(channels)],
    }
    request = post("/telemetry", token, json.dumps(document, separators=(",", ":")).encode())
    head, _, tail = request.partition(f"b1-{number}".encode())
    return head + b"b1-", tail
