"""What the raw values of a channel mean."""

from fastapi import APIRouter

from plant_backend.api.dependencies import CurrentUser, ServicesDep
from plant_backend.api.schemas import CalibrationIn, CalibrationRead, CalibrationVersionRead, PointRead
from plant_backend.domain.account import Principal
from plant_backend.domain.calibration import Point
from plant_backend.services.registry import Services

router = APIRouter(prefix="/devices/{device_id}/channels/{key}/calibration", tags=["devices"])


@router.get("")
async def get_calibration(device_id: str, key: str, who: CurrentUser, services: ServicesDep) -> CalibrationRead:
    """Show what a channel's raw values mean: its newest value both ways, and all versions, newest first."""
    return await _shown(services, who, device_id, key)


@router.put("")
async def set_calibration(
    device_id: str, key: str, body: CalibrationIn, who: CurrentUser, services: ServicesDep
) -> CalibrationRead:
    """Say what a channel's raw values mean, by two or more points. It holds for all of its history.

    Rules, newest values, charts, exports and events show calibrated values from now on; raw ones stay as they are.
    """
    points = [Point(point.raw, point.value) for point in body.points]
    await services.calibrations.calibrate(who, device_id, key, points)
    return await _shown(services, who, device_id, key)


@router.delete("", status_code=204)
async def clear_calibration(device_id: str, key: str, who: CurrentUser, services: ServicesDep) -> None:
    """Let a channel's raw values mean themselves again, or nothing, where the node sends volts or counts."""
    await services.calibrations.clear(who, device_id, key)


async def _shown(services: Services, who: Principal, device_id: str, key: str) -> CalibrationRead:
    sensor, raw, versions = await services.calibrations.show(who, device_id, key)
    return CalibrationRead(
        sensor=sensor.key,
        kind=sensor.kind,
        unit=sensor.unit,
        raw_unit=sensor.raw_unit or sensor.unit,
        is_calibrated=sensor.is_calibrated,
        points=[] if sensor.calibration is None else [_point(point) for point in sensor.calibration.points],
        ts=None if raw is None else raw.ts,
        raw=None if raw is None else raw.value,
        value=None if raw is None else sensor.value_of(raw.value),
        versions=[
            CalibrationVersionRead(
                version=known.version,
                made_at=known.made_at,
                made_by=made_by,
                points=[_point(point) for point in known.points],
            )
            for known, made_by in versions
        ],
    )


def _point(point: Point) -> PointRead:
    return PointRead(raw=point.raw, value=point.value)
