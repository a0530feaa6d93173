"""The documentation as a site: its generated pages are what the code says, and no link in it leads nowhere."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
CONFIG = yaml.safe_load((ROOT / "mkdocs.yml").read_text())


def test_the_pages_that_are_made_from_the_code_are_up_to_date() -> None:
    done = subprocess.run([ROOT / "scripts/reference", "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_every_page_has_a_place_and_every_place_a_page() -> None:
    named = re.findall(r"[\w/-]+\.md", str(CONFIG["nav"]))
    assert len(named) == len(set(named))
    assert set(named) == {str(path.relative_to(ROOT / "docs")) for path in (ROOT / "docs").rglob("*.md")}
    assert [next(iter(part)) for part in CONFIG["nav"][1:]] == ["Tutorial", "How to", "Reference", "Explanation"]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_site_is_built_without_a_warning() -> None:
    done = subprocess.run([ROOT / "scripts/docs"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    site = ROOT / ".cache/documentation/site"
    page = (site / "index.html").read_text()
    assert "Waters your plants while you are away" in page
    assert "blob/main/firmware/raspberry_pi/README.md" in page
    assert (site / "reference/settings/index.html").is_file()
