"""What was counted of the water of each plant, kept for as long as the entry is there.

Home Assistant forgets the last state of an entity that was away for a week, and all its water would be counted anew.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers.storage import Store

from .const import DOMAIN

SAVE_AFTER_S = 10.0


@dataclass(frozen=True, slots=True)
class Counted:
    """Litres, up to which run of which pump."""

    litres: float = 0.0
    run: int = 0
    pump: str | None = None


def _store(hass: HomeAssistant, entry_id: str) -> Store[dict[str, Any]]:
    return Store(hass, 1, f"{DOMAIN}.{entry_id}.water")


class WaterCounts:
    """The counts of one entry, by device id."""

    def __init__(self, store: Store[dict[str, Any]], known: Mapping[str, Any]) -> None:
        """Go on from what is known."""
        self._store = store
        self._counted = {device_id: Counted(**counted) for device_id, counted in known.items()}

    @classmethod
    async def async_load(cls, hass: HomeAssistant, entry_id: str) -> Self:
        """Read what was kept."""
        store = _store(hass, entry_id)
        return cls(store, await store.async_load() or {})

    def get(self, device_id: str) -> Counted | None:
        """Give what was counted; None where nothing ever was."""
        return self._counted.get(device_id)

    @callback
    def async_keep(self, device_id: str, counted: Counted) -> None:
        """Keep it. What a power cut takes away, litres and run together, is counted again."""
        self._counted[device_id] = counted
        self._store.async_delay_save(self._document, SAVE_AFTER_S)

    async def async_save(self) -> None:
        """Write it down now."""
        await self._store.async_save(self._document())

    def _document(self) -> dict[str, Any]:
        return {device_id: asdict(counted) for device_id, counted in self._counted.items()}


async def async_remove_water_counts(hass: HomeAssistant, entry_id: str) -> None:
    """Forget what was counted."""
    await _store(hass, entry_id).async_remove()
