"""Where a person is told of alerts: their targets, how these fare, and a test of each."""

from collections.abc import Mapping, Sequence
from datetime import time
from typing import Any

from starlette.responses import Response

from plant_backend.domain.alert import Severity
from plant_backend.domain.errors import InvalidInput, NotFound, PlantError
from plant_backend.domain.language import Language
from plant_backend.domain.notification import NotificationService, Target, TargetSettings
from plant_backend.domain.notification_form import ServiceForm
from plant_backend.web.errors import sentence
from plant_backend.web.page import For, NavItem, Page
from plant_backend.web.service_form import url_of
from plant_backend.web.visit import Form, Visit
from plant_backend.wording.language import LANGUAGES, mark

page = Page(NavItem("notifications", mark("Notifications"), "envelope", 40, "n", is_main=False))

_USUAL = 7
"""So many services are shown at once, the others when they are asked for."""

_FLAGS = ("wants_resolved", "is_enabled")


@page.get("/notifications", "notifications")
async def show(visit: Visit) -> Response:
    """Show the targets, and the services that another one may be of."""
    kinds = _kinds(visit)
    return visit.render(
        "notifications/page.html",
        targets=await visit.services.notifications.all(visit.who),
        usual=kinds[:_USUAL],
        others=kinds[_USUAL:],
    )


@page.get("/notifications/new", "notification_new", For.PEOPLE)
async def ask(visit: Visit) -> Response:
    """Ask for what a service needs, or for any address."""
    name, zone = visit.query("service")[:100], visit.formats.zone.key
    values = _shown(TargetSettings(name, time_zone=zone, language=Language(visit.language)))
    return await _show_new(visit, values | {"service": visit.query("service")})


@page.post("/notifications", "notification_add", For.PEOPLE)
async def add(visit: Visit) -> Response:
    """Make a target."""
    form = await visit.form()
    try:
        settings = _settings(form, visit, visit.language)
        await visit.services.notifications.add(visit.who, await _url(visit, form), settings)
    except PlantError as error:
        return await _show_new(visit, form, _problems(visit, error), status=422)
    return visit.go_to("notifications")


@page.get("/notifications/{target_id}", "notification", For.PEOPLE)
async def show_one(visit: Visit) -> Response:
    """Show one target's settings."""
    target = await visit.services.notifications.get(visit.who, visit.given_id("target_id"))
    return await _show_one(visit, target, _shown(target.settings))


@page.post("/notifications/{target_id}", "notification_change", For.PEOPLE)
async def change(visit: Visit) -> Response:
    """Change a target; where nothing is said of its address, that stays as it is."""
    form, target_id = await visit.form(), visit.given_id("target_id")
    target = await visit.services.notifications.get(visit.who, target_id)
    try:
        settings = _settings(form, visit, target.settings.language)
        changes = {name: getattr(settings, name) for name in TargetSettings.__dataclass_fields__}
        await visit.services.notifications.change(visit.who, target_id, await _new_url(visit, target, form), changes)
    except PlantError as error:
        return await _show_one(visit, target, form, _problems(visit, error), status=422)
    return visit.go_to("notifications")


@page.post("/notifications/{target_id}/test", "notification_test", For.PEOPLE)
async def test(visit: Visit) -> Response:
    """Send a message now, and say what came of it."""
    target_id, trial, problem = visit.given_id("target_id"), None, None
    try:
        trial = await visit.services.notifications.test(visit.who, target_id)
    except PlantError as error:
        if error.code.endswith("not_found"):
            raise
        problem = sentence(visit.say, error)
    if not visit.is_partial:
        return visit.go_to("notifications")
    return visit.render("notifications/trial.html", trial=trial, problem=problem)


@page.post("/notifications/{target_id}/delete", "notification_delete", For.PEOPLE)
async def delete(visit: Visit) -> Response:
    """Remove a target and what waits for it."""
    await visit.services.notifications.delete(visit.who, visit.given_id("target_id"))
    return visit.go_to("notifications")


async def _show_new(
    visit: Visit, values: Form, problems: Mapping[str, str] | None = None, *, status: int = 200
) -> Response:
    response = visit.render(
        "notifications/new.html",
        status,
        target=None,
        service=await _service(visit, values),
        is_secret=True,
        **await _form(visit, values, problems),
    )
    response.headers["cache-control"] = "no-store"
    return response


async def _service(visit: Visit, values: Form) -> ServiceForm | None:
    """Give the form of the service that was chosen; None for any address. Raises NotFound."""
    name = values.get("service", "")
    if not name:
        return None
    found = next((form for form in await visit.services.notifications.forms() if form.name == name), None)
    if found is None:
        raise NotFound("service")
    return found


async def _url(visit: Visit, form: Form) -> str:
    """Give the address that a form describes. Raises InvalidInput, NotFound."""
    service = await _service(visit, form)
    return form.get("url", "").strip() if service is None else _url_of(visit, service, form)


async def _new_url(visit: Visit, target: Target, form: Form) -> str | None:
    """Give the address that a form changes a target to; None where it says nothing of one. Raises InvalidInput."""
    url = form.get("url", "").strip()
    says_parts = any(text.strip() for key, text in form.items() if key.startswith("part-")) or "is_plain" in form
    if url or not says_parts:
        return url or None
    service = await _service_of(visit, target)
    return None if service is None else _url_of(visit, service, form)


async def _service_of(visit: Visit, target: Target) -> ServiceForm | None:
    return next((form for form in await visit.services.notifications.forms() if form.name == target.service), None)


def _url_of(visit: Visit, service: ServiceForm, form: Form) -> str:
    parts = {field.key: form.get(f"part-{field.key}", "") for field in service.fields}
    try:
        return url_of(service, parts, is_plain=form.get("is_plain") == "yes")
    except InvalidInput as error:
        said = {
            "is needed": visit.say("This is needed with what else is given."),
            "does not go with the others": visit.say("This does not go with the others: leave it out, or them."),
        }
        raise InvalidInput([(f"part-{key}", said[message]) for key, message in error.errors]) from None


async def _show_one(
    visit: Visit, target: Target, values: Form, problems: Mapping[str, str] | None = None, *, status: int = 200
) -> Response:
    response = visit.render(
        "notifications/target.html",
        status,
        target=target,
        service=await _service_of(visit, target),
        is_secret=True,
        **await _form(visit, values, problems),
    )
    response.headers["cache-control"] = "no-store"
    return response


async def _form(visit: Visit, values: Form, problems: Mapping[str, str] | None) -> dict[str, Any]:
    return {
        "values": values,
        "problems": problems or {},
        "devices": [status.device for status in await visit.services.devices.all(visit.who)],
        "kinds": _kinds(visit),
    }


def _kinds(visit: Visit) -> Sequence[NotificationService]:
    return [kind for kind in visit.services.notifications.services() if visit.is_owner or not kind.is_generic]


def _shown(settings: TargetSettings) -> dict[str, str]:
    values = {
        "name": settings.name,
        "min_severity": settings.min_severity.value,
        "which": "all" if settings.device_ids is None else "some",
        "quiet_from": f"{settings.quiet_from:%H:%M}" if settings.quiet_from else "",
        "quiet_until": f"{settings.quiet_until:%H:%M}" if settings.quiet_until else "",
        "time_zone": settings.time_zone,
        "language": settings.language.value,
    }
    values |= {flag: "yes" for flag in _FLAGS if getattr(settings, flag)}
    return values | {f"device-{device_id}": "yes" for device_id in settings.device_ids or ()}


def _settings(form: Form, visit: Visit, language: str) -> TargetSettings:
    """`language` is for a form that names none. Raises InvalidInput."""
    name, problems = form.get("name", "").strip(), []
    if not 0 < len(name) <= 100 or not name.isprintable():
        problems.append(("name", visit.say("Give a name of at most 100 characters.")))
    quiet: dict[str, time | None] = {"quiet_from": None, "quiet_until": None}
    for field in ("quiet_from", "quiet_until"):
        try:
            quiet[field] = time.fromisoformat(form[field]) if form.get(field, "").strip() else None
        except ValueError:
            problems.append((field, visit.say("Give a time such as 06:30.")))
    language = form.get("language", language)
    if language not in LANGUAGES:
        problems.append(("language", visit.say("Choose one of these languages.")))
    if problems:
        raise InvalidInput(problems)
    chosen = tuple(key.removeprefix("device-") for key in form if key.startswith("device-"))
    return TargetSettings(
        name,
        min_severity=Severity.CRITICAL if form.get("min_severity") == Severity.CRITICAL else Severity.WARNING,
        device_ids=chosen if form.get("which") == "some" else None,
        time_zone=form.get("time_zone", "UTC").strip()[:64],
        quiet_from=quiet["quiet_from"],
        quiet_until=quiet["quiet_until"],
        wants_resolved=form.get("wants_resolved") == "yes",
        is_enabled=form.get("is_enabled") == "yes",
        language=Language(language),
    )


def _problems(visit: Visit, error: PlantError) -> dict[str, str]:
    return dict(error.errors) if isinstance(error, InvalidInput) else {"": sentence(visit.say, error)}
