"""A service's URL as a form: what it is made of, as Apprise tells it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypedDict

_PLACE = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class FormField:
    """One part of a URL. `is_needed`: no URL of the service is without it. `is_private`: it lets others in."""

    key: str
    label: str
    is_needed: bool
    is_private: bool
    takes_several: bool


@dataclass(frozen=True, slots=True)
class ServiceForm:
    """The parts of a service's URLs, and the shapes that these have, with the keys of fields in braces.

    `scheme` is the encrypted one where there is one, `plain_scheme` the other where there are both. `guide` is an
    address that tells where a person finds what is asked for.
    """

    name: str
    scheme: str
    plain_scheme: str | None
    guide: str
    fields: tuple[FormField, ...]
    shapes: tuple[str, ...]


class Token(TypedDict):
    """What Apprise tells of one part of a URL. `members` are the names of what a list may hold."""

    name: str
    type: str
    map_to: str
    private: bool
    members: Sequence[str]


def form_of(
    name: str,
    schemes: Sequence[str],
    secure: Sequence[str],
    guide: str,
    tokens: Mapping[str, Token],
    templates: Sequence[str],
) -> ServiceForm:
    """Make the form of a service from what Apprise tells of it.

    Apprise has several tokens for one thing, as a topic that is a target: `map_to` says which, and makes one field.
    """
    shapes: list[str] = []
    labels: dict[str, tuple[str, bool, bool]] = {}

    def key_of(token: str) -> str:
        told = tokens[token]
        key, is_list = told["map_to"], told["type"].startswith("list")
        # A list of one kind of things is called what these are called.
        label = told["members"][0] if len(told["members"]) == 1 else told["name"]
        before = labels.get(key, (label, False, False))
        labels[key] = (before[0], before[1] or told["private"], before[2] or is_list)
        return key

    for template in templates:
        shape = template.removeprefix("{schema}://")
        shape = _PLACE.sub(lambda place: f"{{{key_of(place[1])}}}", shape)
        if shape not in shapes:
            shapes.append(shape)
    places = [set(_PLACE.findall(shape)) for shape in shapes]
    fields = [
        FormField(key, label, all(key in keys for keys in places), is_private, is_list)
        for key, (label, is_private, is_list) in labels.items()
    ]
    encrypted = [scheme for scheme in schemes if scheme in secure]
    plain = [scheme for scheme in schemes if scheme not in secure]
    return ServiceForm(
        name,
        (encrypted or plain)[0],
        plain[0] if encrypted and plain else None,
        guide,
        tuple(sorted(fields, key=lambda field: not field.is_needed)),
        tuple(shapes),
    )
