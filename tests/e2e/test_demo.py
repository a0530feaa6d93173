"""The demonstration: a whole day of two plants, and an end that leaves nothing behind."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = pytest.mark.e2e

_DEMO = [sys.executable, "-m", "plant_backend", "demo"]


def children_in(folder: str) -> list[str]:
    """Give the command lines of processes that work below a folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if os.readlink(process / "cwd").startswith(folder):  # noqa: PTH115 - a path object drops "(deleted)"
                found.append((process / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue
    return found


def wait_for(condition: Callable[[], bool], within_s: float) -> bool:
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


@pytest.mark.timeout(600)
def test_a_day_goes_as_it_should() -> None:
    done = subprocess.run([*_DEMO, "--check"], capture_output=True, text=True, timeout=560, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "The day went as it should." in done.stdout
    assert re.search(r"Kitchen basil +\d+ .* as it should be", done.stdout)
    assert re.search(r"ALERT \(critical\) reservoir_low", done.stdout)
    assert "Had to kill" not in done.stdout
    for word in ("Traceback", "pds_", "prt_"):
        assert word not in done.stdout + done.stderr


def start_demo(folder: Path, log: Path) -> "subprocess.Popen[bytes]":
    """Start it as at a terminal: where tests run in the background, a shell has them ignore Ctrl-C."""
    with log.open("w") as output:
        return subprocess.Popen(
            ["env", "--default-signal=INT", *_DEMO, "--speed", "600"],
            stdout=output,
            stderr=output,
            env={**os.environ, "TMPDIR": str(folder)},
        )


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_cleanly(how: signal.Signals, tmp_path: Path) -> None:
    log = tmp_path / "demo.log"
    with start_demo(tmp_path, log) as process:
        try:
            assert wait_for(lambda: "pump" in log.read_text() or "decides" in log.read_text(), 120), log.read_text()
            assert len(children_in(str(tmp_path))) == 3
            process.send_signal(how)
            assert process.wait(60) == 0, log.read_text()
        finally:
            process.kill()
    assert "Stopped: nodes first, then the backend." in log.read_text()
    assert "Traceback" not in log.read_text()
    assert wait_for(lambda: not children_in(str(tmp_path)), 60)
    assert not list(tmp_path.glob("plant-demo-*"))


def test_nothing_outlives_a_killed_demo(tmp_path: Path) -> None:
    """Never a pump without its minder: what the demo started ends with it."""
    log = tmp_path / "demo.log"
    with start_demo(tmp_path, log) as process:
        try:
            assert wait_for(lambda: "decides" in log.read_text(), 120), log.read_text()
        finally:
            process.kill()
    assert wait_for(lambda: not children_in(str(tmp_path)), 60)
