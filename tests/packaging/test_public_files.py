"""Workflows, forms and policies: held against their published schemas, and against rules of our own."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
GITHUB = ROOT / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
FORMS = sorted(path for path in (GITHUB / "ISSUE_TEMPLATE").glob("*.yml") if path.name != "config.yml")


def check(schema: str, *files: Path) -> None:
    program = Path(sys.executable).parent / "check-jsonschema"
    done = subprocess.run(
        [program, "--builtin-schema", schema, *files], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def read(path: Path) -> Any:
    # Texts alone: YAML takes the key `on` for a truth.
    return yaml.load(path.read_text(), Loader=yaml.BaseLoader)  # noqa: S506


@pytest.mark.parametrize(
    ("schema", "files"),
    [
        ("vendor.github-workflows", WORKFLOWS),
        ("custom.github-workflows-require-timeout", WORKFLOWS),
        ("vendor.github-issue-forms", FORMS),
        ("vendor.github-issue-config", [GITHUB / "ISSUE_TEMPLATE/config.yml"]),
        ("vendor.renovate", [ROOT / "renovate.json"]),
    ],
    ids=["workflows", "timeouts", "forms", "form chooser", "renovate"],
)
def test_files_for_others_fit_their_schemas(schema: str, files: list[Path]) -> None:
    assert files
    check(schema, *files)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_may_do_no_more_than_it_needs(path: Path) -> None:
    workflow = read(path)
    assert workflow["permissions"] == {"contents": "read"}, "what may write says so in its own job"
    assert "pull_request_target" not in workflow["on"], "it gives strangers' code our secrets"
    for job in workflow["jobs"].values():
        for step in job.get("steps", []):
            if "checkout" in step.get("uses", ""):
                assert step["with"]["persist-credentials"] == "false"
            # What others wrote, such as a branch's name, must not become part of a script.
            assert "${{" not in step.get("run", ""), step


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_each_script_that_a_workflow_runs_is_there(path: Path) -> None:
    named = set(re.findall(r"(?:^|[\s(])(scripts/[\w.-]+)", path.read_text()))
    assert named
    assert {name for name in named if not (ROOT / name).is_file()} == set()


def test_continuous_integration_runs_what_a_person_runs() -> None:
    steps = read(GITHUB / "workflows/ci.yml")["jobs"]["test"]["steps"]
    (run,) = [step for step in steps if step.get("run") == "scripts/test"]
    assert run["env"] == {"CI": "true"}


def test_nothing_is_published_before_all_tests_have_passed() -> None:
    jobs = read(GITHUB / "workflows/release.yml")["jobs"]

    def all_needs(name: str) -> set[str]:
        needs = jobs[name].get("needs", [])
        direct = {needs} if isinstance(needs, str) else set(needs)
        return direct.union(*(all_needs(need) for need in direct))

    writers = {name for name, job in jobs.items() if "write" in set(job.get("permissions", {}).values())}
    assert writers == {"build", "image", "app", "app-manifest", "python", "publish"}
    for name in writers:
        assert {"version", "test"} <= all_needs(name), name
    assert jobs["test"]["uses"] == "./.github/workflows/ci.yml"
    assert {"build", "image", "app", "app-manifest", "python"} <= all_needs("publish")


def test_issues_are_forms_that_ask_for_version_installation_and_diagnostics() -> None:
    assert read(GITHUB / "ISSUE_TEMPLATE/config.yml")["blank_issues_enabled"] == "false"
    asked = {item.get("id") for item in read(GITHUB / "ISSUE_TEMPLATE/bug.yml")["body"]}
    assert {"version", "installation", "diagnostics"} <= asked


def test_the_hooks_are_scripts_of_this_repository() -> None:
    config = read(ROOT / ".pre-commit-config.yaml")
    for repository in config["repos"]:
        assert repository["repo"] == "local"
        for hook in repository["hooks"]:
            assert (ROOT / hook["entry"].split()[0]).is_file()
    container = json.loads((ROOT / ".devcontainer/devcontainer.json").read_text())
    assert (ROOT / container["postCreateCommand"]).is_file()


def notes(folder: Path, version: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([folder / "scripts/release-notes", version], capture_output=True, text=True, check=False)


def test_release_notes_are_what_the_changelog_says_of_a_version(tmp_path: Path) -> None:
    (tmp_path / "scripts").mkdir()
    script = tmp_path / "scripts/release-notes"
    script.write_text((ROOT / "scripts/release-notes").read_text())
    script.chmod(0o755)
    (tmp_path / "CHANGELOG.md").write_text(
        "# Changelog\n\n## Unreleased\n\n- later\n\n## 1.2.0 - 2026-12-01\n\n### Added\n\n- mint\n\n## 1.1.0\n\n- old\n"
    )

    assert notes(tmp_path, "1.2.0").stdout == "### Added\n\n- mint\n"
    for unknown in ("1.3.0", "1.2", "1.2.00"):
        assert notes(tmp_path, unknown).returncode == 1
