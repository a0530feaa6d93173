"""The two ways to the dashboard: by its own address, and in a frame of another page, behind a proxy with a prefix."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field

import pytest

from tests.e2e.web.prefix_proxy import PREFIX, prefix_proxy
from tests.live_backend import Backend


@dataclass(frozen=True)
class Site:
    """Where a browser finds the dashboard of one backend."""

    root: str
    """What stands before `/web`."""
    house: str | None = None
    """The page that has it in a frame."""
    outside: list[str] = field(default_factory=list)
    """What was asked for outside the prefix."""


@contextmanager
def direct(backend: Backend) -> Iterator[Site]:
    """Go by its own address."""
    yield Site(backend.url)


@contextmanager
def framed(backend: Backend) -> Iterator[Site]:
    """Go as a page in a house with a prefix of its own."""
    with prefix_proxy(backend.url) as (url, outside):
        yield Site(url + PREFIX, url, outside)


Way = Callable[[Backend], AbstractContextManager[Site]]

both_ways = pytest.mark.parametrize("way", [direct, framed], ids=["direct", "framed"], indirect=True)
"""For the journeys that people make: each has to be the same by either way."""
