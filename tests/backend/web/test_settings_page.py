"""An account's settings."""

import re
from collections.abc import Iterator

import pytest
from plant_backend.web.agents import browser_of

from tests.backend.web.visitor import Visitor, words
from tests.live_backend import PASSWORD, Backend, Node, Person


@pytest.fixture(scope="module")
def zoe(backend: Backend) -> Iterator[Visitor]:
    """Give the browser of somebody who changes all that can be changed."""
    backend.add_person("zoe")
    with Visitor(backend) as visitor:
        yield visitor.sign_in("zoe")


def test_a_token_is_shown_once_works_and_is_revoked(zoe: Visitor, backend: Backend) -> None:
    answer = zoe.post("/web/settings/tokens", token_name="watch")
    assert answer.status_code == 303
    made, again = (zoe.get(answer.headers["location"]) for _ in range(2))
    assert (made.status_code, made.headers["cache-control"]) == (200, "no-store")
    assert 'name="next" value="/web/settings/tokens/' in made.text
    assert "shown once and is kept nowhere" in words(again.text)
    assert "pat_" not in again.text
    token = re.findall(r"pat_[\w-]+", made.text)[0]
    bearer = {"authorization": f"Bearer {token}"}
    assert backend.request("GET", "/devices", headers=bearer).status_code == 200
    page = zoe.page("/web/settings")
    assert token not in page
    (path,) = re.findall(r'action="(/web/settings/tokens/\d+/revoke)"(?:(?!</li>).)*watch', page, re.DOTALL)
    assert zoe.post(path).status_code == 303
    assert zoe.get(answer.headers["location"]).status_code == 404
    assert backend.request("GET", "/devices", headers=bearer).status_code == 401


@pytest.mark.parametrize(
    ("form", "sent", "kept"),
    [
        ("tokens", {"token_name": "x" * 101}, f'value="{"x" * 101}"'),
        ("tokens", {"token_name": " "}, 'value=" "'),
        ("viewers", {"username": "yan", "password": "short"}, 'value="yan"'),
        ("password", {"current_password": "no", "new_password": PASSWORD, "again": PASSWORD, "username": "zoe"}, ""),
        ("password", {"current_password": PASSWORD, "new_password": "a", "again": "b", "username": "zoe"}, ""),
        ("viewers/1125899906842624/delete", {}, None),
    ],
)
def test_what_is_refused_says_so_on_top_keeps_what_was_typed_and_leads_on(
    zoe: Visitor, form: str, sent: dict[str, str], kept: str | None
) -> None:
    answer = zoe.post(f"/web/settings/{form}", **sent)
    assert answer.status_code == (422 if kept is not None else 404)
    (place,) = re.findall(r'name="next" value="([^"]+)"', answer.text)
    assert zoe.get(place).status_code == 200
    if kept is not None:
        assert "Nothing was saved" in words(answer.text) or "not your password" in words(answer.text)
        assert answer.text.index("notice bad") < answer.text.index("<form", answer.text.index("<main"))
        assert kept in answer.text
        assert PASSWORD not in answer.text
        # One's own name, which a password's form sends along, is no viewer's.
        assert answer.text.count('value="zoe"') == 1


def test_another_browser_is_signed_out(zoe: Visitor, backend: Backend) -> None:
    with Visitor(backend) as other:
        other.sign_in("zoe")
        for path in re.findall(r'action="(/web/settings/sessions/\d+/end)"', zoe.page("/web/settings")):
            assert zoe.post(path).status_code == 303
        assert other.get("/web").status_code == 303
    assert zoe.get("/web").status_code == 200


def test_the_password_is_changed_only_by_who_knows_it(zoe: Visitor) -> None:
    new = "some other words of mine"
    wrong = zoe.post("/web/settings/password", current_password="no", new_password=new, again=new)
    assert wrong.status_code == 422
    assert "That is not your password." in words(wrong.text)
    unlike = zoe.post("/web/settings/password", current_password=PASSWORD, new_password=new, again="x")
    assert "The two are not the same." in words(unlike.text)
    for before, after in ((PASSWORD, new), (new, PASSWORD)):
        answer = zoe.post("/web/settings/password", current_password=before, new_password=after, again=after)
        assert answer.status_code == 303, words(answer.text)
    assert zoe.get("/web").status_code == 200


def test_a_viewer_is_let_in_and_out_again(zoe: Visitor, backend: Backend) -> None:
    short = zoe.post("/web/settings/viewers", username="yan", password="x")
    assert short.status_code == 422
    assert "easy to guess" in words(short.text)
    assert zoe.post("/web/settings/viewers", username="yan", password=PASSWORD).status_code == 303
    again = zoe.post("/web/settings/viewers", username="yan", password=PASSWORD)
    assert again.status_code == 422
    with Visitor(backend) as yan:
        assert "Who else may look" not in words(yan.sign_in("yan").page("/web/settings"))
        (path,) = re.findall(r'action="(/web/settings/viewers/\d+/delete)"', zoe.page("/web/settings"))
        assert yan.post(path).status_code == 403
        assert zoe.post(path).status_code == 303
        assert yan.get("/web").status_code == 303


def test_the_owner_reads_who_did_what(zoe: Visitor) -> None:
    assert "session opened" in words(zoe.page("/web/settings"))


def test_help_is_there_for_all(viewer: Visitor) -> None:
    assert "My plant was not watered. Why?" in words(viewer.page("/web/help"))


def test_what_is_kept_is_said_and_can_be_taken_along(owner: Visitor, viewer: Visitor, node: Node) -> None:
    node.send(soil=37.5)
    for visitor in (owner, viewer):
        page = visitor.page("/web/settings")
        assert "Readings as they came 32 days" in words(page)
        (link,) = re.findall(rf'href="(/devices/{node.device_id}/readings/export\?format=csv)"', page)
        assert "37.5" in visitor.page(link)


def test_diagnostics_tell_states_and_neither_names_nor_secrets(
    owner: Visitor, viewer: Visitor, backend: Backend, ada: Person
) -> None:
    node = ada.add_device("Secret garden")
    node.send(soil=37.5)
    ada.request("POST", "/tokens", json={"name": "a token of mine"})
    answer = owner.get("/web/settings/diagnostics")
    assert "attachment" in answer.headers["content-disposition"]
    told = answer.json()
    assert told["server"]["takes_writes"] is True
    assert told["kept_days"]["raw_days"] == 32
    (device,) = [one for one in told["devices"] if one["id"] == node.device_id]
    assert device["presence"] == "fresh"
    assert device["sensors"]["soil_moisture"] == 1
    for word in ("Secret garden", '"ada"', '"vic"', "pat_", "pds_", "a token of mine", node.secret):
        assert word not in answer.text
    assert "Diagnostics" in words(owner.page("/web/settings"))
    assert "Diagnostics" not in words(viewer.page("/web/settings"))
    ada.request("DELETE", node.path)


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0", "Chrome, Linux"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18 Safari/604.1", "Safari, iPhone"),
        ("Mozilla/5.0 (Windows NT 10.0; Win64) Chrome/140.0 Safari/537.36 Edg/140.0", "Edge, Windows"),
        ("Mozilla/5.0 (Android 16; Mobile; rv:143.0) Gecko/143.0 Firefox/143.0", "Firefox, Android"),
        ("curl/8", "curl/8"),
        ("", ""),
    ],
)  # fmt: skip
def test_a_browser_is_called_as_people_call_it(agent: str, name: str) -> None:
    assert browser_of(agent) == name
