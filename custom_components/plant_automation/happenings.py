"""What event entities tell of, worked out from the messages of the stream."""

from dataclasses import dataclass
from typing import Any

from .api import Alert, Command, Message, Plant


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that event entities tell of. `entity` is the key of the entity, `type` its event type."""

    entity: str
    type: str
    attributes: dict[str, Any]


def happening_of(plant: Plant | None, message: Message) -> Happening | None:
    """Say what a message means for event entities; `plant` is what was known before it."""
    if plant is None:
        return None
    if message.type == "alert":
        return _alert_happening(plant, Alert.parse(message.data["alert"]))
    if message.type == "command":
        return _watering_happening(plant, Command.parse(message.data["command"]))
    return None


def _alert_happening(plant: Plant, alert: Alert) -> Happening | None:
    known = plant.alerts.get(alert.id)
    if alert.state == "resolved":
        kind = "resolved"
    elif known is None:
        kind = "opened"
    elif alert.acknowledged_at is not None and known.acknowledged_at is None:
        kind = "acknowledged"
    elif alert.severity == "critical" and known.severity != "critical":
        kind = "worsened"
    elif alert.snoozed_until is not None and alert.snoozed_until != known.snoozed_until:
        kind = "snoozed"
    elif alert.snoozed_until is None and known.snoozed_until is not None:
        kind = "snooze_ended"
    else:
        return None
    attributes = {
        "alert_id": alert.id,
        "kind": alert.kind,
        "channel": alert.channel,
        "severity": alert.severity,
        "message": alert.message,
    }
    return Happening("alert", kind, attributes)


_WATERING_TYPES = {
    "accepted": "started",
    "succeeded": "finished",
    "interrupted": "finished",
    "failed": "failed",
    "rejected": "failed",
    "expired": "failed",
    "timed_out": "failed",
}


def _watering_happening(plant: Plant, command: Command) -> Happening | None:
    actuator = plant.device.actuator(command.actuator)
    kind = _WATERING_TYPES.get(command.state)
    known = plant.live.get(command.id)
    if actuator is None or actuator.kind != "pump" or command.action != "on" or kind is None:
        return None
    if known is None and command.id in plant.runs.get(command.actuator, {}):
        return None  # a late word on a run that was told of already
    if known is not None and known.state == command.state:
        return None
    attributes = {
        "actuator": command.actuator,
        "command_id": command.id,
        "requested_by": command.requested_by or command.origin,
        "duration_ms": command.duration_ms,
        "ran_ms": command.ran_ms,
        "state": command.state,
        "reason": command.reason,
    }
    return Happening("watering", kind, attributes)
