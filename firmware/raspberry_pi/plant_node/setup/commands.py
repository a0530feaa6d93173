"""`plant-node setup`, `test` and `calibrate`: what a person does at the board."""

from __future__ import annotations

import logging
import os
import signal
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any

from plant_node.agent import STATE_FILE, StateBusy, make_clock, only_one
from plant_node.channels import PUMP
from plant_node.database import StateDamaged
from plant_node.drivers import DriverError, open_driver
from plant_node.drivers.board import LinuxBoard
from plant_node.ledger import Status
from plant_node.sensors import AnalogSource, SensorError
from plant_node.settings import SYSTEM_CONFIG, Settings, SettingsError, Words, load_pin_settings, load_settings
from plant_node.setup import config_file, service
from plant_node.setup.calibration import calibrate
from plant_node.setup.terminal import Abandoned, Terminal
from plant_node.setup.wizard import Wizard, read_downloaded, try_sign_in
from plant_node.trial import open_ledger, sensor_lines, try_actuator

_FAILED = 1
_LEAVING = (signal.SIGHUP, signal.SIGTERM)


def set_up(config: Path | None, downloaded: Path | None) -> int:
    """Ask, write the file, try the pump, install the service."""
    _be_quiet()
    terminal = Terminal()
    path = config or (SYSTEM_CONFIG if os.geteuid() == 0 else Path("plant-node.toml")).absolute()
    was_running = False
    handlers: dict[signal.Signals, Any] = {}
    try:
        if downloaded is not None:
            read_downloaded(downloaded)
        if path.exists() and not terminal.yes(f"{path} is there already. Make a new one?", default=False):
            return 0
        if service.state() == "active":
            if not terminal.yes("The node runs. Stop it, so that its pins can be tried?", default=True):
                return 0
            # A line that drops while a question waits would end all of this without a start.
            handlers = {which: signal.signal(which, _leave) for which in _LEAVING}
            was_running = True
            service.stop()
        board = LinuxBoard()
        try:
            table = Wizard(terminal, board).run(downloaded)
        finally:
            board.close()
        path.parent.mkdir(parents=True, exist_ok=True)
        config_file.write(path, config_file.render(table))
        terminal.say(f"\nwrote {path}, readable for its owner alone")
        settings = load_settings(Words.find(os.environ, path))
        if settings.driver == "hardware":
            _look_and_try(terminal, settings)
        return _offer_service(terminal, path)
    except Abandoned:
        _say_if_heard(terminal, "\nleft; nothing more was changed")
        return _FAILED
    except service.CannotInstall as error:
        terminal.say(f"the node cannot be stopped: {error}")
        return _FAILED
    finally:
        # Whichever way this ended: plants wait for it.
        for which in handlers:
            signal.signal(which, signal.SIG_IGN)
        if was_running and service.state() != "active":
            _start_again(terminal)
        for which, handler in handlers.items():
            signal.signal(which, handler)


def test(words: Words, actuator: str | None, *, is_confirmed: bool) -> int:
    """Read each sensor and sign in, or run one actuator for a second."""
    _be_quiet()
    terminal = Terminal()
    settings = load_settings(words)
    try:
        if actuator is None:
            is_fine = _look(terminal, settings)
            verdict = try_sign_in(
                {"url": settings.api_base_url, "device_id": settings.device_id, "secret": settings.device_secret}
            )
            terminal.say(f"{'backend':<20} {verdict or 'signed in at ' + settings.api_base_url}")
            return 0 if is_fine and verdict is None else _FAILED
        return 0 if _try(terminal, settings, actuator, is_confirmed=is_confirmed) else _FAILED
    except Abandoned:
        return _FAILED


def recalibrate(words: Words, sensor: str) -> int:
    """New calibration points for one sensor, written into the file."""
    _be_quiet()
    terminal = Terminal()
    channels = load_pin_settings(words).config.channels
    known = {each.key: each.source for each in channels.sensors if isinstance(each.source, AnalogSource)}
    calibrated = sorted(key for key in known if _kind(words, key) not in ("voltage", None))
    if words.path is None or sensor not in calibrated:
        raise SettingsError(f"calibrate: one of {', '.join(calibrated) or '(no sensor has points)'}")
    board = LinuxBoard()
    try:
        points = calibrate(terminal, board, known[sensor], sensor)
        config_file.write(words.path, config_file.with_points(words.path.read_text(encoding="utf-8"), sensor, points))
    except Abandoned:
        return _FAILED
    except (OSError, SensorError, ValueError) as error:
        terminal.say(f"{sensor}: {error}")
        return _FAILED
    finally:
        board.close()
    terminal.say(f"wrote {words.path}; a running node takes it on with: sudo systemctl restart plant-node")
    return 0


def _kind(words: Words, key: str) -> str | None:
    kind = words.table.get("sensors", {}).get(key, {}).get("kind")
    return kind if isinstance(kind, str) else None


def _look_and_try(terminal: Terminal, settings: Settings) -> None:
    terminal.say("\n— A first look —")
    _look(terminal, settings)
    for actuator in settings.config.channels.actuators:
        _try(terminal, settings, actuator.key, is_confirmed=False)


def _look(terminal: Terminal, settings: Settings) -> bool:
    clock = make_clock(settings)
    try:
        with only_one(settings.state_dir):
            driver = open_driver(settings.driver, settings.config, clock, settings.state_dir)
            try:
                is_fine = True
                for line, could_be_read in sensor_lines(driver, settings.config.channels):
                    terminal.say(line)
                    is_fine = is_fine and could_be_read
                return is_fine
            finally:
                driver.close()
    except (DriverError, StateBusy) as error:
        terminal.say(f"sensors: {error}")
        return False


def _try(terminal: Terminal, settings: Settings, key: str, *, is_confirmed: bool) -> bool:
    """Run it for a second, after a yes."""
    actuator = settings.config.channels.actuator(key)
    if actuator is None:
        raise SettingsError(f"{key}: there is no such actuator")
    warning = "Water will flow." if actuator.kind == PUMP else ""
    if not is_confirmed and not terminal.yes(f"Run {key} for one second now? {warning}", default=False):
        return True
    clock = make_clock(settings)
    try:
        with only_one(settings.state_dir), open_ledger(settings.state_dir / STATE_FILE, clock) as (ledger, lived):
            driver = open_driver(settings.driver, settings.config, clock, settings.state_dir)
            try:
                outcome = try_actuator(actuator, driver, settings.config.channels, ledger, lived, clock)
            finally:
                driver.close()
    except (DriverError, StateBusy, StateDamaged) as error:
        terminal.say(f"{key}: {error}")
        return False
    if outcome.status is Status.SUCCEEDED:
        terminal.say(f"{key}: ran {outcome.ran_ms} ms")
        return True
    terminal.say(f"{key}: not run, {outcome.reason}")
    return False


def _offer_service(terminal: Terminal, path: Path) -> int:
    if (why := service.why_not()) is not None:
        terminal.say(f"no service was installed: {why}")
        terminal.say(f"run the node by hand with: plant-node --config {path} run")
        return 0
    if not terminal.yes("Install the service, so that the node runs from now on and after each start?", default=True):
        return 0
    try:
        service.install(path)
    except service.CannotInstall as error:
        terminal.say(f"no service was installed: {error}")
        return _FAILED
    terminal.say(f"plant-node.service: {service.state()}. Its log: plant-node logs")
    return 0


def _start_again(terminal: Terminal) -> None:
    try:
        service.start()
    except service.CannotInstall as error:
        _say_if_heard(terminal, f"the node stands still: {error}")
        _say_if_heard(terminal, "start it with: sudo systemctl start plant-node")
    else:
        _say_if_heard(terminal, "the node runs again")


def _say_if_heard(terminal: Terminal, text: str) -> None:
    """Say it, unless the terminal is gone."""
    with suppress(OSError):
        terminal.say(text)


def _leave(_signal: int, _frame: FrameType | None) -> None:
    raise Abandoned


def _be_quiet() -> None:
    """A person reads answers here, not log lines."""
    logging.getLogger("plant_node").setLevel(logging.CRITICAL)
    logging.getLogger("urllib3").setLevel(logging.CRITICAL)
