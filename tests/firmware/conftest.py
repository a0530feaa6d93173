"""The program that tests of the firmware need is built before the first of them, so that none waits for it."""

import pytest

from tests.firmware.contract import esphome


def pytest_collection_finish(session: pytest.Session) -> None:
    if session.config.option.collectonly:
        return
    if any(item.get_closest_marker("built_for_host") for item in session.items):
        esphome.program()
