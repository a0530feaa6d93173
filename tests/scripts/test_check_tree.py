"""check-tree finds what must never be committed."""

import subprocess
from pathlib import Path

import pytest

CHECK_TREE = Path(__file__).parents[2] / "scripts/check-tree"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    return tmp_path


def check(repository: Path, name: str, content: str) -> subprocess.CompletedProcess[str]:
    """Track a file with this content and check the tree."""
    path = repository / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    subprocess.run(["git", "add", "--force", "--all"], cwd=repository, check=True)
    return subprocess.run([CHECK_TREE, repository], capture_output=True, text=True, check=False)


# Put together here so that this file is not found itself.
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("requirements.txt", "--index-url https://py" + "pi.org/simple"),
        ("lock.txt", "https://files.python" + "hosted.org/packages/x.whl"),
        ("package.json", "https://registry.np" + "mjs.org/htmx"),
        ("install.sh", "echo deb http://deb.debia" + "n.org/debian testing main"),
        ("notes.md", "see /ro" + "ot/thing"),
        ("notes.md", "see /ho" + "me/somebody/thing"),
        ("notes.md", "cd /wo" + "rk/thing"),
        ("notes.md", "in C:" + "\\Us" + "ers\\somebody"),
        ("notes.md", "<<<<<" + "<< HEAD\nmine"),
        ("uv.lock", ""),
        ("web/static/chart.min.js", ""),
        ("web/node_modules/htmx/index.js", ""),
        ("big.bin", "x" * 1_000_001),
        ("docs/examples/config.yaml", ""),
    ],
)
def test_a_file_that_must_not_be_tracked_is_named(repository: Path, name: str, content: str) -> None:
    answer = check(repository, name, content)

    assert answer.returncode == 1
    assert name in answer.stderr


@pytest.mark.parametrize(
    "content",
    ["https://www.python.org/", "GET /workers", "/var/lib/plant-node", "~/.config/plant", "PLANT_DATA=./data"],
)
def test_ordinary_text_is_fine(repository: Path, content: str) -> None:
    answer = check(repository, "README.md", content)

    assert answer.returncode == 0, answer.stderr
