"""What the raw values of sensors mean, version by version."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, insert, select

from plant_backend.domain.calibration import Calibration, Point
from plant_backend.storage.json_codec import decode_points, dump
from plant_backend.storage.tables import calibrations, sensors
from plant_backend.storage.times import from_ms, to_ms

_NEWEST = select(calibrations).where(
    calibrations.c.id.in_(
        select(func.max(calibrations.c.id))
        .join(sensors, sensors.c.id == calibrations.c.sensor_id)
        .where(sensors.c.device_number.in_(bindparam("of_devices", expanding=True)))
        .group_by(calibrations.c.sensor_id)
    )
)
"""Built once: it is behind every evaluation."""


class SqlCalibrations:
    """Fulfils `ports.Calibrations`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, sensor_id: int, points: Sequence[Point], made_by: str, now: datetime) -> Calibration:
        newest = select(func.max(calibrations.c.version)).where(calibrations.c.sensor_id == sensor_id)
        version = (self._connection.execute(newest).scalar_one() or 0) + 1
        ordered = tuple(sorted(points))
        self._connection.execute(
            insert(calibrations).values(
                sensor_id=sensor_id, version=version, points=dump(ordered), made_at=to_ms(now), made_by=made_by
            )
        )
        return Calibration(version, now, ordered)

    def all(self, sensor_id: int, limit: int) -> Sequence[tuple[Calibration, str]]:
        rows = self._connection.execute(
            select(calibrations)
            .where(calibrations.c.sensor_id == sensor_id)
            .order_by(calibrations.c.version.desc())
            .limit(limit)
        )
        return [(_calibration(row), row.made_by) for row in rows]

    def newest_of(self, device_numbers: Sequence[int]) -> Mapping[int, Calibration]:
        """Give the calibrations that hold, by sensor id."""
        rows = self._connection.execute(_NEWEST, {"of_devices": device_numbers})
        found = {row.sensor_id: _calibration(row) for row in rows}
        return {sensor_id: calibration for sensor_id, calibration in found.items() if calibration.points}


def _calibration(row: Row[Any]) -> Calibration:
    return Calibration(row.version, from_ms(row.made_at), decode_points(row.points))
