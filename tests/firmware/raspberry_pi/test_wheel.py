"""What a Raspberry Pi installs: one wheel for every Python and processor, with nothing to compile behind it."""

from __future__ import annotations

import email
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[3] / "firmware" / "raspberry_pi"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", folder],
        cwd=PACKAGE,
        check=True,
        capture_output=True,
    )
    (built,) = folder.glob("*.whl")
    return built


def test_it_is_pure_python_and_needs_pure_python_alone(wheel: Path) -> None:
    version = tomllib.loads((PACKAGE / "pyproject.toml").read_text())["project"]["version"]
    assert wheel.name == f"plant_node-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        metadata = email.message_from_bytes(archive.read(next(name for name in names if name.endswith("METADATA"))))
    assert not [name for name in names if name.endswith((".so", ".c"))]
    # urllib3 is a py3-none-any wheel without dependencies of its own.
    assert [each.split(">")[0] for each in metadata.get_all("Requires-Dist", [])] == ["urllib3"]
    assert metadata["Requires-Python"] == ">=3.11"


def test_it_runs_from_the_wheel_and_brings_its_unit(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path)
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from pathlib import Path\n"
        "import plant_node\n"
        "from plant_node.setup.service import render_unit\n"
        "assert Path(plant_node.__file__).is_relative_to(sys.argv[1]), plant_node.__file__\n"
        "print(render_unit(Path('/bin/true'), Path('/etc/x'), ()))\n"
    )
    shown = subprocess.run([sys.executable, "-c", code, tmp_path], capture_output=True, text=True, check=True).stdout
    assert "ExecStopPost=/bin/true off" in shown
