"""Builds ESPHome configurations for this machine, each once and again only when something changed."""

import fcntl
import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[3]
HERE = Path(__file__).parent
ESPHOME = ROOT / ".venv-esphome/bin/esphome"
BUILD_WITHIN_S = 600


class BuildFailed(Exception):
    """ESPHome refused or could not compile a configuration; the text is what it said."""


def esphome(*arguments: object, data: Path) -> subprocess.CompletedProcess[str]:
    """Run ESPHome with its files in a folder of its own."""
    assert ESPHOME.exists(), "scripts/setup esphome makes the environment of these tests"
    path = f"{ESPHOME.parent}:{os.environ['PATH']}"
    return subprocess.run(
        [ESPHOME, *map(str, arguments)],
        env={**os.environ, "PATH": path, "ESPHOME_DATA_DIR": str(data), "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=BUILD_WITHIN_S,
        check=False,
    )


def build_for_host(config: Path) -> Path:
    """Compile a configuration, with what an earlier session left, and give the program. Raises BuildFailed."""
    data = ROOT / ".cache/esphome" / config.stem
    data.mkdir(parents=True, exist_ok=True)
    with (data / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        made = esphome("compile", config, data=data)
        if made.returncode != 0:
            raise BuildFailed((made.stdout + made.stderr)[-6000:])
        (program,) = data.glob("build/*/.pioenvs/*/program")
        return program
