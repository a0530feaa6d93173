"""A server that was just started can be stopped."""

from pathlib import Path

import pytest

from tests.live_backend import Backend


@pytest.mark.parametrize("attempt", range(2))
def test_a_stop_in_the_first_moment_is_heard(tmp_path: Path, attempt: int) -> None:
    """Between saying that it listens and uvicorn's own handlers it is busy; a signal then used to be lost."""
    with Backend(tmp_path) as backend:
        backend.stop()
