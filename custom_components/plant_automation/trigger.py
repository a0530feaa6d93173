"""What automations may start from."""

from typing import override

from homeassistant.components.event.const import ATTR_EVENT_TYPE
from homeassistant.const import STATE_ON, Platform
from homeassistant.core import HomeAssistant, State
from homeassistant.helpers.automation import DomainSpec
from homeassistant.helpers.trigger import StatelessEntityTriggerBase, Trigger, make_entity_target_state_trigger
from homeassistant.helpers.trigger.entity_trigger import NotTriggeredReasonReporter


class _EventTypeTrigger(StatelessEntityTriggerBase):
    """Fires on one type of an event entity."""

    _domain_specs = {Platform.EVENT: DomainSpec()}  # noqa: RUF012 - as the base class has it
    _event_type: str

    @override
    def is_valid_state(self, state: State, report_not_triggered: NotTriggeredReasonReporter) -> bool:
        """Tell whether it is the right type."""
        return state.attributes.get(ATTR_EVENT_TYPE) == self._event_type


class AlertOpened(_EventTypeTrigger):
    """An alert was opened."""

    _event_type = "opened"


class WateringFinished(_EventTypeTrigger):
    """A pump ran and is done."""

    _event_type = "finished"


class WateringFailed(_EventTypeTrigger):
    """A pump did not run, or nobody knows whether it did."""

    _event_type = "failed"


TRIGGERS: dict[str, type[Trigger]] = {
    "alert_opened": AlertOpened,
    "watering_finished": WateringFinished,
    "watering_failed": WateringFailed,
    "needs_water": make_entity_target_state_trigger({Platform.BINARY_SENSOR: DomainSpec()}, STATE_ON),
}


async def async_get_triggers(hass: HomeAssistant) -> dict[str, type[Trigger]]:
    """Give the triggers."""
    return TRIGGERS
