"""Bytes that no node would send: never a 5xx, never half a batch, and a backend that lives and does not swell."""

import json
import os
import re
import select
import socket
from collections import Counter, defaultdict
from random import Random

import h11
import pytest

from benchmarks.procfs import resident_bytes_of
from tests.backend.hostile.mutations import Head, framed, mutated_body, request, sound_body
from tests.batch_log import logged_batches
from tests.live_backend import Backend, Node, Person

SEED = int(os.environ.get("PLANT_TESTS_SEED", "20261124"))
"""The same bytes in each run; another seed finds others."""

SILENCE_S = 0.02
"""How long to listen for the answer to a request that may not be a whole one."""

ANSWERED_WITHIN_S = 60.0
SWELL_MB = 24
_STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) ")
_LENGTH = re.compile(rb"\r\ncontent-length: (\d+)\r\n", re.IGNORECASE)


class Answers:
    """The answers on one connection, as far as they came."""

    def __init__(self) -> None:
        self.found: list[tuple[int, bytes]] = []
        self._rest = b""

    def feed(self, data: bytes) -> None:
        """Take in what came."""
        self._rest += data
        while b"\r\n\r\n" in self._rest:
            head, _, rest = self._rest.partition(b"\r\n\r\n")
            status = _STATUS.match(head)
            assert status, f"this is no answer: {head[:200]!r}"
            if status[1] == b"100":
                self._rest = rest
                continue
            length = _LENGTH.search(head + b"\r\n")
            # Without a length the answer ends with the connection, as uvicorn's own to what is no HTTP.
            size = int(length[1]) if length else len(rest)
            if len(rest) < size:
                return
            self.found.append((int(status[1]), rest[:size]))
            self._rest = rest[size:]


def body_of(data: bytes) -> bytes:
    """Give the body of a request as another reader of HTTP than the backend's has it: none of what is no request."""
    reader = h11.Connection(h11.SERVER)
    body = b""
    try:
        reader.receive_data(data)
        while isinstance(event := reader.next_event(), h11.Request | h11.Data):
            body += bytes(event.data) if isinstance(event, h11.Data) else b""
    except h11.RemoteProtocolError:
        return b""
    return body


TOKEN = b"the-token-of-the-node"
"""Stands for it until all is mutated that will be: what is sent is the same in each run."""


class Attacker:
    """Sends streams of bytes to a backend, and remembers which batches were in them."""

    def __init__(self, node: Node, seed: int) -> None:
        self.node = node
        self.chance = Random(seed)
        # A chance of its own: how often a piece is sent depends on the connection, what is sent must not.
        self.pieces = Random(seed)
        self.statuses: Counter[int] = Counter()
        self.sent: dict[str, list[list[float]]] = defaultdict(list)
        self.promised: dict[str, int] = {}
        self._host, _, port = node.backend.url.removeprefix("http://").partition(":")
        self._port = int(port)
        self._number = 0

    def attack(self) -> None:
        """Send one stream: a request or several at once, sound or not, in one piece or many."""
        count = self.chance.choice([1, 1, 1, 2, 5])
        requests = [self._request() for _ in range(count)]
        is_sound = all(sound for _, sound, _ in requests)
        stream = b"".join(data for data, _, _ in requests)
        answers, is_closed = self._exchange(stream, count if is_sound else None)
        shown = f"PLANT_TESTS_SEED={SEED}: {answers.found} to {stream[:2_000]!r}"
        if is_sound:
            assert len(answers.found) == count or is_closed, f"no answer; {shown}"
            for (_, _, batch_id), (status, body) in zip(requests, answers.found, strict=False):
                if status == 202 and batch_id and not json.loads(body)["duplicate"]:
                    self.promised[batch_id] = json.loads(body)["accepted"]
        for status, _ in answers.found:
            assert status < 500, shown
            self.statuses[status] += 1

    def _request(self) -> tuple[bytes, bool, str | None]:
        """Give a request, whether its framing is sound, and the id of its batch where that is certain."""
        chance = self.chance
        self._number += 1
        batch_id = f"fuzz-{self._number:06d}"
        base: Head = [(b"host", b"127.0.0.1"), (b"authorization", b"Bearer " + TOKEN)]
        body = sound_body(chance, batch_id)
        if chance.random() < 0.15:
            self._remember(body)
            return self._signed(request([*base, (b"content-length", b"%d" % len(body))], body)), True, batch_id
        if chance.random() < 0.8:
            body = mutated_body(chance, body)
        self._remember(body)
        data, is_sound = framed(chance, base, body)
        if not is_sound:
            # What is changed after it was framed may be another batch, and a whole one.
            self._remember(body_of(data))
        return self._signed(data), is_sound, None

    def _signed(self, data: bytes) -> bytes:
        return data.replace(TOKEN, self.node.access_token.encode())

    def _remember(self, body: bytes) -> None:
        try:
            found = json.loads(body)
            self.sent[found["batch_id"]].append([float(reading["value"]) for reading in found["readings"]])
        except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
            # Not a batch in anybody's eyes: it must not be stored.
            return

    def _exchange(self, stream: bytes, expected: int | None) -> tuple[Answers, bool]:
        answers, left = Answers(), stream
        with socket.create_connection((self._host, self._port), timeout=ANSWERED_WITHIN_S) as connection:
            connection.setblocking(False)
            while True:
                wait_s = ANSWERED_WITHIN_S if left or expected else SILENCE_S
                readable, writable, _ = select.select([connection], [connection] if left else [], [], wait_s)
                if not readable and not writable:
                    return answers, False
                try:
                    if writable:
                        piece = self.pieces.choice([1, 10, 1_000, len(left), len(left), len(left)])
                        left = left[connection.send(left[:piece]) :]
                    if readable:
                        data = connection.recv(65_536)
                        if not data:
                            return answers, True
                        answers.feed(data)
                except ConnectionError:
                    return answers, True
                if expected and len(answers.found) >= expected:
                    return answers, False


@pytest.fixture
def node(ada: Person) -> Node:
    """Give a device that nobody else writes to."""
    return ada.add_device()


@pytest.mark.parametrize("count", [150, pytest.param(3_000, marks=[pytest.mark.slow])])
def test_whatever_bytes_come_no_batch_is_half_stored_and_the_backend_lives(
    backend: Backend, node: Node, count: int
) -> None:
    assert backend.process is not None
    attacker = Attacker(node, SEED + count)
    for _ in range(count // 10):
        attacker.attack()
    before = resident_bytes_of(backend.process.pid)
    for _ in range(count - count // 10):
        attacker.attack()

    kept = {batch.batch_id: batch.values for batch in logged_batches(backend, node)}
    for batch_id, values in kept.items():
        assert values in attacker.sent[batch_id], f"PLANT_TESTS_SEED={SEED}: {batch_id} was stored otherwise than sent"
    lost = [batch_id for batch_id, accepted in attacker.promised.items() if len(kept.get(batch_id, ())) != accepted]
    assert lost == []
    assert len(kept) >= attacker.statuses[202] // 2 > count // 20
    assert backend.is_running
    assert "Traceback" not in backend.log()
    swollen_mb = (resident_bytes_of(backend.process.pid) - before) / 1e6
    assert swollen_mb < SWELL_MB, f"{swollen_mb:.0f} MB more than after the first tenth"
    node.send(soil=40)
