"""What stands before every route: which names the server answers to, whom it believes, and what it tells browsers."""

import re
from collections.abc import Awaitable, Callable, Iterable, MutableMapping, Sequence
from http import HTTPStatus
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any

from plant_backend.api import problems

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]

SECURITY_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'self'; base-uri 'none'; form-action 'self'"),
)
_HTML_POLICY = b"frame-ancestors 'self'; base-uri 'self'; object-src 'none'; form-action 'self'"

_LOCAL_ZONES = (".local", ".localhost", ".lan", ".internal", ".home.arpa")
"""Zones that nobody can register, so that no strange site can be under them."""

_REMEMBERED = 256

_PREFIX = re.compile(r"(?:/[A-Za-z0-9_-]+){1,8}").fullmatch


class Hosts:
    """Which names the server answers to: against sites whose name is made to point here (DNS rebinding).

    Such a site has a registered name. So addresses, single words and local zones are fine; the rest is configured.
    """

    def __init__(self, configured: Iterable[str] = ()) -> None:
        self._any = False
        self._names: set[str] = set()
        self._zones: list[str] = list(_LOCAL_ZONES)
        for name in configured:
            if name == "*":
                self._any = True
            elif name.startswith("*."):
                self._zones.append(name[1:].lower())
            else:
                self._names.add(name.lower())
        self._known: dict[bytes, bool] = {}

    def allows(self, header: bytes) -> bool:
        """Tell whether a Host header names this server."""
        answer = self._known.get(header)
        if answer is None:
            answer = self._is_ours(header.decode("latin-1"))
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[header] = answer
        return answer

    def _is_ours(self, header: str) -> bool:
        if self._any:
            return True
        if header.startswith("["):
            name, _, port = header[1:].partition("]")
            port = port.removeprefix(":")
        else:
            name, _, port = header.partition(":")
        name = name.lower().rstrip(".")
        if not name or (port and not port.isdigit()):
            return False
        try:
            ip_address(name)
        except ValueError:
            return "." not in name or name in self._names or name.endswith(tuple(self._zones))
        return True


class Proxies:
    """Reverse proxies whose word is taken for where a request came from. Without any, nobody's is."""

    def __init__(self, configured: Iterable[str] = (), *, takes_prefix: bool = True) -> None:
        self._takes_prefix = takes_prefix
        self._networks: Sequence[IPv4Network | IPv6Network] = [ip_network(text, strict=False) for text in configured]

    def believe(self, scope: Scope) -> None:
        """Put the caller's address, scheme, host and prefix in place of the proxy's."""
        client = scope.get("client")
        if not self._networks or not client or not self._trusts(client[0]):
            return
        forwarded, scheme, host, prefix = b"", b"", b"", ""
        for name, value in scope["headers"]:
            if name == b"x-forwarded-for":
                forwarded += b"," + value
            elif name == b"x-forwarded-proto":
                scheme = value.strip().lower()
            elif name == b"x-forwarded-host":
                host = value.strip().lower()
            elif name == b"x-forwarded-prefix":
                prefix = value.decode("latin-1").rstrip("/")
        # The list grows to the right: the last one that no proxy of ours wrote is the caller, all before it hearsay.
        for address in reversed([part.strip() for part in forwarded.decode("latin-1").split(",") if part.strip()]):
            try:
                ip_address(address)
            except ValueError:
                break
            scope["client"] = (address, 0)
            if not self._trusts(address):
                break
        if scheme in (b"http", b"https"):
            scope["scheme"] = scheme.decode()
        if host:
            # What the browser called us: its Origin is compared with that.
            scope["headers"] = [
                *((name, value) for name, value in scope["headers"] if name != b"host"),
                (b"host", host),
            ]
        if self._takes_prefix and _PREFIX(prefix):
            # Both: with the root path alone, mounts are not found and redirects lead out of the prefix.
            scope["root_path"], scope["path"] = prefix, prefix + scope["path"]

    def _trusts(self, address: str) -> bool:
        try:
            ip = ip_address(address)
        except ValueError:
            return False
        return any(ip in network for network in self._networks if network.version == ip.version)


class Unheard(ConnectionError):
    """Nobody is there to hear the answer."""


def while_heard(send: Send) -> Send:
    """Raise Unheard where the connection is gone.

    Rubbish behind a request makes the server hang up before the request is answered, and does not tell whoever answers
    it. uvloop then raises what looks like a fault in the code.
    """

    async def send_while_heard(message: Message) -> None:
        try:
            await send(message)
        except RuntimeError as error:
            if "closed" in str(error):
                raise Unheard from None
            raise

    return send_while_heard


def host_of(scope: Scope) -> bytes:
    """Give the Host header; empty where there is none, or more than one."""
    hosts = [value for name, value in scope["headers"] if name == b"host"]
    return hosts[0] if len(hosts) == 1 else b""


def wrong_host() -> problems.ProblemResponse:
    """Refuse a name that is not ours."""
    return problems.problem(
        HTTPStatus.MISDIRECTED_REQUEST,
        "host_not_allowed",
        "This server does not answer to that name; add it to PLANT_ALLOWED_HOSTS if it is yours.",
    )


def guarded(send: Send, count: Callable[[int], None]) -> Send:
    """Add the security headers that an answer has not set itself, and count it."""

    async def send_guarded(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = list(message.get("headers", ()))
            present = {name.lower() for name, _ in headers}
            is_html = any(name.lower() == b"content-type" and value.startswith(b"text/html") for name, value in headers)
            for name, value in SECURITY_HEADERS:
                if name not in present:
                    headers.append((name, _HTML_POLICY if is_html and name == b"content-security-policy" else value))
            message = {**message, "headers": headers}
            count(message["status"])
        await send(message)

    return send_guarded
