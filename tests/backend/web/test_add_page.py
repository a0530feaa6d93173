"""Adding a device: its secret is shown once, in the file that its node reads."""

import html
import json
import re
import tomllib

import pytest
from plant_backend.services.node_files import Board

from tests.backend.web.visitor import Visitor, words
from tests.live_backend import Backend, Person


def added(owner: Visitor, kind: str, name: str = "Balcony tomatoes") -> tuple[str, str]:
    """Add a device. Gives the address of the page with the secret, and that page."""
    answer = owner.post("/web/add", kind=kind, name=name)
    assert answer.status_code == 303, answer.text
    path = answer.headers["location"]
    assert "pds_" not in path
    return path, owner.page(path)


def file_on(page: str) -> str:
    """Give the text of the file with the secret on a page."""
    return html.unescape(re.findall(r"<textarea[^>]*>(.*?)</textarea>", page, re.DOTALL)[-1])


@pytest.mark.parametrize("kind", ["esphome", "raspberry_pi", "other"])
def test_the_file_lets_its_node_in(owner: Visitor, ada: Person, backend: Backend, kind: str) -> None:
    text = file_on(added(owner, kind)[1])
    if kind == "esphome":
        lines = dict(line.split(": ", 1) for line in text.splitlines())
        found = {
            name.removeprefix("plant_").removeprefix("device_"): json.loads(value) for name, value in lines.items()
        }
        url, device_id, secret = found["url"], found["id"], found["secret"]
    else:
        parsed = tomllib.loads(text)["backend"] if kind == "raspberry_pi" else json.loads(text)
        url, device_id, secret = parsed["url"], parsed["device_id"], parsed["secret"]
    assert url == backend.url
    answer = backend.request("POST", "/auth/device", json={"device_id": device_id, "secret": secret})
    assert answer.status_code == 200
    ada.request("DELETE", f"/devices/{device_id}")


def test_esphome_gets_the_yaml_that_goes_with_the_secret(owner: Visitor, ada: Person) -> None:
    path, page = added(owner, "esphome", "Käthe's ${x} balcony 🌱")
    texts = [html.unescape(each) for each in re.findall(r"<textarea[^>]*>(.*?)</textarea>", page, re.DOTALL)]
    assert len(texts) == 2
    assert "device_secret: !secret plant_device_secret" in texts[0]
    assert "pds_" not in texts[0]
    device = path.removeprefix("/web").split("/new")[0]
    files = ada.get(f"{device}/files", board="d1_mini")["files"]
    assert "boards/d1_mini.yaml" in files[0]["text"]
    assert "shown once" in files[1]["text"]
    assert "${" not in files[0]["text"]
    ada.request("DELETE", device)


@pytest.mark.parametrize("board", Board)
def test_esphomes_file_is_for_the_board_that_was_chosen(owner: Visitor, ada: Person, board: Board) -> None:
    assert f'value="{board}"' in owner.page("/web/add")
    answer = owner.post("/web/add", kind="esphome", name="Basil", board=board)
    path = answer.headers["location"]
    assert f"firmware/esphome/boards/{board}.yaml" in owner.page(path)
    ada.request("DELETE", path.removeprefix("/web").split("/new")[0])


def test_a_name_that_is_refused_keeps_the_board(owner: Visitor) -> None:
    answer = owner.post("/web/add", kind="esphome", name="", board="d1_mini")
    assert answer.status_code == 422
    assert '<option value="d1_mini" selected>' in answer.text


def test_a_secret_is_gone_after_a_reload_and_kept_nowhere(owner: Visitor, ada: Person) -> None:
    path, page = added(owner, "raspberry_pi")
    secret = tomllib.loads(file_on(page))["backend"]["secret"]
    answer = owner.get(path)
    assert answer.headers["cache-control"] == "no-store"
    assert secret not in answer.text
    assert "make a new one" in words(answer.text)
    ada.request("DELETE", path.removeprefix("/web").split("/new")[0])


def test_a_name_is_needed(owner: Visitor, ada: Person) -> None:
    before = len(ada.get("/devices"))
    for name in ("", "  ", "x" * 101):
        answer = owner.post("/web/add", kind="other", name=name)
        assert answer.status_code == 422
        assert "at most 100 characters" in words(answer.text)
    assert len(ada.get("/devices")) == before


def test_the_page_tells_how_far_the_node_has_come(owner: Visitor, ada: Person) -> None:
    device = ada.add_device("Fern")
    part = words(owner.page(f"/web{device.path}/arrival"))
    assert "Signed in as" in part
    assert "Waiting for the first reading" in part
    device.send(soil=44)
    assert "It has arrived" in words(owner.page(f"/web{device.path}/arrival"))
    ada.request("DELETE", device.path)
