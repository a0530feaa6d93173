"""Writes plant-node.toml: readable, whole or not at all, and for its owner alone, since it holds the secret."""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_HEADER = """\
# plant-node: see firmware/raspberry_pi/README.md. Holds the device's secret: keep it to yourself.
# A channel's key is its name for ever; it keeps its kind. Pins are GPIO (BCM) numbers.
"""
Points = list[list[float]]


def render(table: Mapping[str, Mapping[str, Any]]) -> str:
    """Tables of words, or tables of tables of words, as TOML."""
    parts = [_HEADER]
    for name, words in table.items():
        if all(isinstance(value, Mapping) for value in words.values()):
            parts += [_table(f"{name}.{key}", value) for key, value in words.items()]
        else:
            parts.append(_table(name, words))
    return "\n".join(parts)


def write(path: Path, text: str) -> None:
    """Replace the file, or make it, readable for its owner alone; an owner that it had stays."""
    scratch = path.with_name(path.name + ".new")
    scratch.unlink(missing_ok=True)
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        if path.exists() and os.geteuid() == 0:
            was = path.stat()
            os.fchown(file.fileno(), was.st_uid, was.st_gid)
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    scratch.replace(path)


def with_points(text: str, sensor: str, points: Points) -> str:
    """The file with other calibration points for one sensor; everything else stays, comments too."""
    line = f"points = {_value(points)}"
    # A table ends where the next one begins.
    found = re.search(rf"^\[sensors\.{re.escape(sensor)}\][^\n]*\n(?:(?!\[[a-z]).*\n?)*", text, re.MULTILINE)
    if found is None:
        raise ValueError(f"[sensors.{sensor}] is not in the file")
    table = found.group()
    changed, count = re.subn(r"^points\s*=\s*\[(?:[^\[\]]|\[[^\[\]]*\])*\]", line, table, count=1, flags=re.MULTILINE)
    if not count:
        head, _, rest = table.partition("\n")
        changed = f"{head}\n{line}\n{rest}"
    result = text[: found.start()] + changed + text[found.end() :]
    expected = tomllib.loads(text)
    expected["sensors"][sensor]["points"] = points
    if tomllib.loads(result) != expected:
        raise ValueError(f"the points of [sensors.{sensor}] are written in a way that cannot be changed here")
    return result


def _table(name: str, words: Mapping[str, Any]) -> str:
    return "\n".join([f"[{name}]", *(f"{key} = {_value(value)}" for key, value in words.items()), ""])


def _value(value: Any) -> str:
    # JSON's texts, numbers, truth values and lists are TOML's too.
    return json.dumps(value, ensure_ascii=False)
