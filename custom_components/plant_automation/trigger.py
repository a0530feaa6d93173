"""What automations may start from."""

from typing import override

from homeassistant.components.event.const import ATTR_EVENT_TYPE
from homeassistant.const import STATE_ON, Platform
from homeassistant.core import HomeAssistant, State
from homeassistant.helpers.automation import DomainSpec
from homeassistant.helpers.trigger import EntityTargetStateTriggerBase, StatelessEntityTriggerBase, Trigger
from homeassistant.helpers.trigger.entity_trigger import NotTriggeredReasonReporter

from .targets import about


class _EventTypeTrigger(StatelessEntityTriggerBase):
    """Fires on one type of an event entity."""

    _domain_specs = {Platform.EVENT: DomainSpec()}  # noqa: RUF012 - as the base class has it
    _event_type: str
    _translation_key: str

    @override
    def entity_filter(self, entities: set[str]) -> set[str]:
        """Keep the events that can be of the type."""
        return about(self._hass, super().entity_filter(entities), self._translation_key)

    @override
    def is_valid_state(self, state: State, report_not_triggered: NotTriggeredReasonReporter) -> bool:
        """Tell whether it is the right type."""
        return state.attributes.get(ATTR_EVENT_TYPE) == self._event_type


class AlertOpened(_EventTypeTrigger):
    """An alert was opened."""

    _event_type = "opened"
    _translation_key = "alert"


class WateringFinished(_EventTypeTrigger):
    """A pump ran and is done."""

    _event_type = "finished"
    _translation_key = "watering"


class WateringFailed(_EventTypeTrigger):
    """A pump did not run, or nobody knows whether it did."""

    _event_type = "failed"
    _translation_key = "watering"


class NeedsWater(EntityTargetStateTriggerBase):
    """The soil fell below its minimum."""

    _domain_specs = {Platform.BINARY_SENSOR: DomainSpec()}  # noqa: RUF012
    _to_states = {STATE_ON}  # noqa: RUF012

    @override
    def entity_filter(self, entities: set[str]) -> set[str]:
        """Keep what tells that a plant needs water."""
        return about(self._hass, super().entity_filter(entities), "needs_water")


TRIGGERS: dict[str, type[Trigger]] = {
    "alert_opened": AlertOpened,
    "watering_finished": WateringFinished,
    "watering_failed": WateringFailed,
    "needs_water": NeedsWater,
}


async def async_get_triggers(hass: HomeAssistant) -> dict[str, type[Trigger]]:
    """Give the triggers."""
    return TRIGGERS
