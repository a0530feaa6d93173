"""One device: what it measures, what was done to its plant and why, and what may be done to it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from starlette.responses import Response

from plant_backend.domain.command import Action
from plant_backend.domain.errors import InvalidInput
from plant_backend.domain.ledger import DecisionOutcome, DecisionRecord
from plant_backend.web import plant_view
from plant_backend.web.page import Page
from plant_backend.web.shown_once import ShownOnce
from plant_backend.web.visit import Visit

page = Page()

_old_names: ShownOnce[str] = ShownOnce()

_LINES = 25
_DECISIONS = 100
_MOST_DECISIONS = 1_000
"""How much of the ledger one look may read: more than a month of a refusal that lasts."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Decisions in a row that say the same: the newest of them, how many there are, and when the first was made.

    first_id: the first of them. is_whole: False where there may be earlier ones, which nobody read.
    """

    newest: DecisionRecord
    count: int
    since: datetime
    first_id: int
    is_whole: bool = True


def stretches(decisions: Sequence[DecisionRecord], later: Sequence[Stretch] = ()) -> Sequence[Stretch]:
    """Put decisions that say the same together: a night without water in the tank is one line, not twelve.

    later: what was found of the decisions after these.
    """
    found = list(later)
    for decision in decisions:
        last = found[-1] if found else None
        if last is not None and _says(last.newest) == _says(decision):
            found[-1] = Stretch(last.newest, last.count + 1, decision.at, decision.id)
        else:
            found.append(Stretch(decision, 1, decision.at, decision.id))
    return found


def _says(decision: DecisionRecord) -> object:
    # Each dose is an event of its own.
    own = decision.id if decision.outcome not in (DecisionOutcome.REFUSED, DecisionOutcome.NOT_NEEDED) else None
    return decision.outcome, [reason.code for reason in decision.reasons], own


@page.get("/devices/{device_id}", "device")
async def show(visit: Visit) -> Response:
    """Show a device."""
    return await _show(visit, "device/page.html")


@page.get("/devices/{device_id}/now", "device_now")
async def now(visit: Visit) -> Response:
    """Show what is newest anew: values, runs and decisions."""
    return await _show(visit, "device/now.html")


@page.post("/devices/{device_id}/name", "device_rename")
async def rename(visit: Visit) -> Response:
    """Give a device another name."""
    form, device_id = await visit.form(), visit.given("device_id")
    plant = await plant_view.plant(visit, device_id)
    try:
        await visit.services.devices.rename(visit.who, device_id, form.get("name", ""))
    except InvalidInput as error:
        return visit.render(
            "dialogs/rename.html", 422, plant=plant, name=form.get("name", ""), problem=dict(error.errors).get("name")
        )
    _old_names.put(visit.who.account_id, device_id, plant.device.name)
    return visit.go_to("device", {"renamed": "yes"}, device_id=device_id)


@page.post("/devices/{device_id}/lamp", "device_lamp")
async def switch_lamp(visit: Visit) -> Response:
    """Switch a lamp by hand."""
    form, device_id = await visit.form(), visit.given("device_id")
    action = Action.ON if form.get("action") == "on" else Action.OFF
    await visit.services.commands.request(visit.who, device_id, form.get("actuator", ""), action, None)
    return visit.go_to("device", device_id=device_id)


async def _show(visit: Visit, template: str) -> Response:
    plant = await plant_view.plant(visit, visit.given("device_id"))
    text = visit.query("before")
    before = int(text) if text.isascii() and text.isdigit() and len(text) < 16 else None
    ledger, has_more = await _ledger(visit, plant.device.id, before)
    is_renamed = visit.query("renamed") == "yes" and not visit.is_partial
    old_name = _old_names.take(visit.who.account_id, plant.device.id) if is_renamed else None
    return visit.render(template, plant=plant, ledger=ledger, before=before, has_more=has_more, old_name=old_name)


async def _ledger(visit: Visit, device_id: str, before: int | None) -> tuple[Sequence[Stretch], bool]:
    """Read until all that is shown has its beginning, and tell whether there is more."""
    found: Sequence[Stretch] = ()
    for _ in range(_MOST_DECISIONS // _DECISIONS):
        decisions = await visit.services.automation.decisions(visit.who, device_id, before, _DECISIONS)
        found = stretches(decisions, found)
        if len(found) > _LINES:
            return found[:_LINES], True
        if len(decisions) < _DECISIONS:
            return found, False
        before = decisions[-1].id
    return [*found[:-1], replace(found[-1], is_whole=False)], True
