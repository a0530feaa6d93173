"""The client alone: the stream cut anywhere, a backend of another age, and errors by meaning."""

import itertools
import json
from typing import Any

import pytest
from homeassistant.config_entries import ConfigEntryState
from homeassistant.core import HomeAssistant
from homeassistant.helpers.aiohttp_client import async_get_clientsession
from hypothesis import given
from hypothesis import strategies as st
from pytest_homeassistant_custom_component.test_util.aiohttp import AiohttpClientMocker

from custom_components.plant_automation.api import (
    Garden,
    InvalidInput,
    Message,
    NotAllowed,
    NotThere,
    Outdated,
    PlantClient,
    Refused,
    Rejected,
    ServerTrouble,
)
from custom_components.plant_automation.api.events import EventParser
from tests.home_assistant.field import Field

PROBLEM = {"content-type": "application/problem+json"}
STREAM = (
    b'event: info\ndata: {"name": "plant-automation"}\n\n: still here\n\n'
    b'event: readings\nid: 7.3\ndata: {"device_id": "d\xc3\xa9"}\n\n'
    b'event: nothing\n\ndata: {"a":\ndata: 1}\n\nretry: 5\n\n'
)
MESSAGES = [
    Message("info", {"name": "plant-automation"}),
    Message("readings", {"device_id": "dé"}, "7.3"),
    Message("message", {"a": 1}),
]


@given(st.lists(st.integers(0, len(STREAM)), max_size=20))
def test_a_stream_may_be_cut_anywhere(cuts: list[int]) -> None:
    """In the middle of a line, and of a letter."""
    parser = EventParser()
    edges = [0, *sorted(cuts), len(STREAM)]
    heard = [message for start, end in itertools.pairwise(edges) for message in parser.feed(STREAM[start:end])]
    assert heard == MESSAGES


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (403, NotAllowed),
        (404, NotThere),
        (409, Refused),
        (412, Outdated),
        (418, Rejected),
        (422, InvalidInput),
        (503, ServerTrouble),
    ],
)
async def test_errors_have_a_meaning(
    hass: HomeAssistant, aioclient_mock: AiohttpClientMocker, status: int, error: type[Exception]
) -> None:
    """By status and code, not by words."""
    body = json.dumps({"code": "some_code", "detail": "In words."})
    aioclient_mock.get("http://plants/devices/d/automation", status=status, text=body, headers=PROBLEM)
    client = PlantClient(async_get_clientsession(hass), "http://plants/", "pat_x")
    with pytest.raises(error, match="In words"):
        await client.profile("d")


async def test_a_newer_backend_is_named_and_left_alone(
    hass: HomeAssistant, field: Field, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A clear message and no traceback; and back again when it fits."""
    monkeypatch.setattr("custom_components.plant_automation.api.client.API_VERSION", 0)
    await field.add_node()
    entry = await field.make_entry()
    assert not await hass.config_entries.async_setup(entry.entry_id)
    assert entry.state is ConfigEntryState.SETUP_ERROR
    assert entry.error_reason_translation_key == "unsupported_version"
    monkeypatch.undo()
    assert await hass.config_entries.async_reload(entry.entry_id)
    await hass.async_block_till_done()
    await field.is_live()


@pytest.mark.parametrize(
    "message",
    [
        Message("readings", {}),
        Message("from_the_future", {"device_id": "unknown"}, "1.1"),
        Message("too_slow", {"detail": "Connect again."}),
    ],
)
def test_what_is_not_known_is_passed_over(message: Any) -> None:
    """A newer backend may say more."""
    assert Garden().apply(message).plants == {}
