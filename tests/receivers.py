"""Services that notifications are sent to: a real web server and a real mail server, on 127.0.0.1."""

import asyncio
import email
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.ports import reserve_a_port


@dataclass
class Webhook:
    """A receiver of JSON. `status` is what it answers; while `is_hanging` it takes requests and says nothing."""

    port: int = 0
    status: int = 200
    location: str = ""
    requests: list[dict[str, Any]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    connections: int = 0
    let_go: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.let_go.set()

    @property
    def url(self) -> str:
        """Where an Apprise URL finds it. The path stands for a secret."""
        return f"json://127.0.0.1:{self.port}/hook-secret"

    @property
    def texts(self) -> list[str]:
        """Give what was received, subject and body."""
        return [f"{request['title']}\n{request['message']}" for request in self.requests]

    def hang(self) -> None:
        """Say nothing any more, until `let_go` is set."""
        self.let_go.clear()


@contextmanager
def a_webhook() -> Iterator[Webhook]:
    """Run a receiver of JSON."""
    hook = Webhook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            hook.connections += 1
            body = self.rfile.read(int(self.headers["content-length"]))
            hook.paths.append(self.path)
            hook.let_go.wait(120)
            status = hook.status
            if status < 300:
                hook.requests.append(json.loads(body))
            self.send_response(status)
            if hook.location:
                self.send_header("location", hook.location)
            self.send_header("content-length", "0")
            self.end_headers()

        do_GET = do_POST  # noqa: N815 - http.server's name

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    # Whoever hangs up while it is made to wait is no error of the test's.
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    hook.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield hook
    finally:
        hook.let_go.set()
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass
class Mailbox:
    """A mail server that keeps what it gets, for one account."""

    port: int = 0
    mails: list[EmailMessage] = field(default_factory=list)

    user = "plants"
    password = "mail-secret"

    def url(self, password: str = "") -> str:
        """Give the Apprise URL of its account."""
        login = f"{self.user}:{password or self.password}"
        return f"mailto://{login}@127.0.0.1:{self.port}?mode=insecure&from=plants@example.org&to=ada@example.org"

    async def handle_DATA(self, _: object, session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Take a mail of who signed in. The name is aiosmtpd's."""
        if not session.authenticated:
            return "530 Sign in first"
        content = envelope.content
        assert isinstance(content, bytes)
        self.mails.append(email.message_from_bytes(content, policy=default))  # type: ignore[arg-type]
        return "250 OK"


class MailServer(Controller):
    """Knows who is connected, so that its end leaves nobody's socket open."""

    def __init__(self, *given: Any, **more: Any) -> None:
        super().__init__(*given, **more)
        self._sessions: list[SMTP] = []

    def factory(self) -> SMTP:
        made: SMTP = super().factory()
        self._sessions.append(made)
        return made

    async def hang_up(self) -> None:
        """End all conversations, then listen no more.

        A connection that was accepted a moment ago begins first: asyncio leaves its socket open otherwise.
        """
        while others := asyncio.all_tasks() - {asyncio.current_task()}:
            for session in self._sessions:
                if session.transport is not None:
                    session.transport.abort()
            await asyncio.wait(others, timeout=0.05)
        self.server.close()
        # What was aborted is let go of in the loop's next turn.
        await asyncio.sleep(0)


@contextmanager
def a_mailbox() -> Iterator[Mailbox]:
    """Run a mail server that wants a password."""
    mailbox = Mailbox()

    def authenticator(_: object, __: object, ___: object, mechanism: str, data: object) -> AuthResult:
        is_right = isinstance(data, LoginPassword) and (data.login, data.password) == (
            mailbox.user.encode(),
            mailbox.password.encode(),
        )
        return AuthResult(success=is_right, handled=False)

    controller = MailServer(
        mailbox,
        hostname="127.0.0.1",
        # Its own way to ask for any port ends in trying to reach port 0.
        port=reserve_a_port(mailbox),
        authenticator=authenticator,
        auth_require_tls=False,
        ready_timeout=60,
    )
    controller.start()
    mailbox.port = controller.port
    try:
        yield mailbox
    finally:
        asyncio.run_coroutine_threadsafe(controller.hang_up(), controller.loop).result(60)
        controller.stop()
