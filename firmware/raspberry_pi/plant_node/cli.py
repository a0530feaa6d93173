"""The command line: run, status, check, off."""

from __future__ import annotations

import argparse
import json
import os
import sqlite3
import sys
from collections.abc import Sequence

from plant_node import __version__
from plant_node.clock import Clock
from plant_node.config_entry import ConfigError
from plant_node.settings import SettingsError, load_pin_settings, load_settings, load_state_dir

_BAD_SETTING = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code: 0 fine, 1 failed, 2 a bad setting."""
    parser = argparse.ArgumentParser(
        prog="plant-node", description="Plant Automation's node agent for the Raspberry Pi."
    )
    parser.add_argument("--version", action="version", version=f"plant-node {__version__}")
    parser.add_argument(
        "command",
        nargs="?",
        default="run",
        choices=("run", "status", "check", "off"),
        help="run: work (the default); status: what the state folder says; check: check the settings and print the "
        "manifest; off: switch every output off",
    )
    command = {"run": _run, "status": _status, "check": _check, "off": _off}[parser.parse_args(arguments).command]
    try:
        return command()
    except (SettingsError, ConfigError) as error:
        text = str(error)
        if not text.startswith("PLANT_"):
            text = f"PLANT_NODE_CONFIG: {text}"
        print(f"plant-node: {text}", file=sys.stderr)
        return _BAD_SETTING


def _run() -> int:
    from plant_node.agent import StateBusy, make_clock, run_agent
    from plant_node.database import StateDamaged
    from plant_node.drivers import DriverError
    from plant_node.log import start_logging

    settings = load_settings(os.environ)
    clock = make_clock(settings)
    start_logging(clock)
    try:
        return run_agent(settings, clock)
    except (DriverError, StateBusy, StateDamaged, sqlite3.Error, OSError) as error:
        print(f"plant-node: {error}", file=sys.stderr)
        return 1


def _status() -> int:
    from plant_node.agent import STATE_FILE
    from plant_node.status import describe

    path = load_state_dir(os.environ) / STATE_FILE
    if not path.exists():
        print(f"plant-node: no node has run in {path.parent} yet", file=sys.stderr)
        return 1
    try:
        for line in describe(path, Clock()):
            print(line)
    except sqlite3.Error as error:
        print(f"plant-node: cannot read {path}: {error}", file=sys.stderr)
        return 1
    return 0


def _check() -> int:
    from plant_node.drivers.world import WorldParameters

    settings = load_settings(os.environ)
    if settings.driver == "simulated":
        WorldParameters.build(settings.config.simulated, settings.simulated)
    print(json.dumps(settings.config.channels.manifest(), indent=2, ensure_ascii=False))
    return 0


def _off() -> int:
    from plant_node.drivers import DriverError
    from plant_node.drivers.board import switch_off

    settings = load_pin_settings(os.environ)
    if settings.driver == "simulated":
        # A simulated pump stopped with its process.
        return 0
    try:
        switch_off(settings.config.channels)
    except DriverError as error:
        print(f"plant-node: {error}", file=sys.stderr)
        return 1
    return 0
