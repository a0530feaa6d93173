"""Domain values as JSON-ready documents, the same in answers and in events."""

from typing import Any

import msgspec

from plant_backend.domain.alert import Alert
from plant_backend.domain.command import Command
from plant_backend.domain.ledger import DecisionRecord
from plant_backend.domain.model import Device, Profile


def command_document(command: Command) -> dict[str, Any]:
    """Give a command as the API shows it."""
    return _document(command)


def alert_document(alert: Alert) -> dict[str, Any]:
    """Give an alert as the API shows it."""
    return _document(alert)


def decision_document(decision: DecisionRecord) -> dict[str, Any]:
    """Give a decision as the API shows it, with the inputs that it was made from."""
    return _document(decision)


def device_document(device: Device) -> dict[str, Any]:
    """Give a device with its channels, without what is the database's own."""
    document = _document(device)
    del document["number"], document["owner_id"]
    return document


def profile_document(profile: Profile, version: int) -> dict[str, Any]:
    """Give a profile with its version."""
    return {"version": version, **_document(profile)}


def _document(value: object) -> dict[str, Any]:
    document: dict[str, Any] = msgspec.to_builtins(value)
    return document
