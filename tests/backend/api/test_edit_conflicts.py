"""Two people edit one profile: nobody overwrites what they have not seen."""

from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.backend.api.refusals import refused
from tests.live_backend import JSON, Node, Person, expect


def test_a_change_of_the_version_that_was_read_passes_and_names_the_next(node: Node, ada: Person) -> None:
    read = ada.request("GET", f"{node.path}/automation")
    changed = _put(node, ada, {"dose_ms": 4_000}, read.headers["etag"])

    assert expect(200, changed)["dose_ms"] == 4_000
    assert changed.headers["etag"] != read.headers["etag"]
    assert changed.headers["etag"] == ada.request("GET", f"{node.path}/automation").headers["etag"]


def test_who_was_slower_overwrites_nothing_and_sees_what_there_is(node: Node, ada: Person) -> None:
    read = ada.request("GET", f"{node.path}/automation").headers["etag"]
    faster = _put(node, ada, {"dose_ms": 4_000}, read)
    slower = _put(node, ada, {"dose_ms": 9_000}, read)

    problem = refused(slower, 412, "automation_changed")
    assert problem["current"] == faster.json() == ada.get(f"{node.path}/automation")
    assert slower.headers["etag"] == faster.headers["etag"]
    assert expect(200, _put(node, ada, {"dose_ms": 9_000}, slower.headers["etag"]))["dose_ms"] == 9_000


def test_of_ten_at_once_one_passes(node: Node, ada: Person) -> None:
    read = ada.request("GET", f"{node.path}/automation").headers["etag"]
    with ThreadPoolExecutor(10) as threads:
        answers = list(threads.map(lambda dose_ms: _put(node, ada, {"dose_ms": dose_ms}, read), range(1_000, 1_010)))

    assert sorted(answer.status_code for answer in answers) == [200] + [412] * 9
    (passed,) = [answer for answer in answers if answer.status_code == 200]
    assert ada.get(f"{node.path}/automation") == passed.json()


@pytest.mark.parametrize("tags", ["*", '"0"', '"0", "999"', '"x" , "0"'])
def test_a_tag_among_several_and_any_tag_match(node: Node, ada: Person, tags: str) -> None:
    expect(200, _put(node, ada, {}, tags))


@pytest.mark.parametrize("tags", ['W/"0"', '"1"', '""', '"x"', '"00x"', '"99999999999999999999999"'])
def test_a_weak_or_strange_tag_matches_nothing(node: Node, ada: Person, tags: str) -> None:
    refused(_put(node, ada, {}, tags), 412, "automation_changed")


@pytest.mark.parametrize("tags", ["0", "", '"0', '"0" "1"', "W/0", '"0",', "a" * 2_000])
def test_what_is_no_tag_is_named(node: Node, ada: Person, tags: str) -> None:
    refused(_put(node, ada, {}, tags), 422, "invalid_input")
    assert ada.request("GET", f"{node.path}/automation").headers["etag"] == '"0"'


def test_a_profile_that_makes_no_sense_is_told_before_the_conflict(node: Node, ada: Person) -> None:
    refused(_put(node, ada, {"dose_ms": 0}, '"7"'), 422, "invalid_input", "dose_ms")


def _put(node: Node, person: Person, profile: JSON, tags: str) -> httpx.Response:
    return person.request("PUT", f"{node.path}/automation", json=profile, headers={"if-match": tags})
