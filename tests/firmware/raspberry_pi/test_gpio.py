"""The pins, on gpiozero's own mock of a Raspberry Pi."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from gpiozero import Device
from gpiozero.pins.mock import MockFactory, MockSPIDevice
from plant_node.channels import Channels, Sensor, parse_config
from plant_node.clock import Clock
from plant_node.drivers import DriverError, SensorError
from plant_node.drivers.gpio import GpioDriver, calibrated

from tests.firmware.raspberry_pi.builders import wait_for

CONFIG: dict[str, Any] = {
    "sensors": {
        "soil": {
            "kind": "soil_moisture",
            "source": "mcp3008",
            "channel": 2,
            "points": [[0.86, 0], [0.6, 40], [0.38, 100]],
        },
        "tank": {"kind": "reservoir_level", "source": "float_switch", "pin": 17},
    },
    "actuators": {
        "pump": {"kind": "pump", "pin": 27},
        "lamp": {"kind": "lamp", "pin": 22, "active_high": False},
    },
}
SOIL, TANK = parse_config(CONFIG, for_pins=True).channels.sensors


class Converter(MockSPIDevice):
    """An MCP3008: ten bits for each channel."""

    def __init__(self) -> None:
        super().__init__(11, 10, 9, 8)
        self.raw = [0] * 8
        self.asked: list[bool] = []

    def on_start(self) -> None:
        super().on_start()
        self.asked = []

    def on_bit(self) -> None:
        # A start bit, a one for "single", three for the channel; then the answer.
        if self.asked or self.rx_buf[-1]:
            self.asked.append(bool(self.rx_buf[-1]))
        if len(self.asked) == 5:
            channel = sum(bit << place for place, bit in zip((2, 1, 0), self.asked[2:], strict=True))
            self.tx_word(self.raw[channel], 12)


@pytest.fixture
def factory() -> Iterator[MockFactory]:
    factory = MockFactory()
    Device.pin_factory = factory
    yield factory
    factory.reset()
    Device.pin_factory = None


@pytest.fixture
def channels() -> Channels:
    return parse_config(CONFIG, for_pins=True).channels


@pytest.fixture
def driver(factory: MockFactory, channels: Channels) -> Iterator[GpioDriver]:
    built = GpioDriver(Channels((channels.sensors[1],), channels.actuators), Clock())
    yield built
    built.close()


def is_high(factory: MockFactory, pin: int) -> bool:
    return bool(factory.pin(pin).state)


def test_outputs_are_off_from_the_first_moment(factory: MockFactory, driver: GpioDriver) -> None:
    """Relays fire at boot (Mycodo #555, TerrariumPI #990)."""
    assert [state.state for state in factory.pin(27).states] == [False] * len(factory.pin(27).states)
    assert is_high(factory, 22), "an active-low output is off when it is high"


def test_a_run_ends_by_the_drivers_own_timer(factory: MockFactory, driver: GpioDriver) -> None:
    driver.turn_on("pump", 60)
    assert is_high(factory, 27)
    wait_for(lambda: not is_high(factory, 27))
    on_time = driver.turn_off("pump")
    assert on_time is not None
    assert 50 <= on_time.ran_ms < 1000
    assert driver.turn_off("pump") is None


def test_off_is_off_at_once_and_its_old_timer_ends_no_later_run(factory: MockFactory, driver: GpioDriver) -> None:
    driver.turn_on("pump", 50)
    old_timer = driver._outputs["pump"]._timer
    assert driver.turn_off("pump") is not None
    assert not is_high(factory, 27)
    driver.turn_on("pump", 60_000)
    assert old_timer is not None
    old_timer.join()
    assert is_high(factory, 27)


def test_closing_switches_off_before_it_lets_go(factory: MockFactory, driver: GpioDriver) -> None:
    driver.turn_on("pump", 60_000)
    driver.turn_on("lamp", None)
    pump, lamp = factory.pin(27), factory.pin(22)
    driver.close()
    assert not pump.states[-1].state
    assert lamp.states[-1].state


def test_a_float_switch_is_believed_full_only_when_it_lies_still(
    factory: MockFactory, driver: GpioDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert driver.read(TANK) == 0, "an open switch, or a broken wire"
    factory.pin(17).drive_low()
    assert driver.read(TANK) == 0, "it may only bob"
    monkeypatch.setattr("plant_node.drivers.gpio._SETTLE_S", 0.02)
    wait_for(lambda: driver.read(TANK) == 100)
    factory.pin(17).drive_high()
    assert driver.read(TANK) == 0


def test_an_analog_probe_reads_through_its_calibration(factory: MockFactory, channels: Channels) -> None:
    converter = Converter()
    built = GpioDriver(channels, Clock())
    converter.raw[2] = round(0.6 * 1023)
    assert built.read(SOIL) == pytest.approx(40, abs=0.5)
    built.close()
    converter.close()


def test_calibration_bends_spills_and_tells_a_broken_probe() -> None:
    """Wilting pots read 100 (enviro #7); an unplugged probe waters for ever (GrowCube port #2)."""
    assert calibrated(0.86, SOIL) == 0
    assert calibrated(0.73, SOIL) == 20
    assert calibrated(0.49, SOIL) == 70
    assert calibrated(0.88, SOIL) == 0, "a little drier than dry is dry"
    assert calibrated(0.37, SOIL) == 100
    assert calibrated(1.0, SOIL) < -5, "unplugged is not dry: the backend sees an implausible value"
    assert calibrated(0.0, SOIL) > 105
    with pytest.raises(SensorError):
        calibrated(float("nan"), SOIL)


def test_a_sensor_that_fails_is_a_sensor_error(driver: GpioDriver) -> None:
    with pytest.raises(SensorError):
        driver.read(Sensor("ghost", "soil_moisture", source="mcp3008", channel=1))
    with pytest.raises(SensorError):
        driver.read(Sensor("warmth", "air_temperature", source="w1", address="28-nowhere"))


def test_pins_that_cannot_be_opened_are_one_clear_error(factory: MockFactory, channels: Channels) -> None:
    first = GpioDriver(Channels((), channels.actuators), Clock())
    with pytest.raises(DriverError, match="cannot open the pins"):
        GpioDriver(Channels((), channels.actuators), Clock())
    first.close()
