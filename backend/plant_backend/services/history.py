"""Reading history."""

from collections import deque
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial

from plant_backend.domain.account import Principal
from plant_backend.domain.alert import Alert
from plant_backend.domain.course import Run
from plant_backend.domain.errors import InvalidInput
from plant_backend.domain.history import BucketSeries
from plant_backend.domain.kinds import ActuatorKind
from plant_backend.domain.model import Device, Sample, Sensor
from plant_backend.ports import Clock, Storage, Transaction
from plant_backend.services.plants import pump_of

MAX_READINGS = 10_000
MAX_POINTS = 10_000

Instant = tuple[datetime, Sequence[float | None]]
"""A time, and what each of some sensors measured at it."""

_PAGE = 2_000
_MOST_ALERTS = 10_000
_MILLISECOND = timedelta(milliseconds=1)
_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)


class HistoryService:
    """Gives what sensors measured."""

    def __init__(self, storage: Storage, clock: Clock) -> None:
        self._storage = storage
        self._clock = clock

    @property
    def storage(self) -> Storage:
        """What the history is read from."""
        return self._storage

    async def readings(
        self,
        who: Principal,
        device_id: str,
        sensor_key: str,
        since: datetime | None,
        until: datetime | None,
        limit: int,
        *,
        newest_first: bool,
        is_raw: bool = False,
    ) -> tuple[Sensor, Sequence[Sample]]:
        """Give a sensor's readings in [since, until). By default the last 24 hours. Raises NotFound, InvalidInput.

        They are calibrated, unless `is_raw`.
        """
        start, end = self._range(since, until)

        def work(tx: Transaction) -> tuple[Sensor, Sequence[Sample]]:
            sensor = _sensor(tx.devices.get(who, device_id), sensor_key)
            samples = tx.history.readings(sensor.id, start, end, limit, newest_first=newest_first)
            if is_raw or sensor.calibration is None:
                return sensor, samples
            return sensor, [Sample(sample.ts, sensor.shown(sample.value)) for sample in samples]

        return await self._storage.read(work)

    async def buckets(
        self,
        who: Principal,
        device_id: str,
        sensor_key: str,
        since: datetime | None,
        until: datetime | None,
        points: int,
        *,
        is_raw: bool = False,
    ) -> tuple[Sensor, BucketSeries]:
        """Give a sensor's history in [since, until) as at most `points` buckets. Raises NotFound, InvalidInput."""
        start, end = self._range(since, until)

        def work(tx: Transaction) -> tuple[Sensor, BucketSeries]:
            sensor = _sensor(tx.devices.get(who, device_id), sensor_key)
            series = tx.history.buckets(sensor.id, start, end, points)
            calibration = None if is_raw else sensor.calibration
            return sensor, series if calibration is None else calibration.buckets_of(sensor.kind, series)

        return await self._storage.read(work)

    async def marks(
        self, who: Principal, device_id: str, since: datetime, until: datetime
    ) -> tuple[Sequence[Run], Sequence[Alert]]:
        """Give the runs of a device's pump and the alerts that opened in [since, until), oldest first.

        Raises NotFound.
        """

        def work(tx: Transaction) -> tuple[Sequence[Run], Sequence[Alert]]:
            device = tx.devices.get(who, device_id)
            pumps = (actuator for actuator in device.actuators if actuator.kind is ActuatorKind.PUMP)
            pump = pump_of(device) or next(pumps, None)
            runs = [] if pump is None else [run for _, run in tx.commands.runs(pump, since, until)]
            alerts = tx.alerts.lasting(device.number, since, until, _MOST_ALERTS)
            return runs, [alert for alert in alerts if alert.first_seen_at >= since]

        return await self._storage.read(work)

    async def export(
        self,
        who: Principal,
        device_id: str,
        sensor_keys: Sequence[str],
        since: datetime | None,
        until: datetime | None,
        *,
        is_raw: bool = False,
    ) -> tuple[Device, Sequence[Sensor], AsyncIterator[Sequence[Instant]]]:
        """Give all readings of some sensors (none named: of all), instant by instant, in pages of bounded size.

        Raises NotFound, InvalidInput, before the first page.
        """
        start, end = self._range(since or _EARLIEST, until)

        def work(tx: Transaction) -> tuple[Device, Sequence[Sensor]]:
            device = tx.devices.get(who, device_id)
            chosen = [_sensor(device, key) for key in dict.fromkeys(sensor_keys)] or device.sensors
            return device, tuple(chosen)

        device, sensors = await self._storage.read(work)
        return device, sensors, self.instants(sensors, start, end, is_raw=is_raw)

    async def instants(
        self,
        sensors: Sequence[Sensor],
        start: datetime,
        end: datetime,
        *,
        only_dated: bool = False,
        is_raw: bool = False,
        page_size: int = _PAGE,
    ) -> AsyncIterator[Sequence[Instant]]:
        """Give what sensors measured in [start, end), instant by instant, in pages of bounded size.

        `only_dated` leaves out values whose age nobody knows. Values are calibrated, unless `is_raw`.
        Each page is read on a snapshot of its own, compacted or not, so that no lock is held and nothing is missed.
        """
        waiting: dict[int, deque[Sample]] = {place: deque() for place in range(len(sensors))}
        since = dict.fromkeys(waiting, start)
        unread = set(waiting)
        while True:
            empty = [place for place in unread if not waiting[place]]
            if empty:
                wanted = [(sensors[at].id, since[at]) for at in empty]
                pages = await self._storage.read(partial(_pages, wanted, end, page_size, only_dated))
                for place, page in zip(empty, pages, strict=True):
                    waiting[place].extend(page)
                    if page:
                        since[place] = page[-1].ts + _MILLISECOND
                    if len(page) < page_size:
                        unread.discard(place)
            if not any(waiting.values()):
                return
            # Nothing is given beyond what has been read of every sensor: what is unread lies later.
            through = min((waiting[place][-1].ts for place in unread), default=end)
            rows: dict[datetime, list[float | None]] = {}
            for place, samples in waiting.items():
                is_shown_raw = is_raw or sensors[place].calibration is None
                while samples and samples[0].ts <= through:
                    sample = samples.popleft()
                    value = sample.value if is_shown_raw else sensors[place].shown(sample.value)
                    rows.setdefault(sample.ts, [None] * len(sensors))[place] = value
            yield sorted(rows.items())

    def _range(self, since: datetime | None, until: datetime | None) -> tuple[datetime, datetime]:
        if until is not None and until < _EARLIEST:
            raise InvalidInput([("until", f"must be {_EARLIEST.year} or later")])
        # What is measured while the request is under way belongs to "until now" too.
        end = until or self._clock.now() + timedelta(minutes=2)
        start = since or end - timedelta(days=1)
        if start >= end:
            raise InvalidInput([("since", "must be before until")])
        return max(start, _EARLIEST), end


def _pages(
    wanted: Sequence[tuple[int, datetime]],
    end: datetime,
    page_size: int,
    only_dated: bool,
    tx: Transaction,
) -> list[Sequence[Sample]]:
    return [tx.history.readings(sensor_id, since, end, page_size, only_dated=only_dated) for sensor_id, since in wanted]


def _sensor(device: Device, key: str) -> Sensor:
    sensor = next((known for known in device.sensors if known.key == key), None)
    if sensor is None:
        keys = ", ".join(known.key for known in device.sensors) or "none yet"
        raise InvalidInput([("sensor", f"must be one of this device's sensors: {keys}")])
    return sensor
