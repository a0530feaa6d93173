"""Programs that tests of the firmware need are built before the first of them, so that none waits for it."""

import pytest

from tests.firmware.contract import esphome


def pytest_collection_finish(session: pytest.Session) -> None:
    if session.config.option.collectonly:
        return
    wanted = {mark.args[0] for item in session.items for mark in item.iter_markers("built_for_host")}
    for name in sorted(wanted):
        esphome.program(name)
