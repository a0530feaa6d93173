"""The listener for Home Assistant's ingress: its Supervisor alone is heard there, and says who is before it.

The headers that this believes mean nothing on the other port: only what is decided here, by the socket that a request
came in by, ends up in the scope.
"""

import re
from http import HTTPStatus

from plant_backend.api import problems
from plant_backend.api.gate import Proxies, Scope
from plant_backend.domain.account import HomeUser

_PERSON = "plant_backend.home_user"
_PREFIX = re.compile(r"/api/hassio_ingress/[A-Za-z0-9_-]+").fullmatch
_MAX_NAME = 200

_HOME_NETWORK = "172.30.32.0/23"
"""Where the Supervisor, Home Assistant itself and apps are: what stands before it in X-Forwarded-For is a browser."""


class Ingress:
    """The port of the listener, and who may speak to it."""

    def __init__(self, port: int, peer: str) -> None:
        self.port = port
        self._peer = peer
        # A browser's own X-Forwarded-Prefix passes the Supervisor.
        self._proxies = Proxies([peer, _HOME_NETWORK], takes_prefix=False)

    def is_way_of(self, scope: Scope) -> bool:
        """Tell whether a request came in by this listener: the socket says so, nothing that was sent."""
        server = scope.get("server")
        return server is not None and server[1] == self.port

    def take_in(self, scope: Scope) -> bool:
        """Put prefix, origin and person of a request into its scope. False where it is not the Supervisor's."""
        client = scope.get("client")
        if not client or client[0] != self._peer:
            return False
        headers = {name: value.decode("utf-8", "replace") for name, value in scope["headers"]}
        prefix = headers.get(b"x-ingress-path", "").rstrip("/")
        if not _PREFIX(prefix):
            return False
        self._proxies.believe(scope)
        # Both: with the root path alone, mounts are not found and redirects lead out of the prefix.
        scope["root_path"], scope["path"] = prefix, prefix + scope["path"]
        person_id = headers.get(b"x-remote-user-id", "").strip()
        if person_id and len(person_id) <= _MAX_NAME and person_id.isprintable():
            scope[_PERSON] = HomeUser(person_id, headers.get(b"x-remote-user-name", "").strip()[:_MAX_NAME])
        return True


def person_of(scope: Scope) -> HomeUser | None:
    """Give the person that Home Assistant says a request is from; only a request that came by its ingress has one."""
    person: HomeUser | None = scope.get(_PERSON)
    return person


def not_the_supervisor() -> problems.ProblemResponse:
    """Refuse somebody else."""
    return problems.problem(
        HTTPStatus.FORBIDDEN, "not_ingress", "This port is for Home Assistant's ingress alone; use the other one."
    )
