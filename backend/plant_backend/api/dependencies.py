"""Who is asking, and what the application can do."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Path, Request
from fastapi.security import APIKeyCookie, HTTPAuthorizationCredentials, HTTPBearer

from plant_backend.api.ingress import person_of
from plant_backend.domain.account import HomeUser, Principal, Scope
from plant_backend.domain.errors import Forbidden, InvalidCredentials
from plant_backend.services.directory import DeviceEntry
from plant_backend.services.registry import Services

SESSION_COOKIE = "plant_session"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})

_user_scheme = HTTPBearer(scheme_name="API token", description="A person's API token (`pat_…`).", auto_error=False)
_cookie_scheme = APIKeyCookie(
    name=SESSION_COOKIE, scheme_name="Session", description="A browser's session.", auto_error=False
)
_node_scheme = HTTPBearer(scheme_name="Node", description="A node's access token.", auto_error=False)


async def get_services(request: Request) -> Services:
    """Give the services of this application."""
    services: Services = request.app.state.services
    return services


ServicesDep = Annotated[Services, Depends(get_services)]


def client_address(request: Request) -> str:
    """Give where the request came from."""
    return request.client.host if request.client else ""


ClientAddress = Annotated[str, Depends(client_address)]


@dataclass(frozen=True, slots=True)
class Identity:
    """Who is asking, and how to ask again whether it still holds: what a token opened ends with it."""

    who: Principal
    still_holds: Callable[[], Awaitable[Principal]]


def is_from_elsewhere(request: Request) -> bool:
    """Tell whether another site made a browser send this. Who sends neither header is unknown, and counts as one."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site not in ("same-origin", "none")
    origin = request.headers.get("origin")
    return origin is None or urlsplit(origin).netloc.lower() != request.headers.get("host", "").lower()


async def identity(
    request: Request,
    services: ServicesDep,
    address: ClientAddress,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_user_scheme)],
    cookie: Annotated[str | None, Depends(_cookie_scheme)],
) -> Identity:
    """Give who is asking: by API token, else by session."""
    people = services.people

    async def by_token() -> Principal:
        return await people.principal(credentials.credentials if credentials else "")

    async def by_session() -> Principal:
        return await people.session(cookie or "", address)

    person = person_of(request.scope)

    async def by_home(person: HomeUser) -> Principal:
        return await services.home_users.principal(person, address)

    if credentials is None and cookie is None and person is None:
        raise InvalidCredentials("missing_token", "An API token is required: Authorization: Bearer pat_…")
    if credentials is None and request.method not in _SAFE and is_from_elsewhere(request):
        # A browser adds the cookie to whatever a strange page makes it send; this page it cannot imitate.
        raise Forbidden("With a session, only this site's own pages may change anything.")
    ask = by_token if credentials is not None else by_session if person is None else partial(by_home, person)
    return Identity(replace(await ask(), address=address), ask)


CurrentIdentity = Annotated[Identity, Depends(identity)]


async def current_account(asking: CurrentIdentity) -> Principal:
    """Give the person who is asking, for what concerns their own account. A token for plants has no say there."""
    if asking.who.scope is not Scope.ACCOUNT:
        raise Forbidden("This token is for looking after plants, and for nothing of the account.")
    return asking.who


async def current_user(request: Request, asking: CurrentIdentity) -> Principal:
    """Give the person who is asking. A viewer may look and nothing else."""
    if asking.who.viewer_id is not None and request.method not in _SAFE:
        raise Forbidden("A viewer may look and change nothing.")
    return asking.who


async def current_keeper(
    who: Annotated[Principal, Depends(current_user)], _: Annotated[Principal, Depends(current_account)]
) -> Principal:
    """Give the person who asks for what decides who may do what: accounts, devices and their secrets, the audit."""
    return who


async def current_reader(asking: CurrentIdentity) -> Principal:
    """Give the person who asks for something that changes nothing, whatever the method: a viewer may."""
    return asking.who


async def current_node(
    services: ServicesDep, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_node_scheme)]
) -> DeviceEntry:
    """Give the device whose access token came with the request."""
    if credentials is None:
        raise InvalidCredentials("missing_token", "An access token is required: sign in at /auth/device.")
    return await services.tokens.check(credentials.credentials)


CurrentAccount = Annotated[Principal, Depends(current_account)]
CurrentUser = Annotated[Principal, Depends(current_user)]
CurrentKeeper = Annotated[Principal, Depends(current_keeper)]
CurrentReader = Annotated[Principal, Depends(current_reader)]
CurrentNode = Annotated[DeviceEntry, Depends(current_node)]
RowId = Annotated[int, Path(ge=1, le=2**53)]
"""An id that a database can hold: a larger one is refused here, not by SQLite."""
