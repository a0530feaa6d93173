"""What pages say and how they are sent."""

import html
import json
import re
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from plant_backend.domain.ledger import DecisionOutcome, DecisionRecord
from plant_backend.domain.model import Mode
from plant_backend.domain.reason import Reason, ReasonCode
from plant_backend.web.pages.device import stretches
from plant_backend.web.site import POLICY

from tests.backend.web.visitor import Visitor, words
from tests.builders import NOW, SECOND, a_plant, to_ms
from tests.live_backend import MANIFEST, Backend, Node, Person, eventually

FIRST_PAGE_BYTES = 150_000
HOSTILE = "<img src=x onerror=alert(1)>\"'&{{7*7}}"


def test_a_page_that_is_missing_says_so_with_its_number(owner: Visitor) -> None:
    answer = owner.get("/web/nowhere")
    assert answer.status_code == 404
    assert answer.headers["x-request-id"] in words(answer.text)


def test_no_page_runs_anything_that_is_not_a_file_of_ours(owner: Visitor, node: Node) -> None:
    for path in (
        "/web",
        "/web/devices",
        f"/web{node.path}",
        f"/web{node.path}/chart",
        "/web/nowhere",
        "/web/alerts",
        "/web/add",
        f"/web{node.path}/automation",
    ):
        answer = owner.get(path)
        assert answer.headers["content-security-policy"] == POLICY
        inline = re.findall(
            r"<script(?![^>]*\b(?:src=|type=\"application/json\"))|<style|\sstyle=|\son\w+=", answer.text
        )
        assert inline == [], path


def test_the_first_page_with_all_its_files_is_light(owner: Visitor, node: Node) -> None:
    seen: dict[str, int] = {}

    def weigh(path: str) -> None:
        with owner.client.stream("GET", path) as answer:
            assert answer.status_code == 200, path
            seen[path] = sum(len(chunk) for chunk in answer.iter_raw())
            text = "" if answer.headers["content-type"].startswith("font") else owner.get(path).text
            folder = path.rsplit("/", 1)[0]
        found = re.findall(r'(?:src|href)="(/web/static/[^"#]+)', text)
        if path.endswith((".js", ".css")):
            found += [
                f"{folder}/{name}"
                for name in re.findall(r'(?:from|import) "\./([^"]+)"|url\("([^"]+)"\)', text)
                for name in name
                if name
            ]
        for other in found:
            if other not in seen:
                weigh(other)

    weigh("/web")
    assert len(seen) > 8
    assert sum(seen.values()) < FIRST_PAGE_BYTES, seen


def test_files_may_be_kept_for_a_year_and_have_new_names_when_they_change(owner: Visitor) -> None:
    path = re.findall(r'href="(/web/static/[^"]+app\.css)"', owner.page("/web"))[0]
    assert "immutable" in owner.get(path).headers["cache-control"]
    old = re.sub(r"static/\w+", "static/0000000000", path)
    assert owner.get(old).headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("language", ["en", "de"])
def test_a_hostile_name_is_text_everywhere(backend: Backend, ada: Person, language: str) -> None:
    node = ada.add_device(HOSTILE)
    node.send(soil=12, tank=3)
    eventually(lambda: ada.get("/alerts", device_id=node.device_id))
    with Visitor(backend, language) as visitor:
        visitor.sign_in("ada")
        for path in (
            "/web",
            "/web/devices",
            "/web/alerts",
            "/web/notifications/new",
            *(
                f"/web{node.path}{end}"
                for end in (
                    "",
                    "/chart",
                    "/chart?view=table",
                    "/water",
                    "/rename",
                    "/secret",
                    "/delete",
                    "/card",
                    "/automation",
                    "/new",
                )
            ),
        ):
            page = visitor.page(path)
            assert "<img" not in page, path
            assert (
                HOSTILE in words(page)
                or "chart" in path
                or HOSTILE
                in page.replace("&lt;", "<")
                .replace("&gt;", ">")
                .replace("&#34;", '"')
                .replace("&#39;", "'")
                .replace("&amp;", "&")
            ), path
            for block in re.findall(r'<script type="application/json"[^>]*>(.*?)</script>', page, re.DOTALL):
                json.loads(block)
    ada.request("DELETE", node.path)


def test_german_is_german_down_to_its_numbers(backend: Backend, node: Node) -> None:
    with Visitor(backend, "de-AT,de;q=0.9,en;q=0.5") as visitor:
        page = visitor.sign_in("ada").page("/web")
    assert '<html lang="de"' in page
    assert "Deine Pflanzen" in words(page)
    assert "41,5" in words(page)


@pytest.mark.parametrize(("mode", "is_on_paper"), [("shadow", True), ("on", False), ("off", False)])
def test_what_comes_next_says_where_it_is_on_paper_alone(
    owner: Visitor, ada: Person, node: Node, mode: str, is_on_paper: bool
) -> None:
    ada.request("PUT", f"{node.path}/automation", json={"mode": mode})
    for path in (f"/web{node.path}/card", f"/web{node.path}/now"):
        read = words(owner.get(path, part=True).text)
        assert re.search(r"Next watering (below 30\s% on paper|below 30\s%|Only by hand) Last watering", read)
        assert ("on paper Last watering" in read) is is_on_paper


def test_a_lamp_is_switched_by_hand(owner: Visitor, ada: Person, node: Node) -> None:
    page = owner.page(f"/web{node.path}")
    assert "Lamp on Lamp off" in words(page)
    assert owner.post(f"/web{node.path}/lamp", actuator="lamp", action="on").status_code == 303
    (command,) = ada.get(f"{node.path}/commands")["commands"]
    assert (command["actuator"], command["action"], command["duration_ms"]) == ("lamp", "on", None)


def test_a_channel_that_the_node_no_longer_has_keeps_its_past_and_shows_no_value(owner: Visitor, node: Node) -> None:
    node.sign_in({**MANIFEST, "sensors": [one for one in MANIFEST["sensors"] if one["key"] != "air"]})
    page = owner.page(f"/web{node.path}")
    assert "Channels that the node no longer has Air temperature air" in words(page)
    assert words(page).count("Air temperature") == 1
    assert owner.get(f"/web{node.path}/chart", sensor="air").status_code == 200


def test_what_is_decided_again_and_again_is_one_line_and_each_dose_its_own() -> None:
    reason, other = Reason(ReasonCode.RESERVOIR_LOW, "x"), Reason(ReasonCode.COOLING_DOWN, "y")

    def made(number: int, outcome: DecisionOutcome, *reasons: Reason) -> DecisionRecord:
        at = NOW - number * SECOND
        return DecisionRecord(number, "d", at, Mode.ON, outcome, reasons, a_plant(), None)

    held, fine, dose = DecisionOutcome.REFUSED, DecisionOutcome.NOT_NEEDED, DecisionOutcome.WATERED
    kinds = [(held, reason), (held, reason), (held, other), (dose, other), (dose, other), (fine, other), (fine, other)]
    found = stretches([made(number, *kind) for number, kind in enumerate(kinds)])
    assert [(one.newest.id, one.count) for one in found] == [(0, 2), (2, 1), (3, 1), (4, 1), (5, 2)]
    assert found[0].since == NOW - SECOND


def written(backend: Backend, node: Node, decisions: Iterable[tuple[datetime, DecisionOutcome, ReasonCode]]) -> None:
    """Put decisions into the ledger of a device that has one already."""
    with closing(sqlite3.connect(backend.data_dir / "plant.db", timeout=60)) as connection, connection:
        connection.executemany(
            "INSERT INTO decisions (device_number, at, mode, outcome, reasons, inputs)"
            " SELECT device_number, ?, mode, ?, ?, inputs FROM decisions"
            " WHERE device_number = (SELECT number FROM devices WHERE id = ?) ORDER BY id LIMIT 1",
            [
                (to_ms(at), outcome.value, json.dumps([{"code": code.value, "text": "x"}]), node.device_id)
                for at, outcome, code in decisions
            ],
        )


def test_what_lasts_for_weeks_says_since_when_and_what_was_before_it(
    owner: Visitor, backend: Backend, ada: Person, node: Node
) -> None:
    node.wait_for_first_look()
    begun, path = datetime.now(UTC).replace(microsecond=0) - timedelta(days=50), f"/web{node.path}"
    hours = [begun + timedelta(hours=hour) for hour in range(1080)]
    watered = (begun - timedelta(hours=1), DecisionOutcome.WATERED, ReasonCode.DRY)
    lasting = [(at, DecisionOutcome.REFUSED, ReasonCode.RESERVOIR_LOW) for at in hours]
    since = f'the same since <time datetime="{begun:%Y-%m-%dT%H:%M:%SZ}"'

    written(backend, node, [watered, *lasting[:480]])
    for page in (owner.page(path), owner.get(f"{path}/now", part=True).text):
        assert since in page.replace("</small>", "")
        assert f'<time datetime="{watered[0]:%Y-%m-%dT%H:%M:%SZ}"' in page
        assert "Older decisions" not in page

    written(backend, node, lasting[480:])
    page = owner.page(path)
    assert "the same since before" in page
    assert "Watered</strong>" not in page
    (link,) = re.findall(r'href="([^"]+)#decisions-title">Older decisions', page)
    older = owner.page(html.unescape(link))
    assert since in older
    assert "Watered</strong>" in older
    # It stays there when it is fetched anew.
    (fetched,) = re.findall(r'hx-get="([^"]+/now[^"]*)"', older)
    assert since in owner.get(html.unescape(fetched), part=True).text
    for odd in ("x", "0", "9" * 20):
        assert owner.get(path, before=odd).status_code == 200


def test_a_chart_of_a_hole_has_a_hole(owner: Visitor, ada: Person) -> None:
    node = ada.add_device()
    minutes = [*range(300, 200, -5), *range(60, 0, -5)]
    node.try_send([{"sensor": "soil", "value": 40, "age_ms": minute * 60_000} for minute in minutes])
    data = owner.get(f"/web{node.path}/chart/data", sensor="soil").json()
    assert data["mean"].count(None) == 1
    assert data["t"] == sorted(data["t"])


def test_a_chart_is_compared_with_one_s_own_sensors_alone(owner: Visitor, node: Node, backend: Backend) -> None:
    foreign = backend.add_person("nell").add_device("Secret garden")
    path = f"/web{node.path}/chart"
    page = owner.page(path, **{"sensor": "soil", "range": "6h", "with": f"{node.device_id}:air"})
    assert f'data-with-url="/web{node.path}/chart/data" data-with-sensor="air"' in page
    assert f"range=7d&amp;with={node.device_id}%3Aair" in page
    assert "Secret garden" not in page
    for nothing in (f"{foreign.device_id}:soil", f"{node.device_id}:soil", f"{node.device_id}:nowhere", ":", "x"):
        assert "data-with-url" not in owner.page(path, **{"sensor": "soil", "with": nothing})


@pytest.mark.parametrize("sensor", ["soil", "tank"])
def test_a_refill_is_marked_in_every_chart_of_its_plant(owner: Visitor, ada: Person, sensor: str) -> None:
    node = ada.add_device()
    levels = {50: 21.0, 40: 20.0, 30: 88.0, 20: 87.0, 10: 86.5}
    for minute, level in levels.items():
        sent = [{"sensor": "tank", "value": level}, {"sensor": "soil", "value": 40 + minute}]
        node.try_send([{**one, "age_ms": minute * 60_000} for one in sent])
    data = owner.get(f"/web{node.path}/chart/data", sensor=sensor).json()
    assert data["refills"] == [data["t"][2]]
    earlier = owner.get(f"/web{node.path}/chart/data", sensor=sensor, range="7d").json()
    assert len(earlier["refills"]) == 1
    ada.request("DELETE", node.path)


def test_counts_that_mean_nothing_yet_tell_of_no_refill(owner: Visitor, ada: Person) -> None:
    """Ten counts are noise, and with many a gauge they fall when it is filled."""
    tank = {"key": "tank", "kind": "reservoir_level", "unit": "raw"}
    node = ada.add_device(manifest=MANIFEST | {"sensors": [*MANIFEST["sensors"][:1], tank]})
    for minute, level in {50: 2_100, 40: 2_088, 30: 2_105, 20: 2_089, 10: 2_104}.items():
        node.try_send([{"sensor": "tank", "value": level, "age_ms": minute * 60_000}])
    assert owner.get(f"/web{node.path}/chart/data", sensor="tank").json()["refills"] == []
    points = [{"raw": 3_000, "value": 0}, {"raw": 2_000, "value": 100}]
    ada.request("PUT", f"{node.path}/channels/tank/calibration", json={"points": points})
    assert owner.get(f"/web{node.path}/chart/data", sensor="tank").json()["refills"] == []
    node.try_send([{"sensor": "tank", "value": 2_900, "age_ms": 5 * 60_000}])
    node.try_send([{"sensor": "tank", "value": 2_050, "age_ms": 60_000}])
    assert len(owner.get(f"/web{node.path}/chart/data", sensor="tank").json()["refills"]) == 1
    ada.request("DELETE", node.path)


def test_what_happened_long_ago_is_marked_however_much_happened_since(
    owner: Visitor, backend: Backend, node: Node
) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    old = now - timedelta(days=300)
    moments = [to_ms(old), *(to_ms(now - timedelta(hours=hour)) for hour in range(600, 0, -1))]
    of_device = "(SELECT number FROM devices WHERE id = ?)"
    with closing(sqlite3.connect(backend.data_dir / "plant.db", timeout=60)) as connection, connection:
        connection.executemany(
            "INSERT INTO commands (device_number, actuator_id, seq, action, state, origin, is_forced, created_at,"
            f" expires_at, finished_at, counted_ms) SELECT {of_device}, id, ?, 'on', 'succeeded', 'rule', 0, ?, ?, ?,"
            f" 5000 FROM actuators WHERE key = 'pump' AND device_number = {of_device}",
            [(node.device_id, seq, at, at, at, node.device_id) for seq, at in enumerate(moments, 1)],
        )
        connection.executemany(
            "INSERT INTO alerts (device_number, kind, channel, severity, state, message, count, first_seen_at,"
            f" last_seen_at, resolved_at) SELECT {of_device}, 'probe_stale', '', 'warning', 'resolved', '', 1, ?, ?, ?",
            [(node.device_id, at, at, at) for at in moments],
        )
    path = f"/web{node.path}/chart/data"
    span = {"since": f"{old - timedelta(hours=1):%FT%TZ}", "until": f"{old + timedelta(hours=1):%FT%TZ}"}
    data = owner.get(path, sensor="soil", **span).json()
    assert data["runs"] == [[round(old.timestamp()), 5_000]]
    assert data["alerts"] == [[round(old.timestamp()), "probe_stale"]]
    year = owner.get(path, sensor="soil", range="365d").json()
    assert year["runs"][0] == data["runs"][0]
    assert year["alerts"][0] == data["alerts"][0]
    # 25 days of runs an hour apart, in places of eleven hours.
    assert len(year["runs"]) == len(year["alerts"]) < 70
    assert sum(lasted_ms for _, lasted_ms in year["runs"]) == len(moments) * 5_000
    assert len(owner.get(path, sensor="soil", range="7d").json()["runs"]) > 160


def test_a_range_without_a_zone_is_of_the_person_s(owner: Visitor, node: Node) -> None:
    owner.client.cookies.set("plant_zone", "Europe/Berlin")
    path = f"/web{node.path}/chart/data"
    data = owner.get(path, sensor="soil", since="2026-07-01T06:00", until="2026-07-01T18:00").json()
    assert (data["since"], data["until"]) == (1_782_878_400, 1_782_921_600)
    page = owner.page(f"/web{node.path}/chart", sensor="soil", since="2026-07-01T06:00", until="2026-07-01T18:00")
    assert 'value="2026-07-01T06:00"' in page
    assert 'data-since="2026-07-01T04:00:00Z"' in page
    owner.client.cookies.delete("plant_zone")


@pytest.mark.parametrize(
    "query", [{"range": "nonsense"}, {"since": "x", "until": "y"}, {"since": "2026-01-01T00:00:00Z"}]
)
def test_an_address_that_makes_no_sense_leads_to_one_that_does(
    owner: Visitor, node: Node, query: dict[str, str]
) -> None:
    answer = owner.get(f"/web{node.path}/chart", sensor="soil", **query)
    assert answer.headers["location"] == f"/web{node.path}/chart?sensor=soil"
