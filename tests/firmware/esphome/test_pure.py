"""The node's headers that know nothing of ESPHome, compiled for this machine with sanitizers."""

import subprocess
from pathlib import Path

import pytest

COMPONENT = Path(__file__).parents[3] / "firmware/esphome/components/plant_node"
PROGRAMS = sorted(Path(__file__).with_name("pure").glob("*.cpp"))
FLAGS = [
    *("-std=c++20", "-O1", "-g"),
    *("-Wall", "-Wextra", "-Werror", "-Wno-unused-parameter", "-Wno-missing-field-initializers"),
    *("-fsanitize=address,undefined", "-fno-sanitize-recover=all"),
]


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("source", PROGRAMS, ids=lambda source: source.stem)
def test_the_pure_headers(source: Path, tmp_path: Path) -> None:
    program = tmp_path / source.stem
    made = subprocess.run(
        ["g++", *FLAGS, "-I", COMPONENT, "-I", source.parent, "-o", program, source],
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr

    ran = subprocess.run([program], capture_output=True, text=True, timeout=120, check=False)

    assert ran.returncode == 0, ran.stderr[-4000:]
