"""Each command that the documentation shows is run by a test, or it is said here why it cannot be."""

import json
import os
import re
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pexpect
import pytest
from plant_backend.services.node_files import NodeKind, node_files

from tests.live_backend import eventually

ROOT = Path(__file__).parents[2]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "app").glob("*.md")),
    *sorted((ROOT / "firmware").glob("*/README.md")),
]

HERE = "run in this file"
NEEDS_SYSTEMD = "needs root and a systemd that runs; tests/packaging runs the unit's command, with its settings checked"

# A page and the first line of a block: the test that runs it, or why none can.
COMMANDS = {
    ("README.md", "scripts/demo"): "tests/e2e/test_demo.py::test_a_day_goes_as_it_should",
    ("README.md", "scripts/test"): "it is what runs this test",
    ("README.md", "scripts/deploy.sh"): "tests/scripts/test_deploy.py::"
    "test_one_command_builds_starts_waits_and_prints_the_link_of_the_first_account",
    ("README.md", "python3 -m venv venv"): HERE,
    ("README.md", 'venv/bin/plant-backend device add anna "Balcony tomatoes"'): HERE,
    (
        "CONTRIBUTING.md",
        (
            "git grep -lz -E -e 'plant-automation(/|%2F)plant-automation' "
            "-e 'owner=plant-automation&repository=plant-automation' |"
        ),
    ): HERE,
    ("docs/install.md", "scripts/deploy.sh"): "tests/scripts/test_deploy.py::"
    "test_one_command_builds_starts_waits_and_prints_the_link_of_the_first_account",
    (
        "docs/scale.md",
        "plant-backend copy --from sqlite:///var/lib/plant-backend/plant.db --to postgresql://plant:secret@db/plants",
    ): "tests/backend/contract/test_copy.py::test_all_is_there_and_goes_on",
    (
        "docs/scale.md",
        "docker compose -f compose.scale.yaml up -d",
    ): "needs a container engine; tests/backend/contract runs the same processes, tests/packaging checks the file",
    (
        "docs/install.md",
        "docker compose up -d",
    ): "needs a container engine; tests/packaging runs the image's steps, and .github/workflows/ci.yml the image",
    ("docs/install.md", "scripts/deploy.sh --tls plants.example.org"): "tests/scripts/test_deploy.py::"
    "test_tls_and_demo_are_profiles_and_tls_stays_on",
    ("docs/install.md", "scripts/deploy.sh --demo"): "tests/scripts/test_deploy.py::"
    "test_tls_and_demo_are_profiles_and_tls_stays_on",
    ("docs/install.md", "git pull"): "tests/scripts/test_deploy.py::"
    "test_an_upgrade_has_a_whole_copy_of_the_database_before_anything_changes",
    ("docs/install.md", "docker compose stop backend"): "tests/scripts/test_deploy.py::"
    "test_the_documented_way_back_brings_everybody_back",
    ("docs/install.md", "python3 -m venv venv"): HERE,
    (
        "docs/install.md",
        "sudo useradd --system --home-dir /var/lib/plant-backend --shell /usr/sbin/nologin plant-backend",
    ): NEEDS_SYSTEMD,
    (
        "docs/install.md",
        "sudo -u plant-backend /opt/plant-backend/bin/plant-backend doctor --data-dir /var/lib/plant-backend",
    ): HERE,
    (
        "docs/install.md",
        (
            "sudo -u plant-backend /opt/plant-backend/bin/plant-backend backup "
            "/var/lib/plant-backend/before-update.db --data-dir /var/lib/plant-backend"
        ),
    ): HERE,
    (
        "docs/notifications.md",
        (
            'curl -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" '
            "http://localhost:8000/notifications/targets -d '{"
        ),
    ): "sends to a service on the internet; tests/backend/notifications does the same with services of its own",
    (
        "docs/notifications.md",
        (
            'curl -H "Authorization: Bearer $TOKEN" -X PATCH http://localhost:8000/alerts/7/snooze '
            "-H 'Content-Type: application/json' -d '{\"minutes\": 90}'"
        ),
    ): "tests/backend/api/test_alerts.py::test_a_snoozed_alert_is_open_and_says_until_when",
    ("docs/tutorial.md", "python3 -m venv venv"): HERE,
    ("docs/tutorial.md", "venv/bin/plant-node --config plant-node.toml run"): HERE,
    ("docs/notifications.md", "PLANT_NOTIFICATION_NETWORKS=192.168.1.5"): "a setting, no command",
    ("firmware/raspberry_pi/README.md", "sudo apt install python3-venv"): "installs into the system; "
    "tests/firmware/raspberry_pi/test_setup.py runs the set-up in a terminal",
    (
        "firmware/raspberry_pi/README.md",
        "plant-node --config basil.toml run",
    ): "tests/firmware/raspberry_pi/test_setup.py::test_from_the_first_question_to_a_running_node",
}


@dataclass(frozen=True, slots=True)
class Block:
    """Commands that a page shows together."""

    page: str
    text: str

    @property
    def lines(self) -> list[str]:
        """Give the commands; one that goes on over the end of a line is one."""
        return re.sub(r"(\\|\|)\n\s*", r"\1 ", self.text).replace("\\ ", "").splitlines()


def blocks(path: Path) -> Iterator[Block]:
    for found in re.finditer(r"^```(?:sh|bash|shell|console)\n(.*?)^```", path.read_text(), re.MULTILINE | re.DOTALL):
        yield Block(str(path.relative_to(ROOT)), found[1])


BLOCKS = {(block.page, block.text.splitlines()[0]): block for path in PAGES for block in blocks(path)}


def test_each_block_of_commands_has_its_test_or_its_reason() -> None:
    assert BLOCKS.keys() - COMMANDS.keys() == set(), "name the test that runs them, in COMMANDS"
    assert COMMANDS.keys() - BLOCKS.keys() == set(), "no page shows these any more"
    for answer in COMMANDS.values():
        if answer.startswith("tests/") and "::" in answer:
            file, _, test = answer.partition("::")
            assert f"def {test}(" in (ROOT / file).read_text(), answer


def test_each_script_and_file_that_a_page_names_is_there() -> None:
    for path in PAGES:
        text = path.read_text()
        for name in re.findall(r"\bscripts/[a-z][\w.-]*[\w]", text):
            assert (ROOT / name).is_file(), f"{path.name}: {name}"
        for name in re.findall(r"\]\((?!https?:|#)([^)#]+)", text):
            assert (path.parent / name).exists(), f"{path.name}: {name}"


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All tracked files, as somebody has them who cloned the repository."""
    folder = tmp_path_factory.mktemp("clone") / "plants"
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name, follow_symlinks=False)
    subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)
    subprocess.run(["git", "add", "--all", "--force"], cwd=folder, check=True)
    return folder


class Terminal:
    """A shell in the checkout, with a data folder of its own."""

    def __init__(self, checkout: Path, home: Path) -> None:
        self.checkout = checkout
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("PLANT_", "VIRTUAL_ENV"))}
        python = Path(getattr(sys, "_base_executable", sys.executable)).parent
        self.env = clean | {
            "PATH": f"{python}:{os.environ['PATH']}",
            "PLANT_DATA_DIR": str(home / "data"),
            "PLANT_HOST": "127.0.0.1",
            "PLANT_PORT": "0",
            "TERM": "dumb",
        }

    def start(self, line: str) -> pexpect.spawn:
        return pexpect.spawn(
            "/bin/sh",
            ["-c", line],
            cwd=self.checkout,
            env=self.env,
            encoding="utf-8",
            timeout=240,
            dimensions=(50, 300),
        )

    def run(self, line: str, *, password: str = "") -> str:
        process = self.start(line)
        if password:
            for prompt in ("Password: ", "Repeat for confirmation: "):
                process.expect_exact(prompt)
                process.sendline(password)
        process.expect(pexpect.EOF)
        process.close()
        assert process.exitstatus == 0, f"{line}\n{process.before}"
        return str(process.before)


def serve(terminal: Terminal, line: str) -> tuple[pexpect.spawn, str, str]:
    """Start the server. Gives its process, its address and the token of its link."""
    process = terminal.start("exec " + line)
    # With what stands behind the token: a terminal may give a line in pieces.
    process.expect(r"(http://127\.0\.0\.1:\d+)/web/setup#([\w-]+)[^\w-]")
    url, token = process.match.group(1), process.match.group(2)
    process.expect_exact("listening")
    return process, url, token


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_person_who_types_what_the_readme_says_has_a_server_an_account_and_a_device(
    checkout: Path, tmp_path: Path
) -> None:
    terminal = Terminal(checkout, tmp_path)
    *before, last = BLOCKS["README.md", "python3 -m venv venv"].lines
    for line in before:
        terminal.run(line)
    server, url, token = serve(terminal, last)
    body = f'{{"token": "{token}", "username": "anna", "password": "basil-and-mint-4711"}}'.encode()
    request = urllib.request.Request(url + "/setup", body, {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert answer.status == 201

    (line,) = BLOCKS["README.md", 'venv/bin/plant-backend device add anna "Balcony tomatoes"'].lines
    printed = terminal.run(line)

    assert re.search(r"PLANT_DEVICE_ID=[\w-]+\s+PLANT_DEVICE_SECRET=pds_[\w-]+", printed)
    server.sendintr()
    server.expect(pexpect.EOF)
    server.close()
    assert server.exitstatus == 0

    # What docs/install.md says of an account made by hand, and of looking after a service, on data of their own.
    terminal = Terminal(checkout, tmp_path / "other")
    user_add, _ = BLOCKS["docs/install.md", "python3 -m venv venv"].lines[2:]
    terminal.run(user_add, password="basil-and-mint-4711")
    for (page, first), block in BLOCKS.items():
        if page == "docs/install.md" and first.startswith("sudo -u plant-backend"):
            line = first.removeprefix("sudo -u plant-backend ").replace("/opt/plant-backend", str(checkout / "venv"))
            terminal.run(line.replace("/var/lib/plant-backend", terminal.env["PLANT_DATA_DIR"]))
            assert block.page == page
    assert (tmp_path / "other/data/before-update.db").exists()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_tutorial_leads_to_a_first_watering(checkout: Path, tmp_path: Path) -> None:
    """What it does by hand in the dashboard is done by the API here; tests/e2e/web clicks the same."""
    terminal = Terminal(checkout, tmp_path)
    *before, last = BLOCKS["docs/tutorial.md", "python3 -m venv venv"].lines
    for line in before:
        terminal.run(line)
    server, url, token = serve(terminal, last)
    person = {"username": "anna", "password": "basil-and-mint-4711"}
    assert httpx.post(url + "/setup", json={"token": token, **person}, timeout=30).status_code == 201
    token = httpx.post(url + "/auth/token", json={**person, "name": "tutorial"}, timeout=30).json()["token"]
    with httpx.Client(base_url=url, headers={"authorization": f"Bearer {token}"}, timeout=30) as anna:
        made = anna.post("/devices", json={"name": "Kitchen basil"}).json()
        (file,) = node_files(NodeKind.RASPBERRY_PI, url, made["id"], made["name"], made["secret"])
        (checkout / file.name).write_text(file.text)
        (line,) = BLOCKS["docs/tutorial.md", "venv/bin/plant-node --config plant-node.toml run"].lines
        assert file.name in line
        # A minute between readings, and a night, would only take time here.
        terminal.env |= {"PLANT_NODE_SAMPLE_INTERVAL_S": "1", "PLANT_NODE_SEND_INTERVAL_S": "1"}
        node = terminal.start("exec " + line)
        device = f"/devices/{made['id']}"
        try:
            eventually(lambda: anna.get(device).json()["sensors"], within_s=180)
            rules = {"soil_moisture_min_percent": 60, "quiet_from": None, "quiet_until": None, "dose_ms": 2000}
            assert anna.put(f"{device}/automation", json={**rules, "mode": "shadow"}).status_code == 200
            seen = lambda outcome: [  # noqa: E731
                one for one in anna.get(f"{device}/decisions").json()["decisions"] if one["outcome"] == outcome
            ]
            paper = eventually(lambda: seen("would_water"), within_s=180)
            assert "the minimum is 60 %" in json.dumps(paper)
            assert anna.get(f"{device}/commands").json()["commands"] == []
            assert anna.put(f"{device}/automation", json={**rules, "mode": "on"}).status_code == 200
            done = lambda: [  # noqa: E731
                one for one in anna.get(f"{device}/commands").json()["commands"] if one["state"] == "succeeded"
            ]
            eventually(done, within_s=180)
            again = anna.post(f"{device}/commands", json={"actuator": "pump", "action": "on", "duration_ms": 2000})
            # The node's own pause, and behind it the rules'.
            assert again.status_code == 409
            assert re.search(r"until \d\d:\d\d:\d\d UTC", again.json()["detail"]), again.text
        finally:
            node.sendintr()
            node.expect(pexpect.EOF)
            node.close()
            server.sendintr()
            server.expect(pexpect.EOF)
            server.close()
    assert (node.exitstatus, server.exitstatus) == (0, 0)


@pytest.mark.slow
def test_a_fork_gives_every_link_its_own_name(checkout: Path, tmp_path: Path) -> None:
    folder = tmp_path / "fork"
    shutil.copytree(checkout, folder, symlinks=True, ignore=shutil.ignore_patterns("venv"))
    (block,) = [block for block in BLOCKS.values() if block.page == "CONTRIBUTING.md"]

    subprocess.run(["sh", "-euc", block.text], cwd=folder, check=True)

    left = subprocess.run(
        ["git", "grep", "-lE", "plant-automation(/|%2F)plant-automation"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert left.stdout == ""
    version = subprocess.run([folder / "scripts/stamp-version", "--check"], capture_output=True, text=True, check=False)
    assert version.returncode == 0, version.stderr
    assert "ghcr.io/OWNER/NAME:" in (folder / "compose.yaml").read_text()
