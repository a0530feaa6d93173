"""The command line."""

from __future__ import annotations

import argparse
import json
import os
import sqlite3
import sys
from collections.abc import Sequence
from pathlib import Path

from plant_node import __version__
from plant_node.clock import Clock
from plant_node.config_entry import ConfigError
from plant_node.settings import (
    SettingsError,
    Words,
    is_readable_by_others,
    load_pin_settings,
    load_settings,
    load_state_dir,
)

_FAILED = 1
_BAD_SETTING = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code: 0 fine, 1 failed, 2 a bad setting."""
    options = _parser().parse_args(arguments)
    try:
        if options.command == "setup":
            from plant_node.setup.commands import set_up

            return set_up(options.config, options.downloaded)
        if options.command == "logs":
            return _logs(options.lines)
        words = Words.find(os.environ, options.config)
        if options.command == "test":
            from plant_node.setup.commands import test

            return test(words, options.actuator, is_confirmed=options.yes)
        if options.command == "calibrate":
            from plant_node.setup.commands import recalibrate

            return recalibrate(words, options.sensor)
        return {"run": _run, "status": _status, "check": _check, "off": _off}[options.command](words)
    except (SettingsError, ConfigError) as error:
        print(f"plant-node: {error}", file=sys.stderr)
        return _BAD_SETTING


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="plant-node", description="Plant Automation's node agent for the Raspberry Pi."
    )
    parser.add_argument("--version", action="version", version=f"plant-node {__version__}")
    parser.add_argument("--config", type=Path, metavar="FILE", help="plant-node.toml; by default /etc/plant-node's")
    parser.set_defaults(command="run")
    commands = parser.add_subparsers(metavar="COMMAND")

    def add(name: str, text: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text, description=text)
        command.set_defaults(command=name)
        return command

    setup = add("setup", "set this node up, question by question")
    setup.add_argument("--from", dest="downloaded", type=Path, metavar="FILE", help="the file that the dashboard made")
    add("run", "work (the default)")
    add("status", "what the state folder and systemd say")
    test = add("test", "read each sensor and sign in, or run one actuator for a second")
    test.add_argument("actuator", nargs="?", help="for example pump")
    test.add_argument("--yes", action="store_true", help="do not ask before water flows")
    calibrate = add("calibrate", "calibrate a soil probe in air and in water")
    calibrate.add_argument("sensor", help="for example soil")
    logs = add("logs", "follow the service's log")
    logs.add_argument("--lines", type=int, default=50, help="how many old ones to show first")
    add("check", "check the settings and print the manifest")
    add("off", "switch every output off")
    return parser


def _run(words: Words) -> int:
    from plant_node.agent import StateBusy, make_clock, run_agent
    from plant_node.database import StateDamaged
    from plant_node.drivers import DriverError
    from plant_node.log import start_logging

    settings = load_settings(words)
    clock = make_clock(settings)
    start_logging(clock)
    try:
        return run_agent(settings, clock)
    except (DriverError, StateBusy, StateDamaged, sqlite3.Error, OSError) as error:
        print(f"plant-node: {error}", file=sys.stderr)
        return _FAILED


def _status(words: Words) -> int:
    from plant_node.agent import STATE_FILE
    from plant_node.setup.service import state
    from plant_node.status import describe

    if (service := state()) is not None:
        print(f"service           {service}")
    path = load_state_dir(words) / STATE_FILE
    try:
        if not path.exists():
            print(f"plant-node: no node has run in {path.parent} yet", file=sys.stderr)
            return _FAILED
        for line in describe(path, Clock()):
            print(line)
    except (sqlite3.Error, PermissionError) as error:
        print(f"plant-node: cannot read {path}: {error}", file=sys.stderr)
        return _FAILED
    return 0


def _check(words: Words) -> int:
    from plant_node.drivers.faults import read_faults
    from plant_node.drivers.world import WorldParameters

    settings = load_settings(words)
    if settings.driver == "simulated":
        WorldParameters.build(settings.config.simulated, settings.simulated)
        read_faults(settings.config.simulated, settings.simulated)
    if words.path is not None and "secret" in words.table.get("backend", {}) and is_readable_by_others(words.path):
        print(f"plant-node: others can read the secret in {words.path}: chmod 600", file=sys.stderr)
    print(json.dumps(settings.config.channels.manifest(), indent=2, ensure_ascii=False))
    return 0


def _off(words: Words) -> int:
    from plant_node.drivers import DriverError
    from plant_node.drivers.board import switch_off

    settings = load_pin_settings(words)
    if settings.driver == "simulated":
        # A simulated pump stopped with its process.
        return 0
    try:
        switch_off(settings.config.channels)
    except DriverError as error:
        print(f"plant-node: {error}", file=sys.stderr)
        return _FAILED
    return 0


def _logs(lines: int) -> int:
    from plant_node.setup.service import UNIT

    try:
        os.execvp("journalctl", ["journalctl", "--unit", UNIT, "--lines", str(lines), "--follow"])  # noqa: S606
    except OSError as error:
        print(f"plant-node: journalctl cannot be run: {error.strerror}", file=sys.stderr)
        return _FAILED
