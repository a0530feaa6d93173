"""What a person fills in becomes the URL that the service takes."""

import pytest
from plant_backend.domain.errors import InvalidInput
from plant_backend.domain.notification_form import Token, form_of
from plant_backend.web.service_form import url_of


def a_token(name: str, map_to: str, *, private: bool = False, several: bool = False, of: str = "") -> Token:
    kind = "list:string" if several else "string"
    return {"name": name, "type": kind, "map_to": map_to, "private": private, "members": [of] if of else []}


FORM = form_of(
    "ntfy",
    ("ntfy", "ntfys"),
    ("ntfys",),
    "https://example.org/",
    {
        "schema": a_token("Schema", "schema"),
        "topic": a_token("Topic", "targets"),
        "targets": a_token("Targets", "targets", several=True, of="Topic"),
        "host": a_token("Hostname", "host"),
        "user": a_token("Username", "user"),
        "password": a_token("Password", "password", private=True),
        "path": a_token("Path", "fullpath"),
    },
    (
        "{schema}://{topic}",
        "{schema}://{host}/{targets}",
        "{schema}://{user}:{password}@{host}/{targets}",
        "{schema}://{host}{path}{targets}",
    ),
)


def test_two_names_of_one_thing_are_one_field() -> None:
    assert [(one.key, one.label, one.is_needed, one.is_private, one.takes_several) for one in FORM.fields] == [
        ("targets", "Topic", True, False, True),
        ("host", "Hostname", False, False, False),
        ("user", "Username", False, False, False),
        ("password", "Password", False, True, False),
        ("fullpath", "Path", False, False, False),
    ]


@pytest.mark.parametrize(
    ("given", "is_plain", "url"),
    [
        ({"targets": "basil"}, False, "ntfys://basil"),
        ({"targets": " a, b c ", "host": "h"}, True, "ntfy://h/a/b/c"),
        ({"targets": "t", "host": "h", "fullpath": "/x/y"}, False, "ntfys://h/x/y/t"),
        (
            {"targets": "t?redirect=yes", "host": "h/evil", "user": "me@h", "password": "p:/@#%"},
            False,
            "ntfys://me%40h:p%3A%2F%40%23%25@h%2Fevil/t%3Fredirect%3Dyes",
        ),
        ({"targets": "t", "unknown": "x", "host": " "}, False, "ntfys://t"),
    ],
)
def test_what_is_given_decides_the_shape_and_breaks_out_of_no_part(
    given: dict[str, str], is_plain: bool, url: str
) -> None:
    assert url_of(FORM, given, is_plain=is_plain) == url


@pytest.mark.parametrize(
    ("given", "errors"),
    [
        ({}, [("targets", "is needed")]),
        ({"targets": "t", "host": "h", "user": "u"}, [("password", "is needed")]),
        (
            {"targets": "t", "host": "h", "user": "u", "password": "p", "fullpath": "x"},
            [("fullpath", "does not go with the others")],
        ),
    ],
)
def test_what_misses_or_does_not_fit_is_named(given: dict[str, str], errors: list[tuple[str, str]]) -> None:
    with pytest.raises(InvalidInput) as refused:
        url_of(FORM, given)
    assert list(refused.value.errors) == errors
