"""Which entities a trigger or condition is about, however it was aimed: at entities, a device, an area."""

from homeassistant.core import HomeAssistant
from homeassistant.helpers import entity_registry as er

from .const import DOMAIN


def about(hass: HomeAssistant, entities: set[str], translation_key: str) -> set[str]:
    """Keep our entities of one kind.

    Home Assistant tells entities apart by domain and device class alone: aimed at a device, "needs water" would begin
    with any problem of the plant.
    """
    registry = er.async_get(hass)
    return {
        entity_id
        for entity_id in entities
        if (entity := registry.async_get(entity_id)) is not None
        and entity.platform == DOMAIN
        and entity.translation_key == translation_key
    }
