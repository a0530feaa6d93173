"""What only a person can mend, as issues that Home Assistant shows under its repairs."""

from typing import Any

from homeassistant.config_entries import ConfigEntry
from homeassistant.const import CONF_URL
from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import issue_registry as ir
from yarl import URL

from .api import Garden
from .const import DOMAIN

REPAIRABLE = frozenset(
    {
        "channel_gone",
        "command_timed_out",
        "probe_dropped",
        "probe_gone",
        "probe_implausible",
        "probe_stale",
        "probe_stuck",
        "probes_disagree",
        "reservoir_gone",
        "watering_without_effect",
    }
)
"""Kinds of alerts. The others mend themselves, or are somebody's decision."""


@callback
def async_keep_issues(hass: HomeAssistant, entry_id: str, garden: Garden) -> None:
    """Have one issue for each open alert that is worth one, and no other."""
    wanted: set[str] = set()
    for plant in garden.plants.values():
        for alert in plant.alerts.values():
            if alert.kind not in REPAIRABLE:
                continue
            issue_id = f"{_alerts_of(entry_id)}{alert.id}"
            wanted.add(issue_id)
            ir.async_create_issue(
                hass,
                DOMAIN,
                issue_id,
                data={"entry_id": entry_id, "alert_id": alert.id, "name": plant.device.name, "message": alert.message},
                is_fixable=True,
                severity=ir.IssueSeverity.ERROR if alert.severity == "critical" else ir.IssueSeverity.WARNING,
                translation_key=alert.kind,
                translation_placeholders={"name": plant.device.name, "message": alert.message},
            )
    for domain, issue_id in list(ir.async_get(hass).issues):
        if domain == DOMAIN and issue_id.startswith(_alerts_of(entry_id)) and issue_id not in wanted:
            ir.async_delete_issue(hass, DOMAIN, issue_id)


@callback
def async_tell_token_is_limited(hass: HomeAssistant, entry: ConfigEntry[Any]) -> None:
    """Say that the token may look and not act: it is a viewer's, or of a scope that an older version asked for."""
    ir.async_create_issue(
        hass,
        DOMAIN,
        _token_of(entry.entry_id),
        data={"entry_id": entry.entry_id},
        is_fixable=True,
        severity=ir.IssueSeverity.WARNING,
        translation_key="token_limited",
        translation_placeholders={"backend": entry.title, "host": URL(entry.data[CONF_URL]).host or entry.title},
    )


@callback
def async_token_is_new(hass: HomeAssistant, entry_id: str) -> None:
    """Believe in a token until it is refused."""
    ir.async_delete_issue(hass, DOMAIN, _token_of(entry_id))


def _alerts_of(entry_id: str) -> str:
    return f"alert_{entry_id}_"


def _token_of(entry_id: str) -> str:
    return f"token_{entry_id}"
