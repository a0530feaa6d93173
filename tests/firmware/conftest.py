"""The programs that tests of the firmware need are built before the first of them, so that none waits for them."""

import pytest

from tests.firmware.contract import esphome


def pytest_collection_finish(session: pytest.Session) -> None:
    if session.config.option.collectonly:
        return
    marks = [mark for item in session.items if (mark := item.get_closest_marker("built_for_host"))]
    for name in sorted({name for mark in marks for name in mark.args or [esphome.HOST]}):
        esphome.program(name)
