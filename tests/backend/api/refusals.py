"""What every refusal of the backend must look like."""

import httpx

from tests.live_backend import JSON


def refused(response: httpx.Response, status: int, code: str, *fields: str) -> JSON:
    """Assert that this is a complete problem document that names these fields, and give it."""
    shown = f"{response.request.method} {response.url}: {response.status_code} {response.text[:500]}"
    assert response.status_code == status, shown
    assert response.headers["content-type"] == "application/problem+json", shown
    document: JSON = response.json()
    assert document["status"] == status, shown
    assert document["code"] == code, shown
    assert document["title"], shown
    assert document["detail"], shown
    named = [error["field"] for error in document.get("errors") or ()]
    assert [field for field in fields if field not in named] == [], shown
    for error in document.get("errors") or ():
        assert error["message"], shown
        assert error["field"] in document["detail"], shown
    return document
