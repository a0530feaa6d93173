"""The field's terms in the person's language."""

from plant_backend.domain.alert import AlertKind
from plant_backend.domain.command import CommandState
from plant_backend.domain.kinds import SensorKind
from plant_backend.domain.ledger import DecisionOutcome
from plant_backend.domain.model import Mode
from plant_backend.domain.reason import ReasonCode
from plant_backend.web.presence import Presence
from plant_backend.wording.language import mark

ICONS: dict[SensorKind, str] = {
    SensorKind.SOIL_MOISTURE: "drop",
    SensorKind.SOIL_TEMPERATURE: "thermometer",
    SensorKind.AIR_TEMPERATURE: "thermometer",
    SensorKind.AIR_HUMIDITY: "humidity",
    SensorKind.ILLUMINANCE: "sun",
    SensorKind.RESERVOIR_LEVEL: "tank",
    SensorKind.PRESSURE: "gauge",
    SensorKind.VOLTAGE: "battery",
    SensorKind.BATTERY: "battery",
    SensorKind.SIGNAL_STRENGTH: "signal",
}

DIGITS: dict[SensorKind, int] = {
    SensorKind.ILLUMINANCE: 0,
    SensorKind.PRESSURE: 0,
    SensorKind.SIGNAL_STRENGTH: 0,
    SensorKind.VOLTAGE: 2,
}
"""Decimals worth reading, where they are not one."""

PRESENCES: dict[Presence, str] = {
    Presence.FRESH: mark("Up to date"),
    Presence.STALE: mark("Overdue"),
    Presence.OFFLINE: mark("Offline"),
    Presence.NEVER_SEEN: mark("Never seen"),
}

MODES: dict[Mode, str] = {
    Mode.OFF: mark("Waters only by hand"),
    Mode.SHADOW: mark("Decides on paper"),
    Mode.ON: mark("Waters by itself"),
}

OUTCOMES: dict[DecisionOutcome, str] = {
    DecisionOutcome.WATERED: mark("Watered"),
    DecisionOutcome.WOULD_WATER: mark("Would have watered"),
    DecisionOutcome.SWITCHED: mark("Switched the lamp"),
    DecisionOutcome.WOULD_SWITCH: mark("Would have switched the lamp"),
    DecisionOutcome.REFUSED: mark("Held back"),
    DecisionOutcome.NOT_NEEDED: mark("Nothing to do"),
}

STATES: dict[CommandState, str] = {
    CommandState.QUEUED: mark("Waiting for the node"),
    CommandState.DELIVERED: mark("Sent to the node"),
    CommandState.ACCEPTED: mark("Running"),
    CommandState.SUCCEEDED: mark("Done"),
    CommandState.FAILED: mark("Failed"),
    CommandState.REJECTED: mark("Rejected by the node"),
    CommandState.INTERRUPTED: mark("Stopped early"),
    CommandState.EXPIRED: mark("Expired unheard"),
    CommandState.CANCELLED: mark("Cancelled"),
    CommandState.TIMED_OUT: mark("No answer: may have run"),
}

ENDS: dict[CommandState, str] = {
    CommandState.EXPIRED: mark("The node did not fetch it in time."),
    CommandState.CANCELLED: mark("It was taken back before the node fetched it."),
    CommandState.TIMED_OUT: mark("No outcome came in time: it may have run, and is counted as if it had."),
}
"""What became of a command that its node has not told the end of."""

ALERTS: dict[AlertKind, str] = {
    AlertKind.RESERVOIR_LOW: mark("The reservoir is low"),
    AlertKind.AIR_TEMPERATURE_LOW: mark("Too cold"),
    AlertKind.AIR_TEMPERATURE_HIGH: mark("Too hot"),
    AlertKind.PROBE_STALE: mark("A probe has gone silent"),
    AlertKind.PROBE_IMPLAUSIBLE: mark("A probe gives impossible values"),
    AlertKind.PROBE_STUCK: mark("A probe is stuck"),
    AlertKind.PROBE_DROPPED: mark("A probe may be out of the soil"),
    AlertKind.PROBES_DISAGREE: mark("The probes disagree"),
    AlertKind.AIR_HUMIDITY_LOW: mark("The air is too dry"),
    AlertKind.AIR_HUMIDITY_HIGH: mark("The air is too humid"),
    AlertKind.WATERING_WITHOUT_EFFECT: mark("Watering has no effect"),
    AlertKind.DAILY_CAP_REACHED: mark("The day's water is used up"),
    AlertKind.COMMAND_TIMED_OUT: mark("A command was never answered"),
    AlertKind.COMMAND_FAILED: mark("A command failed"),
    AlertKind.RULES_FAILED: mark("The rules failed"),
    AlertKind.RESERVOIR_GONE: mark("The node no longer names its reservoir"),
    AlertKind.PROBE_GONE: mark("The node no longer names a soil probe"),
    AlertKind.NOT_WATERING: mark("Not watering"),
    AlertKind.CHANNEL_GONE: mark("The node no longer names a channel"),
}

REASONS: dict[ReasonCode, str] = {
    ReasonCode.DRY: mark("The soil is dry"),
    ReasonCode.MOIST: mark("The soil is moist enough"),
    ReasonCode.AUTOMATION_OFF: mark("Automation is off"),
    ReasonCode.NO_PUMP: mark("There is no pump"),
    ReasonCode.NO_SOIL_PROBE: mark("There is no soil probe"),
    ReasonCode.NO_READING: mark("Nothing was measured yet"),
    ReasonCode.PROBE_UNCALIBRATED: mark("The soil probe is not calibrated"),
    ReasonCode.PROBE_STALE: mark("The soil probe is silent"),
    ReasonCode.PROBE_IMPLAUSIBLE: mark("The soil probe gives impossible values"),
    ReasonCode.PROBE_UNSTEADY: mark("The soil probe is unsteady"),
    ReasonCode.PROBE_STUCK: mark("The soil probe is stuck"),
    ReasonCode.PROBE_DROPPED: mark("The soil probe may be out of the soil"),
    ReasonCode.PROBES_DISAGREE: mark("The soil probes disagree"),
    ReasonCode.QUIET_HOURS: mark("Quiet hours"),
    ReasonCode.WATERING_WITHOUT_EFFECT: mark("The last doses had no effect"),
    ReasonCode.NO_FLOW_RATE: mark("The flow of the pump is unknown"),
    ReasonCode.RESERVOIR_LOW: mark("The reservoir is low"),
    ReasonCode.RESERVOIR_UNKNOWN: mark("The reservoir is unknown"),
    ReasonCode.PUMP_BUSY: mark("The pump is busy"),
    ReasonCode.COOLING_DOWN: mark("Cooling down after the last dose"),
    ReasonCode.SOAKING: mark("The last dose is still soaking in"),
    ReasonCode.BACKING_OFF: mark("Waiting after a command that failed"),
    ReasonCode.DAILY_CAP_REACHED: mark("The day's water is used up"),
    ReasonCode.PUMP_LIMIT: mark("The node's own limit"),
    ReasonCode.LAMP_ON: mark("The lamp is on"),
    ReasonCode.LAMP_OFF: mark("The lamp is off"),
    ReasonCode.LAMP_BY_HAND: mark("The lamp was set by hand"),
    ReasonCode.LAMP_SKIPPED: mark("This period of light is skipped"),
    ReasonCode.LAMP_BACKING_OFF: mark("Waiting after the lamp did not switch"),
    ReasonCode.CLOCK_WRONG: mark("The clock was never set"),
}

SERVICE_FIELDS = frozenset(
    {
        mark("API Secret"),
        mark("API Token"),
        mark("Access Token"),
        mark("Bot Name"),
        mark("Bot Token"),
        mark("Domain"),
        mark("From Phone No"),
        mark("Gateway ID"),
        mark("Hostname"),
        mark("Long-Lived Access Token"),
        mark("OAuth Access Token"),
        mark("Organization"),
        mark("Password"),
        mark("Path"),
        mark("Port"),
        mark("Room ID"),
        mark("Secret"),
        mark("Target Chat ID"),
        mark("Target Device"),
        mark("Target Email"),
        mark("Targets"),
        mark("Token"),
        mark("Token A"),
        mark("Token B"),
        mark("Token C"),
        mark("Topic"),
        mark("User"),
        mark("User Key"),
        mark("User Name"),
        mark("Username"),
        mark("Webhook"),
        mark("Webhook ID"),
        mark("Webhook Token"),
    }
)
"""What Apprise calls the parts of its services' addresses."""
