"""The services that may be notified, and what of a URL may be shown. Everything else that Apprise knows is refused."""

from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote, urlsplit

from plant_backend.domain.errors import InvalidInput
from plant_backend.domain.notification import NotificationService

_MAX_URL = 2000


@dataclass(frozen=True, slots=True)
class _Known:
    """A service by its schemes. `has_host`: the first part of its URLs is always a machine's name and no secret."""

    name: str
    schemes: tuple[str, ...]
    example: str
    has_host: bool = False
    is_generic: bool = False


_KNOWN = (
    _Known("ntfy", ("ntfy", "ntfys"), "ntfys://ntfy.example.org/topic", has_host=True),
    _Known("Gotify", ("gotify", "gotifys"), "gotifys://gotify.example.org/token", has_host=True),
    _Known("Telegram", ("tgram",), "tgram://123456789:bot_token/chat_id"),
    _Known("Discord", ("discord",), "discord://webhook_id/webhook_token"),
    _Known("E-mail", ("mailto", "mailtos"), "mailtos://user:password@example.org?to=you@example.org", has_host=True),
    _Known("Pushover", ("pover",), "pover://user_key@token"),
    _Known("Home Assistant", ("hassio", "hassios"), "hassios://homeassistant.example.org/access_token", has_host=True),
    _Known("Matrix", ("matrix", "matrixs"), "matrixs://user:password@example.org/#room"),
    _Known("Signal", ("signal", "signals"), "signals://signal.example.org/+15551234567/+15557654321", has_host=True),
    _Known("Slack", ("slack",), "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/general"),
    _Known("Mattermost", ("mmost", "mmosts"), "mmosts://mattermost.example.org/token", has_host=True),
    _Known("Rocket.Chat", ("rocket", "rockets"), "rockets://user:password@rocket.example.org/channel", has_host=True),
    _Known("Nextcloud Talk", ("nctalk", "nctalks"), "nctalks://user:password@cloud.example.org/room", has_host=True),
    _Known("Synology Chat", ("synology", "synologys"), "synologys://nas.example.org/token", has_host=True),
    _Known("Bark", ("bark", "barks"), "barks://bark.example.org/device_key", has_host=True),
    _Known("Apprise API", ("apprise", "apprises"), "apprises://apprise.example.org/token", has_host=True),
    _Known("Pushbullet", ("pbul",), "pbul://access_token"),
    _Known("Simplepush", ("spush",), "spush://key"),
    _Known("Threema", ("threema",), "threema://*GATEWAY@secret/ABCDEFGH"),
    _Known("Zulip", ("zulip",), "zulip://botname@organization/a6k4k8k2k6k2k4k6k8k2k4k6k8k2k4k6/stream"),
    _Known("Webhook (JSON)", ("json", "jsons"), "jsons://example.org/path", has_host=True, is_generic=True),
    _Known("Webhook (XML)", ("xml", "xmls"), "xmls://example.org/path", has_host=True, is_generic=True),
    _Known("Webhook (form)", ("form", "forms"), "forms://example.org/path", has_host=True, is_generic=True),
)

_BY_SCHEME = {scheme: known for known in _KNOWN for scheme in known.schemes}

_REFUSED = frozenset(
    {
        # They make Apprise read files, or fetch what the URL names.
        *("attach", "template", "keyfile", "subfile", "pgp", "pgpkey", "pgppub", "pgpprv", "wkd", "e2ee"),
        # Waiting, repeating and following are ours to decide.
        *("redirect", "retry", "wait", "rto", "cto", "store", "optional", "overflow"),
    }
)


def known_services() -> tuple[NotificationService, ...]:
    """Give the services that may be notified."""
    return tuple(
        NotificationService(known.name, known.schemes, known.example, is_generic=known.is_generic) for known in _KNOWN
    )


@dataclass(frozen=True, slots=True)
class Recognised:
    """What may be known of a URL. `host` is empty where its place in the URL may hold a secret."""

    service: NotificationService
    scheme: str
    host: str

    @property
    def shown(self) -> str:
        """The URL without its secrets."""
        return f"{self.scheme}://{self.host}/…" if self.host else f"{self.scheme}://…"


def recognise(url: str) -> Recognised:
    """Tell what a URL is of. Raises InvalidInput, which never repeats the URL."""
    if len(url) > _MAX_URL or not url.isprintable() or any(character.isspace() for character in url):
        raise _invalid(f"must have at most {_MAX_URL} characters, without spaces")
    scheme, separator, _ = url.partition("://")
    known = _BY_SCHEME.get(scheme.lower())
    if not separator or known is None:
        raise _invalid("must begin with one of " + ", ".join(f"{name}://" for name in sorted(_BY_SCHEME)))
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        raise _invalid("is not a URL") from None
    query = {name.lower(): value for name, value in parse_qsl(parts.query, keep_blank_values=True)}
    refused = query.keys() & _REFUSED
    if refused:
        raise _invalid("may not set " + ", ".join(sorted(refused)))
    # ntfy takes a bare topic too: it is of the public server, and all that keeps others out.
    is_topic = known.name == "ntfy" and (not parts.path.strip("/") or query.get("mode") == "cloud")
    has_host = known.has_host and not is_topic and unquote(host) == host
    service = NotificationService(known.name, known.schemes, known.example, is_generic=known.is_generic)
    return Recognised(service, scheme.lower(), host if has_host else "")


def _invalid(message: str) -> InvalidInput:
    return InvalidInput([("url", message)])
