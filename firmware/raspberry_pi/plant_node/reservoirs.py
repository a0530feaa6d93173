"""The reservoir sensors, as the envelope wants to know them."""

from __future__ import annotations

import logging
import math
import threading

from plant_node.channels import Channels
from plant_node.clock import Clock
from plant_node.drivers import Driver, SensorError
from plant_node.envelope import Reason, Reservoir

log = logging.getLogger(__name__)

_ANSWER_WITHIN_S = 3.0


class Reservoirs:
    """Reads every reservoir sensor anew when a run is asked for, and while it lasts."""

    def __init__(self, driver: Driver, channels: Channels, clock: Clock) -> None:
        self._driver = driver
        self._sensors = channels.reservoirs
        self._clock = clock
        self._lock = threading.Lock()
        self._last: dict[str, tuple[float, int]] = {}
        self._reading: threading.Thread | None = None

    @property
    def exist(self) -> bool:
        """Whether the node has any."""
        return bool(self._sensors)

    def look(self) -> list[Reservoir]:
        """Their levels now. A sensor that hangs leaves the levels old, and old levels let no pump run."""
        if not self._sensors:
            return []
        with self._lock:
            if self._reading is None or not self._reading.is_alive():
                self._reading = threading.Thread(target=self._measure, name="reservoir", daemon=True)
                self._reading.start()
            reading = self._reading
        reading.join(_ANSWER_WITHIN_S)
        now = self._clock.mono_ms()
        levels = []
        for sensor in self._sensors:
            level, at = self._last.get(sensor.key, (math.nan, now))
            # Fresh means measured for this question: what the sensor said long before does not count.
            stale_after_ms = int(2 * _ANSWER_WITHIN_S * 1000 * max(1.0, self._clock.speed))
            levels.append(Reservoir(level, now - at, sensor.empty_at_percent, stale_after_ms))
        return levels

    def refusal(self) -> Reason | None:
        """Why no pump may run now."""
        return next((refusal for level in self.look() if (refusal := level.refusal()) is not None), None)

    def _measure(self) -> None:
        for sensor in self._sensors:
            try:
                level = self._driver.read(sensor)
            except SensorError as error:
                log.debug("reservoir: %s cannot be read (%s)", sensor.key, error)
                level = math.nan
            self._last[sensor.key] = (level, self._clock.mono_ms())
