"""History over real HTTP: readings, buckets, and files that stream."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.live_backend import Backend, Node, Person, expect


@pytest.fixture
def node(ada: Person) -> Node:
    return ada.add_device("Büro: Ficus / 2")


def test_buckets_hold_what_was_measured(node: Node) -> None:
    node.send(soil=[40, 44, 42], age_ms=1_000)
    exact = node.owner.get(f"{node.path}/readings", sensor="soil", points=10)
    assert (exact["sensor"], exact["kind"], exact["unit"], exact["bucket_ms"]) == ("soil", "soil_moisture", "%", None)
    assert [bucket["last"] for bucket in exact["buckets"]] == [40, 44, 42]
    assert exact["buckets"][0].keys() == {"ts", "min", "max", "mean", "count", "last"}
    few = node.owner.get(f"{node.path}/readings", sensor="soil", points=2)
    assert sum(bucket["count"] for bucket in few["buckets"]) == 3
    assert few["buckets"][-1]["last"] == 42
    assert few["bucket_ms"] % 300_000 == 0


def test_without_points_the_readings_themselves_come(node: Node) -> None:
    node.send(soil=[40, 44, 42])
    answer = node.owner.get(f"{node.path}/readings", sensor="soil")
    assert [reading["value"] for reading in answer["readings"]] == [40, 44, 42]
    assert answer["readings"][0].keys() == {"ts", "value"}
    newest = node.owner.get(f"{node.path}/readings", sensor="soil", newest_first=True, limit=1)
    assert [reading["value"] for reading in newest["readings"]] == [42]


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"points": 1}, "points"),
        ({"points": 100_000}, "points"),
        ({"points": "many"}, "points"),
        ({"points": 10, "limit": 10}, "limit"),
        ({"points": 10, "newest_first": True}, "newest_first"),
        ({"points": 10, "sensor": "nothing"}, "sensor"),
        ({"points": 10, "since": "2026-01-01"}, "since"),
        ({"points": 10, "since": "2026-01-02T00:00:00Z", "until": "2026-01-01T00:00:00Z"}, "since"),
        ({"points": 10, "until": "1969-01-01T00:00:00Z"}, "until"),
    ],
)
def test_what_makes_no_sense_is_named(node: Node, params: dict[str, Any], field: str) -> None:
    answer = node.owner.request("GET", f"{node.path}/readings", params={"sensor": "soil", **params})
    assert expect(422, answer)["errors"][0]["field"] == field


def test_an_export_is_a_table_with_units(node: Node) -> None:
    expect(
        202,
        node.try_send([{"sensor": key, "value": value, "age_ms": 5} for key, value in (("soil", 41.5), ("tank", 80))]),
    )
    expect(202, node.try_send([{"sensor": "soil", "value": 4095}]))
    answer = node.owner.request("GET", f"{node.path}/readings/export")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="b-ro-ficus-2-readings.csv"'
    rows = list(csv.reader(io.StringIO(answer.text)))
    assert rows[0] == ["ts", "soil (%)", "tank (%)", "air (°C)"]
    assert [row[1:] for row in rows[1:]] == [["41.5", "80.0", ""], ["4095.0", "", ""]]
    assert all(row[0].endswith("Z") and "T" in row[0] for row in rows[1:])


def test_an_export_as_ndjson_has_a_document_per_reading(node: Node) -> None:
    node.send(soil=[1, 2], tank=80, age_ms=10)
    params = {"format": "ndjson", "sensor": ["tank", "soil"]}
    answer = node.owner.request("GET", f"{node.path}/readings/export", params=params)
    assert answer.headers["content-type"] == "application/x-ndjson"
    documents = [json.loads(line) for line in answer.text.splitlines()]
    assert [(document["sensor"], document["value"], document["unit"]) for document in documents] == [
        ("soil", 1, "%"),
        ("tank", 80, "%"),
        ("soil", 2, "%"),
    ]


def test_an_export_refuses_what_it_cannot_give(node: Node) -> None:
    for params, field in (({"format": "xlsx"}, "format"), ({"sensor": ["soil", "nothing"]}, "sensor")):
        answer = node.owner.request("GET", f"{node.path}/readings/export", params=params)
        assert expect(422, answer)["errors"][0]["field"] == field


@pytest.mark.slow
def test_an_export_misses_nothing_while_the_log_is_compacted(tmp_path: Any) -> None:
    """Half of an export comes from the log and half from the tables, and the border moves meanwhile."""
    with Backend(tmp_path, compact_at_batches=3) as backend:
        node = backend.add_person().add_device()
        sent, newest = 0, datetime.now(UTC)
        for part in range(60):
            # Times and no ages: however long a part is under way, no two readings are of one instant.
            times = [(newest - timedelta(seconds=part * 200 + place)).isoformat() for place in range(200)]
            readings = [
                {"sensor": sensor, "value": sent + place, "measured_at": at}
                for place, at in enumerate(times)
                for sensor in ("soil", "tank")
            ]
            expect(202, node.try_send(readings))
            sent += 200
            if part % 20 == 7:
                lines = node.owner.request("GET", f"{node.path}/readings/export").text.splitlines()
                assert len({line.split(",", 1)[1] for line in lines[1:]} - {","}) >= sent
        rows = list(csv.reader(io.StringIO(node.owner.request("GET", f"{node.path}/readings/export").text)))[1:]
        assert sorted(float(row[1]) for row in rows if row[1]) == list(range(sent))
        assert sorted(float(row[2]) for row in rows if row[2]) == list(range(sent))
        assert [row[0] for row in rows] == sorted({row[0] for row in rows})
