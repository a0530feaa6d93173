"""Targets as a person keeps them: wrong ones are refused with a reason, and URLs are never seen again."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.backend.api.refusals import refused
from tests.backend.documented import assert_documented
from tests.backend.notifications.test_telling import add_target
from tests.live_backend import JSON, Backend, Node, Person, eventually, expect
from tests.receivers import Mailbox, Webhook

PUSHOVER = "pover://user-secret@token-secret"


def attempt(person: Person, **fields: Any) -> Any:
    """Ask for a target, whatever the answer."""
    return person.request("POST", "/notifications/targets", json={"name": "Phone", "url": PUSHOVER} | fields)


def test_a_target_is_read_back_without_its_url(ada: Person, node: Node) -> None:
    night = {"quiet_from": "22:00", "quiet_until": "07:00:00", "time_zone": "Europe/Berlin"}
    made = add_target(ada, PUSHOVER, device_ids=[node.device_id], min_severity="critical", **night)

    assert made == ada.get(f"/notifications/targets/{made['id']}")
    assert [made] == ada.get("/notifications/targets")
    assert (made["service"], made["address"]) == ("Pushover", "pover://…")
    assert (made["device_ids"], made["quiet_from"], made["wants_resolved"]) == ([node.device_id], "22:00:00", True)
    assert (made["waiting"], made["failures"], made["paused_until"], made["last_failure"]) == (0, 0, None, None)


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"url": "telegram://x"}, "url"),
        ({"url": "tgram://too-short"}, "url"),
        ({"url": "json://192.168.1.5/x"}, "url"),
        ({"url": "json://localhost6:1/?attach=x"}, "url"),
        ({"url": ""}, "url"),
        ({"name": ""}, "name"),
        ({"min_severity": "info"}, "min_severity"),
        ({"quiet_from": "22:00"}, "quiet_until"),
        ({"quiet_from": "22:00", "quiet_until": "22:00"}, "quiet_until"),
        ({"quiet_from": "22:00Z", "quiet_until": "07:00"}, "quiet_from"),
        ({"time_zone": "Europe/Nowhere"}, "time_zone"),
        ({"address": "x"}, "address"),
    ],
)
def test_a_wrong_target_is_refused_and_the_field_named(ada: Person, fields: JSON, named: str) -> None:
    refused(attempt(ada, **fields), 422, "invalid_input", named)
    assert ada.get("/notifications/targets") == []


def test_a_foreign_device_is_as_good_as_none(ada: Person, stranger: Person) -> None:
    theirs = stranger.add_device()
    foreign = refused(attempt(ada, device_ids=[theirs.device_id]), 404, "device_not_found")
    assert foreign == refused(attempt(ada, device_ids=["missing"]), 404, "device_not_found")


def test_a_viewer_may_not_send_to_any_address(guest: Person, hook: Webhook) -> None:
    refused(attempt(guest, url=hook.url), 422, "invalid_input", "url")
    assert attempt(guest).status_code == 201


def test_a_change_changes_what_is_given_and_nothing_else(ada: Person, node: Node) -> None:
    made = add_target(ada, PUSHOVER, quiet_from="22:00", quiet_until="07:00")
    path = f"/notifications/targets/{made['id']}"
    changed = expect(200, ada.request("PATCH", path, json={"name": "Tablet", "device_ids": [node.device_id]}))
    assert changed == made | {"name": "Tablet", "device_ids": [node.device_id]}

    freed = expect(200, ada.request("PATCH", path, json={"quiet_from": None, "quiet_until": None, "device_ids": None}))
    assert freed == changed | {"quiet_from": None, "quiet_until": None, "device_ids": None}
    assert expect(200, ada.request("PATCH", path, json={})) == freed
    refused(ada.request("PATCH", path, json={"name": None}), 422, "invalid_input", "name")
    refused(ada.request("PATCH", path, json={"url": None}), 422, "invalid_input", "url")
    refused(ada.request("PATCH", path, json={"quiet_from": "22:00"}), 422, "invalid_input", "quiet_until")
    assert ada.get(path) == freed


def test_another_url_forgets_how_the_old_one_fared(ada: Person, node: Node, hook: Webhook, mailbox: Mailbox) -> None:
    made = add_target(ada, mailbox.url("wrong-secret"))
    path = f"/notifications/targets/{made['id']}"
    node.send(tank=5)
    failing = eventually(lambda: [ada.get(path)] if ada.get(path)["failures"] else [])[0]
    assert failing["last_failure"] == "The mail server refused the user name or password (535)."
    changed = expect(200, ada.request("PATCH", path, json={"url": hook.url}))

    assert (changed["service"], changed["failures"], changed["last_failure"]) == ("Webhook (JSON)", 0, None)
    eventually(lambda: hook.requests)


def test_a_deleted_target_hears_nothing_more(ada: Person, node: Node, hook: Webhook) -> None:
    made = add_target(ada, hook.url)
    assert ada.request("DELETE", f"/notifications/targets/{made['id']}").status_code == 204
    add_target(ada, hook.url, name="Other")
    node.send(tank=5)
    eventually(lambda: hook.requests)
    assert len(hook.requests) == 1


def test_a_choice_of_devices_never_widens_by_itself(ada: Person, node: Node, hook: Webhook) -> None:
    chosen = ada.add_device("Mint")
    made = add_target(ada, hook.url, device_ids=[chosen.device_id])
    add_target(ada, hook.url, name="All")
    assert ada.request("DELETE", chosen.path).status_code == 204
    node.send(tank=5)

    eventually(lambda: hook.requests)
    assert ada.get(f"/notifications/targets/{made['id']}")["device_ids"] == []
    assert len(hook.requests) == 1


@pytest.mark.slow
def test_twenty_targets_are_enough_and_so_are_twenty_urls_a_minute(backend: Backend) -> None:
    ada = backend.add_person("ada-of-many")
    answers = [attempt(ada) for _ in range(20)]
    # Attempts come back while a slow machine is busy with these.
    while answers[-1].status_code != 429 and len(answers) < 1_000:
        answers.append(attempt(ada))
    statuses = [answer.status_code for answer in answers]

    assert statuses[:20] == [201] * 20
    assert set(statuses[20:-1]) <= {409}
    limited = answers[-1]
    refused(limited, 429, "too_many_attempts")
    assert "retry-after" in limited.headers
    for answer in answers[20:-1]:
        refused(answer, 409, "too_many_targets")


@pytest.fixture
def chatty(tmp_path: Path) -> Iterator[Backend]:
    """Give a backend that logs all that it can."""
    settings = {"notification_networks": "127.0.0.1", "evaluation_interval_ms": 0, "log_level": "debug"}
    with Backend(tmp_path / "chatty", **settings, metrics_token="5fQ2mXv8Zk1LrT0w") as running:
        running.on_answer = assert_documented
        yield running


@pytest.mark.slow
def test_no_secret_of_a_url_is_in_any_answer_log_dump_backup_or_export(
    chatty: Backend, tmp_path: Path, hook: Webhook, mailbox: Mailbox
) -> None:
    said: list[str] = []
    keep, chatty.on_answer = chatty.on_answer, lambda answer: said.append(answer.text)
    ada = chatty.add_person("ada")
    node = ada.add_device()
    urls = [
        hook.url + "?-token=query-secret",
        hook.url.replace("json://", "json://user:login-secret@"),
        hook.url.replace("json:", "jsons:"),
        mailbox.url("wrong-secret"),
        "json://127.0.0.1:9/path-secret",
        PUSHOVER,
    ]
    hook.status = 403
    ids = [add_target(ada, url)["id"] for url in urls]
    node.send(tank=5)
    local = ids[:5]
    eventually(lambda: all(one["failures"] for one in ada.get("/notifications/targets") if one["id"] in local))
    expect(200, ada.request("POST", f"/notifications/targets/{ids[0]}/test"))
    refused(attempt(ada, url="json://10.0.0.1/path-secret"), 422, "invalid_input", "url")
    refused(attempt(ada, url="nope://path-secret"), 422, "invalid_input", "url")
    ada.get("/audit")
    chatty.request("GET", "/metrics", token="5fQ2mXv8Zk1LrT0w")
    for command in (
        ["backup", str(tmp_path / "backup.db")],
        ["export", str(tmp_path / "export")],
        ["notify", "test", "ada"],
    ):
        ran = chatty.command_line(*command)
        said += [ran.stdout, ran.stderr]
    chatty.on_answer = keep

    with closing(sqlite3.connect(tmp_path / "backup.db")) as database:
        said += database.iterdump()
        (count,) = database.execute("SELECT count(*) FROM notification_targets").fetchone()
    assert count == len(urls)
    files = [*chatty.data_dir.rglob("*"), *(tmp_path / "export").rglob("*"), tmp_path / "backup.db", chatty.log_path]
    held = [path.name for path in files if path.is_file() and b"-secret" in path.read_bytes()]
    assert held == []
    assert [text for text in said if "-secret" in text] == []
    assert chatty.log().count("notification_not_sent") >= 5


@pytest.mark.slow
def test_a_url_that_another_key_sealed_says_so(chatty: Backend, hook: Webhook) -> None:
    ada = chatty.add_person("ada")
    made = add_target(ada, hook.url)
    key = chatty.data_dir / "notifications.key"
    assert key.stat().st_mode & 0o777 == 0o600
    chatty.stop()
    key.unlink()
    chatty.start()
    answer = expect(200, ada.request("POST", f"/notifications/targets/{made['id']}/test"))

    assert answer["is_sent"] is False
    assert "enter it again" in answer["reason"]
    expect(200, ada.request("PATCH", f"/notifications/targets/{made['id']}", json={"url": hook.url}))
    assert expect(200, ada.request("POST", f"/notifications/targets/{made['id']}/test"))["is_sent"]


@pytest.mark.slow
def test_the_command_line_tries_targets_too(backend: Backend, ada: Person, hook: Webhook) -> None:
    assert "has no targets" in backend.command_line("notify", "test", ada.username).stderr
    made = add_target(ada, hook.url)
    good = backend.command_line("notify", "test", ada.username)
    assert (good.returncode, good.stdout) == (0, f"{made['id']} Phone (json://127.0.0.1/…): sent\n")
    hook.status = 401
    bad = backend.command_line("notify", "test", ada.username, "--target", str(made["id"]))
    assert bad.returncode == 1
    assert "The service refused the credentials (401)." in bad.stdout
