"""What a page module says of itself: its routes, who may use them, and its place in the navigation."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from starlette.responses import Response

if TYPE_CHECKING:
    from plant_backend.web.visit import Visit

Handler = Callable[["Visit"], Awaitable[Response]]


class For(StrEnum):
    """Whom a route is for."""

    ANYBODY = "anybody"
    PEOPLE = "people"
    OWNERS = "owners"


@dataclass(frozen=True, slots=True)
class NavItem:
    """A place in the navigation.

    `label` is marked for translation; `order` sorts, `is_main` puts it on phones' bar, `key` follows a `g`.
    """

    route: str
    label: str
    icon: str
    order: int
    key: str
    is_main: bool = True


@dataclass(frozen=True, slots=True)
class Way:
    """One route."""

    method: str
    path: str
    name: str
    whom: For
    handler: Handler


@dataclass(slots=True)
class Page:
    """A page with its routes. Looking is for all who are signed in, changing for owners, unless it says otherwise."""

    nav: NavItem | None = None
    ways: list[Way] = field(default_factory=list)

    def get(self, path: str, name: str, whom: For = For.PEOPLE) -> Callable[[Handler], Handler]:
        """Answer a look. `path` is below `/web`."""
        return self._way("GET", path, name, whom)

    def post(self, path: str, name: str, whom: For = For.OWNERS) -> Callable[[Handler], Handler]:
        """Answer a form."""
        return self._way("POST", path, name, whom)

    def _way(self, method: str, path: str, name: str, whom: For) -> Callable[[Handler], Handler]:
        def add(handler: Handler) -> Handler:
            self.ways.append(Way(method, f"/web{path}", name, whom, handler))
            return handler

        return add


def navigation(pages: Sequence[Page]) -> Sequence[NavItem]:
    """Give the places of the navigation, in order."""
    return sorted((page.nav for page in pages if page.nav is not None), key=lambda item: item.order)
