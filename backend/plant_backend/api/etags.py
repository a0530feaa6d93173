"""Versions as entity tags (RFC 9110, 8.8.3), so that nobody overwrites what they have not seen."""

import re
from typing import Annotated

from fastapi import Depends, Header

from plant_backend.domain.errors import InvalidInput

_TAGS = re.compile(r'\s*(?:W/)?"[^"]*"\s*(?:,\s*(?:W/)?"[^"]*"\s*)*').fullmatch
_OURS = re.compile(r'(?<!W/)"(\d{1,18})"').findall


def etag(version: int) -> str:
    """Give the entity tag of a version."""
    return f'"{version}"'


def versions_named(
    if_match: Annotated[
        str | None,
        Header(max_length=1_000, examples=['"7"'], description="The `ETag` that was read: change that version only."),
    ] = None,
) -> frozenset[int] | None:
    """Give the versions that `If-Match` names; None where any will do. A weak tag matches none (RFC 9110, 13.1.1)."""
    if if_match is None or if_match.strip() == "*":
        return None
    if not _TAGS(if_match):
        raise InvalidInput([("If-Match", 'must be an entity tag as it was given, such as "7", or *')])
    return frozenset(int(version) for version in _OURS(if_match))


VersionsNamed = Annotated[frozenset[int] | None, Depends(versions_named)]
