"""Several processes are one backend: whichever answers, it knows what the others did."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.backend.contract.fleet import AUTOMATION, Installation, at, node_at
from tests.live_backend import MANIFEST, PASSWORD, Backend, Event, Node, Person, eventually, expect

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def test_what_one_server_hears_a_worker_answers_through_the_other(
    node: Node, ada: Person, installation: Installation
) -> None:
    expect(200, ada.request("PUT", f"{node.path}/automation", json=AUTOMATION))
    elsewhere = node_at(installation.b, node)
    node.send(soil=[12, 12], tank=80)
    # Not one long poll: the other server may hear late of the sign-in, which ends it.
    (command,) = eventually(lambda: elsewhere.poll(after=0, wait=25))
    assert (command["actuator"], command["action"]) == ("pump", "on")
    assert elsewhere.ack(command, "succeeded", command["duration_ms"]) == "succeeded"
    assert [found["state"] for found in ada.get(f"{node.path}/commands")["commands"]] == ["succeeded"]


@pytest.mark.alone
def test_a_command_made_at_one_server_reaches_the_poll_at_the_other_at_once(
    node: Node, ada: Person, installation: Installation
) -> None:
    elsewhere = node_at(installation.b, node)
    wanted = {"actuator": "lamp", "action": "off"}
    # The other server may hear late of the sign-in, which ends a poll.
    expect(201, ada.request("POST", f"{node.path}/commands", json=wanted))
    (first,) = eventually(lambda: elsewhere.poll(after=0, wait=25))
    elsewhere.ack(first, "succeeded", 0)
    took: list[float] = []
    for seq in range(1, 6):
        with elsewhere.long_poll(after=seq, wait=25) as poll:
            began = time.monotonic()
            expect(201, ada.request("POST", f"{node.path}/commands", json=wanted))
            (command,) = expect(200, poll.result(60))["commands"]
            took.append(time.monotonic() - began)
            elsewhere.ack(command, "succeeded", 0)
    # Who only follows the log needs half a second on the average: most of these came by the bus.
    assert sorted(took)[2] < 0.5, took


def test_a_newer_poll_at_another_server_ends_the_older_one(node: Node, installation: Installation) -> None:
    elsewhere = node_at(installation.b, node)

    def the_newer_one_stays() -> bool:
        with node.long_poll(after=0, wait=25) as older, elsewhere.long_poll(after=0, wait=25) as newer:
            assert older.result(22).status_code == 204
            # The other server may have heard late of the sign-in at the beginning, which ends its poll too.
            if newer.done():
                return False
            node.sign_in(MANIFEST)
            assert newer.result(22).status_code == 204
            return True

    assert eventually(the_newer_one_stays)


def test_a_batch_is_accepted_once_whichever_server_is_asked(node: Node, installation: Installation) -> None:
    elsewhere = node_at(installation.b, node)
    readings = [{"sensor": "soil", "value": 40, "age_ms": 0}]
    assert expect(202, node.try_send(readings, "b-1"))["duplicate"] is False
    assert expect(202, elsewhere.try_send(readings, "b-1"))["duplicate"] is True
    other = [{"sensor": "soil", "value": 41, "age_ms": 0}]
    assert elsewhere.try_send(other, "b-1").status_code == 409
    with ThreadPoolExecutor(8) as threads:
        both = [node, elsewhere] * 8
        answers = list(threads.map(lambda one: expect(202, one.try_send(readings, "b-2")), both))
    assert sum(not answer["duplicate"] for answer in answers) == 1


def test_the_newest_values_are_known_at_every_server(node: Node, ada: Person, ada_at_b: Person) -> None:
    node.send(soil=37.5)

    def shown(person: Person) -> object:
        sensors = person.get(node.path)["sensors"]
        return next(sensor["latest"] for sensor in sensors if sensor["key"] == "soil")

    assert shown(ada) is not None
    assert eventually(lambda: shown(ada_at_b) == shown(ada))


def test_a_stream_goes_on_at_another_server_without_gaps_or_doubles(
    node: Node, ada: Person, ada_at_b: Person, installation: Installation
) -> None:
    """Batches and events of both servers, heard at one, and resumed at the other from every position."""
    elsewhere = node_at(installation.b, node)
    with ada.listen() as stream:
        stream.take(2)
        for number in range(10):
            (node, elsewhere)[number % 2].send(soil=float(number))
            if number % 3 == 0:
                (ada, ada_at_b)[number % 2].request("PATCH", node.path, json={"name": f"Fern {number}"})
        expect(200, ada_at_b.request("PATCH", node.path, json={"name": "the end"}))
        heard = stream.until("device", name="the end")

    def what(events: list[Event]) -> tuple[list[object], list[object]]:
        """Give readings and events: each in their order; how they lie between each other may differ."""
        readings = [event.data["readings"][0]["value"] for event in events if event.type == "readings"]
        return readings, [event.data["device"]["name"] for event in events if event.type == "device"]

    assert what(heard)[0] == [float(number) for number in range(10)]
    for place, event in enumerate(heard[:-1]):
        with ada_at_b.listen(event.id) as stream:
            again = stream.until("device", name="the end")[1:]
        readings, names = what(heard[: place + 1])
        more_readings, more_names = what(again)
        assert readings + more_readings == what(heard)[0]
        assert names + more_names == what(heard)[1]


def test_a_rotated_secret_ends_the_tokens_at_every_server(node: Node, ada: Person, installation: Installation) -> None:
    elsewhere = node_at(installation.b, node)
    assert elsewhere.try_poll().status_code == 204
    expect(200, ada.request("POST", f"{node.path}/secret", json={}))
    assert node.try_poll().status_code == 401
    assert eventually(lambda: elsewhere.try_poll().status_code == 401, within_s=30)


def test_a_deleted_device_is_gone_at_every_server(node: Node, ada: Person, installation: Installation) -> None:
    elsewhere = node_at(installation.b, node)
    elsewhere.send(soil=40)
    assert ada.request("DELETE", node.path).status_code == 204
    assert eventually(lambda: elsewhere.try_poll().status_code == 401, within_s=30)


def test_a_revoked_token_opens_nothing_at_any_server(ada: Person, installation: Installation) -> None:
    made = expect(201, ada.request("POST", "/tokens", json={"name": "lost"}))
    other = Person(installation.b, "ada", made["token"])
    assert other.request("GET", "/devices").status_code == 200
    assert ada.request("DELETE", f"/tokens/{made['id']}").status_code == 204
    assert eventually(lambda: other.request("GET", "/devices").status_code == 401, within_s=30)


def test_guesses_at_all_servers_count_together(installation: Installation) -> None:
    """Ten wrong passwords for an account, wherever they are tried; each server by itself would let twenty through."""
    installation.a.add_person("mallory")

    def guess(server: Backend) -> int:
        body = {"username": "nobody-here", "password": "a guess", "name": "x"}
        return server.request("POST", "/auth/token", json=body).status_code

    assert [guess(installation.a) for _ in range(10)] == [401] * 10
    for _ in range(9):
        if guess(installation.b) == 429:
            return
        # It hears of the others' guesses by the bus.
        time.sleep(0.5)
    pytest.fail("the other server let nine more through")


def test_people_see_each_other_s_changes_at_once(node: Node, ada: Person, ada_at_b: Person) -> None:
    expect(200, ada.request("PATCH", node.path, json={"name": "Moss"}))
    assert ada_at_b.get(node.path)["name"] == "Moss"
    assert at(ada_at_b.backend, ada).get("/devices")


def test_a_stopped_worker_leaves_its_plants_to_the_other(node: Node, ada: Person, installation: Installation) -> None:
    expect(200, ada.request("PUT", f"{node.path}/automation", json=AUTOMATION))
    first = installation.workers[0]
    first.kill()
    try:
        node.send(soil=[12, 12], tank=80)
        (command,) = eventually(lambda: node.poll(after=0, wait=25))
        assert command["action"] == "on"
        node.ack(command, "succeeded", command["duration_ms"])
    finally:
        first.start()


def test_the_command_line_works_beside_them(installation: Installation) -> None:
    for command, says in (("doctor", "PostgreSQL 16"), ("migrate", "is at"), ("user list", "ada")):
        done = installation.a.command_line(*command.split())
        assert done.returncode == 0, done.stderr + done.stdout
        assert says in done.stdout
    refused = installation.a.command_line("backup", "file.db")
    assert refused.returncode == 2
    assert "pg_dump" in refused.stderr
    assert PASSWORD not in refused.stderr


def test_many_threads_at_both_servers_lose_nothing(node: Node, ada: Person, installation: Installation) -> None:
    elsewhere, lock = node_at(installation.b, node), threading.Lock()
    accepted: set[float] = set()

    def send(number: int) -> None:
        server = (node, elsewhere)[number % 2]
        # A minute apart each, since an instant has one value.
        readings = [{"sensor": "soil", "value": float(number), "age_ms": number * 60_000}]
        expect(202, server.try_send(readings, f"t-{number:04d}"))
        with lock:
            accepted.add(float(number))

    with ThreadPoolExecutor(16) as threads:
        list(threads.map(send, range(200)))
    found = ada.get(f"{node.path}/readings", sensor="soil", limit=1000)["readings"]
    assert {reading["value"] for reading in found} == accepted
