"""What holds for every test: reproducible examples, no skipped test in CI, how many run at once, which come first."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.database import DirectoryBasedExampleDatabase

IN_CI = os.environ.get("CI", "").lower() in {"1", "true", "yes"}

# No deadline anywhere: the time that one example takes says more about the machine than about the code.
# In CI a run that failed must fail again for whoever looks into it; on a desk new examples find new bugs.
settings.register_profile("ci", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("desk", deadline=None, database=DirectoryBasedExampleDatabase(".cache/hypothesis"))
settings.load_profile("ci" if IN_CI else "desk")

HERE = Path(__file__).parent
WITH_BROWSER = HERE / "e2e/web"
# What takes minutes, the longest first: begun near the end, it would go on alone while the other workers are idle.
BEGUN_FIRST = [
    HERE / name
    for name in (
        "firmware/raspberry_pi/test_kills.py",
        "benchmarks/test_benchmarks.py",
        "firmware/esphome/test_time.py",
        "backend/crash/test_crashes.py",
        "e2e/test_demo.py",
        "backend/hostile/test_memory.py",
        "packaging/test_app.py",
        "docs/test_commands.py",
        "backend/notifications/test_sending.py",
        "packaging/test_image.py",
    )
]


class SkippedTests:
    """Fails a session in which a test, or a whole module, was skipped."""

    def __init__(self) -> None:
        self._skipped: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._note(report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        self._note(report)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Iterator[None]:
        if self._skipped and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        yield

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self._skipped:
            terminalreporter.section("skipped tests are failures in CI", red=True, bold=True)
            for line in self._skipped:
                terminalreporter.line(line)

    def _note(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        # An expected failure reports itself as skipped too; it did run.
        if report.skipped and not hasattr(report, "wasxfail"):
            reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
            self._skipped.append(f"{report.nodeid}: {reason}")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Give what `-n auto` is: each worker starts servers of its own, and memory does not grow with processors."""
    return min(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1, 4)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest; the rest stays in the order of the folders, and ends with the browser's."""
    places = {path: place for place, path in enumerate(BEGUN_FIRST)}

    def place(item: pytest.Item) -> int:
        # From its first test on, the browser's event loop runs in its process: no asynchronous test can follow.
        return len(places) + 1 if WITH_BROWSER in item.path.parents else places.get(item.path, len(places))

    items.sort(key=place)


def pytest_configure(config: pytest.Config) -> None:
    if IN_CI:
        config.pluginmanager.register(SkippedTests(), "skipped-tests")
