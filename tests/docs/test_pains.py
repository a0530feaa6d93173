"""The table of what others suffered is true: each test is there, and says whose pain it answers."""

import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TABLE = re.search(r"<!-- pains: .*?-->\n(.*?)<!-- end", (ROOT / "docs/safety.md").read_text(), re.DOTALL)
assert TABLE
ROWS = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in TABLE[1].splitlines()[2:]]


TEST = re.compile(r'^ *(?:async )?def (test_\w+)\(.*?:\n(?: +"""(.*?)""")?', re.DOTALL | re.MULTILINE)


@cache
def docstrings() -> dict[str, str]:
    """Give what each test of the repository says of itself. By its text: some need a newer Python than this one."""
    found: dict[str, str] = {}
    for path in (ROOT / "tests").rglob("test_*.py"):
        for name, said in TEST.findall(path.read_text()):
            found[name] = found.get(name, "") + said
    return found


def test_the_table_is_there() -> None:
    assert len(ROWS) > 20
    assert all(len(row) == 4 for row in ROWS)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[1])
def test_a_pain_has_its_test_with_the_reference(row: list[str]) -> None:
    tests = re.findall(r"`(test_\w+)`", row[3])
    assert tests
    said = " ".join(docstrings()[name] for name in tests)
    for reference in row[1].split(", "):
        assert re.search(rf"{re.escape(reference.split()[-1])}(?!\d)", said), f"none of {tests} names {reference}"
