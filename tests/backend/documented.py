"""Holds every answer that a test gets against the OpenAPI document: its status, its type, its content."""

import re
from functools import cache

import httpx
import schemathesis
from plant_backend.app import build_fastapi


@cache
def _operations() -> list[tuple[str, re.Pattern[str], schemathesis.APIOperation]]:
    found = schemathesis.openapi.from_dict(build_fastapi(None).openapi()).get_all_operations()
    # Routes without a parameter first: they win over those with one, as in the router.
    operations = sorted((result.ok() for result in found), key=lambda operation: "{" in operation.path)
    return [(each.method.upper(), re.compile(re.sub(r"\{\w+\}", "[^/]+", each.path)), each) for each in operations]


def assert_documented(response: httpx.Response) -> None:
    """Fail unless the document has this answer. Routes that are not in it, as pages, are passed over."""
    request = response.request
    for method, path, operation in _operations():
        if method == request.method and path.fullmatch(request.url.path):
            if not hasattr(request, "_content"):
                # A body that was sent as a stream is gone; schemathesis wants to tell what it was.
                request._content = b""
            operation.validate_response(response)
            documented = operation.definition.raw["responses"]
            assert {str(response.status_code), f"{response.status_code // 100}XX"} & documented.keys(), (
                f"{request.method} {request.url.path}: {response.status_code} is not documented"
            )
            return
