"""Nothing here makes Home Assistant's loop wait: no file, no import, no sleep, from setting up to taking down."""

import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from homeassistant import block_async_io
from homeassistant.core import HomeAssistant
from homeassistant.helpers import device_registry as dr
from homeassistant.util import loop as loop_util

from custom_components.plant_automation.diagnostics import async_get_config_entry_diagnostics
from tests.home_assistant.field import Field

type Found = list[tuple[str, Any]]


@pytest.fixture
def blocking_calls(monkeypatch: pytest.MonkeyPatch, disable_block_async_io: None) -> Found:
    """Home Assistant's own detector, which in tests would look away from files, and the calls of ours that it finds."""
    found: Found = []

    def note(func: Callable[..., Any], check_allowed: Any = None, **details: Any) -> None:
        call = {"args": details.get("args"), "kwargs": details.get("kwargs")}
        if check_allowed is not None and check_allowed(call):
            return
        if any("/plant_automation/" in frame.filename for frame in traceback.extract_stack()):
            found.append((func.__name__, call["args"]))

    monkeypatch.setattr(block_async_io, "_IN_TESTS", False)
    monkeypatch.setattr(loop_util, "raise_for_blocking_call", note)
    block_async_io.enable()
    return found


async def test_the_detector_sees_what_it_should(hass: HomeAssistant, blocking_calls: Found, tmp_path: Path) -> None:
    """A test that cannot fail proves nothing."""
    code = compile("def read(path): return open(path).read()", "/x/plant_automation/bad.py", "exec")
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102 - stands for a mistake in the integration
    file = tmp_path / "file"
    await hass.async_add_executor_job(file.write_text, "x")
    names["read"](str(file))
    assert blocking_calls == [("open", (str(file),))]


async def test_no_call_blocks_the_loop(
    hass: HomeAssistant, field: Field, blocking_calls: Found, tmp_path: Path
) -> None:
    """Setting up, readings, a run, actions, diagnostics, and taking down."""
    hass.config.config_dir = str(tmp_path)
    entry = await field.set_up()
    await field.do(field.node.send, soil=33)
    await field.becomes("sensor", "soil", "33.0")
    await field.call("switch", "turn_on", field.entity_id("switch", "pump"))
    await field.run()
    await field.becomes("switch", "pump", "off")
    await field.ask("get_decisions", device_id=field.ha_device_id)
    await field.ask("set_profile", device_id=field.ha_device_id, cooldown_s=7200)
    answer = await field.ask("install_blueprints")
    assert answer["installed"]
    await async_get_config_entry_diagnostics(hass, entry)
    assert dr.async_get(hass).async_get(field.ha_device_id)
    assert await hass.config_entries.async_unload(entry.entry_id)
    await hass.async_block_till_done()
    assert blocking_calls == []
