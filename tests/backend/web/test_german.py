"""A German reader of a garden in which many things went wrong reads no English."""

import copy
import re
import sqlite3
from contextlib import closing
from typing import Any
from uuid import uuid4

import pytest
from plant_backend.domain.reason import ReasonCode
from plant_backend.web import terms
from plant_backend.wording import language

from tests.backend.web.visitor import Visitor, words
from tests.live_backend import JSON, MANIFEST, Backend, Node, Person, eventually, expect

ENGLISH = re.compile(
    r"\b(the|is|are|of|and|until|since|with|it|no|not|has|been|its|by|be|to|for|this|from)\b", re.IGNORECASE
)
"""Words that no German text has."""


@pytest.fixture
def greta(backend: Backend) -> Person:
    """Give somebody with a garden of their own."""
    return backend.add_person(f"greta-{uuid4().hex[:8]}")


def manifest(*, without: str = "", raw: str = "", twice: bool = False) -> JSON:
    """Give the usual manifest with less, with a probe that sends volts, or with two probes."""
    changed = copy.deepcopy(MANIFEST)
    changed["sensors"] = [sensor for sensor in changed["sensors"] if sensor["key"] != without]
    for sensor in changed["sensors"]:
        if sensor["key"] == raw:
            sensor["unit"] = "V"
    if twice:
        changed["sensors"].append({"key": "soil2", "kind": "soil_moisture", "unit": "%"})
    return changed


class Trouble:
    """Plants, each with something wrong; each is waited for until the rules have said so."""

    def __init__(self, person: Person) -> None:
        self.person = person
        self.nodes: list[Node] = []

    def plant(self, name: str, channels: JSON = MANIFEST, **profile: Any) -> Node:
        node = self.person.add_device(name, channels)
        expect(200, self.person.request("PUT", f"{node.path}/automation", json={"mode": "on"} | profile))
        self.nodes.append(node)
        return node

    def decided(self, node: Node, code: str) -> None:
        eventually(
            lambda: (
                code
                in [
                    reason["code"]
                    for decision in self.person.get(f"{node.path}/decisions")["decisions"]
                    for reason in decision["reasons"]
                ]
            )
        )

    def warned(self, node: Node, kind: str) -> None:
        eventually(lambda: kind in [one["kind"] for one in self.person.get("/alerts", device_id=node.device_id)])

    def ordered(self, node: Node, actuator: str) -> JSON:
        """Give the command that waits for an actuator."""
        command: JSON = eventually(
            lambda: next((one for one in node.poll(after=0, wait=1) if one["actuator"] == actuator), None)
        )
        return command

    def all(self) -> None:
        """Let much go wrong."""
        empty = self.plant("Leer")
        empty.send(soil=[10, 10], tank=3, air=50)
        self.decided(empty, "reservoir_low")
        self.warned(empty, "air_temperature_high")

        odd = self.plant("Seltsam")
        odd.send(soil=[140, 140], tank=60, air=-20)
        self.decided(odd, "probe_implausible")
        self.warned(odd, "air_temperature_low")

        raw = self.plant("Roh", manifest(raw="soil"))
        raw.send(tank=60)
        self.decided(raw, "probe_uncalibrated")

        fallen = self.plant("Gefallen")
        for value in (60, 60, 10, 10):
            fallen.send(soil=value, tank=60)
        self.decided(fallen, "probe_dropped")

        twins = self.plant("Zwillinge", manifest(twice=True), probe_pair_tolerance_percent=10)
        twins.send(soil=[20, 20], soil2=[60, 60], tank=60)
        self.decided(twins, "probes_disagree")

        seldom = self.plant("Selten")
        seldom.send(soil=25, tank=60)
        self.decided(seldom, "probe_unsteady")

        old = self.plant("Alt")
        old.send(soil=25, tank=60, age_ms=3_600_000)
        self.decided(old, "probe_stale")

        night = self.plant("Nacht", quiet_from="00:00", quiet_until="23:59:59")
        night.send(soil=[25, 25], tank=60)
        self.decided(night, "quiet_hours")

        refused = self.plant("Abgelehnt", lamp_mode="fixed", lamp_on_at="00:00", lamp_off_at="23:59")
        refused.send(soil=[25, 25], tank=60)
        refused.ack(self.ordered(refused, "pump"), "rejected", 0, "max_day")
        refused.ack(self.ordered(refused, "lamp"), "failed", 0, "pin_error")
        self.decided(refused, "lamp_backing_off")
        self.warned(refused, "command_failed")

        gone = self.plant("Weg")
        gone.send(soil=60, tank=60)
        gone.sign_in(manifest(without="tank"))
        self.warned(gone, "reservoir_gone")

        watered = self.plant("Gegossen")
        watered.send(soil=[25, 25], tank=60)
        command = self.ordered(watered, "pump")
        watered.ack(command, "succeeded", command["duration_ms"])
        watered.send(soil=[25, 25], tank=60)
        eventually(lambda: len(self.person.get(f"{watered.path}/decisions")["decisions"]) > 2)


@pytest.mark.slow
def test_a_garden_in_trouble_is_told_in_german(backend: Backend, greta: Person) -> None:
    trouble = Trouble(greta)
    trouble.all()
    texts = {one["message"] for one in greta.get("/alerts")}
    for node in trouble.nodes:
        for decision in greta.get(f"{node.path}/decisions")["decisions"]:
            assert all(reason["sentences"] for reason in decision["reasons"])
            texts |= {reason["text"] for reason in decision["reasons"]}
    assert len(texts) > 15
    with Visitor(backend, "de") as visitor:
        visitor.sign_in(greta.username)
        paths = ["/web", "/web/alerts", "/web/devices"]
        for node in trouble.nodes:
            paths += [f"/web{node.path}", f"/web{node.path}/now", f"/web{node.path}/card"]
        for path in paths:
            page = visitor.page(path)
            assert 'lang="en"' not in page.replace('<option value="en" lang="en"', ""), path
            read = words(page)
            assert ENGLISH.findall(read) == [], f"{path}: {read}"
            assert [text for text in texts if text in read] == []
        alerts = words(visitor.page("/web/alerts"))
        for text in (
            "Der Wassertank steht bei 3\xa0%: Füll ihn auf.",
            "„soil“ misst 140\xa0%, außerhalb von 0 … 100: Prüfe die Sonde und ihre Kabel.",
            "abgelehnt, die Laufzeit des Tages ist verbraucht.",
            "Der Knoten nennt „tank“ nicht mehr (Wassertank).",
        ):
            assert text.replace("\xa0", " ") in alerts.replace("\xa0", " ")


def test_what_would_have_been_is_told_in_german(backend: Backend, greta: Person) -> None:
    node = Trouble(greta).plant("Probe", quiet_from="00:00", quiet_until="23:59:59")
    for minute in range(6):
        node.send(soil=20 + minute / 10, tank=60 if minute < 4 else 5, age_ms=(7 - minute) * 600_000)
    path = f"/web{node.path}/automation"
    with Visitor(backend, "de") as visitor:
        visitor.sign_in(greta.username)
        for changed in ({"mode": "on"}, {"quiet_from": "", "quiet_until": ""}):
            form = {"mode": "on", "stale_after_s": "15", **changed}
            answer = visitor.post(f"{path}/what-if", **form)
            assert answer.status_code == 200, answer.text
            assert 'lang="en"' not in answer.text
            assert ENGLISH.findall(words(answer.text)) == []
            assert "Die Lampe wird nicht geprobt." in words(answer.text)


def test_an_alert_is_read_out_in_german(backend: Backend, greta: Person, other: Visitor) -> None:
    trouble = Trouble(greta)
    node = trouble.plant("Leer")
    node.send(soil=50, tank=3)
    trouble.warned(node, "reservoir_low")
    (alert,) = greta.get("/alerts")
    with Visitor(backend, "de") as visitor:
        visitor.sign_in(greta.username)
        said = visitor.get("/web/alerts/told", id=str(alert["id"]))
        assert (said.status_code, said.headers["content-type"]) == (200, "text/plain; charset=utf-8")
        assert said.text == "Der Wassertank steht bei 3\xa0%: Füll ihn auf. Bis dahin wird nicht gegossen."
        for odd in ("", "x", "²", "0", "9" * 20):
            assert visitor.get("/web/alerts/told", id=odd).text == ""
        # A page that nobody looked at for hours hears of it when it is long over.
        visitor.post(f"/web/alerts/{alert['id']}/resolve")
        assert visitor.get("/web/alerts/told", id=str(alert["id"])).text == ""
    assert other.get("/web/alerts/told", id=str(alert["id"])).text == ""


def test_what_an_earlier_version_wrote_is_shown_as_it_was(backend: Backend, greta: Person) -> None:
    trouble = Trouble(greta)
    node = trouble.plant("Alt")
    node.send(soil=50, tank=3)
    trouble.warned(node, "reservoir_low")
    trouble.decided(node, "moist")
    (alert,) = greta.get("/alerts")
    with closing(sqlite3.connect(backend.data_dir / "plant.db", timeout=60)) as connection:
        connection.execute("UPDATE alerts SET sentences = NULL WHERE id = ?", (alert["id"],))
        connection.execute(
            "UPDATE decisions SET reasons = ? WHERE device_number = (SELECT number FROM devices WHERE id = ?)",
            ('[{"code":"moist","text":"The soil is at 50 %; so it was.","until":null}]', node.device_id),
        )
        connection.commit()
    (alert,) = greta.get("/alerts")
    assert alert["sentences"] == []
    with Visitor(backend, "de") as visitor:
        visitor.sign_in(greta.username)
        assert f'<span lang="en">{alert["message"]}</span>' in visitor.page("/web/alerts")
        page = visitor.page(f"/web{node.path}")
        assert '<span lang="en">The soil is at 50 %; so it was.</span>' in page
        assert language.words("de").gettext(terms.REASONS[ReasonCode.MOIST]) in page
