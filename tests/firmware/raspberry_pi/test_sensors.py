"""What the chips say on their buses, and what it means: recorded conversations, and the datasheets' own examples."""

from __future__ import annotations

import math
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from plant_node.channels import Sensor, parse_config
from plant_node.config_entry import ConfigError
from plant_node.hardware import gpio, i2c, spi
from plant_node.sensors import SOURCES, SensorError, ds18b20, sht4x
from plant_node.sensors.bme280 import Calibration
from plant_node.sensors.scale import Scale

Transfer = tuple[int, bytes, bytes | OSError]


class RecordedI2c:
    """A bus on which exactly one conversation takes place."""

    def __init__(self, transfers: list[Transfer]) -> None:
        self.left = list(transfers)

    def transfer(self, address: int, write: bytes, read: int) -> bytes:
        expected, written, answer = self.left.pop(0)
        assert (address, write.hex(" ")) == (expected, written.hex(" "))
        if isinstance(answer, OSError):
            raise answer
        assert len(answer) == read
        return answer


class RecordedSpi:
    """A chip with an answer for each question."""

    def __init__(self, answers: dict[bytes, list[bytes]]) -> None:
        self.answers = answers

    def transfer(self, write: bytes) -> bytes:
        return self.answers[write].pop(0)


class ScriptedInput:
    """An input with the edges that somebody prepared."""

    def __init__(self) -> None:
        self.level = True
        self.prepared: list[list[tuple[int, bool]]] = []

    def is_high(self) -> bool:
        return self.level

    def edges(self, wait_s: float = 0.0) -> list[tuple[int, bool]]:
        return self.prepared.pop(0) if self.prepared else []


class Trigger:
    """An output that calls back when it fell."""

    def __init__(self, on_pulse: Callable[[], None]) -> None:
        self.on_pulse = on_pulse
        self.was_on = False

    def set(self, is_on: bool) -> None:
        if self.was_on and not is_on:
            self.on_pulse()
        self.was_on = is_on


class Bench:
    """A board with recorded buses, scripted pins, and a clock that goes on by what it is told to wait."""

    def __init__(self, *transfers: Transfer, spi: RecordedSpi | None = None) -> None:
        self.bus = RecordedI2c(list(transfers))
        self.chip = spi
        self.line = ScriptedInput()
        self.now_ns = 5_000_000_000
        self.slept_s = 0.0
        self.on_pulse: Callable[[], None] = lambda: None

    def i2c(self, bus: int) -> RecordedI2c:
        assert bus == 1
        return self.bus

    def spi(self, bus: int, chip_select: int) -> RecordedSpi:
        assert (bus, chip_select) == (0, 0)
        assert self.chip is not None
        return self.chip

    def input(self, pin: int, *, pull_up: bool) -> ScriptedInput:
        return self.line

    def output(self, pin: int) -> Trigger:
        return Trigger(self.on_pulse)

    def sleep(self, seconds: float) -> None:
        self.slept_s += seconds
        self.now_ns += int(seconds * 1e9)

    def monotonic_ns(self) -> int:
        # Looking at a clock takes time too: a loop until a deadline ends.
        self.now_ns += 1_000_000
        return self.now_ns


def a_sensor(**words: Any) -> Sensor:
    return parse_config({"sensors": {"probe": words}}, for_pins=True).channels.sensors[0]


def measure(bench: Bench, **words: Any) -> float:
    sensor = a_sensor(**words)
    assert sensor.source is not None
    sensor.source.open(bench)
    value = sensor.source.read(bench)
    assert bench.bus.left == [], "the conversation was not finished"
    return value


def an_ads1115_shot(raw: int, *, config: str = "01 c3 83", address: int = 0x48) -> list[Transfer]:
    return [
        (address, bytes.fromhex(config), b""),
        (address, b"\x01", b"\x43\x83"),
        (address, b"\x01", b"\xc3\x83"),
        (address, b"\x00", raw.to_bytes(2, "big", signed=True)),
    ]


def test_ads1115_gives_volts_or_percent() -> None:
    """125 µV a step in the range of ±4.096 V (SBAS444, table 3); busy until the top bit of the configuration is set."""
    shots = [*an_ads1115_shot(24_000), *an_ads1115_shot(31_000), *an_ads1115_shot(23_999)]
    assert measure(Bench(*shots), kind="voltage", source="ads1115", channel=0) == 3.0
    other = [shot for _ in range(3) for shot in an_ads1115_shot(16_000, config="01 f3 83", address=0x4B)]
    words = {"source": "ads1115", "channel": 3, "address": 0x4B, "points": [[2.8, 0], [1.2, 100]]}
    assert measure(Bench(*other), kind="soil_moisture", **words) == 50


def test_ads1115_that_never_finishes_is_an_error() -> None:
    busy = [(0x48, bytes.fromhex("01 c3 83"), b""), *[(0x48, b"\x01", b"\x43\x83")] * 10]
    with pytest.raises(SensorError, match="does not finish"):
        measure(Bench(*busy), kind="voltage", source="ads1115", channel=0)


def test_mcp3008_gives_a_fraction_of_its_supply() -> None:
    raws = [512, 1023, 511, 512, 0]
    answers = [bytes([0xFF, 0xF8 | raw >> 8, raw & 0xFF]) for raw in raws]
    chip = RecordedSpi({bytes([1, 0xA0, 0]): [*answers, *answers]})
    assert measure(Bench(spi=chip), kind="voltage", source="mcp3008", channel=2) == pytest.approx(
        3.3 * 512 / 1023, abs=1e-5
    )
    points = [[1.0, 0], [512 / 1023, 40], [0.0, 100]]
    assert measure(Bench(spi=chip), kind="soil_moisture", source="mcp3008", channel=2, points=points) == pytest.approx(
        40
    )


# Constants and raw values of the example in Bosch's BST-BMP280-DS001, 3.12; the BME280 computes both alike.
T = (27504, 26435, -1000)
P = (36477, -10685, 3024, 2855, 140, -7, 15500, -14600, 6000)
RAW_T, RAW_P = 519888, 415148
H = (75, 361, 0, 322, 50, 30)
"""Constants of a real chip."""


def bme280_registers() -> tuple[bytes, bytes, bytes]:
    low = b"".join(value.to_bytes(2, "little", signed=value < 0) for value in (*T, *P))
    h1, h2, h3, h4, h5, h6 = H
    high = h2.to_bytes(2, "little") + bytes([h3, h4 >> 4, (h4 & 0xF) | (h5 & 0xF) << 4, h5 >> 4, h6])
    return low, bytes([h1]), high


def a_bme280(raw_h: int = 27_000, chip_id: int = 0x60, status: bytes = b"\x04") -> list[Transfer]:
    low, h1, high = bme280_registers()
    data = (RAW_P << 4).to_bytes(3, "big") + (RAW_T << 4).to_bytes(3, "big") + raw_h.to_bytes(2, "big")
    return [
        (0x76, b"\xd0", bytes([chip_id])),
        (0x76, b"\x88", low),
        (0x76, b"\xa1", h1),
        (0x76, b"\xe1", high),
        (0x76, b"\xf2\x01", b""),
        (0x76, b"\xf4\x25", b""),
        (0x76, b"\xf3", b"\x0c"),
        (0x76, b"\xf3", status),
        (0x76, b"\xf7", data),
    ]


def humidity_in_integers(raw: int, t_fine: int) -> float:
    """The datasheet's own integer form (BST-BME280-DS002, 4.2.3), as a witness for the one in floating point."""
    h1, h2, h3, h4, h5, h6 = H
    v = t_fine - 76800
    v = (((raw << 14) - (h4 << 20) - (h5 * v)) + 16384 >> 15) * (
        (((((v * h6) >> 10) * (((v * h3) >> 11) + 32768)) >> 10) + 2097152) * h2 + 8192 >> 14
    )
    v -= ((((v >> 15) * (v >> 15)) >> 7) * h1) >> 4
    return (min(max(v, 0), 419430400) >> 12) / 1024


def test_bme280_computes_what_the_datasheet_computes() -> None:
    words = {"source": "bme280"}
    assert measure(Bench(*a_bme280()), kind="air_temperature", **words) == 25.08
    assert measure(Bench(*a_bme280()), kind="pressure", **words) == pytest.approx(1006.53, abs=0.005)
    fine = round(Calibration(T, P, H).fine_temperature(RAW_T))
    for raw in (20_000, 27_000, 33_000):
        shown = measure(Bench(*a_bme280(raw)), kind="air_humidity", **words)
        assert shown == pytest.approx(humidity_in_integers(raw, fine), abs=0.05)
    assert 0 < shown < 100, "or the ends hid a mistake"


def test_a_bmp280_is_not_taken_for_a_bme280() -> None:
    """The cheaper chip has the same address and no humidity."""
    with pytest.raises(SensorError, match="0x58"):
        measure(Bench(*a_bme280(chip_id=0x58)[:1]), kind="air_humidity", source="bme280")


def test_sht4x_computes_and_checks() -> None:
    assert sht4x.checksum(bytes.fromhex("beef")) == 0x92, "the datasheet's example"

    def answer(celsius: float, percent: float, *, is_torn: bool = False) -> list[Transfer]:
        words = (round((celsius + 45) / 175 * 65535), round((percent + 6) / 125 * 65535))
        raw = b"".join(word.to_bytes(2, "big") + bytes([sht4x.checksum(word.to_bytes(2, "big"))]) for word in words)
        return [(0x44, b"\xfd", b""), (0x44, b"", raw[:-1] + bytes([raw[-1] ^ is_torn]))]

    bench = Bench(*answer(21.5, 48.0))
    assert measure(bench, kind="air_temperature", source="sht4x") == 21.5
    assert bench.slept_s >= 0.0083, "a precise measurement takes up to 8.3 ms"
    assert measure(Bench(*answer(21.5, 48.0)), kind="air_humidity", source="sht4x") == 48.0
    assert measure(Bench(*answer(21.5, 104.0)), kind="air_humidity", source="sht4x") == 100.0
    with pytest.raises(SensorError, match="checksum"):
        measure(Bench(*answer(21.5, 48.0, is_torn=True)), kind="air_humidity", source="sht4x")


def test_bh1750_gives_lux() -> None:
    """The datasheet's example: 0x8390 is 28067 lx."""
    bench = Bench((0x23, b"\x20", b""), (0x23, b"", b"\x83\x90"))
    assert measure(bench, kind="illuminance", source="bh1750") == pytest.approx(28067, abs=1)
    assert bench.slept_s >= 0.18


def test_ina219_gives_volts_and_charge() -> None:
    """The datasheet's example: 0x5D98 is 11.98 V."""
    talk: Transfer = (0x40, b"\x02", b"\x5d\x98")
    assert measure(Bench(talk), kind="voltage", source="ina219") == pytest.approx(11.98)
    points = [[10.98, 0], [12.98, 100]]
    assert measure(Bench(talk), kind="battery", source="ina219", points=points) == pytest.approx(50)
    with pytest.raises(SensorError, match="out of its range"):
        measure(Bench((0x40, b"\x02", b"\x5d\x99")), kind="voltage", source="ina219")


def test_ds18b20_reads_the_kernels_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ds18b20, "DEVICES", tmp_path)
    (tmp_path / "28-0316a4").mkdir()
    shown = tmp_path / "28-0316a4" / "temperature"
    words = {"kind": "soil_temperature", "source": "ds18b20", "address": "28-0316a4"}
    shown.write_text("-1250\n")
    assert measure(Bench(), **words) == -1.25
    shown.write_text("85000\n")
    with pytest.raises(SensorError, match="lost power"):
        measure(Bench(), **words)
    shown.write_text("")
    with pytest.raises(SensorError):
        measure(Bench(), **words)
    shown.unlink()
    with pytest.raises(OSError, match="28-0316a4"):
        measure(Bench(), **words)


def test_a_float_switch_is_believed_full_only_when_it_lies_still() -> None:
    bench = Bench()
    source = a_sensor(kind="reservoir_level", source="float_switch", pin=17).source
    assert source is not None
    source.open(bench)
    assert source.read(bench) == 0, "an open switch, or a broken wire"
    bench.line.level = False
    bench.line.prepared = [[(bench.now_ns, False)]]
    assert source.read(bench) == 0, "it may only bob"
    bench.sleep(2)
    assert source.read(bench) == 100
    bench.line.prepared = [[(bench.now_ns - 1_500_000_000, True), (bench.now_ns - 1_000_000_000, False)]]
    assert source.read(bench) == 0, "it bobbed between two looks"
    bench.sleep(2)
    assert source.read(bench) == 100
    bench.line.level = True
    assert source.read(bench) == 0


def test_a_float_switch_is_no_word_in_the_first_moments_and_no_false_alarm() -> None:
    """Empty at each start would be an alert at each start."""
    bench = Bench()
    bench.line.level = False
    source = a_sensor(kind="reservoir_level", source="float_switch", pin=17).source
    assert source is not None
    source.open(bench)
    with pytest.raises(SensorError, match="has not been watched for 2 s"):
        source.read(bench)
    bench.sleep(2)
    assert source.read(bench) == 100


SR04 = {
    "kind": "reservoir_level",
    "source": "hc_sr04",
    "trigger_pin": 23,
    "echo_pin": 24,
    "full_cm": 5,
    "empty_cm": 25,
}


def test_hc_sr04_gives_the_level_and_shrugs_off_a_lost_echo() -> None:
    bench = Bench()
    distances = [15.0, None, 15.1, 300.0, 14.9]

    def echo() -> None:
        distance = distances.pop(0)
        if distance is not None:
            rose = bench.now_ns + 450_000
            fell = rose + round(distance * 2 / 34_300 * 1e9)
            bench.line.prepared = [[(rose, True)], [(fell, False)]]

    bench.on_pulse = echo
    assert measure(bench, **SR04) == pytest.approx(50, abs=1)
    assert distances == []


def test_hc_sr04_without_an_echo_is_an_error_and_not_an_empty_reservoir() -> None:
    with pytest.raises(SensorError, match="no echo"):
        measure(Bench(), **SR04)


@pytest.mark.parametrize("name", ["ads1115", "bme280", "sht4x", "bh1750", "ina219"])
def test_a_chip_that_does_not_answer_is_an_error(name: str) -> None:
    class Dead:
        def transfer(self, address: int, write: bytes, read: int) -> bytes:
            raise OSError(121, "Remote I/O error")

    bench = Bench()
    bench.bus = Dead()  # type: ignore[assignment]
    words = {"ads1115": ("voltage", {"channel": 0}), "bh1750": ("illuminance", {}), "ina219": ("voltage", {})}
    kind, more = words.get(name, ("air_humidity", {}))
    source = a_sensor(kind=kind, source=name, **more).source
    assert source is not None
    with pytest.raises(OSError, match="Remote"):
        source.read(bench)


def test_calibration_bends_spills_and_tells_a_broken_probe() -> None:
    """Wilting pots read 100 (enviro #7); an unplugged probe waters for ever (GrowCube port #2)."""
    scale = Scale(((0.38, 100.0), (0.6, 40.0), (0.86, 0.0)), is_percent=True)
    assert scale.value(0.86) == 0
    assert scale.value(0.73) == 20
    assert scale.value(0.49) == 70
    assert scale.value(0.88) == 0, "a little drier than dry is dry"
    assert scale.value(0.37) == 100
    assert scale.value(1.0) < -5, "unplugged is not dry: the backend sees an implausible value"
    assert scale.value(0.0) > 105
    with pytest.raises(SensorError):
        scale.value(math.nan)


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (
            {"kind": "pressure", "source": "sht4x"},
            "probe.source: an SHT40, SHT41 or SHT45 on I²C measures air_temperature",
        ),
        ({"kind": "soil_moisture", "source": "ads1115", "points": [[1, 2], [2, 3]]}, "probe.channel: is needed"),
        (
            {"kind": "soil_moisture", "source": "ads1115", "channel": 4},
            "probe.channel: must be a whole number from 0 to 3",
        ),
        ({"kind": "soil_moisture", "source": "ads1115", "channel": 0}, "probe.points: two calibration points"),
        ({"kind": "voltage", "source": "ads1115", "channel": 0, "points": [[1, 2]]}, "probe.points: two calibration"),
        (
            {"kind": "voltage", "source": "ads1115", "channel": 0, "address": 1},
            "probe.address: must be one of 0x48, 0x49",
        ),
        ({"kind": "battery", "source": "mcp3008", "channel": 0, "points": [[1.5, 0], [3, 1]]}, "from 0 to 1"),
        ({"kind": "air_temperature", "source": "ds18b20", "address": "../secret"}, "probe.address: is needed"),
        ({"kind": "reservoir_level", "source": "float_switch"}, "probe.pin: is needed"),
        ({"kind": "reservoir_level", "source": "float_switch", "pin": 3, "channel": 1}, "probe.channel: unknown word"),
        (SR04 | {"empty_cm": 5}, "probe.empty_cm"),
        ({key: SR04[key] for key in SR04 if key != "full_cm"}, "probe.full_cm: is needed"),
        (SR04 | {"echo_pin": 23}, "pin 23 is used twice"),
    ],
)
def test_a_wrong_word_names_its_place(words: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigError) as caught:
        a_sensor(**words)
    assert named in str(caught.value)


def test_every_source_is_described_and_there() -> None:
    for name in SOURCES:
        with pytest.raises(ConfigError, match=r"probe\.source: .* measures"):
            a_sensor(kind="signal_strength", source=name)


def test_the_structures_are_those_of_the_kernels_headers(tmp_path: Path) -> None:
    """The numbers in the code are the C compiler's."""
    program = r"""
    #include <linux/gpio.h>
    #include <linux/i2c-dev.h>
    #include <linux/spi/spidev.h>
    #include <stdio.h>
    #include <sys/ioctl.h>
    int main(void) {
        printf("%u %u %u %u %zu %zu %zu %zu %u %u %zu",
            (unsigned)GPIO_GET_CHIPINFO_IOCTL, (unsigned)GPIO_V2_GET_LINE_IOCTL,
            (unsigned)GPIO_V2_LINE_GET_VALUES_IOCTL, (unsigned)GPIO_V2_LINE_SET_VALUES_IOCTL,
            sizeof(struct gpiochip_info), sizeof(struct gpio_v2_line_request),
            sizeof(struct gpio_v2_line_values), sizeof(struct gpio_v2_line_event),
            I2C_SLAVE, (unsigned)SPI_IOC_MESSAGE(1), sizeof(struct spi_ioc_transfer));
    }
    """
    binary = tmp_path / "numbers"
    subprocess.run(["gcc", "-x", "c", "-", "-o", binary], input=program, text=True, check=True)
    shown = subprocess.run([binary], capture_output=True, text=True, check=True).stdout.split()
    assert [int(number) for number in shown] == [
        gpio._GET_CHIP_INFO,
        gpio._GET_LINE,
        gpio._GET_VALUES,
        gpio._SET_VALUES,
        gpio._CHIP_INFO.size,
        gpio._LINE_REQUEST.size,
        gpio._VALUES.size,
        gpio._EVENT.size,
        i2c._SLAVE,
        spi._MESSAGE_OF_ONE,
        spi._TRANSFER.size,
    ]


def test_an_i2c_bus_writes_then_reads(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """On a file in place of the device: what is written is what a chip would get, the address comes first."""
    addressed: list[tuple[int, int]] = []
    device = tmp_path / "i2c"
    device.write_bytes(b"")
    open_device = os.open
    monkeypatch.setattr(i2c.os, "open", lambda path, flags: open_device(device, os.O_RDWR | os.O_APPEND))
    monkeypatch.setattr(i2c.fcntl, "ioctl", lambda fd, number, address: addressed.append((number, address)))
    bus = i2c.I2cBus(1)
    assert bus.transfer(0x76, b"\xd0\x01", 0) == b""
    assert addressed == [(0x0703, 0x76)]
    assert device.read_bytes() == b"\xd0\x01"
    os.lseek(bus._fd, 0, os.SEEK_SET)
    assert bus.transfer(0x77, b"", 2) == b"\xd0\x01"
    bus.close()
