"""What fails, fails alone: nothing acknowledged is lost, nothing runs twice, and it heals by itself within 30 s."""

import itertools
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from tests.backend.contract.fleet import AUTOMATION, Installation, node_at
from tests.backend.contract.proxy import CutLine
from tests.live_backend import Backend, Node, Person, eventually, expect
from tests.servers import Postgres, Redis

pytestmark = [pytest.mark.crash, pytest.mark.slow, pytest.mark.timeout(600)]

HEALED_WITHIN_S = 60.0


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[Postgres, Redis]]:
    """Give servers that may be hurt: nobody else has them."""
    with Postgres() as postgres, Redis() as redis:
        yield postgres, redis


@pytest.fixture(scope="module")
def hurt(tmp_path_factory: pytest.TempPathFactory, servers: tuple[Postgres, Redis]) -> Iterator[Installation]:
    postgres, redis = servers
    with Installation(
        tmp_path_factory.mktemp("hurt"), postgres.make_database(), redis.url, sweep_interval_s=6, command_ttl_s=600
    ) as running:
        yield running


@pytest.fixture(scope="module")
def owner(hurt: Installation) -> Person:
    return hurt.a.add_person("ada")


def readiness(backend: Backend) -> tuple[int, str]:
    """Give what /readyz says: its status and what it says of the bus."""
    answer = backend.request("GET", "/readyz")
    return answer.status_code, str(answer.json().get("bus", ""))


def is_watered_once(node: Node) -> bool:
    """Fetch what waits for the node, run it, and tell whether it was one dose."""
    waiting = eventually(lambda: node.poll(after=0, wait=25))
    runs = [command for command in waiting if command["action"] == "on"]
    for command in runs:
        node.ack(command, "succeeded", command["duration_ms"])
    return len(runs) == 1


def test_redis_stops_and_starts(hurt: Installation, owner: Person, servers: tuple[Postgres, Redis]) -> None:
    _, redis = servers
    node = owner.add_device()
    elsewhere = node_at(hurt.b, node)
    expect(200, owner.request("PUT", f"{node.path}/automation", json=AUTOMATION))
    redis.kill()
    try:
        assert eventually(lambda: "cannot be reached" in readiness(hurt.a)[1])
        assert readiness(hurt.a)[0] == 200, "it does its work all the same"
        node.send(soil=[12, 12], tank=80)
        assert is_watered_once(elsewhere), "workers follow the log by themselves"
        with elsewhere.long_poll(after=1, wait=25) as poll:
            expect(201, owner.request("POST", f"{node.path}/commands", json={"actuator": "lamp", "action": "off"}))
            assert expect(200, poll.result(60))["commands"]
    finally:
        redis.start()
    for server in (hurt.a, hurt.b):
        assert eventually(lambda server=server: readiness(server) == (200, "redis"), within_s=HEALED_WITHIN_S)  # type: ignore[misc]
    assert len(owner.get(f"{node.path}/commands")["commands"]) == 2


def test_postgresql_is_restarted_in_mid_ingest(
    hurt: Installation, owner: Person, servers: tuple[Postgres, Redis]
) -> None:
    """Senders at both servers go on as nodes do: what was not taken is sent again until it is."""
    postgres, _ = servers
    node = owner.add_device()
    places, is_over, lock = itertools.count(), threading.Event(), threading.Lock()
    acknowledged: set[float] = set()
    refusals: list[int] = []

    def send(server: Node) -> None:
        while not is_over.is_set():
            place = next(places)
            # A minute apart each, since an instant has one value.
            readings = [{"sensor": "soil", "value": float(place), "age_ms": place * 60_000}]
            while True:
                try:
                    answer = server.try_send(readings, f"r-{place:06d}", boot_id="b")
                except httpx.TransportError:
                    continue
                if answer.status_code == 202:
                    with lock:
                        acknowledged.add(float(place))
                    break
                with lock:
                    refusals.append(answer.status_code)
                time.sleep(0.05)

    threads = [threading.Thread(target=send, args=(one,)) for one in (node, node_at(hurt.b, node)) * 3]
    for thread in threads:
        thread.start()
    try:
        assert eventually(lambda: len(acknowledged) > 100, within_s=60)
        postgres.kill()
        assert eventually(lambda: readiness(hurt.a)[0] == 503)
        assert eventually(lambda: bool(refusals))
        postgres.start()
        before = len(acknowledged)
        for server in (hurt.a, hurt.b):
            assert eventually(lambda server=server: readiness(server)[0] == 200, within_s=HEALED_WITHIN_S)  # type: ignore[misc]
        assert eventually(lambda: len(acknowledged) > before + 100, within_s=60)
    finally:
        is_over.set()
        for thread in threads:
            thread.join(60)
    assert set(refusals) == {503}, "a node keeps its batch on 503, and on nothing else"
    for server in (owner, Person(hurt.b, "ada", owner.token)):
        assert acknowledged <= all_values(server, node)
    assert is_soon_watered(hurt, owner), "workers and leader are back as well"


def all_values(person: Person, node: Node) -> set[float]:
    """Give all that the soil ever was: a fast machine sends more than one answer holds."""
    found: set[float] = set()
    since = datetime.now(UTC) - timedelta(days=40)
    while page := person.get(f"{node.path}/readings", sensor="soil", limit=5_000, since=since.isoformat())["readings"]:
        found |= {reading["value"] for reading in page}
        since = datetime.fromisoformat(page[-1]["ts"]) + timedelta(milliseconds=1)
    return found


def is_soon_watered(hurt: Installation, owner: Person) -> bool:
    """Tell whether a new dry plant gets its dose."""
    node = owner.add_device()
    expect(200, owner.request("PUT", f"{node.path}/automation", json=AUTOMATION))
    node.send(soil=[12, 12], tank=80)
    return is_watered_once(node_at(hurt.b, node))


def test_a_worker_is_killed_in_the_middle_of_its_work(hurt: Installation, owner: Person) -> None:
    """Stopped while it holds news of many plants, then killed: the other takes them over, each gets one dose."""
    nodes = [owner.add_device() for _ in range(12)]
    for node in nodes:
        expect(200, owner.request("PUT", f"{node.path}/automation", json=AUTOMATION))
    victim = hurt.workers[0]
    sender = threading.Thread(target=lambda: [node.send(soil=[12, 12], tank=80) for node in nodes])
    sender.start()
    victim.kill()
    sender.join(60)
    try:
        for node in nodes:
            began = time.monotonic()
            while not (commands := node.poll(after=0, wait=5)):
                assert time.monotonic() - began < HEALED_WITHIN_S
            assert [command["action"] for command in commands] == ["on"]
            node.ack(commands[0], "succeeded", commands[0]["duration_ms"])
    finally:
        victim.start()
    for node in nodes:
        assert len(owner.get(f"{node.path}/commands")["commands"]) == 1


def test_a_process_that_dies_between_its_commit_and_its_nudge(hurt: Installation, owner: Person) -> None:
    """The batch is acknowledged and nobody was told: the sweep, or whoever follows the log, finds it."""
    node = owner.add_device()
    expect(200, owner.request("PUT", f"{node.path}/automation", json=AUTOMATION))
    hurt.b.kill()
    try:
        for _ in range(3):
            node.send(soil=[12, 12], tank=80)
        hurt.a.kill()
        hurt.a.start()
        assert is_watered_once(node)
        assert len(owner.get(f"{node.path}/commands")["commands"]) == 1
    finally:
        hurt.b.start()


def test_one_process_is_cut_off_from_redis(tmp_path: Path, servers: tuple[Postgres, Redis]) -> None:
    """It says so, its callers are served, and what it does reaches the others by the database."""
    postgres, redis = servers
    with CutLine(int(redis.url.split(":")[2].split("/")[0])) as line:
        url, shared = postgres.make_database(), tmp_path / "shared"
        far = {"data_dir": shared, "database_url": url, "evaluation_interval_ms": 0, "sweep_interval_s": 6}
        with (
            Backend(tmp_path / "a", **far, redis_url=f"redis://127.0.0.1:{line.port}/0", with_worker=0) as a,
            Backend(tmp_path / "b", **far, redis_url=redis.url) as b,
        ):
            owner = a.add_person("ada")
            node = owner.add_device()
            elsewhere = node_at(b, node)
            expect(200, owner.request("PUT", f"{node.path}/automation", json=AUTOMATION))
            assert eventually(lambda: readiness(a) == readiness(b) == (200, "redis"), within_s=HEALED_WITHIN_S)
            line.cut()
            assert eventually(lambda: "cannot be reached" in readiness(a)[1], within_s=HEALED_WITHIN_S)
            # Redis may have answered it late too, for a moment.
            assert eventually(lambda: readiness(b) == (200, "redis"), within_s=HEALED_WITHIN_S)
            began = time.monotonic()
            node.send(soil=[12, 12], tank=80)
            assert is_watered_once(elsewhere)
            assert time.monotonic() - began < HEALED_WITHIN_S
            with elsewhere.long_poll(after=1, wait=25) as poll:
                expect(201, owner.request("POST", f"{node.path}/commands", json={"actuator": "lamp", "action": "off"}))
                assert expect(200, poll.result(60))["commands"]
            line.mend()
            assert eventually(lambda: readiness(a) == (200, "redis"), within_s=HEALED_WITHIN_S)


def test_a_stopped_process_holds_nobody_up(hurt: Installation, owner: Person) -> None:
    """Frozen, perhaps in the middle of a commit and as the leader: the server ends its transaction and its lead."""
    import signal

    frozen = hurt.workers[1]
    assert frozen.process is not None
    frozen.process.send_signal(signal.SIGSTOP)
    try:
        assert is_soon_watered(hurt, owner)
    finally:
        frozen.process.send_signal(signal.SIGCONT)
    assert is_soon_watered(hurt, owner)
