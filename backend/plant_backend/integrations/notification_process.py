"""The process that speaks to the services, run by `integrations.notifications` and ended when nothing is to be sent.

Apprise costs some 40 MB and blocks; here it costs them only while it is needed, and what hangs can be ended. A watch
over the whole process keeps it from what a URL must not make it do: each connection is checked when it is made, so that
no redirect and no second answer of a name server leads past the check, and no file of the machine is read.

One JSON document a line: first the allowed networks, then requests on standard input; answers on standard output.
"""

import contextlib
import ipaddress
import json
import logging
import os
import resource
import smtplib
import socket
import sys
import sysconfig
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from pathlib import Path
from typing import Any

import apprise
import requests

from plant_backend.domain.notification_addresses import Network, networks, refusal

_THREADS = 6
_CONNECT_S = 8.0
_READ_S = 15.0
_MEMORY_LIMIT = 1 << 30

_FORBIDDEN_EVENTS = frozenset(
    {
        "os.exec",
        "os.fork",
        "os.forkpty",
        "os.posix_spawn",
        "os.remove",
        "os.rename",
        "os.spawn",
        "os.system",
        "pty.spawn",
        "socket.bind",
        "socket.sendmsg",
        "socket.sendto",
        "subprocess.Popen",
    }
)

_seen = threading.local()


class _Refused(PermissionError):
    """What a URL must not make this process do."""


class _Watch:
    """Hears of all that Python does in this process. It guards honest code that is misled, not against malice."""

    def __init__(self, allowed: Sequence[Network]) -> None:
        self._allowed = allowed
        folders = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
        folders |= {path for path in sys.path if Path(path).is_dir()}
        folders |= {"/etc/localtime", "/etc/mime.types", "/usr/share/zoneinfo"}
        self._readable = tuple(Path(folder).resolve() for folder in folders if folder)

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "socket.connect":
            self.check_connection(arguments[0], arguments[1])
        elif event == "open":
            self._check_file(arguments[0], arguments[2])
        elif event in _FORBIDDEN_EVENTS:
            raise _Refused(event)

    def check_connection(self, sock: socket.socket, address: Any) -> None:
        if sock.family not in (socket.AF_INET, socket.AF_INET6):
            raise _Refused("not of the internet")
        reason = refusal(ipaddress.ip_address(str(address[0]).partition("%")[0]), self._allowed)
        if reason is not None:
            _note(_address_reason(str(address[0]), reason))
            raise _Refused(reason)

    def _check_file(self, path: object, flags: object) -> None:
        if isinstance(path, int):
            return
        if isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            raise _Refused("open")
        real = Path(os.fsdecode(path) if isinstance(path, str | bytes) else "").resolve()
        if not any(real.is_relative_to(folder) for folder in self._readable):
            raise _Refused("open")


def main() -> None:
    """Answer requests until standard input ends."""
    with contextlib.suppress(OSError):
        os.nice(10)
    with contextlib.suppress(ValueError, OSError):
        # A service that answers without end fills this process, not the machine.
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_LIMIT, _MEMORY_LIMIT))
    logging.disable(logging.CRITICAL)
    first = json.loads(sys.stdin.readline())
    allowed = networks(first["networks"])
    # Its time limit leaves a hanging thread behind; ours, in the process that asks, ends the process.
    asset = apprise.AppriseAsset(
        storage_mode="memory", service_timeout=0, secure_logging=True, http_redirects=False, app_id="Plant Automation"
    )
    apprise.Apprise.instantiate("json://localhost", asset=asset)
    _listen_to_requests()
    _listen_to_smtp()
    sys.addaudithook(_Watch(allowed))
    # Whatever a library prints is no answer.
    output, sys.stdout = sys.stdout, sys.stderr
    turns = threading.Lock()

    def answer(request: dict[str, Any]) -> None:
        try:
            result = _answer(request, asset, allowed)
        except Exception as error:
            # The text of a strange error may hold the URL; its kind does not.
            result = {"reason": f"Something went wrong here: {type(error).__name__}."}
        with turns:
            output.write(json.dumps({"id": request["id"], **result}) + "\n")
            output.flush()

    pool = ThreadPoolExecutor(_THREADS)
    for line in sys.stdin:
        pool.submit(answer, json.loads(line))
    # Whoever asked is gone: what is on its way is sent again by whoever comes next.
    os._exit(0)


def _answer(request: dict[str, Any], asset: apprise.AppriseAsset, allowed: Sequence[Network]) -> dict[str, Any]:
    _seen.reason, _seen.is_refused = None, False
    if "details" in request:
        return {"details": _details(set(request["details"]))}
    target = apprise.Apprise.instantiate(request["url"], asset=asset, suppress_exceptions=True)
    if not isinstance(target, apprise.NotifyBase):
        return {"reason": "The URL is not of the form that its service needs.", "is_malformed": True}
    if "body" not in request:
        reason = _refused_host(getattr(target, "smtp_host", None) or request["host"], allowed)
        return {"reason": reason} if reason else {}
    # Apprise's own 4 s are too few for a small machine: a message that came late would be sent twice.
    target.socket_connect_timeout, target.socket_read_timeout = _CONNECT_S, _READ_S
    notification = apprise.Apprise(asset=asset)
    notification.add(target)
    is_sent = notification.notify(
        title=request["title"],
        body=request["body"],
        notify_type=request["type"],
        body_format=apprise.NotifyFormat.TEXT,
    )
    if is_sent:
        return {}
    return {"reason": _seen.reason or "The service did not take it.", "is_refused": _seen.is_refused}


def _details(schemes: set[str]) -> dict[str, Any]:
    """Give what Apprise tells of the services of some schemes, by scheme."""
    found = {}
    for told in apprise.Apprise().details()["schemas"]:
        secure = told["secure_protocols"] or []
        for scheme in schemes.intersection([*(told["protocols"] or []), *secure]):
            found[scheme] = {
                "secure": list(secure),
                "guide": str(told["setup_url"] or ""),
                "templates": list(told["details"]["templates"]),
                "tokens": _tokens(told["details"]["tokens"]),
            }
    return found


def _tokens(told: dict[str, Any]) -> dict[str, Any]:
    return {
        name: {
            "name": str(token["name"]),
            "type": token["type"],
            "map_to": token["map_to"],
            "private": bool(token["private"]),
            "members": sorted(str(told[member]["name"]) for member in token.get("group") or ()),
        }
        for name, token in told.items()
    }


def _refused_host(host: str, allowed: Sequence[Network]) -> str | None:
    """Say at once what every attempt to connect would come to. A name that is not known now may be later."""
    if not host:
        return None
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return None
    for *_, address in found:
        reason = refusal(ipaddress.ip_address(str(address[0]).partition("%")[0]), allowed)
        if reason is not None:
            return _address_reason(str(address[0]), reason)
    return None


def _address_reason(address: str, reason: str) -> str:
    return f"{address} is {reason}, to which nothing is sent unless PLANT_NOTIFICATION_NETWORKS names it."


def _note(reason: str, *, is_refused: bool = False) -> None:
    """Keep the first thing that went wrong in this thread: what comes after it follows from it."""
    if getattr(_seen, "reason", None) is None:
        _seen.reason, _seen.is_refused = reason, is_refused


def _listen_to_requests() -> None:
    """Learn how each HTTP request ended, and follow no redirect."""
    send = requests.Session.send

    def listening(self: requests.Session, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        # A proxy would connect where we cannot look.
        options |= {"allow_redirects": False, "proxies": {}}
        try:
            response = send(self, request, **options)
        except requests.exceptions.SSLError:
            _note("There is no secure connection: the certificate or the protocol is not right.")
            raise
        except requests.exceptions.Timeout:
            _note("The service did not answer in time.")
            raise
        except requests.exceptions.ConnectionError as error:
            _note(_connection_reason(error))
            raise
        if not 200 <= response.status_code < 300:
            _note(_status_reason(response.status_code), is_refused=response.status_code < 500)
        return response

    requests.Session.send = listening  # type: ignore[method-assign]


def _listen_to_smtp() -> None:
    """Learn how each conversation with a mail server ended."""

    def listening(call: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*arguments: Any, **options: Any) -> Any:
            try:
                return call(*arguments, **options)
            except smtplib.SMTPAuthenticationError as error:
                _note(f"The mail server refused the user name or password ({error.smtp_code}).", is_refused=True)
                raise
            except smtplib.SMTPRecipientsRefused:
                _note("The mail server refused the recipient.", is_refused=True)
                raise
            except smtplib.SMTPResponseException as error:
                _note(f"The mail server refused the message ({error.smtp_code}).", is_refused=True)
                raise
            except TimeoutError:
                _note("The mail server did not answer in time.")
                raise
            except OSError as error:
                _note(_connection_reason(error))
                raise

        return wrapped

    for name in ("connect", "login", "sendmail", "send_message", "starttls"):
        setattr(smtplib.SMTP, name, listening(getattr(smtplib.SMTP, name)))


def _connection_reason(error: BaseException) -> str:
    chain: list[BaseException] = []
    following: BaseException | None = error
    while following is not None and len(chain) < 10:
        chain.append(following)
        inner = getattr(following, "reason", None) or next(iter(following.args), None)
        following = inner if isinstance(inner, BaseException) else following.__cause__ or following.__context__
    if any(isinstance(link, socket.gaierror) for link in chain):
        return "The name of the service is not known."
    if any(isinstance(link, ConnectionRefusedError) for link in chain):
        return "Nothing listens at that address and port."
    return "The connection failed or broke."


def _status_reason(status: int) -> str:
    if status in (401, 403):
        return f"The service refused the credentials ({status})."
    if status in (404, 410):
        return f"The service does not know that address ({status})."
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return "The service is asked too often (429)."
    if 300 <= status < 400:
        return f"The service sends on to another address ({status}), which is not followed: give that one."
    return f"The service is out of order ({status})." if status >= 500 else f"The service refused it ({status})."


if __name__ == "__main__":
    main()
