"""The node's board: sensors by the kernel's devices, outputs by the supervisor."""

from __future__ import annotations

import threading
import time

from plant_node.channels import PUMP, Actuator, Channels, Sensor
from plant_node.drivers import DriverError, OnTime, SensorError
from plant_node.hardware.gpio import Input, Output
from plant_node.hardware.i2c import I2cBus
from plant_node.hardware.spi import SpiDevice
from plant_node.supervisor.client import SupervisedOutputs, SupervisedPin


class LinuxBoard:
    """Opens what the sources ask for, once."""

    def __init__(self) -> None:
        self._buses: dict[int, I2cBus] = {}
        self._chips: dict[tuple[int, int], SpiDevice] = {}
        self._inputs: dict[int, Input] = {}
        self._outputs: dict[int, Output] = {}

    def i2c(self, bus: int) -> I2cBus:
        """A bus."""
        if bus not in self._buses:
            self._buses[bus] = I2cBus(bus)
        return self._buses[bus]

    def spi(self, bus: int, chip_select: int) -> SpiDevice:
        """A chip."""
        if (bus, chip_select) not in self._chips:
            self._chips[bus, chip_select] = SpiDevice(bus, chip_select)
        return self._chips[bus, chip_select]

    def input(self, pin: int, *, pull_up: bool) -> Input:
        """An input."""
        if pin not in self._inputs:
            self._inputs[pin] = Input(pin, pull_up=pull_up)
        return self._inputs[pin]

    def output(self, pin: int) -> Output:
        """A sensor's trigger."""
        if pin not in self._outputs:
            self._outputs[pin] = Output(pin, active_high=True)
        return self._outputs[pin]

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)

    def monotonic_ns(self) -> int:
        """The clock of the edges."""
        return time.monotonic_ns()

    def close(self) -> None:
        """Close what is open."""
        for opened in (self._buses, self._chips, self._inputs, self._outputs):
            while opened:
                opened.popitem()[1].close()


class BoardDriver:
    """The hardware that the configuration names."""

    def __init__(self, channels: Channels) -> None:
        # The outputs first: they are off before anything else can go wrong.
        self._outputs = SupervisedOutputs(supervised_pins(channels))
        self._board = LinuxBoard()
        self._reading = threading.Lock()
        self._meters = {each.key: each for each in channels.actuators if each.has_flow_meter}
        self._pulses = dict.fromkeys(self._meters, 0)
        self._counting = threading.Lock()
        try:
            for actuator in self._meters.values():
                self._meter(actuator)
            for sensor in channels.sensors:
                if sensor.source is not None:
                    sensor.source.open(self._board)
        except OSError as error:
            self.close()
            raise DriverError(f"cannot open the pins: {error.strerror}") from error

    def read(self, sensor: Sensor) -> float:
        """Measure one value."""
        if sensor.source is None:
            raise SensorError("has no source")
        try:
            # A chip's conversation is several transfers, and two threads read.
            with self._reading:
                return sensor.source.read(self._board)
        except SensorError:
            raise
        except Exception as error:
            raise SensorError(f"{type(error).__name__}: {error}") from error

    def turn_on(self, actuator: str, most_ms: int | None) -> None:
        """Switch on."""
        if actuator in self._meters:
            with self._counting:
                # What dripped before is none of this run's water.
                self._meter(self._meters[actuator]).edges()
                self._pulses[actuator] = 0
        self._outputs.turn_on(actuator, most_ms)

    def keep_on(self, actuator: str) -> bool:
        """Say that somebody still watches."""
        return self._outputs.keep_on(actuator)

    def flowed_ml(self, actuator: str) -> float | None:
        """Count the meter's pulses since the last look; the kernel keeps 1024 edges meanwhile."""
        meter = self._meters.get(actuator)
        if meter is None or meter.pulses_per_l is None:
            return None
        with self._counting:
            self._pulses[actuator] += sum(rose for _, rose in self._meter(meter).edges())
            return self._pulses[actuator] * 1000 / meter.pulses_per_l

    def turn_off(self, actuator: str) -> OnTime | None:
        """Switch off."""
        return self._outputs.turn_off(actuator)

    def fault(self) -> str | None:
        """The supervisor's end."""
        return self._outputs.fault

    def _meter(self, actuator: Actuator) -> Input:
        # An open collector: it pulls down, the Pi pulls up.
        return self._board.input(actuator.flow_pin or 0, pull_up=True)

    def close(self) -> None:
        """Switch off and let go of the pins."""
        self._outputs.close()
        self._board.close()


def supervised_pins(channels: Channels) -> list[SupervisedPin]:
    """The outputs, each with what the supervisor by itself never exceeds."""
    return [
        SupervisedPin(
            actuator.key,
            actuator.pin,
            actuator.active_high,
            actuator.limits.max_run_ms if actuator.kind == PUMP else None,
        )
        for actuator in channels.actuators
        if actuator.pin is not None
    ]


def switch_off(channels: Channels, *, patience_s: float = 5.0) -> None:
    """Drive every output low, whoever left it high. Raises DriverError; the others are off then all the same."""
    failed = []
    for pin in supervised_pins(channels):
        try:
            Output(pin.pin, active_high=pin.active_high, patience_s=patience_s).close()
        except OSError as error:
            failed.append(str(error.strerror))
    if failed:
        raise DriverError("cannot switch off: " + ", ".join(failed))
