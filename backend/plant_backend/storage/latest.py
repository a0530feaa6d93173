"""The newest samples of each sensor, in memory: derived from the log, rebuilt at start."""

from bisect import insort
from collections.abc import Sequence
from datetime import timedelta

from plant_backend.domain.freshness import CLOCK_TOLERANCE
from plant_backend.domain.model import SAMPLES_KEPT, Sample
from plant_backend.domain.telemetry import Batch
from plant_backend.storage.times import from_ms

_CLOCK_TOLERANCE_MS = CLOCK_TOLERANCE // timedelta(milliseconds=1)


class LatestSamples:
    """Late data never displaces newer data; a value whose age is unknown is not taken at all."""

    def __init__(self) -> None:
        self._samples: dict[int, list[tuple[int, float]]] = {}
        self._seen_ms: dict[int, int] = {}
        self._unchanged_ms: dict[int, int] = {}

    def take(self, batch: Batch) -> None:
        """Take in an accepted batch."""
        received_at_ms = batch.received_at_ms
        seen_ms = self._seen_ms.get(batch.device_number, 0)
        if not 0 <= seen_ms - received_at_ms <= _CLOCK_TOLERANCE_MS:
            self._seen_ms[batch.device_number] = received_at_ms
        for sensor_id, value, offset_ms in zip(batch.sensor_ids, batch.values, batch.offsets_ms, strict=True):
            if offset_ms is not None:
                self._drop_future(sensor_id, received_at_ms)
                self.put(sensor_id, received_at_ms - offset_ms, value)

    def put(self, sensor_id: int, ts_ms: int, value: float) -> None:
        """Take in one sample. The first value of an instant stays."""
        samples = self._samples.get(sensor_id)
        if not samples:
            self._samples[sensor_id] = [(ts_ms, value)]
            self._unchanged_ms[sensor_id] = ts_ms
        elif ts_ms > samples[-1][0]:
            if value != samples[-1][1]:
                self._unchanged_ms[sensor_id] = ts_ms
            samples.append((ts_ms, value))
            if len(samples) > SAMPLES_KEPT:
                del samples[0]
        elif all(ts_ms != known for known, _ in samples) and (len(samples) < SAMPLES_KEPT or ts_ms > samples[0][0]):
            insort(samples, (ts_ms, value))
            if len(samples) > SAMPLES_KEPT:
                del samples[0]

    def _drop_future(self, sensor_id: int, now_ms: int) -> None:
        """Forget samples from a time when our clock was ahead: they would hide every true one until then."""
        samples = self._samples.get(sensor_id)
        while samples and samples[-1][0] > now_ms + _CLOCK_TOLERANCE_MS:
            del samples[-1]

    def shift(self, jump_ms: int) -> None:
        """Move with a clock that was set by `jump_ms`: what is fresh stays fresh, and what is old stays old."""
        for samples in self._samples.values():
            samples[:] = [(ts_ms + jump_ms, value) for ts_ms, value in samples]
        for kept in (self._unchanged_ms, self._seen_ms):
            kept.update({key: at_ms + jump_ms for key, at_ms in kept.items()})

    def hold(self, sensor_id: int, since_ms: int) -> None:
        """Note since when a sensor has read what it reads, where that is longer than its samples reach."""
        self._unchanged_ms[sensor_id] = since_ms

    def unchanged_ms(self, sensor_id: int) -> int | None:
        """Give since when a sensor has read exactly the same, in Unix milliseconds."""
        return self._unchanged_ms.get(sensor_id)

    def saw(self, device_number: int, at_ms: int) -> None:
        """Note when a device was last heard."""
        self._seen_ms[device_number] = max(at_ms, self._seen_ms.get(device_number, 0))

    def of(self, sensor_id: int) -> tuple[Sample, ...]:
        """Give the samples of a sensor, oldest first."""
        return tuple(Sample(from_ms(ts_ms), value) for ts_ms, value in self._samples.get(sensor_id, ()))

    def seen_ms(self, device_number: int) -> int | None:
        """Give when a device was last heard, in Unix milliseconds."""
        return self._seen_ms.get(device_number)

    def forget(self, device_number: int, sensor_ids: Sequence[int]) -> None:
        """Drop what belongs to a deleted device."""
        self._seen_ms.pop(device_number, None)
        for sensor_id in sensor_ids:
            self._samples.pop(sensor_id, None)
            self._unchanged_ms.pop(sensor_id, None)
