"""A prefix is believed of a trusted proxy alone."""

from collections.abc import Iterator

import httpx
import pytest

from tests.live_backend import Backend

PREFIX = "/api/hassio_ingress/abc_DEF-1"


@pytest.fixture
def proxied(backend: Backend) -> Iterator[httpx.Client]:
    """Give a client at the address that the backend takes for its proxy."""
    transport = httpx.HTTPTransport(local_address="127.0.0.9")
    with httpx.Client(transport=transport, base_url=backend.url, timeout=60) as client:
        yield client


@pytest.mark.parametrize("path", ["/web", "/web/", "/", "/web/devices"])
def test_every_redirect_stays_inside_the_prefix(proxied: httpx.Client, path: str) -> None:
    answer = proxied.get(path, headers={"x-forwarded-prefix": PREFIX})
    assert answer.status_code == 303
    assert answer.headers["location"].startswith(f"{PREFIX}/web")


def test_every_address_in_a_page_has_the_prefix(proxied: httpx.Client) -> None:
    page = proxied.get("/web/login", headers={"x-forwarded-prefix": PREFIX}).text
    assert f'action="{PREFIX}/web/login"' in page
    assert 'src="/web' not in page
    assert 'href="/web' not in page


def test_nobody_else_says_where_pages_lead(backend: Backend, proxied: httpx.Client) -> None:
    assert (
        backend.request("GET", "/web", headers={"x-forwarded-prefix": PREFIX}).headers["location"].startswith("/web/")
    )


@pytest.mark.parametrize("prefix", ["//evil.example", "/a/../b", "https://evil.example", "/a b", "/\\evil", "/a?b", ""])
def test_a_prefix_that_is_none_is_ignored(proxied: httpx.Client, prefix: str) -> None:
    answer = proxied.get("/web", headers={"x-forwarded-prefix": prefix})
    assert answer.headers["location"].startswith("/web/login")


def test_behind_a_proxy_the_origin_is_compared_with_what_the_browser_called_us(proxied: httpx.Client) -> None:
    headers = {
        "x-forwarded-prefix": PREFIX,
        "x-forwarded-host": "house.local:8123",
        "origin": "http://house.local:8123",
    }
    assert proxied.post("/web/login", data={"username": "nobody"}, headers=headers).status_code == 401
    assert proxied.post("/web/login", data={}, headers={**headers, "origin": "http://evil.example"}).status_code == 403


def test_the_api_has_the_prefix_too(proxied: httpx.Client) -> None:
    assert proxied.get("/healthz", headers={"x-forwarded-prefix": PREFIX}).status_code == 200
