"""The questions, in the order in which a person can answer them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from plant_node.backend import Backend, SignInRefused, Unavailable
from plant_node.channels import parse_config
from plant_node.clock import Clock
from plant_node.drivers.board import LinuxBoard
from plant_node.hardware.gpio import GpioError, header_chip
from plant_node.link import Link
from plant_node.sensors import AnalogSource, SensorError
from plant_node.settings import SettingsError, base_url, is_device_id, read_file
from plant_node.setup import scan
from plant_node.setup.calibration import calibrate
from plant_node.setup.terminal import Terminal

Table = dict[str, Any]

_CHIP_CHANNELS: dict[str, tuple[tuple[str, str], ...]] = {
    "bme280": (("temperature", "air_temperature"), ("humidity", "air_humidity"), ("pressure", "pressure")),
    "sht4x": (("temperature", "air_temperature"), ("humidity", "air_humidity")),
    "bh1750": (("light", "illuminance"),),
    "ina219": (("battery_voltage", "voltage"),),
    "ds18b20": (("soil_temperature", "soil_temperature"),),
}


class Wizard:
    """Fills in the file's tables."""

    def __init__(self, terminal: Terminal, board: LinuxBoard) -> None:
        self._terminal = terminal
        self._board = board
        self._sensors: dict[str, Table] = {}
        self._actuators: dict[str, Table] = {}
        self._pins: set[int] = set()

    def run(self, downloaded: Path | None) -> dict[str, Table]:
        """Ask everything; the file's tables. Raises Abandoned."""
        say = self._terminal.say
        say("Sets up this Raspberry Pi as a node of Plant Automation. Ctrl-C leaves without a change.\n")
        backend = self._backend(downloaded)
        say("\n— What is connected —")
        driver = self._driver()
        if driver == "hardware":
            self._scan()
            self._ask_reservoir()
            self._ask_pumps()
            self._ask_lamp()
            self._calibrate()
        table: dict[str, Table] = {"backend": backend, "node": {"driver": driver}}
        if self._sensors:
            table["sensors"] = self._sensors
        if self._actuators:
            table["actuators"] = self._actuators
        return table

    def _backend(self, downloaded: Path | None) -> Table:
        """Where the backend is and who this device is."""
        terminal = self._terminal
        terminal.say("— The backend —")
        if downloaded is None:
            terminal.say("Add a device in the dashboard first: it shows an id and a secret, or offers them as a file.")
            answer = terminal.ask("The downloaded file (Enter to type them in)", check=_is_no_file)
            downloaded = Path(answer).expanduser() if answer else None
        while True:
            backend = self._typed_backend() if downloaded is None else read_downloaded(downloaded)
            verdict = try_sign_in(backend)
            if verdict is None:
                terminal.say(f"  signed in at {backend['url']}")
                return backend
            terminal.say(f"  {verdict}")
            if terminal.yes("Go on with these all the same?", default=False):
                return backend
            downloaded = None

    def _typed_backend(self) -> Table:
        terminal = self._terminal
        url = terminal.ask("Address", "http://plant-automation.local:8000", check=_is_no_url)
        device_id = terminal.ask("Device id", check=lambda text: None if is_device_id(text) else "is not a device id")
        secret = terminal.ask_secret("Secret", check=lambda text: None if text else "is needed")
        return {"url": base_url(url), "device_id": device_id, "secret": secret}

    def _driver(self) -> str:
        try:
            header_chip()
        except GpioError as error:
            self._terminal.say(f"  {error.strerror}")
            default = "simulated"
        else:
            default = "hardware"
        choices = (("hardware", "sensors and pumps on this board"), ("simulated", "a plant that exists only here"))
        return self._terminal.choice("What is this node?", choices, default)

    def _scan(self) -> None:
        terminal = self._terminal
        found = list(scan.scan_thermometers())
        try:
            found += scan.scan_i2c(self._board.i2c(scan.I2C_BUS))
        except OSError:
            terminal.say("  no I²C: switch it on with raspi-config if something is connected to it")
        for chip in found:
            terminal.say(f"  found {chip.text}")
            if chip.source == "ads1115":
                self._ask_inputs("ads1115", {"address": chip.address}, 3)
            elif chip.source is not None and terminal.yes("  use it?", default=True):
                for key, kind in _CHIP_CHANNELS[chip.source]:
                    self._add_sensor(key, {"kind": kind, "source": chip.source, "address": chip.address})
        if scan.SPI_DEVICE.exists() and terminal.yes("SPI is on. Is an MCP3008 connected?", default=False):
            self._ask_inputs("mcp3008", {}, 7)

    def _ask_inputs(self, source: str, words: Table, last: int) -> None:
        for channel in self._terminal.integers(f"  inputs with a soil probe, 0 to {last}", "0", 0, last):
            on_input = {"source": source, **words, "channel": channel}
            key = self._add_sensor("soil", {"kind": "soil_moisture", **on_input})
            # Calibrated anew one day, the past can be too.
            self._add_sensor(f"{key}_raw", {"kind": "voltage", **on_input})

    def _ask_reservoir(self) -> None:
        choices = (
            ("none", "pumps run without asking it"),
            ("float", "a float switch, closed while there is water"),
            ("distance", "an HC-SR04 above the water"),
        )
        kind = self._terminal.choice("How is the reservoir watched?", choices, "none")
        if kind == "float":
            self._add_sensor("tank", {"kind": "reservoir_level", "source": "float_switch", "pin": self._pin("its", 17)})
        elif kind == "distance":
            words: Table = {"trigger_pin": self._pin("its trigger", 23), "echo_pin": self._pin("its echo", 24)}
            words["full_cm"] = self._terminal.number("  distance when full, in cm", 5, 2, 400)
            words["empty_cm"] = self._terminal.number("  distance when empty, in cm", 25, words["full_cm"] + 1, 400)
            self._add_sensor("tank", {"kind": "reservoir_level", "source": "hc_sr04", **words})

    def _ask_pumps(self) -> None:
        terminal = self._terminal
        while terminal.yes("Is there a pump?" if not self._actuators else "Another pump?", default=not self._actuators):
            pump = {
                "kind": "pump",
                "pin": self._pin("its", 27),
                "active_high": terminal.yes("  does it run when the pin is high?", default=True),
                "flow_ml_per_min": int(terminal.number("  its flow in ml a minute", 100, 1, 100_000)),
                "max_run_ms": int(1000 * terminal.number("  longest run in seconds", 30, 1, 3600)),
                "min_off_ms": int(1000 * terminal.number("  shortest pause in seconds", 60, 0, 86_400)),
                "max_day_ms": int(1000 * terminal.number("  most in 24 hours, in seconds", 300, 1, 86_400)),
            }
            self._actuators[self._free_key("pump")] = pump

    def _ask_lamp(self) -> None:
        if self._terminal.yes("Is there a lamp?", default=False):
            lamp = {"kind": "lamp", "pin": self._pin("its", 22)}
            lamp["active_high"] = self._terminal.yes("  is it on when the pin is high?", default=True)
            self._actuators[self._free_key("lamp")] = lamp

    def _calibrate(self) -> None:
        terminal = self._terminal
        for key, words in self._sensors.items():
            if words["kind"] != "soil_moisture":
                continue
            # Something to begin with: a capacitive probe on 3.3 V. Dry air and water say better.
            words["points"] = [[2.8, 0], [1.2, 100]] if words["source"] == "ads1115" else [[0.85, 0], [0.36, 100]]
            if not terminal.yes(f"Calibrate {key} now, in air and in water?", default=True):
                continue
            source = parse_config({"sensors": {key: words}}, for_pins=True).channels.sensors[0].source
            try:
                if isinstance(source, AnalogSource):
                    words["points"] = calibrate(terminal, self._board, source, key)
            except (OSError, SensorError) as error:
                terminal.say(f"  {error}. Later: plant-node calibrate {key}")

    def _add_sensor(self, key: str, words: Table) -> str:
        key = self._free_key(key)
        self._sensors[key] = words
        return key

    def _free_key(self, key: str) -> str:
        taken = self._sensors.keys() | self._actuators.keys()
        number = 1
        while (tried := key if number == 1 else f"{key}_{number}") in taken:
            number += 1
        return tried

    def _pin(self, what: str, default: int) -> int:
        while (default in self._pins) and default < 27:
            default += 1

        def check(answer: str) -> str | None:
            if not answer.isdecimal() or not 0 <= int(answer) <= 27:
                return "a GPIO number from 0 to 27 (not the place on the header)"
            return "another channel has it" if int(answer) in self._pins else None

        pin = int(self._terminal.ask(f"  {what} GPIO number", str(default), check=check))
        self._pins.add(pin)
        return pin


def read_downloaded(path: Path) -> Table:
    """The [backend] of a file that the dashboard made. Raises SettingsError."""
    backend = read_file(path).get("backend")
    if not isinstance(backend, dict):
        raise SettingsError(f"{path}: has no [backend]")
    for word, is_right in (("url", base_url), ("device_id", is_device_id), ("secret", bool)):
        value = backend.get(word)
        if not isinstance(value, str) or not is_right(value):
            raise SettingsError(f"{path}: backend.{word}: is missing or wrong")
    return {"url": base_url(backend["url"]), "device_id": backend["device_id"], "secret": backend["secret"]}


def try_sign_in(backend: Table) -> str | None:
    """What is wrong with the address or the credentials; None when they are right."""
    clock = Clock()
    link = Link(clock, timeout_s=60)
    client = Backend(backend["url"], backend["device_id"], backend["secret"], None, clock=clock, link=link)
    try:
        client.sign_in()
    except SignInRefused:
        return "the backend does not know this device, or the secret is wrong"
    except Unavailable as error:
        return str(error)
    return None


def _is_no_url(text: str) -> str | None:
    return None if base_url(text) else "must look like http://garden.local:8000 or https://…"


def _is_no_file(text: str) -> str | None:
    if not text:
        return None
    try:
        read_downloaded(Path(text).expanduser())
    except SettingsError as error:
        return str(error)
    return None
