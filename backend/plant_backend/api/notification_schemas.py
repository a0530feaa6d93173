"""What requests and answers about notifications look like."""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from plant_backend.api.schemas import Flag, Input, Output, Text, TimeOfDay
from plant_backend.domain.alert import Severity
from plant_backend.domain.language import Language

Name = Annotated[Text, Field(min_length=1, max_length=100, examples=["My phone"])]
Url = Annotated[
    Text,
    Field(
        min_length=1,
        max_length=2000,
        description="An Apprise URL; it is checked, encrypted and never shown again.",
        examples=["ntfys://ntfy.sh/a-topic-that-nobody-guesses"],
    ),
]
DeviceIds = Annotated[list[Text], Field(max_length=500)]
Zone = Annotated[Text, Field(max_length=64, examples=["Europe/Berlin"])]


class ServiceRead(Output):
    """A service that may be notified."""

    name: str
    schemes: list[str]
    example: str
    is_generic: bool = Field(description="Sends to whatever address it is given; for owners only.")


class TargetCreate(Input):
    """A new target."""

    name: Name
    url: Url
    min_severity: Severity = Severity.WARNING
    device_ids: DeviceIds | None = Field(None, description="Only these devices; null is all, of now and later.")
    quiet_from: TimeOfDay | None = Field(None, description="When only critical alerts are sent any more.")
    quiet_until: TimeOfDay | None = None
    time_zone: Zone = "UTC"
    wants_resolved: Flag = Field(True, description="Tell of the end of an alert too.")
    is_enabled: Flag = True
    language: Language = Field(Language.ENGLISH, description="What messages are written in.")


class TargetChange(Input):
    """What changes of a target; what is left out stays. null takes quiet hours or a choice of devices back."""

    name: Name | None = None
    url: Url | None = None
    min_severity: Severity | None = None
    device_ids: DeviceIds | None = None
    quiet_from: TimeOfDay | None = None
    quiet_until: TimeOfDay | None = None
    time_zone: Zone | None = None
    wants_resolved: Flag | None = None
    is_enabled: Flag | None = None
    language: Language | None = None


class TargetRead(Output):
    """A target and how it fares, without what is secret in its URL."""

    id: int
    name: str
    service: str
    address: str = Field(examples=["ntfys://ntfy.sh/…"])
    min_severity: Severity
    device_ids: list[str] | None
    quiet_from: TimeOfDay | None
    quiet_until: TimeOfDay | None
    time_zone: str
    wants_resolved: bool
    is_enabled: bool
    language: Language
    created_at: datetime
    waiting: int = Field(description="Messages that wait to be sent.")
    failures: int = Field(description="Failures in a row.")
    last_success_at: datetime | None
    last_failure_at: datetime | None
    last_failure: str | None
    paused_until: datetime | None = Field(description="When it is tried again, after five failures in a row.")


class TrialRead(Output):
    """What came of a test message."""

    is_sent: bool
    reason: str | None
    duration_ms: int
