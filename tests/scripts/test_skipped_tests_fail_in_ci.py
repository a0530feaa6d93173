"""With CI=true a skipped test fails the run; elsewhere it does not."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).parents[1] / "conftest.py"

SKIPPED = """
import pytest

@pytest.mark.skip(reason="no soil today")
def test_skipped(): ...
"""
SKIPPED_MODULE = """
import pytest

pytest.skip("no soil today", allow_module_level=True)
"""
PASSED_AND_EXPECTED_TO_FAIL = """
import pytest

def test_passed(): ...

@pytest.mark.xfail(reason="dry", strict=True)
def test_expected_to_fail():
    raise AssertionError
"""


def run_pytest(folder: Path, tests: str, *more: str, ci: bool) -> subprocess.CompletedProcess[str]:
    """Run pytest on these tests, and one that passes, under the conftest of this repository."""
    (folder / "conftest.py").write_text(CONFTEST.read_text())
    (folder / "pytest.ini").write_text("[pytest]\n")
    (folder / "test_one.py").write_text(tests)
    (folder / "test_two.py").write_text("def test_passes(): ...\n")
    environment = {name: value for name, value in os.environ.items() if name not in {"CI", "PYTEST_ADDOPTS"}}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *more],
        cwd=folder,
        env=environment | ({"CI": "true"} if ci else {}),
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("tests", [SKIPPED, SKIPPED_MODULE], ids=["test", "module"])
@pytest.mark.parametrize("workers", ["0", "2"])
def test_a_skip_fails_the_run_in_ci_and_says_which(tmp_path: Path, tests: str, workers: str) -> None:
    run = run_pytest(tmp_path, tests, "-n", workers, ci=True)

    assert run.returncode == 1, run.stdout
    assert "test_one.py" in run.stdout
    assert "no soil today" in run.stdout
    assert "1 passed, 1 skipped" in run.stdout


def test_a_skip_is_fine_on_a_desk(tmp_path: Path) -> None:
    assert run_pytest(tmp_path, SKIPPED, ci=False).returncode == 0


def test_an_expected_failure_is_no_skip(tmp_path: Path) -> None:
    run = run_pytest(tmp_path, PASSED_AND_EXPECTED_TO_FAIL, ci=True)

    assert run.returncode == 0, run.stdout
