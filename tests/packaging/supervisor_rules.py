"""What Home Assistant's Supervisor asks of an app's config.yaml and of a repository, as far as ours go, and stricter.

Written after its `supervisor/addons/validate.py`, `validate.py` and `options.py` (August 2026). It ignores what it does
not know; here that is a failure.
"""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, HttpUrl

_OPTION = re.compile(
    r"(?:bool|email|url|port|device(?:\(.*\))?|str(?:\(\d*,\d*\))?|password(?:\(\d*,\d*\))?"
    r"|int(?:\(\d*,\d*\))?|float(?:\([\d.]*,[\d.]*\))?|match\(.*\)|list\(.+\))\??"
).fullmatch


def _is_option(value: str) -> str:
    assert _OPTION(value), f"{value} is no kind of option"
    return value


Option = Annotated[str, AfterValidator(_is_option)]
Version = Annotated[str, Field(pattern=r"^\d+\.\d+\.\d+$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class AppConfig(_Strict):
    """config.yaml."""

    name: str
    version: Version
    slug: str = Field(pattern=r"^[-_.A-Za-z0-9]+$")
    description: str
    url: Annotated[HttpUrl, Field(strict=False)]
    image: str = Field(pattern=r"^([a-z0-9.-]+(:\d+)?/)?([a-z0-9._-]+/)*[a-z0-9._-]+$")
    arch: list[Literal["aarch64", "amd64"]] = Field(min_length=1)
    homeassistant: Version
    init: bool
    startup: Literal["initialize", "system", "services", "application", "once"]
    ingress: bool
    ingress_port: int = Field(ge=1, le=65535)
    ingress_entry: str = Field(pattern=r"^[^/]")
    panel_title: str
    panel_icon: str = Field(pattern=r"^mdi:[a-z-]+$")
    panel_admin: bool
    discovery: list[str]
    ports: dict[Annotated[str, Field(pattern=r"^\d{1,5}/(tcp|udp)$")], int | None]
    watchdog: str = Field(pattern=r"^(?:https?|\[PROTO:\w+\]|tcp):\/\/\[HOST\]:(\[PORT:\d+\]|\d+).*$")
    backup: Literal["hot", "cold"]
    backup_pre: str
    backup_post: str
    backup_exclude: list[str]
    timeout: int = Field(ge=10, le=300)
    options: dict[str, str | int | bool]
    # Named so that it does not hide what every model has.
    kinds: dict[str, Option] = Field(alias="schema")
    breaking_versions: list[Version]


class Repository(_Strict):
    """repository.yaml."""

    name: str
    url: Annotated[HttpUrl, Field(strict=False)]
    maintainer: str


class Named(_Strict):
    """An option in a language."""

    name: str
    description: str


class Translation(_Strict):
    """translations/*.yaml."""

    configuration: dict[str, Named]
    network: dict[str, str]
