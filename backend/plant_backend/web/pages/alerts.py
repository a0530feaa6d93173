"""The alert centre: what is wrong now, and what was."""

from dataclasses import dataclass

from starlette.responses import Response

from plant_backend.domain.alert import Alert, AlertState, Severity
from plant_backend.web.language import mark
from plant_backend.web.page import For, NavItem, Page
from plant_backend.web.visit import Visit

page = Page(NavItem("alerts", mark("Alerts"), "bell", 30, "a"))

_MOST_OPEN = 500
_MOST_RESOLVED = 50

VIEWS = {"open": mark("Open"), "seen": mark("Seen"), "resolved": mark("Resolved")}


@dataclass(frozen=True, slots=True)
class Told:
    """An alert with the name of its plant."""

    alert: Alert
    device_name: str


@page.get("/alerts", "alerts")
async def show(visit: Visit) -> Response:
    """Show open alerts, the worst first, those of them that somebody has seen, or those that are over, newest first."""
    return await _show(visit, view if (view := visit.query("show")) in VIEWS else "open")


@page.post("/alerts/{alert_id}/acknowledge", "alert_acknowledge")
async def acknowledge(visit: Visit) -> Response:
    """Say that somebody has seen it."""
    await visit.services.alerts.acknowledge(visit.who, visit.given_id("alert_id"))
    return await _changed(visit)


@page.get("/alerts/{alert_id}/resolve", "alert_resolve_ask", For.OWNERS)
async def ask_resolve(visit: Visit) -> Response:
    """Ask before a blocked pump may run again."""
    return visit.render("dialogs/unblock.html", alert_id=visit.given_id("alert_id"))


@page.post("/alerts/{alert_id}/resolve", "alert_resolve")
async def resolve(visit: Visit) -> Response:
    """Close an alert; a pump that it blocks may run again."""
    await visit.services.alerts.resolve(visit.who, visit.given_id("alert_id"))
    return await _changed(visit)


async def _changed(visit: Visit) -> Response:
    view = "seen" if visit.query("show") == "seen" else "open"
    return (
        await _show(visit, view)
        if visit.is_partial
        else visit.go_to("alerts", {"show": view} if view != "open" else {})
    )


async def _show(visit: Visit, view: str) -> Response:
    services, who = visit.services, visit.who
    names = {status.device.id: status.device.name for status in await services.devices.all(who)}
    is_open = view != "resolved"
    state = AlertState.OPEN if is_open else AlertState.RESOLVED
    alerts = await services.alerts.all(who, state, None, _MOST_OPEN if is_open else _MOST_RESOLVED)
    # A device may be deleted between the two looks.
    told = [
        Told(alert, names[alert.device_id])
        for alert in alerts
        if alert.device_id in names and (view != "seen" or alert.acknowledged_at is not None)
    ]
    if is_open:
        told.sort(key=lambda one: (one.alert.acknowledged_at is not None, one.alert.severity is not Severity.CRITICAL))
    return visit.render(
        "alerts/list.html" if visit.is_partial else "alerts/page.html", told=told, view=view, views=VIEWS
    )
