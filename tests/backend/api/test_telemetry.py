"""Readings that are accepted: what a 202 means, and what becomes of late, repeated and odd ones."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

from tests.backend.api.refusals import refused
from tests.live_backend import JSON, Node, Person, eventually, expect


def test_a_batch_is_accepted_and_shown(node: Node, ada: Person) -> None:
    before = datetime.now(UTC)
    answer = node.send(soil=41.5, tank=80)
    after = datetime.now(UTC)

    assert answer == {"accepted": 2, "duplicate": False}
    latest = _latest(node, ada)["soil"]
    assert latest["value"] == 41.5
    assert before - timedelta(milliseconds=1) <= datetime.fromisoformat(latest["ts"]) <= after
    assert _history(node, ada) == [41.5]
    assert ada.get(node.path)["last_seen_at"] == latest["ts"]


def test_a_sensor_may_be_named_by_its_id(node: Node, ada: Person) -> None:
    soil = ada.get(node.path)["sensors"][0]

    expect(202, node.try_send([{"sensor": soil["id"], "value": 17, "age_ms": 0}]))
    assert _history(node, ada) == [17]


def test_the_same_batch_again_gets_the_first_answer_and_changes_nothing(node: Node, ada: Person) -> None:
    readings = [{"sensor": "soil", "value": 30, "age_ms": 1_000}, {"sensor": "tank", "value": 80, "age_ms": 1_000}]
    assert expect(202, node.try_send(readings, "b-1", boot_id="x")) == {"accepted": 2, "duplicate": False}
    shown = ada.get(f"{node.path}/readings", sensor="soil")

    later = [reading | {"age_ms": 61_000} for reading in readings]
    for repeat in (readings, later):
        assert expect(202, node.try_send(repeat, "b-1", boot_id="x")) == {"accepted": 2, "duplicate": True}
    assert ada.get(f"{node.path}/readings", sensor="soil") == shown


def test_the_same_id_with_other_content_is_a_conflict(node: Node, ada: Person) -> None:
    readings = [{"sensor": "soil", "value": 30, "age_ms": 0}, {"sensor": "tank", "value": 80, "age_ms": 0}]
    expect(202, node.try_send(readings, "b-1", boot_id="x"))

    others: list[tuple[list[JSON], str]] = [
        ([readings[0] | {"value": 31}, readings[1]], "x"),
        ([readings[0] | {"sensor": "air"}, readings[1]], "x"),
        ([readings[1], readings[0]], "x"),
        (readings[:1], "x"),
        ([*readings, readings[0]], "x"),
        ([], "x"),
        (readings, "y"),
    ]
    for other, boot_id in others:
        refused(node.try_send(other, "b-1", boot_id=boot_id), 409, "batch_conflict")
    assert _history(node, ada) == [30]
    assert ada.get(node.path)["sensors"][2]["latest"] is None


def test_another_device_may_use_the_same_batch_id(node: Node, ada: Person) -> None:
    other = ada.add_device()
    readings = [{"sensor": "soil", "value": 30, "age_ms": 0}]

    assert expect(202, node.try_send(readings, "b-1"))["duplicate"] is False
    assert expect(202, other.try_send(readings, "b-1"))["duplicate"] is False


def test_a_batch_that_is_sent_twenty_times_at_once_is_stored_once(node: Node, ada: Person) -> None:
    readings = [{"sensor": "soil", "value": 30, "age_ms": 0}]
    with ThreadPoolExecutor(20) as threads:
        answers = list(threads.map(lambda _: expect(202, node.try_send(readings, "b-1")), range(20)))

    assert sorted(answer["duplicate"] for answer in answers) == [False] + [True] * 19
    assert _history(node, ada) == [30]


def test_readings_out_of_order_within_a_batch_end_up_in_order(node: Node, ada: Person) -> None:
    readings = [{"sensor": "soil", "value": age, "age_ms": age * 1000} for age in (30, 10, 50, 20, 40)]
    expect(202, node.try_send(readings))

    assert _history(node, ada) == [50, 40, 30, 20, 10]
    assert _latest(node, ada)["soil"]["value"] == 10


def test_late_data_feeds_history_and_never_the_latest_value(node: Node, ada: Person) -> None:
    node.send(soil=44)
    latest = _latest(node, ada)["soil"]
    for age_ms in (1, 60_000, 30 * 24 * 3600 * 1000):
        node.send(soil=5, age_ms=age_ms + 10_000)

    assert _latest(node, ada)["soil"] == latest
    since = (datetime.now(UTC) - timedelta(days=40)).isoformat()
    assert len(ada.get(f"{node.path}/readings", sensor="soil", since=since)["readings"]) == 4


def test_history_holds_each_instant_of_a_sensor_once(node: Node, ada: Person) -> None:
    at = (datetime.now(UTC) - timedelta(minutes=5)).isoformat()
    for value in (20, 21):
        expect(202, node.try_send([{"sensor": "soil", "value": value, "measured_at": at}]))

    assert len(_history(node, ada)) == 1


def test_a_time_with_a_zone_is_taken_as_it_is(node: Node, ada: Person) -> None:
    at = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
    written = f"{(at + timedelta(hours=2)):%Y-%m-%dT%H:%M:%S}.000+02:00"
    expect(202, node.try_send([{"sensor": "soil", "value": 20, "measured_at": written}]))

    assert datetime.fromisoformat(_latest(node, ada)["soil"]["ts"]) == at


def test_a_clock_that_is_a_little_ahead_is_forgiven(node: Node) -> None:
    at = (datetime.now(UTC) + timedelta(seconds=45)).isoformat()

    expect(202, node.try_send([{"sensor": "soil", "value": 20, "measured_at": at}]))


def test_thirty_one_days_old_is_not_too_old(node: Node) -> None:
    assert node.send(soil=20, age_ms=31 * 24 * 3600 * 1000) == {"accepted": 1, "duplicate": False}


def test_no_reading_of_unknown_age_hides_another(node: Node, ada: Person) -> None:
    """A node that rebooted without a clock empties its memory, batch upon batch, as fast as they are taken."""
    values = [number / 20 for number in range(1500)]
    for start in range(0, 1500, 500):
        expect(202, node.try_send([{"sensor": "soil", "value": value} for value in values[start : start + 500]]))

    assert _history(node, ada) == values


def test_a_reading_of_unknown_age_goes_to_history_and_is_never_acted_on(node: Node, ada: Person) -> None:
    """A node that rebooted without a clock must not water by what it remembers."""
    expect(200, ada.request("PUT", f"{node.path}/automation", json={"mode": "on"}))
    node.send(tank=80)
    for _ in range(3):
        expect(202, node.try_send([{"sensor": "soil", "value": 1}]))

    assert _history(node, ada) == [1, 1, 1]
    assert _latest(node, ada)["soil"] is None

    def newest() -> list[str]:
        return [found["reasons"][0]["code"] for found in ada.get(f"{node.path}/decisions")["decisions"][:1]]

    # What the rules see last, after they were switched on: the tank was heard, and there is no soil value.
    eventually(lambda: newest() == ["no_reading"])
    assert ada.get(f"{node.path}/commands")["commands"] == []


def test_five_hundred_readings_fit_into_a_batch(node: Node, ada: Person) -> None:
    readings = [{"sensor": "soil", "value": number / 10, "age_ms": number * 1000} for number in range(500)]

    assert expect(202, node.try_send(readings)) == {"accepted": 500, "duplicate": False}
    assert len(_history(node, ada)) == 500


def test_an_empty_batch_is_a_sign_of_life(node: Node, ada: Person) -> None:
    assert ada.get(node.path)["last_seen_at"] is None

    assert expect(202, node.try_send([])) == {"accepted": 0, "duplicate": False}
    assert ada.get(node.path)["last_seen_at"] is not None


def test_an_implausible_value_is_kept_all_the_same(node: Node, ada: Person) -> None:
    node.send(soil=[-7, 1e308])

    assert _history(node, ada) == [-7, 1e308]


def test_history_can_be_read_in_parts_from_both_ends(node: Node, ada: Person) -> None:
    start = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
    readings = [
        {"sensor": "soil", "value": minute, "measured_at": (start + timedelta(minutes=minute)).isoformat()}
        for minute in range(10)
    ]
    expect(202, node.try_send(readings))

    def values(**params: object) -> list[float]:
        return [reading["value"] for reading in ada.get(f"{node.path}/readings", sensor="soil", **params)["readings"]]

    assert values() == list(range(10))
    assert values(limit=3) == [0, 1, 2]
    assert values(limit=3, newest_first=True) == [9, 8, 7]
    since, until = (start + timedelta(minutes=3)).isoformat(), (start + timedelta(minutes=6)).isoformat()
    assert values(since=since, until=until) == [3, 4, 5]


def _latest(node: Node, ada: Person) -> dict[str, JSON]:
    return {sensor["key"]: sensor["latest"] for sensor in ada.get(node.path)["sensors"]}


def _history(node: Node, ada: Person, sensor: str = "soil") -> list[float]:
    found = ada.get(f"{node.path}/readings", sensor=sensor, limit=10_000)["readings"]
    return [reading["value"] for reading in found]
