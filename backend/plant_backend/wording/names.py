"""What stands in sentences as a value that has a name: channels, statuses and a node's reasons."""

from plant_backend.domain.command import AckStatus
from plant_backend.domain.kinds import ActuatorKind, SensorKind
from plant_backend.wording.language import mark

SENSORS: dict[SensorKind, str] = {
    SensorKind.SOIL_MOISTURE: mark("Soil moisture"),
    SensorKind.SOIL_TEMPERATURE: mark("Soil temperature"),
    SensorKind.AIR_TEMPERATURE: mark("Air temperature"),
    SensorKind.AIR_HUMIDITY: mark("Humidity"),
    SensorKind.ILLUMINANCE: mark("Brightness"),
    SensorKind.RESERVOIR_LEVEL: mark("Reservoir"),
    SensorKind.PRESSURE: mark("Air pressure"),
    SensorKind.VOLTAGE: mark("Voltage"),
    SensorKind.BATTERY: mark("Battery"),
    SensorKind.SIGNAL_STRENGTH: mark("Signal"),
}

CHANNEL_KINDS: dict[str, str] = {
    **{kind.value: name for kind, name in SENSORS.items()},
    ActuatorKind.PUMP: mark("Pump"),
    ActuatorKind.LAMP: mark("Lamp"),
}

ACK_STATUSES: dict[str, str] = {
    AckStatus.FAILED: mark("failed"),
    AckStatus.REJECTED: mark("rejected"),
    AckStatus.EXPIRED: mark("expired"),
}

NODE_REASONS: dict[str, str] = {
    "max_run": mark("longer than its pump may run"),
    "max_day": mark("the run time of the day is used up"),
    "min_off": mark("the pump has to rest first"),
    "reservoir_empty": mark("the reservoir is empty"),
    "reservoir_unknown": mark("the level of the reservoir is unknown"),
    "unknown_actuator": mark("it has no such pump"),
    "busy": mark("the pump is running already"),
    "invalid_command": mark("the command makes no sense"),
    "invalid_duration": mark("the run time makes no sense"),
    "ledger_unwritable": mark("it cannot write its records"),
    "pin_error": mark("the output cannot be switched"),
    "off": mark("it was told to stop"),
    "replaced": mark("another command took its place"),
    "link_lost": mark("the link was lost"),
    "shutdown": mark("the node was shutting down"),
    "reboot": mark("the node started anew"),
    "update": mark("the node was being updated"),
    "stalled": mark("the node stood still"),
    "supervisor_lost": mark("the node's supervisor is gone"),
    "no_flow": mark("no water flowed"),
}
"""Why a node did not run its pump, or not to the end, in a word of its own; others are shown as they come."""
