"""Pins of a Raspberry Pi through gpiozero: relays or transistors, a float switch, an MCP3008 for analog probes,
1-wire thermometers.
"""

from __future__ import annotations

import importlib
import math
import statistics
import threading
from pathlib import Path
from typing import Any

from plant_node.channels import Channels, Sensor
from plant_node.clock import Clock
from plant_node.drivers import DriverError, OnTime, SensorError

_SETTLE_S = 2.0
"""A float switch that bobs reads empty until it has lain still this long."""
_SAMPLES = 5
_SPILL_PERCENT = 5.0
_W1 = Path("/sys/bus/w1/devices")


class _Output:
    """One output pin, with a timer of its own that ends a run even when nobody else does."""

    def __init__(self, device: Any, clock: Clock) -> None:
        self._device = device
        self._clock = clock
        self._lock = threading.Lock()
        self._on_at: int | None = None
        self._ended: OnTime | None = None
        self._timer: threading.Timer | None = None
        device.off()

    def turn_on(self, most_ms: int | None) -> None:
        with self._lock:
            if self._on_at is not None:
                return
            self._ended = None
            if most_ms is not None:
                # Started before the pin moves: a timer that cannot start must not leave a pump on.
                self._timer = threading.Timer(self._clock.real_seconds(most_ms), self._time_is_up)
                self._timer.daemon = True
                self._timer.start()
            self._on_at = self._clock.mono_ms()
            self._device.on()

    def turn_off(self) -> OnTime | None:
        with self._lock:
            self._off()
            ended, self._ended = self._ended, None
            return ended

    def close(self) -> None:
        with self._lock:
            if not self._device.closed:
                self._off()
                # A closed pin may float: it has to be off before.
                self._device.close()

    def _time_is_up(self) -> None:
        with self._lock:
            if self._timer is threading.current_thread():
                self._off()

    def _off(self) -> None:
        self._device.off()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._on_at is not None:
            off_at = self._clock.mono_ms()
            self._ended = OnTime(off_at - self._on_at, off_at)
            self._on_at = None


class GpioDriver:
    """The pins that the configuration names."""

    def __init__(self, channels: Channels, clock: Clock) -> None:
        try:
            gpiozero: Any = importlib.import_module("gpiozero")
        except ImportError as error:
            raise DriverError("gpiozero is not installed: install plant-node[gpio]") from error
        self._outputs: dict[str, _Output] = {}
        self._inputs: dict[str, Any] = {}
        try:
            # Outputs first: they are off before anything else can go wrong.
            for actuator in channels.actuators:
                device = gpiozero.DigitalOutputDevice(
                    actuator.pin, active_high=actuator.active_high, initial_value=False
                )
                self._outputs[actuator.key] = _Output(device, clock)
            for sensor in channels.sensors:
                if sensor.source == "mcp3008":
                    self._inputs[sensor.key] = gpiozero.MCP3008(channel=sensor.channel)
                elif sensor.source == "float_switch":
                    self._inputs[sensor.key] = gpiozero.DigitalInputDevice(sensor.pin, pull_up=True)
        except Exception as error:
            self.close()
            raise DriverError(f"cannot open the pins: {error}") from error

    def read(self, sensor: Sensor) -> float:
        """Measure one value."""
        try:
            if sensor.source == "mcp3008":
                raw = statistics.median(self._inputs[sensor.key].value for _ in range(_SAMPLES))
                return calibrated(raw, sensor)
            if sensor.source == "float_switch":
                return self._float_level(sensor)
            if sensor.source == "w1":
                return _w1_celsius(sensor.address or "")
        except SensorError:
            raise
        except Exception as error:
            raise SensorError(f"{type(error).__name__}: {error}") from error
        raise SensorError("has no source")

    def turn_on(self, actuator: str, most_ms: int | None) -> None:
        """Switch on."""
        self._outputs[actuator].turn_on(most_ms)

    def turn_off(self, actuator: str) -> OnTime | None:
        """Switch off."""
        return self._outputs[actuator].turn_off()

    def close(self) -> None:
        """Switch off and let go of the pins."""
        for output in self._outputs.values():
            output.close()
        for device in self._inputs.values():
            device.close()

    def _float_level(self, sensor: Sensor) -> float:
        """Full is believed only after it has held for a while; a broken wire is an open switch, and reads empty if
        closed means full.
        """
        switch = self._inputs[sensor.key]
        held_s = switch.active_time if sensor.full_when_closed else switch.inactive_time
        return 100.0 if held_s is not None and held_s >= _SETTLE_S else 0.0


def calibrated(raw: float, sensor: Sensor) -> float:
    """The value on the line through the calibration points.

    A little beyond the end of a percent scale is the end. Far beyond is a broken or unplugged probe: that value stays
    as it is, so that the backend sees it for what it is instead of a very dry pot.
    """
    points = sensor.points
    upper = next((index for index in range(1, len(points) - 1) if raw <= points[index][0]), len(points) - 1)
    (raw_a, value_a), (raw_b, value_b) = points[upper - 1], points[upper]
    value = value_a + (value_b - value_a) * (raw - raw_a) / (raw_b - raw_a)
    if not math.isfinite(value):
        raise SensorError("reads no number")
    if sensor.kind in ("soil_moisture", "reservoir_level", "air_humidity", "battery"):
        if -_SPILL_PERCENT <= value < 0:
            value = 0.0
        elif 100 < value <= 100 + _SPILL_PERCENT:
            value = 100.0
    return round(value, 3)


def _w1_celsius(address: str) -> float:
    """A DS18B20 by the kernel's driver; 85 °C is what it shows when it lost power."""
    text = (_W1 / Path(address).name / "temperature").read_text(encoding="ascii").strip()
    celsius = int(text) / 1000
    if celsius == 85:
        raise SensorError("the thermometer has just lost power")
    return celsius
