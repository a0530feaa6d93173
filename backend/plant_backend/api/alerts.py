"""The alert centre."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query

from plant_backend.api.dependencies import CurrentUser, RowId, ServicesDep
from plant_backend.api.schemas import AlertRead, Snooze
from plant_backend.domain.alert import AlertState

router = APIRouter(prefix="/alerts", tags=["alerts"])


@router.get("", responses={404: {"description": "There is no such device, or it is somebody else's."}})
async def list_alerts(
    who: CurrentUser,
    services: ServicesDep,
    state: AlertState | None = None,
    device_id: str | None = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> Sequence[AlertRead]:
    """List alerts, newest first."""
    return [AlertRead.model_validate(alert) for alert in await services.alerts.all(who, state, device_id, limit)]


@router.patch("/{alert_id}/resolve")
async def resolve_alert(alert_id: RowId, who: CurrentUser, services: ServicesDep) -> AlertRead:
    """Close an alert. If what it warns of still holds, a rule opens a new one."""
    return AlertRead.model_validate(await services.alerts.resolve(who, alert_id))


@router.patch("/{alert_id}/acknowledge")
async def acknowledge_alert(alert_id: RowId, who: CurrentUser, services: ServicesDep) -> AlertRead:
    """Say that you have seen an alert."""
    return AlertRead.model_validate(await services.alerts.acknowledge(who, alert_id))


@router.patch("/{alert_id}/snooze", responses={409: {"description": "The alert is resolved."}})
async def snooze_alert(alert_id: RowId, body: Snooze, who: CurrentUser, services: ServicesDep) -> AlertRead:
    """Call nobody because of an alert for a while. It stays open and guards its pump; a rise of severity ends it."""
    return AlertRead.model_validate(await services.alerts.snooze(who, alert_id, minutes=body.minutes, until=body.until))


@router.delete("/{alert_id}/snooze")
async def unsnooze_alert(alert_id: RowId, who: CurrentUser, services: ServicesDep) -> AlertRead:
    """End the snooze of an alert before its time."""
    return AlertRead.model_validate(await services.alerts.unsnooze(who, alert_id))
