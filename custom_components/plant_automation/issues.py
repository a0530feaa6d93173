"""Alerts that only a person with hands can mend, as issues that Home Assistant shows under its repairs."""

from homeassistant.core import HomeAssistant, callback
from homeassistant.helpers import issue_registry as ir

from .api import Garden
from .const import DOMAIN

REPAIRABLE = frozenset(
    {"command_timed_out", "probe_implausible", "probe_stale", "probe_stuck", "watering_without_effect"}
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
            issue_id = f"{entry_id}_{alert.id}"
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
        if domain == DOMAIN and issue_id.startswith(f"{entry_id}_") and issue_id not in wanted:
            ir.async_delete_issue(hass, DOMAIN, issue_id)
