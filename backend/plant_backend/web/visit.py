"""One request as a page sees it: who asks, in which language, and how to answer."""

import gzip
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from plant_backend.api.gate import Hosts
from plant_backend.api.ingress import person_of
from plant_backend.domain.account import Principal, Role
from plant_backend.domain.errors import Malformed, NotFound, TooLarge
from plant_backend.domain.sentence import Sentence
from plant_backend.services.registry import Services
from plant_backend.web.assets import takes_gzip
from plant_backend.wording import formats, language
from plant_backend.wording.sentences import wording

if TYPE_CHECKING:
    from plant_backend.web.site import Site

MAX_FORM = 64 * 1024
_HOME = "homeassistant.local"
_PORT = 8000
_MIN_PACKED = 800

THEME_COOKIE = "plant_theme"
THEMES = ("auto", "light", "dark")
KEYS_COOKIE = "plant_keys"
KEYS = ("on", "off")
STEPS_COOKIE = "plant_steps"
STEPS = ("on", "off")

Form = Mapping[str, str]


@dataclass(frozen=True)
class Visit:
    """A request with what its page needs. `nobody` stands for who is not signed in."""

    site: "Site"
    request: Request
    nobody_or_who: Principal | None
    request_id: str
    position: str
    """Where the stream of events was before the page looked at anything."""

    @property
    def services(self) -> Services:
        """The use cases."""
        return self.site.services

    @property
    def who(self) -> Principal:
        """The person; only pages for anybody may be asked without one."""
        if self.nobody_or_who is None:
            raise RuntimeError("This page is for people who are signed in.")
        return self.nobody_or_who

    @property
    def is_owner(self) -> bool:
        """Tell whether the person may change things."""
        return self.nobody_or_who is not None and self.nobody_or_who.role is Role.OWNER

    @property
    def is_from_home(self) -> bool:
        """Tell whether Home Assistant has said who the person is: nobody signs in or out then."""
        return self.nobody_or_who is not None and self.nobody_or_who.is_from_home

    @property
    def is_partial(self) -> bool:
        """Tell whether htmx asks for a part of a page."""
        return "hx-request" in self.request.headers

    @cached_property
    def now(self) -> datetime:
        """The plants' time."""
        return self.services.clock.now()

    # Language

    @cached_property
    def language(self) -> str:
        """The code of the language."""
        wished = self.request.cookies.get(language.LANGUAGE_COOKIE)
        return language.choose(wished, self.request.headers.get("accept-language", ""))

    def say(self, text: str, /, **values: object) -> str:
        """Translate a text, and put values in the place of its %(names)s."""
        translated = language.words(self.language).gettext(text)
        return translated % values if values else translated

    def say_many(self, one: str, many: str, count: int) -> str:
        """Translate a text that counts something, as %(count)s."""
        return language.words(self.language).ngettext(one, many, count) % {"count": self.formats.number(count, 0)}

    def told(self, text: str, sentences: Sequence[Sentence]) -> Markup | str:
        """Give what the rules or an alert say; in the English that was written down, where that is all there is."""
        said = wording(self.language, self.say, self.formats, sentences)
        return said if said is not None else Markup('<span lang="en">{}</span>').format(text)

    def told_plain(self, text: str, sentences: Sequence[Sentence]) -> str:
        """Give the same without a mark of the language."""
        return wording(self.language, self.say, self.formats, sentences) or text

    @cached_property
    def formats(self) -> formats.Formats:
        """How numbers and times are written."""
        zone = formats.zone_of(self.request.cookies.get(formats.ZONE_COOKIE))
        return formats.Formats(language.locale(self.language), zone, self.now)

    @property
    def theme(self) -> str:
        """The colours that the person chose."""
        chosen = self.request.cookies.get(THEME_COOKIE, "auto")
        return chosen if chosen in THEMES else "auto"

    @property
    def keys(self) -> str:
        """Whether single keys act: "on", unless the person switched them off."""
        return "off" if self.request.cookies.get(KEYS_COOKIE) == "off" else "on"

    @property
    def steps(self) -> str:
        """Whether the first steps are shown: "on", unless the person hid them."""
        return "off" if self.request.cookies.get(STEPS_COOKIE) == "off" else "on"

    # What is asked

    def given(self, name: str) -> str:
        """Give a part of the path."""
        return str(self.request.path_params[name])

    def given_id(self, name: str) -> int:
        """Give a number in the path. Raises NotFound."""
        text = self.given(name)
        if not (text.isascii() and text.isdigit() and 0 < len(text) < 16):
            raise NotFound(name.removesuffix("_id"))
        return int(text)

    def query(self, name: str, default: str = "") -> str:
        """Give a parameter of the address."""
        return self.request.query_params.get(name, default)

    async def form(self) -> Form:
        """Read what a form sent; of a name that comes twice the last counts. Raises TooLarge, Malformed."""
        if not self.request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            raise Malformed("A form is expected.")
        body = bytearray()
        async for chunk in self.request.stream():
            body += chunk
            if len(body) > MAX_FORM:
                raise TooLarge("body_too_large", f"A form may have at most {MAX_FORM} bytes.")
        try:
            return dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=500, errors="strict"))
        except ValueError:
            raise Malformed("The form cannot be read.") from None

    # Addresses

    @property
    def prefix(self) -> str:
        """What stands before every path: the proxy's, or nothing."""
        return str(self.request.scope.get("root_path", ""))

    def url(self, name: str, /, query: Mapping[str, object] | None = None, **parts: object) -> str:
        """Give the address of a page."""
        return self.prefix + self.site.path(name, query, **parts)

    def api(self, path: str, query: Mapping[str, object] | None = None) -> str:
        """Give an address of the API."""
        return self.prefix + path + (f"?{urlencode(query)}" if query else "")

    @property
    def address(self) -> str:
        """Where a node reaches this server: as the settings say, else as the person came here."""
        if not self.services.public_url and person_of(self.request.scope) is not None:
            # The person came by Home Assistant's port, and perhaps from far away; a node comes by ours, in the house.
            host = self.request.url.hostname or ""
            return f"http://{host if Hosts().allows(host.encode()) else _HOME}:{_PORT}"
        return self.services.public_url or f"{self.request.url.scheme}://{self.request.url.netloc}"

    def asset(self, name: str) -> str:
        """Give the address of a file."""
        return self.prefix + self.site.assets.path(name)

    def way_back(self, place: str) -> str:
        """Give where to come back to: this address, or the page `place` where forms alone are sent here."""
        url = self.request.url
        if not self.site.is_page(self.request.scope):
            return self.url(place)
        return f"{url.path}?{url.query}" if url.query else url.path

    def safe_next(self, wished: str) -> str:
        """Give where to go on: a page of this site, else the overview."""
        parts = urlsplit(wished)
        is_ours = not parts.scheme and not parts.netloc and parts.path.startswith(f"{self.prefix}/web")
        return wished if is_ours and "\\" not in wished and wished.isprintable() else self.url("overview")

    # Answers

    def render(self, template: str, /, status: int = 200, *, is_secret: bool = False, **context: Any) -> Response:
        """Answer with a template. `is_secret` keeps what is shown out of compression."""
        text = self.site.templates.get_template(template).render(
            visit=self, _=self.say, _n=self.say_many, f=self.formats, status=status, **context
        )
        body, headers = text.encode(), {"vary": "accept-encoding, cookie, hx-request"}
        if not is_secret and len(body) >= _MIN_PACKED and takes_gzip(self.request):
            body, headers["content-encoding"] = gzip.compress(body, 5, mtime=0), "gzip"
        return Response(body, status, headers, media_type="text/html")

    def document(self, value: object) -> Response:
        """Answer with JSON."""
        body, headers = json.dumps(value, separators=(",", ":")).encode(), {"vary": "accept-encoding, cookie"}
        if len(body) >= _MIN_PACKED and takes_gzip(self.request):
            body, headers["content-encoding"] = gzip.compress(body, 5, mtime=0), "gzip"
        return Response(body, 200, headers, media_type="application/json")

    def go(self, url: str) -> Response:
        """Send the browser elsewhere, the whole page of it."""
        if self.is_partial:
            return Response(status_code=204, headers={"hx-redirect": url})
        return Response(status_code=303, headers={"location": url})

    def go_to(self, name: str, /, query: Mapping[str, object] | None = None, **parts: object) -> Response:
        """Send the browser to a page."""
        return self.go(self.url(name, query, **parts))
