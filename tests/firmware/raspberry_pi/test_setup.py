"""`plant-node setup` in a real terminal, from the first question to a running node."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pexpect
import pytest
from plant_node.settings import SettingsError
from plant_node.setup import commands, config_file, scan, service
from plant_node.setup.commands import set_up
from plant_node.setup.config_file import render, with_points

from tests.firmware.raspberry_pi.board import Board
from tests.firmware.raspberry_pi.fake_backend import FakeBackend

THREE_PROBES = "inputs with a soil probe, 0 to 3"


def approx(volts: float) -> Any:
    return pytest.approx(volts, abs=0.001)


class Person:
    """Somebody at a terminal. Each question has to come before its answer is typed."""

    def __init__(self, *arguments: str, cwd: Path, **env: str) -> None:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("PLANT_")}
        self.terminal = pexpect.spawn(
            sys.executable,
            ["-m", "plant_node", *arguments],
            env=clean | env | {"TERM": "dumb"},
            cwd=str(cwd),
            timeout=60,
            encoding="utf-8",
            dimensions=(50, 200),
        )
        self.seen = ""

    def reads(self, text: str) -> None:
        self.terminal.expect_exact(text)
        self.seen += self.terminal.before + self.terminal.after

    def answers(self, question: str, answer: str = "") -> None:
        self.reads(question)
        self.reads(": ")
        self.terminal.sendline(answer)

    def leaves(self) -> int:
        self.terminal.expect(pexpect.EOF)
        self.seen += self.terminal.before
        self.terminal.close()
        return int(self.terminal.exitstatus)


@pytest.fixture
def downloaded(backend: FakeBackend, tmp_path: Path) -> Path:
    """What the dashboard offers for a Raspberry Pi."""
    path = tmp_path / "basil.toml"
    path.write_text(
        f'[backend]\nurl = "{backend.url}"\ndevice_id = "{backend.device_id}"\nsecret = "{backend.secret}"\n'
    )
    return path


@pytest.mark.slow
def test_from_the_first_question_to_a_running_node(
    backend: FakeBackend, board: Board, tmp_path: Path, plant_node: Callable[..., str]
) -> None:
    person = Person("--config", "plant-node.toml", "setup", cwd=tmp_path, **board.env)
    person.answers("The downloaded file (Enter to type them in)")
    person.answers("Address", "garden.local")
    person.reads("must look like http://garden.local:8000")
    person.answers("Address", backend.url)
    person.answers("Device id", backend.device_id)
    person.answers("Secret (not shown)", "pds_wrong")
    person.reads("the backend does not know this device, or the secret is wrong")
    person.answers("Go on with these all the same?", "n")
    person.answers("Address", backend.url)
    person.answers("Device id", backend.device_id)
    person.answers("Secret (not shown)", backend.secret)
    person.reads("signed in at")
    person.answers("Your choice [hardware]")
    person.reads("found ADS1115 at 0x48 on I²C")
    person.answers(THREE_PROBES, "4")
    person.answers(THREE_PROBES, "0, 2")
    person.answers("Your choice [none]")
    person.answers("Is there a pump?", "y")
    person.answers("its GPIO number [27]")
    person.answers("does it run when the pin is high?")
    person.answers("its flow in ml a minute", "120")
    person.answers("longest run in seconds", "20")
    person.answers("shortest pause in seconds", "600")
    person.answers("most in 24 hours, in seconds")
    person.answers("Another pump?")
    person.answers("Is there a lamp?", "y")
    person.answers("its GPIO number [22]", "27")
    person.reads("another channel has it")
    person.answers("its GPIO number [22]")
    person.answers("is it on when the pin is high?", "n")
    board.apply(2.84)
    person.answers("Calibrate soil now")
    person.answers("hold the probe in the air")
    person.reads("in air 2.84")
    person.answers("stand it in water")
    person.reads("That is nearly the same.")
    person.answers("hold the probe in the air")
    person.reads("in air 2.84")
    board.apply(1.25)
    person.answers("stand it in water")
    person.reads("in water 1.25")
    person.answers("Calibrate soil_2 now", "n")
    person.reads("wrote ")
    person.reads("soil_raw             1.25")
    assert board.edges() == [], "nothing has run without a yes"
    person.answers("Run pump for one second now? Water will flow.", "y")
    person.reads("pump: ran ")
    person.answers("Run lamp for one second now?", "n")
    person.reads("no service was installed: systemd does not run on this machine")
    assert person.leaves() == 0
    assert backend.secret not in person.seen

    (on, off) = board.edges()
    # A second, as a busy machine counts it, and not what the pump may run.
    assert 500 <= off.at_ms - on.at_ms <= 10_000
    config = tmp_path / "plant-node.toml"
    assert stat.S_IMODE(config.stat().st_mode) == 0o600
    written = tomllib.loads(config.read_text())
    assert written["sensors"]["soil"]["points"] == [
        [pytest.approx(2.84, abs=0.001), 0],
        [pytest.approx(1.25, abs=0.001), 100],
    ]
    assert list(written["sensors"]) == ["soil", "soil_raw", "soil_2", "soil_2_raw"]
    assert written["actuators"]["pump"] == {
        "kind": "pump",
        "pin": 27,
        "active_high": True,
        "flow_ml_per_min": 120,
        "max_run_ms": 20_000,
        "min_off_ms": 600_000,
        "max_day_ms": 300_000,
    }

    # The trial is in the ledger: the pause holds for it too.
    refused = Person("--config", "plant-node.toml", "test", "pump", "--yes", cwd=tmp_path, **board.env)
    refused.reads("pump: not run, min_off")
    assert refused.leaves() == 1
    shown = plant_node("--config", str(config), "test", **board.env)
    assert re.search(r"soil +100 %", shown)
    assert f"signed in at {backend.url}" in shown
    board.apply(2.0)
    node = Person("--config", "plant-node.toml", "run", cwd=tmp_path, **board.env)
    first = backend.wait_for(lambda: [each for each in backend.readings() if each["sensor"] == "soil"])[0]
    assert first["value"] == pytest.approx(52.8, abs=0.5)
    ack = backend.wait_for_outcome(backend.order("on", 50))
    assert (ack["status"], ack["reason"]) == ("rejected", "min_off")
    assert "readings waiting  0" in plant_node("--config", str(config), "status")
    node.terminal.sendintr()
    node.reads("agent: stopped, outputs are off")
    assert node.leaves() == 0


@pytest.mark.slow
def test_a_downloaded_file_and_a_simulated_plant_take_two_answers(
    backend: FakeBackend, downloaded: Path, tmp_path: Path
) -> None:
    person = Person("--config", "plant-node.toml", "setup", "--from", str(downloaded), cwd=tmp_path)
    person.reads("signed in at")
    person.reads("there is no Raspberry Pi header here")
    person.answers("Your choice [simulated]")
    person.reads("plant-node --config")
    assert person.leaves() == 0
    node = Person("--config", "plant-node.toml", "run", cwd=tmp_path)
    backend.wait_for(backend.readings)
    node.terminal.sendintr()
    assert node.leaves() == 0
    again = Person("--config", "plant-node.toml", "setup", "--from", str(downloaded), cwd=tmp_path)
    again.answers("is there already. Make a new one?")
    assert again.leaves() == 0


def test_leaving_early_changes_nothing(downloaded: Path, tmp_path: Path) -> None:
    person = Person("--config", "plant-node.toml", "setup", "--from", str(downloaded), cwd=tmp_path)
    person.reads("Your choice [simulated]: ")
    person.terminal.sendeof()
    person.reads("left; nothing more was changed")
    assert person.leaves() == 1
    assert not (tmp_path / "plant-node.toml").exists()


@pytest.mark.parametrize("text", ["", "[backend]\nurl = 'x'\n", "[backend]\nurl = 'http://a'\ndevice_id = '1'\n", "{"])
def test_a_file_that_is_not_the_dashboards_is_refused(text: str, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.toml"
    wrong.write_text(text)
    person = Person("setup", "--from", str(wrong), "--config", "x", cwd=tmp_path)
    assert person.leaves() == 2
    person = Person("--config", "x.toml", "setup", "--from", str(wrong), cwd=tmp_path)
    person.reads("wrong.toml: ")
    assert person.leaves() == 2


@pytest.mark.slow
def test_a_probe_can_be_calibrated_anew(board: Board, tmp_path: Path) -> None:
    config = tmp_path / "plant-node.toml"
    config.write_text(
        "# mine\n[node]\ndriver = 'hardware'\n[sensors.soil]\nkind = 'soil_moisture'\nsource = 'ads1115'\nchannel = 0\n"
        "points = [ # old\n  [3, 0],\n  [1, 100],\n]\n# the end\n[sensors.raw]\nkind = 'voltage'\n"
        "source = 'ads1115'\nchannel = 0\n"
    )
    person = Person("--config", str(config), "calibrate", "soil", cwd=tmp_path, **board.env)
    board.apply(2.5)
    person.answers("in the air")
    person.reads("in air 2.5")
    board.apply(1.5)
    person.answers("in water")
    person.reads("wrote ")
    assert person.leaves() == 0
    text = config.read_text()
    assert text.startswith("# mine\n[node]")
    assert "# the end\n[sensors.raw]" in text
    points = tomllib.loads(text)["sensors"]["soil"]["points"]
    assert points == [[approx(2.5), 0], [approx(1.5), 100]]
    wrong = Person("--config", str(config), "calibrate", "raw", cwd=tmp_path, **board.env)
    wrong.reads("calibrate: one of soil")
    assert wrong.leaves() == 2


def test_points_are_put_in_where_there_were_none() -> None:
    text = "[sensors.soil]\nkind = 'soil_moisture'\n[sensors.other]\npoints = [[1, 2], [3, 4]]\n"
    changed = tomllib.loads(with_points(text, "soil", [[2.0, 0], [1.0, 100]]))
    assert changed["sensors"]["soil"]["points"] == [[2.0, 0], [1.0, 100]]
    assert changed["sensors"]["other"]["points"] == [[1, 2], [3, 4]]
    with pytest.raises(ValueError, match=r"sensors\.ghost"):
        with_points(text, "ghost", [])


def test_a_file_is_written_as_it_is_meant(tmp_path: Path) -> None:
    table: dict[str, Any] = {
        "backend": {"url": "http://a", "secret": 'with "quotes" and \\ and ü'},
        "sensors": {"soil": {"points": [[2.8, 0], [1.2, 100]], "channel": 0, "is": True}},
    }
    path = tmp_path / "file.toml"
    config_file.write(path, render(table))
    assert tomllib.loads(path.read_text()) == table
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


class Bus:
    """Chips by address: what each answers to what was written last."""

    def __init__(self, chips: dict[int, dict[bytes, bytes]]) -> None:
        self.chips = chips
        self.last = b""

    def scan(self) -> list[int]:
        return sorted(self.chips)

    def transfer(self, address: int, write: bytes, read: int) -> bytes:
        self.last = write or self.last
        if self.last not in self.chips[address] and read:
            raise OSError(121, "Remote I/O error")
        return self.chips[address].get(self.last, b"")[:read]


def test_chips_are_told_apart_by_what_they_say() -> None:
    bus = Bus(
        {
            0x23: {},
            0x3C: {},
            0x44: {b"\x89": bytes.fromhex("beef92 beef92")},
            0x45: {b"\x00": b"\x39\x9f"},
            0x48: {b"\x00": b"\x12\x34"},
            0x49: {b"\x00": b"\x39\x9f"},
            0x76: {b"\xd0": b"\x60"},
            0x77: {b"\xd0": b"\x58"},
        }
    )
    found = {chip.address: chip.source for chip in scan.scan_i2c(bus)}
    assert found == {
        0x23: "bh1750",
        0x3C: None,
        0x44: "sht4x",
        0x45: "ina219",
        0x48: "ads1115",
        0x49: "ina219",
        0x76: "bme280",
        0x77: None,
    }


UNIT = service.render_unit(
    Path("/opt/plant-node/bin/plant-node"), Path("/etc/plant-node/plant-node.toml"), ("gpio", "i2c")
)


def test_the_unit_switches_off_whatever_happens_and_runs_as_nobody_else() -> None:
    assert "@PLANT" not in UNIT
    assert "@CONFIG" not in UNIT
    for line in (
        "ExecStart=/opt/plant-node/bin/plant-node run",
        "ExecStopPost=/opt/plant-node/bin/plant-node off",
        "Environment=PLANT_NODE_CONFIG=/etc/plant-node/plant-node.toml PYTHONDONTWRITEBYTECODE=1",
        "SupplementaryGroups=gpio i2c",
        "Restart=always",
        "Type=notify",
        "KillMode=mixed",
        "User=plant-node",
    ):
        assert line in UNIT.splitlines()
    assert re.search(r"^WatchdogSec=\d+$", UNIT, re.MULTILINE)


def test_systemd_finds_nothing_wrong_with_the_unit(tmp_path: Path) -> None:
    """Without systemd's tools this cannot be asked, and nothing is said about it."""
    analyze = next(
        (path for path in (Path("/usr/bin/systemd-analyze"), Path("/bin/systemd-analyze")) if path.exists()), None
    )
    unit = tmp_path / service.UNIT
    unit.write_text(service.render_unit(Path("/bin/true"), Path("/dev/null"), ()))
    if analyze is None:
        return
    verdict = subprocess.run([analyze, "verify", "--man=no", unit], capture_output=True, text=True, check=False)
    assert "plant-node.service" not in verdict.stderr, verdict.stderr
    # 10 is a service without any restriction, this one is at 2.0.
    exposed = subprocess.run(
        [analyze, "security", "--offline=yes", "--threshold=25", "--no-pager", unit],
        capture_output=True,
        text=True,
        check=False,
    )
    assert exposed.returncode == 0, exposed.stdout[-200:]


def test_a_program_in_somebodys_own_folder_is_no_service(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "prefix", "/nowhere")
    monkeypatch.setattr(
        service.shutil, "which", lambda _: str(Path("/") / "home" / "pi" / ".local" / "bin" / "plant-node")
    )
    with pytest.raises(service.CannotInstall, match="pipx install --global"):
        service.program()


def test_systemd_is_not_asked_where_there_is_none() -> None:
    assert service.state() is None
    assert service.why_not() is not None


SYSTEMCTL = """#!/bin/sh
cd "$(dirname "$0")"
echo "$1" >> orders
case $1 in
  is-active) cat state ;;
  stop) test ! -e broken-stop || { echo "Access denied" >&2; exit 1; }; echo inactive > state ;;
  start) test ! -e broken-start || { echo "Unit is masked" >&2; exit 1; }; echo active > state ;;
esac
"""


class Machine:
    """One on which the node runs as a service, and somebody at its terminal who leaves when out of answers."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        folder.mkdir()
        (folder / "systemctl").write_text(SYSTEMCTL)
        (folder / "systemctl").chmod(0o755)
        (folder / "state").write_text("active\n")
        (folder / service.UNIT).touch()
        self.answers: list[str] = []
        self.is_installed = False
        monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)
        monkeypatch.setattr(service, "UNIT_FILE", folder / service.UNIT)
        monkeypatch.setattr(service, "why_not", lambda: None)
        monkeypatch.setattr(service, "install", self._install)
        monkeypatch.setattr("builtins.input", self._input)
        # It would hold for all later tests.
        monkeypatch.setattr(commands, "_be_quiet", lambda: None)

    def has(self, name: str) -> None:
        (self.folder / name).touch()

    def orders(self) -> list[str]:
        return [each for each in (self.folder / "orders").read_text().split() if each != "is-active"]

    def runs(self) -> bool:
        return service.state() == "active"

    def _install(self, config: Path) -> None:
        if (self.folder / "broken-install").exists():
            raise service.CannotInstall("useradd: no")
        assert config.exists()
        self.is_installed = True
        (self.folder / "state").write_text("active\n")

    def _input(self, _: str) -> str:
        if not self.answers:
            raise KeyboardInterrupt
        return self.answers.pop(0)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(tmp_path / "machine", monkeypatch)


STOP_IT, SIMULATED, INSTALL, INSTALL_NOT = "y", "simulated", "y", "n"


@pytest.mark.parametrize(
    ("answers", "code"),
    [([STOP_IT], 1), ([STOP_IT, SIMULATED], 1), ([STOP_IT, SIMULATED, INSTALL_NOT], 0)],
    ids=["left in the questions", "left at the end", "no service"],
)
def test_a_node_that_setup_stopped_runs_again(
    machine: Machine,
    downloaded: Path,
    tmp_path: Path,
    answers: list[str],
    code: int,
    capsys: pytest.CaptureFixture[str],
) -> None:
    machine.answers = list(answers)
    assert set_up(tmp_path / "node.toml", downloaded) == code
    assert machine.orders() == ["stop", "start"]
    assert machine.runs()
    assert "the node runs again" in capsys.readouterr().out


SETS_UP = """
import sys
from pathlib import Path
from plant_node.setup import commands, service
service.UNIT_FILE = Path(sys.argv[1])
commands.set_up(Path(sys.argv[2]), Path(sys.argv[3]))
"""


def test_a_node_that_setup_stopped_runs_again_where_the_line_drops(
    machine: Machine, downloaded: Path, tmp_path: Path
) -> None:
    unit, config = machine.folder / service.UNIT, tmp_path / "node.toml"
    arguments = ["-c", SETS_UP, str(unit), str(config), str(downloaded)]
    terminal = pexpect.spawn(sys.executable, arguments, timeout=60, encoding="utf-8")
    terminal.expect_exact("Stop it, so that its pins can be tried?")
    terminal.sendline(STOP_IT)
    terminal.expect_exact("Your choice")
    # The terminal is gone for reading and writing, and its session hears of it.
    os.close(terminal.child_fd)
    terminal.wait()
    assert machine.orders() == ["stop", "start"]
    assert machine.runs()


def test_a_node_that_setup_stopped_runs_again_after_a_mistake(
    machine: Machine, downloaded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(*_: object) -> None:
        raise SettingsError("PLANT_NODE_DRIVER: is wrong")

    monkeypatch.setattr(commands, "load_settings", wrong)
    machine.answers = [STOP_IT, SIMULATED]
    with pytest.raises(SettingsError):
        set_up(tmp_path / "node.toml", downloaded)
    assert machine.runs()


def test_a_node_whose_service_cannot_be_installed_anew_runs_again(
    machine: Machine, downloaded: Path, tmp_path: Path
) -> None:
    machine.has("broken-install")
    machine.answers = [STOP_IT, SIMULATED, INSTALL]
    assert set_up(tmp_path / "node.toml", downloaded) == 1
    assert machine.runs()


def test_a_node_that_cannot_be_started_again_is_told_of(
    machine: Machine, downloaded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    machine.has("broken-start")
    machine.answers = [STOP_IT]
    assert set_up(tmp_path / "node.toml", downloaded) == 1
    said = capsys.readouterr().out
    assert "the node stands still: systemctl start plant-node.service: Unit is masked" in said
    assert "sudo systemctl start plant-node" in said


def test_a_node_that_cannot_be_stopped_is_left_alone(
    machine: Machine, downloaded: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    machine.has("broken-stop")
    machine.answers = [STOP_IT]
    assert set_up(tmp_path / "node.toml", downloaded) == 1
    assert "Access denied" in capsys.readouterr().out
    assert machine.runs()


def test_a_node_that_is_installed_anew_is_started_once(machine: Machine, downloaded: Path, tmp_path: Path) -> None:
    machine.answers = [STOP_IT, SIMULATED, INSTALL]
    assert set_up(tmp_path / "node.toml", downloaded) == 0
    assert machine.is_installed
    assert machine.orders() == ["stop"]
