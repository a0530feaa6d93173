"""The backend as the node sees it: signs in, keeps the token in memory, sends requests.

Secrets and tokens are never logged.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import urllib3

from plant_node import __version__
from plant_node.clock import Clock
from plant_node.link import Backoff, Link

log = logging.getLogger(__name__)

_MAX_ANSWER = 1024 * 1024
_CONNECT_S = 5.0
_ANSWER_S = 10.0
_LONGEST_RETRY_AFTER_S = 600.0


class Unavailable(Exception):
    """No usable answer: keep everything and try again later."""

    def __init__(self, why: str, retry_after_s: float | None = None, *, is_said: bool = False) -> None:
        super().__init__(why)
        self.retry_after_s = retry_after_s
        self.is_said = is_said
        """Whether the log has a line about it already."""


class SignInRefused(Unavailable):
    """The backend does not let this device in."""


class TooLarge(Unavailable):
    """Something before the backend lets no body of this size through."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A 2xx, or a 4xx of the backend's own that is about this request."""

    status: int
    data: Any

    @property
    def code(self) -> str:
        """The problem document's stable code; empty for what is none."""
        code = self.data.get("code") if isinstance(self.data, dict) else None
        return code if isinstance(code, str) else ""

    @property
    def problem(self) -> str:
        """The problem for a log line."""
        if not isinstance(self.data, dict):
            return f"HTTP {self.status}"
        return f"HTTP {self.status} {self.code}: {str(self.data.get('detail', ''))[:300]}"


class Backend:
    """A client for one device.

    Safe to use from several threads; each call is one try, callers decide when to try again.
    """

    def __init__(
        self,
        base_url: str,
        device_id: str,
        secret: str,
        manifest: Mapping[str, Any] | None,
        *,
        clock: Clock,
        link: Link,
        on_sign_in: Callable[[Mapping[str, int]], None] = lambda _: None,
        is_in_run: Callable[[], bool] = lambda: False,
    ) -> None:
        """`is_in_run` tells whether a pump runs: then a sign-in that failed is tried again soon, unless it was refused.

        `on_sign_in` hears first of all what the backend knows that each pump ran in the last 24 hours, in ms.

        What it raises is the sign-in's failure.
        """
        self._base_url = base_url
        self._device_id = device_id
        self._secret = secret
        self._manifest = manifest
        self._clock = clock
        self._link = link
        self._on_sign_in = on_sign_in
        self._is_in_run = is_in_run
        self._http = urllib3.PoolManager(
            num_pools=1, maxsize=4, headers={"User-Agent": f"plant-node/{__version__}", "Accept": "application/json"}
        )
        self._auth_lock = threading.Lock()
        self._access: str | None = None
        self._refresh: str | None = None
        self._renew_at_s = 0.0
        self._no_sign_in_before_s = 0.0
        self._backoff = Backoff(first_s=2, most_s=60)
        self._refused_backoff = Backoff(first_s=2, most_s=300)

    def sign_in(self) -> None:
        """Try the credentials, and tell the manifest if there is one. Raises Unavailable, SignInRefused."""
        self._token(stale=None)

    def post(self, path: str, body: Callable[[], Any], *, timeout_s: float = _ANSWER_S) -> Answer:
        """Send a body. It is built at each try, since ages in it grow while the node signs in."""
        return self._authorized("POST", path, body, timeout_s)

    def get(self, path: str, query: Mapping[str, int], *, timeout_s: float) -> Answer:
        """Ask for something."""
        return self._authorized("GET", f"{path}?{urlencode(query)}", None, timeout_s)

    def _authorized(self, method: str, path: str, body: Callable[[], Any] | None, timeout_s: float) -> Answer:
        token = self._token(stale=None)
        answer = self._exchange(method, path, body, token, timeout_s)
        if answer.status != 401:
            return answer
        answer = self._exchange(method, path, body, self._token(stale=token), timeout_s)
        if answer.status == 401:
            raise Unavailable("the backend refuses a token that it just gave")
        return answer

    def _token(self, *, stale: str | None) -> str:
        """A token to use, other than the stale one. Only one thread signs in; the others take what it got."""
        with self._auth_lock:
            if self._access is not None and self._access != stale and self._clock.real_s() < self._renew_at_s:
                return self._access
            if self._clock.real_s() < self._no_sign_in_before_s:
                raise Unavailable("waiting to sign in", self._no_sign_in_before_s - self._clock.real_s(), is_said=True)
            try:
                token = self._renew()
            except Unavailable as error:
                # A backend that is away may be back any minute; a refused secret is mended by a person.
                if isinstance(error, SignInRefused):
                    pause_s = self._refused_backoff.failed(error.retry_after_s)
                else:
                    pause_s = self._backoff.failed(error.retry_after_s, is_in_run=self._is_in_run())
                self._no_sign_in_before_s = self._clock.real_s() + pause_s
                raise
            self._backoff.succeeded()
            self._refused_backoff.succeeded()
            return token

    def _renew(self) -> str:
        refresh = self._refresh
        if refresh is not None:
            answer = self._exchange("POST", "/auth/device/refresh", lambda: {"refresh_token": refresh}, None, _ANSWER_S)
            if answer.status == 200:
                return self._keep(answer)
            # A spent, revoked or forgotten refresh token: the secret still counts.
            self._refresh = None
        answer = self._exchange("POST", "/auth/device", self._credentials, None, _ANSWER_S)
        if answer.status == 200:
            token = self._keep(answer)
            try:
                self._on_sign_in(_used_ms(answer.data.get("pumps")))
            except BaseException:
                # What cannot be written down must be told again, which no refresh does.
                self._access = self._refresh = None
                raise
            log.info("auth: signed in as %s", self._device_id)
            return token
        if answer.status == 401:
            log.error("auth: the backend refuses this device (PLANT_DEVICE_ID, PLANT_DEVICE_SECRET)")
        else:
            log.error("auth: the backend refuses the manifest: %s", answer.problem)
        raise SignInRefused(f"cannot sign in ({answer.code or answer.status})", is_said=True)

    def _credentials(self) -> dict[str, Any]:
        manifest = {} if self._manifest is None else {"manifest": self._manifest}
        return {"device_id": self._device_id, "secret": self._secret, **manifest}

    def _keep(self, answer: Answer) -> str:
        try:
            access, refresh = answer.data["access_token"], answer.data["refresh_token"]
            expires_s = float(answer.data["expires_in"])
        except (KeyError, TypeError, ValueError):
            raise Unavailable("the answer to a sign-in holds no token") from None
        if not isinstance(access, str) or not isinstance(refresh, str):
            raise Unavailable("the answer to a sign-in holds no token")
        self._access, self._refresh = access, refresh
        self._renew_at_s = self._clock.real_s() + max(1.0, expires_s * 0.8)
        return access

    def _exchange(
        self, method: str, path: str, body: Callable[[], Any] | None, token: str | None, timeout_s: float
    ) -> Answer:
        headers = dict(self._http.headers)
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        data = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            data = json.dumps(body(), separators=(",", ":"), allow_nan=False).encode()
        try:
            response = self._http.request(
                method,
                self._base_url + path,
                body=data,
                headers=headers,
                timeout=urllib3.Timeout(connect=min(_CONNECT_S, timeout_s), read=timeout_s),
                retries=False,
                redirect=False,
                preload_content=False,
            )
            try:
                raw = response.read(_MAX_ANSWER + 1, decode_content=True)
            except BaseException:
                response.close()
                raise
        except (urllib3.exceptions.HTTPError, OSError) as error:
            why = f"the backend does not answer ({_plainly(error)})"
            self._link.failed(why)
            raise Unavailable(why, is_said=True) from None
        if len(raw) > _MAX_ANSWER:
            # The rest is unread: this connection must not serve the next request.
            response.close()
            raw = b""
        else:
            response.release_conn()
        return self._understand(response, raw)

    def _understand(self, response: urllib3.BaseHTTPResponse, raw: bytes) -> Answer:
        status = response.status
        if status >= 500 or status in (408, 425, 429) or status < 200 or 300 <= status < 400:
            raise Unavailable(f"the backend answers HTTP {status}", _retry_after(response.headers.get("Retry-After")))
        data = None
        if raw:
            try:
                data = json.loads(raw)
            except ValueError:
                data = None
        if status in (200, 201, 202) and not isinstance(data, dict):
            # A captive portal answers everything with 200 and a page.
            raise Unavailable("something that is not the backend answers")
        answer = Answer(status, data)
        if status >= 400 and not answer.code:
            # A proxy without its backend answers too, and nobody could stop a pump through it.
            refused = TooLarge if status == 413 else Unavailable
            raise refused(f"something that is not the backend answers HTTP {status}")
        self._link.answered()
        return answer


def _used_ms(pumps: Any) -> dict[str, int]:
    used_ms: dict[str, int] = {}
    for pump in pumps if isinstance(pumps, list) else []:
        key, ran_ms = (pump.get("key"), pump.get("used_ms")) if isinstance(pump, dict) else (None, None)
        if isinstance(key, str) and isinstance(ran_ms, int) and 0 <= ran_ms < 2**63:
            used_ms[key] = ran_ms
    return used_ms


def _retry_after(text: str | None) -> float | None:
    try:
        seconds = float(text or "")
    except ValueError:
        return None
    return min(seconds, _LONGEST_RETRY_AFTER_S) if seconds >= 0 else None


def _plainly(error: Exception) -> str:
    """An error's name, without the address and object that urllib3 puts into its text: a URL may say too much."""
    reason = getattr(error, "reason", None)
    return type(reason if isinstance(reason, Exception) else error).__name__
