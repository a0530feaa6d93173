"""The first account, the audit log, and an end that leaves nothing behind."""

import re
import sqlite3
from contextlib import closing
from pathlib import Path

from tests.live_backend import PASSWORD, Backend, Person, expect

SECRETS = re.compile(rb"p(ds|at|rt|ss|st)_[A-Za-z0-9_-]{49}")


def setup_token(backend: Backend) -> str:
    """Give the token of the last link in the log."""
    links = [event["link"] for event in backend.log_events() if event["event"] == "no_account_yet"]
    return str(links[-1].partition("#")[2]) if links else ""


def test_the_first_start_offers_one_account_once(tmp_path: Path) -> None:
    with Backend(tmp_path) as backend:
        old = setup_token(backend)
        backend.restart()
        token = setup_token(backend)
        body = {"username": "ada", "password": PASSWORD}
        assert old != token
        assert backend.request("POST", "/setup", json={**body, "token": old}).status_code == 401
        assert backend.request("POST", "/setup", json={**body, "token": "pst_x"}).status_code == 401
        assert backend.request("POST", "/setup", json={**body, "password": "short", "token": token}).status_code == 422
        made = expect(201, backend.request("POST", "/setup", json={**body, "token": token}))
        assert (made["username"], made["role"]) == ("ada", "owner")
        again = backend.request("POST", "/setup", json={**body, "username": "eve", "token": token})
        assert again.status_code == 401
        assert backend.sign_in("ada").get("/devices") == []
        seen = len(backend.log_events())
        backend.restart()
        assert "no_account_yet" not in [event["event"] for event in backend.log_events()[seen:]]


def test_the_link_is_dead_once_there_is_an_account(tmp_path: Path) -> None:
    with Backend(tmp_path) as backend:
        made = backend.command_line("user", "add", "ada", "--password-stdin", stdin=PASSWORD + "\n")
        assert made.returncode == 0, made.stderr
        body = {"username": "eve", "password": PASSWORD, "token": setup_token(backend)}
        for _ in range(2):
            answer = backend.request("POST", "/setup", json=body)
            assert (answer.status_code, answer.json()["code"]) == (409, "already_set_up")


def test_the_audit_log_tells_who_did_what_from_where_and_no_secret(backend: Backend, ada: Person, eve: Person) -> None:
    node = ada.add_device("Fern")
    secret = expect(200, ada.request("POST", f"{node.path}/secret"))["secret"]
    ada.request("PUT", f"{node.path}/automation", json={"mode": "shadow"})
    backend.request("POST", "/auth/token", json={"username": "ada", "password": "wrong", "name": "x"})
    ada.request("DELETE", node.path)

    page = ada.get("/audit", limit=5)
    actions = [entry["action"] for entry in page["entries"]]
    assert actions == ["device_deleted", "sign_in_failed", "automation_changed", "secret_rotated", "device_made"]
    assert {entry["actor"] for entry in page["entries"]} == {"ada"}
    assert {entry["address"] for entry in page["entries"]} == {"127.0.0.1"}
    assert secret not in str(page)
    older = ada.get("/audit", before=page["next_before"])["entries"]
    assert max(entry["id"] for entry in older) < page["entries"][-1]["id"]
    assert node.device_id not in str(eve.get("/audit"))


def test_a_deleted_device_leaves_nothing_in_the_database(backend: Backend, eve: Person) -> None:
    node = eve.add_device("Peculiar orchid")
    node.send(soil=40)
    assert eve.request("DELETE", node.path).status_code == 204
    tables = dump(backend)
    assert [name for name, text in tables.items() if b"Peculiar orchid" in text and name != "audit"] == []
    assert {name for name, text in tables.items() if node.device_id.encode() in text} <= {"audit", "events"}


def test_a_deleted_owner_leaves_nothing_and_takes_the_viewers_along(tmp_path: Path) -> None:
    with Backend(tmp_path) as backend:
        owner, other = backend.add_person("marvin"), backend.add_person("ada")
        node = owner.add_device("Peculiar orchid")
        kept = other.add_device("Fern")
        node.send(soil=40)
        expect(201, owner.request("POST", "/viewers", json={"username": "trillian", "password": PASSWORD}))
        assert backend.command_line("user", "delete", "marvin", "--yes").returncode == 1
        backend.stop()
        done = backend.command_line("user", "delete", "marvin", "--yes")
        assert done.returncode == 0, done.stderr
        for name, text in dump(backend).items():
            for trace in (b"marvin", b"trillian", b"Peculiar orchid", node.device_id.encode()):
                assert trace not in text, (name, trace)
        backend.start()
        assert owner.request("GET", "/devices").status_code == 401
        assert node.try_poll().status_code == 401
        assert other.get(kept.path)["name"] == "Fern"


def test_a_password_that_was_forgotten_is_replaced_on_the_machine(backend: Backend) -> None:
    zaphod = backend.add_person("zaphod")
    done = backend.command_line("user", "password", "zaphod", "--password-stdin", stdin="heart of gold\n")
    assert done.returncode == 0, done.stderr
    backend.sign_in("zaphod", "heart of gold")
    body = {"username": "zaphod", "password": PASSWORD, "name": "x"}
    assert backend.request("POST", "/auth/token", json=body).status_code == 401
    assert zaphod.request("GET", "/devices").status_code == 401


def test_no_secret_is_in_the_database(backend: Backend, ada: Person) -> None:
    node = ada.add_device()
    node.refresh()
    backend.request("POST", "/auth/session", json={"username": "ada", "password": PASSWORD})
    backend._http.cookies.clear()
    for file in backend.data_dir.glob("plant.db*"):
        content = file.read_bytes()
        assert SECRETS.search(content) is None, file
        assert PASSWORD.encode() not in content
        assert node.access_token.encode() not in content


def test_no_answer_holds_a_secret_but_those_that_make_one(backend: Backend) -> None:
    document = expect(200, backend.request("GET", "/openapi.json"))
    fields = {
        (name, field)
        for name, schema in document["components"]["schemas"].items()
        for field in schema.get("properties", {})
        if schema.get("additionalProperties") is not False
        and re.search(r"secret|token|password|digest|hash|key$", field)
    }
    assert fields == {
        ("TokenCreated", "token"),
        ("DeviceCreated", "secret"),
        ("SecretRead", "secret"),
        ("TokenPairRead", "access_token"),
        ("TokenPairRead", "refresh_token"),
        ("TokenPairRead", "token_type"),
        ("SignedInRead", "access_token"),
        ("SignedInRead", "refresh_token"),
        ("SignedInRead", "token_type"),
        ("PumpUseRead", "key"),
        ("SensorRead", "key"),
        ("ActuatorRead", "key"),
    }


def dump(backend: Backend) -> dict[str, bytes]:
    """Give each table as text."""
    with closing(sqlite3.connect(backend.data_dir / "plant.db", timeout=10)) as connection:
        names = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: repr(connection.execute(f"SELECT * FROM {name}").fetchall()).encode() for name in names}
