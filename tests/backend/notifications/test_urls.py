"""What a URL can make the backend do: tell a service, and nothing else."""

import subprocess
import sys
from collections.abc import AsyncIterator

import pytest
from plant_backend.domain.alert import Severity
from plant_backend.domain.errors import InvalidInput
from plant_backend.domain.notification import Text
from plant_backend.integrations.notification_services import known_services, recognise
from plant_backend.integrations.notifications import AppriseNotifier
from plant_backend.ports import NotSent

from tests.receivers import Mailbox, Webhook, a_webhook

TEXT = Text("Basil: the reservoir is low", "Refill it.", Severity.WARNING)


@pytest.fixture
async def world_only() -> AsyncIterator[AppriseNotifier]:
    """Give a notifier as it is without settings."""
    notifier = AppriseNotifier()
    yield notifier
    await notifier.close()


@pytest.fixture
async def here_too() -> AsyncIterator[AppriseNotifier]:
    """Give a notifier that may notify this machine."""
    notifier = AppriseNotifier("127.0.0.1")
    yield notifier
    await notifier.close()


@pytest.mark.slow
async def test_each_example_is_a_url_that_its_service_takes(world_only: AppriseNotifier) -> None:
    for service in known_services():
        for scheme in service.schemes:
            known, shown = await world_only.check(scheme + service.example[service.example.index(":") :])
            assert known == service
            assert shown in (f"{scheme}://…", f"{scheme}://{recognise(service.example).host}/…")


@pytest.mark.parametrize(
    "url",
    [
        *("dbus://", "gnome://", "syslog://", "windows://", "macosx://", "glib://", "kde://", "aprs://u:p@call"),
        *("file:///etc/passwd", "http://example.org", "https://example.org/x", "json:/x", "json", "", "://", "tgram"),
        *("ntfys://ntfy.sh/a b", "ntfys://ntfy.sh/\n", "ntfys://ntfy.sh/\x00", "ntfys://ntfy.sh/" + "x" * 2000),
        *("json://[::1", "ntfys://ntfy.sh/x?attach=file:///etc/passwd", "slack://a/b/c?TEMPLATE=/etc/passwd"),
        *(
            "discord://1/2?template=x",
            "mailto://a:b@c.org?pgp=yes&pgppub=/etc/passwd",
            "json://example.org?redirect=yes",
        ),
        *("json://example.org?rto=100000", "json://example.org?%72etry=9", "json://example.org?wait=60"),
    ],
)
def test_what_is_no_listed_service_or_asks_for_more_is_refused(url: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        recognise(url)
    ((field, message),) = refused.value.errors
    assert (field, "passwd" in message) == ("url", False)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("ntfys://ntfy.example.org/my-topic", "ntfys://ntfy.example.org/…"),
        ("ntfy://user:pw@192.168.1.5:8080/t", "ntfy://192.168.1.5/…"),
        ("ntfys://my-topic", "ntfys://…"),
        ("ntfys://my-topic/", "ntfys://…"),
        ("ntfys://my-topic/another?mode=cloud", "ntfys://…"),
        ("tgram://123456789:abcdefg_hijklmnop/12315544/", "tgram://…"),
        ("matrix://token-of-t2bot", "matrix://…"),
        ("mailtos://me:pw@gmail.com?to=you@example.org", "mailtos://gmail.com/…"),
        ("JSON://Example.org/secret?token=x", "json://example.org/…"),
        ("json://%73ecret/x", "json://…"),
    ],
)
def test_what_is_shown_of_a_url_holds_no_secret(url: str, shown: str) -> None:
    assert recognise(url).shown == shown


INNER = ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "127.1", "0x7f000001", "2130706433", "0"]
INNER += ["169.254.169.254", "10.0.0.1", "192.168.1.5", "[fd00:ec2::254]", "[fe80::1]", "100.100.100.200"]


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["json", "xml", "form", "ntfy", "gotify", "apprise", "mmost"])
async def test_no_spelling_of_an_inner_address_is_connected_to(
    world_only: AppriseNotifier, hook: Webhook, scheme: str
) -> None:
    token = "abcdefghijklmno"  # of the length that Gotify wants
    for host in INNER:
        with pytest.raises(NotSent, match=r"PLANT_NOTIFICATION_NETWORKS|not of the form|not known"):
            await world_only.send(f"{scheme}://{host}:{hook.port}/{token}", TEXT)
    assert hook.connections == 0


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
async def test_an_address_is_looked_at_again_when_it_is_connected_to(
    world_only: AppriseNotifier, hook: Webhook, host: str
) -> None:
    with pytest.raises(InvalidInput, match="PLANT_NOTIFICATION_NETWORKS"):
        await world_only.check(f"json://{host}:{hook.port}/")
    # As after a name server that changed its mind: nothing looked before.
    with pytest.raises(NotSent, match="PLANT_NOTIFICATION_NETWORKS"):
        await world_only.send(f"json://{host}:{hook.port}/", TEXT)
    assert hook.connections == 0


async def test_a_mail_server_inside_is_no_exception(world_only: AppriseNotifier, mailbox: Mailbox) -> None:
    with pytest.raises(NotSent, match="PLANT_NOTIFICATION_NETWORKS"):
        await world_only.send(mailbox.url(), TEXT)
    with pytest.raises(InvalidInput, match="PLANT_NOTIFICATION_NETWORKS"):
        await world_only.check("mailto://u:p@example.org?smtp=127.0.0.1&to=a@example.org")


async def test_a_redirect_is_not_followed(here_too: AppriseNotifier, hook: Webhook) -> None:
    with a_webhook() as inner:
        for status in (301, 302, 303, 307, 308):
            hook.status, hook.location = status, f"http://127.0.0.1:{inner.port}/"
            with pytest.raises(NotSent, match=f"another address \\({status}\\)"):
                await here_too.send(hook.url, TEXT)
        assert inner.connections == 0


async def test_a_proxy_of_the_environment_is_not_used(hook: Webhook, monkeypatch: pytest.MonkeyPatch) -> None:
    with a_webhook() as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        notifier = AppriseNotifier("127.0.0.1")
        try:
            await notifier.send(hook.url, TEXT)
        finally:
            await notifier.close()
        assert (len(hook.requests), proxy.connections) == (1, 0)


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (401, "refused the credentials"),
        (404, "does not know that address"),
        (429, "asked too often"),
        (418, "refused it"),
        (500, "out of order"),
    ],
)
async def test_a_failure_is_told_in_words(here_too: AppriseNotifier, hook: Webhook, status: int, reason: str) -> None:
    hook.status = status
    with pytest.raises(NotSent, match=f"{reason}.*{status}"):
        await here_too.send(hook.url, TEXT)


async def test_a_wrong_password_is_told_without_it(here_too: AppriseNotifier, mailbox: Mailbox) -> None:
    with pytest.raises(NotSent, match=r"^The mail server refused the user name or password \(535\)\.$"):
        await here_too.send(mailbox.url("wrong-secret"), TEXT)


async def test_a_service_that_is_not_there_is_told(here_too: AppriseNotifier, hook: Webhook) -> None:
    with pytest.raises(NotSent, match="no secure connection"):
        await here_too.send(hook.url.replace("json:", "jsons:"), TEXT)
    with pytest.raises(NotSent, match="Nothing listens"):
        await here_too.send("json://127.0.0.1:9/hook-secret", TEXT)
    with pytest.raises(NotSent, match="not known"):
        await here_too.send("json://nowhere.invalid/hook-secret", TEXT)


MISDEEDS = {
    "reads a file": "open('/etc/passwd').read()",
    "reads through a link": "open('/proc/self/environ').read()",
    "writes a file": "open('/tmp/written', 'w')",
    "starts a process": "import subprocess; subprocess.run(['true'])",
    "runs a shell": "import os; os.system('true')",
    "listens": "import socket; socket.socket().bind(('127.0.0.1', 0))",
    "sends a datagram": "import socket; socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('1.1.1.1', 53))",
    "connects by name": "import socket; socket.socket().connect(('localhost', 9))",
    "connects to a socket of this machine": "import socket; socket.socket(socket.AF_UNIX).connect('/run/x')",
}


@pytest.mark.parametrize("misdeed", MISDEEDS)
def test_the_process_that_sends_is_kept_from_everything_else(misdeed: str) -> None:
    code = f"""
import sys
from plant_backend.integrations.notification_process import _Watch
sys.addaudithook(_Watch(()))
try:
    {MISDEEDS[misdeed]}
except (PermissionError, ValueError):
    sys.exit(7)
"""
    run = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True)
    assert run.returncode == 7, run.stderr.decode()
