"""The alert centre: what is wrong now, and what was."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from starlette.responses import PlainTextResponse, Response

from plant_backend.domain.alert import Alert, AlertState, Severity
from plant_backend.domain.errors import InvalidInput, NotFound
from plant_backend.services.alerts import MOST_AT_ONCE
from plant_backend.web.page import For, NavItem, Page
from plant_backend.web.visit import Visit
from plant_backend.wording.language import mark

page = Page(NavItem("alerts", mark("Alerts"), "bell", 30, "a"))

_MOST_RESOLVED = 50

_MORNING_H = 8

VIEWS = {"open": mark("Open"), "seen": mark("Seen"), "snoozed": mark("Snoozed"), "resolved": mark("Resolved")}
SNOOZES = {"hour": mark("1 hour"), "tomorrow": mark("Until tomorrow"), "day": mark("1 day")}


@dataclass(frozen=True, slots=True)
class Told:
    """An alert with the name of its plant."""

    alert: Alert
    device_name: str


@page.get("/alerts", "alerts")
async def show(visit: Visit) -> Response:
    """Show open alerts, the worst first: those that call, those that were seen, or those put off; or what is over."""
    snoozed = visit.query("snoozed")
    return await _show(
        visit,
        view if (view := visit.query("show")) in VIEWS else "open",
        int(snoozed) if _is_id(snoozed) else None,
    )


@page.get("/alerts/told", "alert_told")
async def tell(visit: Visit) -> Response:
    """Give what one alert says as plain text, to be read out; nothing of one that is not there, or not any more."""
    asked = visit.query("id")
    try:
        alert = await visit.services.alerts.get(visit.who, int(asked) if _is_id(asked) else 0)
    except NotFound:
        return PlainTextResponse("")
    # A page that nobody looked at for long hears of all that happened meanwhile.
    is_over = alert.state is AlertState.RESOLVED
    return PlainTextResponse("" if is_over else visit.told_plain(alert.message, alert.sentences))


@page.post("/alerts/{alert_id}/acknowledge", "alert_acknowledge")
async def acknowledge(visit: Visit) -> Response:
    """Say that somebody has seen it."""
    await visit.services.alerts.acknowledge(visit.who, visit.given_id("alert_id"))
    return await _changed(visit)


@page.post("/alerts/acknowledge", "alert_acknowledge_all")
async def acknowledge_all(visit: Visit) -> Response:
    """Say that somebody has seen all that the page showed."""
    up_to = (await visit.form()).get("up_to", "")
    if not (up_to.isascii() and up_to.isdigit() and len(up_to) < 16):
        raise InvalidInput([("up_to", "must be the id of an alert")])
    await visit.services.alerts.acknowledge_all(visit.who, int(up_to))
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


@page.post("/alerts/{alert_id}/snooze", "alert_snooze")
async def snooze(visit: Visit) -> Response:
    """Put an alert off."""
    alert_id, until = visit.given_id("alert_id"), _end_of((await visit.form()).get("for", ""), visit)
    await visit.services.alerts.snooze(visit.who, alert_id, minutes=None, until=until)
    return await _changed(visit, alert_id)


@page.post("/alerts/{alert_id}/unsnooze", "alert_unsnooze")
async def unsnooze(visit: Visit) -> Response:
    """Let an alert call again."""
    await visit.services.alerts.unsnooze(visit.who, visit.given_id("alert_id"))
    return await _changed(visit)


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 16


def _end_of(choice: str, visit: Visit) -> datetime:
    """Give when a snooze ends. Tomorrow begins in the morning, where the person is."""
    match choice:
        case "hour":
            return visit.now + timedelta(hours=1)
        case "day":
            return visit.now + timedelta(days=1)
        case "tomorrow":
            today = visit.now.astimezone(visit.formats.zone)
            return (today + timedelta(days=1)).replace(hour=_MORNING_H, minute=0, second=0, microsecond=0)
    raise InvalidInput([("for", f"must be one of {', '.join(SNOOZES)}")])


async def _changed(visit: Visit, snoozed: int | None = None) -> Response:
    view = view if (view := visit.query("show")) in ("seen", "snoozed") else "open"
    if visit.is_partial:
        return await _show(visit, view, snoozed)
    return visit.go_to("alerts", _place(view, snoozed))


def _place(view: str, snoozed: int | None = None) -> Mapping[str, object]:
    return ({} if view == "open" else {"show": view}) | ({} if snoozed is None else {"snoozed": snoozed})


async def _show(visit: Visit, view: str, snoozed: int | None = None) -> Response:
    services, who = visit.services, visit.who
    names = {status.device.id: status.device.name for status in await services.devices.all(who)}
    alerts = await services.alerts.all(who, AlertState.OPEN, None, MOST_AT_ONCE)
    # A device may be deleted between the two looks.
    told = [Told(alert, names[alert.device_id]) for alert in alerts if alert.device_id in names]
    told.sort(key=lambda one: (one.alert.acknowledged_at is not None, one.alert.severity is not Severity.CRITICAL))
    calling = [one for one in told if not one.alert.is_snoozed(visit.now)]
    shown = {
        "open": calling,
        "seen": [one for one in calling if one.alert.acknowledged_at is not None],
        "snoozed": [one for one in told if one.alert.is_snoozed(visit.now)],
    }
    counts = {name: len(found) for name, found in shown.items()}
    if view == "resolved":
        over = await services.alerts.all(who, AlertState.RESOLVED, None, _MOST_RESOLVED)
        shown[view] = [Told(alert, names[alert.device_id]) for alert in over if alert.device_id in names]
    return visit.render(
        "alerts/list.html" if visit.is_partial else "alerts/page.html",
        told=shown[view],
        view=view,
        unseen=[one.alert.id for one in shown[view] if view == "open" and one.alert.acknowledged_at is None],
        views=VIEWS,
        snoozes=SNOOZES,
        counts=counts,
        place_of=_place,
        is_answer=visit.is_partial and visit.request.method == "POST",
        just_snoozed=next((one for one in shown["snoozed"] if one.alert.id == snoozed), None),
    )
