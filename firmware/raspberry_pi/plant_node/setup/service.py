"""Installs the node as a systemd service, with a user of its own."""

from __future__ import annotations

import grp
import os
import pwd
import shutil
import subprocess
import sys
from importlib import resources
from pathlib import Path

UNIT = "plant-node.service"
USER = "plant-node"
UNIT_FILE = Path("/etc/systemd/system") / UNIT
_GROUPS = ("gpio", "i2c", "spi")


class CannotInstall(Exception):
    """The text says why, and what to do."""


def why_not() -> str | None:
    """Why no service can be installed here, if so."""
    if not Path("/run/systemd/system").is_dir():
        return "systemd does not run on this machine"
    if os.geteuid() != 0:
        return "only root can install a service: run `sudo plant-node setup`"
    return None


def program() -> Path:
    """The `plant-node` of this installation. Raises CannotInstall when the service's user could not run it."""
    found = Path(sys.prefix) / "bin" / "plant-node"
    if not found.exists():
        found = Path(shutil.which("plant-node") or "plant-node").resolve()
    # The unit hides people's folders from the service, and they are closed to its user anyway.
    for private in ("home", "root"):
        if found.is_relative_to(Path("/") / private):
            raise CannotInstall(
                f"{found} is in somebody's own folder. Install it for all: sudo pipx install --global plant-node, "
                "or a venv in /opt"
            )
    return found


def render_unit(executable: Path, config: Path, groups: tuple[str, ...]) -> str:
    """The unit's text."""
    template = resources.files("plant_node").joinpath("service", UNIT).read_text(encoding="utf-8")
    words = {"@PLANT_NODE@": str(executable), "@CONFIG@": str(config), "@GROUPS@": " ".join(groups)}
    for word, value in words.items():
        template = template.replace(word, value)
    return template


def install(config: Path) -> None:
    """Make the user, hand it the configuration, write the unit, start it. Raises CannotInstall."""
    executable = program()
    try:
        _user()
        user = pwd.getpwnam(USER)
        os.chown(config, user.pw_uid, user.pw_gid)
        config.chmod(0o600)
        groups = tuple(name for name in _GROUPS if _is_group(name))
        UNIT_FILE.write_text(render_unit(executable, config, groups), encoding="utf-8")
        _run("systemctl", "daemon-reload")
        _run("systemctl", "enable", UNIT)
        # It may run already, with an older configuration.
        _run("systemctl", "restart", UNIT)
    except OSError as error:
        raise CannotInstall(str(error)) from error


def stop() -> None:
    """Stop it: its pins are free then. Raises CannotInstall."""
    _run("systemctl", "stop", UNIT)


def start() -> None:
    """Start it, and wait until it works. Raises CannotInstall."""
    _run("systemctl", "start", UNIT)


def state() -> str | None:
    """What systemd says of the service; None without one."""
    if not UNIT_FILE.exists() or shutil.which("systemctl") is None:
        return None
    asked = subprocess.run(["systemctl", "is-active", UNIT], capture_output=True, text=True, check=False)
    return asked.stdout.strip() or None


def _user() -> None:
    try:
        pwd.getpwnam(USER)
    except KeyError:
        _run(
            "useradd", "--system", "--user-group", "--no-create-home", "--home-dir", "/", "--shell", "/bin/false", USER
        )


def _is_group(name: str) -> bool:
    try:
        grp.getgrnam(name)
    except KeyError:
        return False
    return True


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CannotInstall(f"{' '.join(command)}: {done.stderr.strip() or done.returncode}")
