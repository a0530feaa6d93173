"""Reads a Dockerfile as far as ours go, and runs a stage's steps in a folder, as a builder would in an image."""

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]

# The base image's Python has pip at hand for `python -m venv`; Debian's own has not.
_BASE_PYTHON = """#!/bin/sh
if [ "$1 $2" = "-m venv" ]; then
  exec {uv} venv --quiet --seed --no-project --python {python} "$3"
fi
exec {python} "$@"
"""


@dataclass(frozen=True, slots=True)
class Step:
    """One instruction."""

    word: str
    text: str


@dataclass(slots=True)
class Stage:
    """What stands between one FROM and the next."""

    base: str
    name: str
    steps: list[Step] = field(default_factory=list)

    def last(self, word: str) -> str:
        """Give the text of the last such instruction."""
        return next(step.text for step in reversed(self.steps) if step.word == word)

    def environment(self) -> dict[str, str]:
        """Give what ENV sets."""
        return dict(part.split("=", 1) for step in self.steps if step.word == "ENV" for part in shlex.split(step.text))


def read(path: Path) -> list[Stage]:
    """Give the stages of a Dockerfile."""
    lines = [line for line in path.read_text().splitlines() if not line.lstrip().startswith("#")]
    text = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    stages: list[Stage] = []
    for line in text.splitlines():
        word, _, rest = line.strip().partition(" ")
        if word == "FROM":
            base, _, name = rest.partition(" AS ")
            stages.append(Stage(base, name))
        elif word:
            stages[-1].steps.append(Step(word, rest.strip()))
    return stages


def build_context() -> list[str]:
    """Give the tracked and new files that .dockerignore lets through."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [name for name in listed.stdout.splitlines() if (ROOT / name).is_file() and travels(name)]


def travels(name: str) -> bool:
    """Tell whether .dockerignore lets a file through: the last pattern that meets it or a folder above it decides."""
    answer = True
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        pattern = line.strip()
        if not pattern or pattern.startswith("#"):
            continue
        wanted = pattern.startswith("!")
        regex = _regex(pattern.removeprefix("!"))
        parts = name.split("/")
        if any(regex.fullmatch("/".join(parts[: length + 1])) for length in range(len(parts))):
            answer = wanted
    return answer


def _regex(pattern: str) -> re.Pattern[str]:
    escaped = re.escape(pattern).replace(r"\*\*/", "(?:.*/)?").replace(r"\*", "[^/]*")
    return re.compile(escaped)


def run_stage(stage: Stage, root: Path, python: str, built: Mapping[str, Path] | None = None) -> None:
    """Run COPY, WORKDIR and RUN of a stage below `root`. `python` is what the base image calls python.

    `built` is where earlier stages were run, by their names.
    """
    tools = root / "base"
    tools.mkdir(parents=True)
    uv = subprocess.run([ROOT / "scripts/setup", "uv"], capture_output=True, text=True, check=True).stdout.strip()
    for name in ("python", "python3"):
        (tools / name).write_text(_BASE_PYTHON.format(uv=uv, python=python))
        (tools / name).chmod(0o755)
    environment = {"PATH": str(tools), **_passed_on(), **stage.environment()}
    # An image has no use for downloads that are kept; a machine that runs the tests again has.
    environment.pop("PIP_NO_CACHE_DIR", None)
    folder = root
    for step in stage.steps:
        if step.word == "WORKDIR":
            folder = Path(f"{root}{step.text}")
            folder.mkdir(parents=True, exist_ok=True)
        elif step.word == "COPY":
            _copy(step.text.split(), folder, root, built or {})
        elif step.word == "RUN":
            command = re.sub(r"(?<![\w.])/opt/", f"{root}/opt/", step.text)
            done = subprocess.run(
                ["/bin/sh", "-euc", command], cwd=folder, env=environment, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, f"RUN {step.text}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"


def _passed_on() -> Mapping[str, str]:
    """How this machine reaches its package indexes; the settings of pip and npm are in its HOME.

    Node alone needs a proxy's certificate in a variable of its own: without it, npm tries for minutes.
    """
    wanted = (
        "HOME",
        "PIP_",
        "HTTP",
        "HTTPS",
        "NO_PROXY",
        "http_proxy",
        "https_proxy",
        "SSL_",
        "NODE_EXTRA_CA_CERTS",
        "NPM_",
        "npm_config_",
        "REQUESTS_",
    )
    return {name: value for name, value in os.environ.items() if name.startswith(wanted)}


def _copy(names: list[str], folder: Path, root: Path, built: Mapping[str, Path]) -> None:
    *sources, target = names
    if target.startswith("/"):
        folder, target = root, target.lstrip("/")
    if sources[0].startswith("--from="):
        stage, source = sources
        shutil.copytree(f"{built[stage.removeprefix('--from=')]}{source}", folder / target)
        return
    for source in sources:
        files = [name for name in build_context() if name == source or name.startswith(source + "/")]
        assert files, f"COPY {source}: .dockerignore lets nothing of it through"
        for name in files:
            inside = Path(name).relative_to(source) if name != source else Path()
            place = folder / target / (inside if name != source else (Path(name).name if target.endswith("/") else ""))
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, place)
