"""What the scripts say and refuse."""

import ast
import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPTS = sorted(path.name for path in (ROOT / "scripts").iterdir() if path.is_file())


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_says_how_to_use_it(script: str) -> None:
    if script == "demo":  # goes on to the help of plant-backend, which is tested there
        assert "# Usage: scripts/demo" in (ROOT / "scripts/demo").read_text()
        return
    answer = run(f"scripts/{script}", "--help")

    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.startswith(f"Usage: scripts/{script}")
    assert "set -euo" not in answer.stdout


@pytest.mark.parametrize("script", [*SCRIPTS, "../.ci/run"])
def test_a_script_is_executable_and_stops_at_the_first_error(script: str) -> None:
    path = ROOT / "scripts" / script

    assert os.access(path, os.X_OK)
    assert "\nset -euo pipefail\n" in path.read_text()


@pytest.mark.parametrize("script", ["setup", "lint", "lock", "python314"])
def test_an_unknown_argument_is_refused(script: str) -> None:
    answer = run(f"scripts/{script}", "--no-such-thing")

    assert answer.returncode == 2
    assert "--no-such-thing" in answer.stderr


def test_bench_lists_each_benchmark_with_what_it_measures() -> None:
    benchmarks = {
        path.stem.replace("_", "-"): (ast.get_docstring(ast.parse(path.read_text())) or "").splitlines()[0]
        for path in (ROOT / "benchmarks").glob("[!_]*.py")
        if "__main__" in path.read_text()
    }

    listed = dict(line.split(maxsplit=1) for line in run("scripts/bench").stdout.splitlines())

    assert benchmarks
    assert listed == benchmarks


def test_bench_refuses_what_is_no_benchmark() -> None:
    for name in ("no-such-benchmark", "../tests/conftest", "__init__"):
        answer = run("scripts/bench", name)

        assert answer.returncode == 2
        assert "'scripts/bench' lists them" in answer.stderr


def test_a_second_setup_does_nothing_and_needs_no_network() -> None:
    dead = "http://127.0.0.1:9"
    unreachable = os.environ | {"http_proxy": dead, "https_proxy": dead, "ALL_PROXY": dead, "UV_OFFLINE": "1"}

    again = subprocess.run(
        ["scripts/setup", "dev"], cwd=ROOT, env=unreachable, capture_output=True, text=True, check=False, timeout=120
    )

    assert again.returncode == 0, again.stderr
    assert again.stdout + again.stderr == ""
