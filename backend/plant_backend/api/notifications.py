"""Where the caller is told of alerts. Each account has targets of its own, a viewer's too."""

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter

from plant_backend.api.dependencies import CurrentAccount, RowId, ServicesDep
from plant_backend.api.notification_schemas import ServiceRead, TargetChange, TargetCreate, TargetRead, TrialRead
from plant_backend.domain.notification import Target, TargetSettings

router = APIRouter(prefix="/notifications", tags=["notifications"])

_OUTGOING: dict[int | str, dict[str, Any]] = {
    429: {"description": "Too many URLs were tried; Retry-After says when to try again."}
}


@router.get("/services")
async def list_services(_: CurrentAccount, services: ServicesDep) -> Sequence[ServiceRead]:
    """List the services that may be notified, each with an example of its URLs."""
    return [ServiceRead.model_validate(service) for service in services.notifications.services()]


@router.get("/targets")
async def list_targets(who: CurrentAccount, services: ServicesDep) -> Sequence[TargetRead]:
    """List your targets."""
    return [_read(target) for target in await services.notifications.all(who)]


@router.post(
    "/targets",
    status_code=201,
    responses=_OUTGOING
    | {
        404: {"description": "There is no such device, or it is somebody else's."},
        409: {"description": "There are too many targets."},
    },
)
async def create_target(body: TargetCreate, who: CurrentAccount, services: ServicesDep) -> TargetRead:
    """Make a target. Its URL is checked now and never shown again."""
    return _read(await services.notifications.add(who, body.url, TargetSettings(**_settings(body))))


@router.get("/targets/{target_id}")
async def read_target(target_id: RowId, who: CurrentAccount, services: ServicesDep) -> TargetRead:
    """Show one of your targets and how it fares."""
    return _read(await services.notifications.get(who, target_id))


@router.patch("/targets/{target_id}", responses=_OUTGOING)
async def change_target(target_id: RowId, body: TargetChange, who: CurrentAccount, services: ServicesDep) -> TargetRead:
    """Change what is given of a target."""
    changes = _settings(body)
    if "url" in body.model_fields_set and body.url is None:
        changes["url"] = None
    return _read(await services.notifications.change(who, target_id, body.url, changes))


@router.delete("/targets/{target_id}", status_code=204)
async def delete_target(target_id: RowId, who: CurrentAccount, services: ServicesDep) -> None:
    """Remove a target, and what waits to be sent to it."""
    await services.notifications.delete(who, target_id)


@router.post("/targets/{target_id}/test", responses=_OUTGOING)
async def test_target(target_id: RowId, who: CurrentAccount, services: ServicesDep) -> TrialRead:
    """Send a test message now, and say what came of it."""
    return TrialRead.model_validate(await services.notifications.test(who, target_id))


def _settings(body: TargetCreate | TargetChange) -> dict[str, Any]:
    given = body.model_dump(exclude_unset=True, exclude={"url"})
    if given.get("device_ids") is not None:
        given["device_ids"] = tuple(dict.fromkeys(given["device_ids"]))
    return given


def _read(target: Target) -> TargetRead:
    settings, health = target.settings, target.health
    return TargetRead(
        id=target.id,
        name=settings.name,
        service=target.service,
        address=target.address,
        min_severity=settings.min_severity,
        device_ids=None if settings.device_ids is None else list(settings.device_ids),
        quiet_from=settings.quiet_from,
        quiet_until=settings.quiet_until,
        time_zone=settings.time_zone,
        wants_resolved=settings.wants_resolved,
        is_enabled=settings.is_enabled,
        language=settings.language,
        created_at=target.created_at,
        waiting=target.waiting,
        failures=health.failures,
        last_success_at=health.last_success_at,
        last_failure_at=health.last_failure_at,
        last_failure=health.last_failure,
        paused_until=health.paused_until,
    )
