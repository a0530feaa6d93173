"""A browser without its scripts: what a page test asks with."""

import html
import re
from collections.abc import Mapping
from typing import Self

import httpx

from tests.live_backend import PASSWORD, Backend

SAME_SITE = {"sec-fetch-site": "same-origin"}


class Visitor:
    """Somebody with a browser. Pages are given as text; forms are sent as this site's own."""

    def __init__(self, backend: Backend, language: str = "en") -> None:
        self.client = httpx.Client(
            base_url=backend.url, timeout=60, headers={"accept": "text/html", "accept-language": language}
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()

    def sign_in(self, username: str = "ada", password: str = PASSWORD) -> Self:
        """Go through the sign-in page."""
        answer = self.post("/web/login", username=username, password=password)
        assert answer.status_code == 303, answer.text
        return self

    def get(self, path: str, *, part: bool = False, **query: str) -> httpx.Response:
        """Look at a page, or with `part` at what htmx would fetch."""
        return self.client.get(path, params=query or None, headers={"hx-request": "true"} if part else None)

    def page(self, path: str, **query: str) -> str:
        """Give the text of a page that is there."""
        answer = self.get(path, **query)
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.headers.get('location')}"
        return answer.text

    def post(self, path: str, headers: Mapping[str, str] = SAME_SITE, /, **fields: str) -> httpx.Response:
        """Send a form."""
        return self.client.post(path, data=fields, headers=dict(headers))


def words(page: str) -> str:
    """Give what a person reads of a page."""
    text = re.sub(r"<(script|style)\b.*?</\1>", " ", page, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", text)).split())
