"""Saying what a probe's volts mean."""

import html
import re

from tests.backend.web.visitor import Visitor, words
from tests.live_backend import Person

RAW_PROBE = {
    "firmware": "plant-node",
    "version": "0.1.0",
    "sensors": [{"key": "soil", "kind": "soil_moisture", "unit": "V"}],
    "actuators": [{"key": "pump", "kind": "pump"}],
}


def filled(page: str) -> dict[str, str]:
    """Give what the form on a page would send if nothing were touched."""
    inputs = [dict(re.findall(r'(\w+)="([^"]*)"', tag)) for tag in re.findall(r"<input\b[^>]*>", page)]
    return {one["name"]: html.unescape(one["value"]) for one in inputs if one["name"][-1].isdigit()}


def test_a_raw_probe_is_calibrated_and_its_history_told_anew(owner: Visitor, ada: Person) -> None:
    node = ada.add_device("Raw rosemary", RAW_PROBE)
    node.send(soil=2.0)
    assert "nobody has said what they mean" in words(owner.page(f"/web{node.path}"))
    path = f"/web{node.path}/calibration/soil"
    assert 'data-raw="2.0"' in owner.page(path)
    done = owner.post(path, **{"raw-0": "2,8", "value-0": "0", "raw-1": "1,2", "value-1": "100", "act": "save"})
    assert done.status_code == 303
    page = owner.page(f"/web{node.path}")
    assert "nobody has said" not in words(page)
    assert "50 %" in words(page).replace("\xa0", " ")
    assert re.findall(r'name="raw-0"[^>]*value="([^"]*)"', owner.page(path)) == ["1.2"]
    assert owner.post(path, act="clear").status_code == 303
    assert "nobody has said what they mean" in words(owner.page(f"/web{node.path}"))
    ada.request("DELETE", node.path)


def test_points_that_make_no_line_are_refused_and_kept_in_the_form(owner: Visitor, ada: Person) -> None:
    node = ada.add_device("Raw rhubarb", RAW_PROBE)
    path = f"/web{node.path}/calibration/soil"
    for points in (
        {"raw-0": "2", "value-0": "0"},
        {"raw-0": "2", "value-0": "0", "raw-1": "2", "value-1": "100"},
        {"raw-0": "1", "value-0": "0", "raw-1": "2", "value-1": "60", "raw-2": "3", "value-2": "20"},
        {"raw-0": "nan", "value-0": "0", "raw-1": "2", "value-1": "60"},
        {"raw-0": "x", "value-0": "0", "raw-1": "2", "value-1": "60"},
        {"raw-0": "1", "value-0": "0", "value-1": "60", "raw-2": "3", "value-2": "80"},
        {"raw-0": "1", "value-0": "0", "raw-1": "2", "value-1": "60", "value-2": "80"},
        {"raw-0": "1", "value-0": "0", "raw-1": "2", "value-1": "60", "raw-9": "3"},
    ):
        answer = owner.post(path, **points, act="save")
        assert answer.status_code == 422, points
        assert filled(answer.text).items() >= points.items()
    assert owner.get(f"/web{node.path}/calibration/nothing").status_code == 404
    ada.request("DELETE", node.path)


def test_points_that_a_program_gave_are_all_there_and_saved_as_they_were(owner: Visitor, ada: Person) -> None:
    node = ada.add_device("Raw rocket", RAW_PROBE)
    path, channel = f"/web{node.path}/calibration/soil", f"{node.path}/channels/soil/calibration"
    points = [{"raw": 1.2 + place / 7, "value": place * 12.345678} for place in range(8)]
    ada.request("PUT", channel, json={"points": points})
    form = filled(owner.page(path))
    assert owner.post(path, **form, act="save").status_code == 303
    again = ada.get(channel)
    assert (len(again["versions"]), again["points"]) == (2, points)
    assert len(filled(owner.page(path))) == 2 * 8
    ada.request("DELETE", node.path)
