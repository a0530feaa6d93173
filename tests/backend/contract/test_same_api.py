"""The tests of the API once more, word for word, against a server whose database and workers are elsewhere."""

from types import FunctionType

import pytest

from tests.backend.api import test_acks, test_command_delivery, test_events
from tests.backend.api.test_acks import dose  # noqa: F401 - a fixture

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

_NOT_HERE = {
    # It needs a clock that runs faster, which is for SQLite alone.
    "fast_node",
    # It restarts the server that all tests here share.
    "test_a_stream_resumes_across_a_restart_of_the_backend",
    # Its listeners come one after the other: while they do, the first decision of another process may arrive.
    "test_ten_listeners_hear_the_same",
    # Minutes of waiting that say nothing about the database.
    "test_a_silent_stream_beats_though_others_are_loud",
}


def _is_for_all(name: str, test: object) -> bool:
    """Tell whether something is a test that can be asked of any installation."""
    if not isinstance(test, FunctionType) or not name.startswith("test_") or name in _NOT_HERE:
        return False
    return not _NOT_HERE & set(test.__code__.co_varnames[: test.__code__.co_argcount])


for _module in (test_acks, test_command_delivery, test_events):
    globals().update({name: test for name, test in vars(_module).items() if _is_for_all(name, test)})
