"""Looks at an installation without changing it."""

import os
import sqlite3
from dataclasses import dataclass

from plant_backend.settings import Settings


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    what: str
    is_fine: bool
    detail: str


def examine(settings: Settings) -> list[Finding]:
    """Check the folder, the database and the key."""
    folder, path, key = settings.data_dir.expanduser(), settings.database_path, settings.signing_key_path
    if not folder.exists():
        return [Finding("data folder", True, f"{folder} is not there yet; the first start makes it.")]
    can_write = os.access(folder, os.W_OK | os.X_OK)
    findings = [Finding("data folder", can_write, f"{folder} {'can' if can_write else 'CANNOT'} be written.")]
    space = os.statvfs(folder)
    free_mb = space.f_bavail * space.f_frsize // 1_000_000
    findings.append(Finding("free space", free_mb >= 100, f"{free_mb} MB."))
    if path.exists():
        findings.append(_database(path))
    if key.exists():
        mode = key.stat().st_mode & 0o777
        findings.append(Finding("signing key", mode & 0o077 == 0, f"{key} has mode {mode:o}; it should be 600."))
    return findings


def _database(path: "os.PathLike[str]") -> Finding:
    try:
        connection = sqlite3.connect(f"file:{os.fspath(path)}?mode=ro", uri=True, timeout=5)
        try:
            (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
            (revision,) = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        finally:
            connection.close()
    except sqlite3.Error as error:
        return Finding("database", False, f"{os.fspath(path)} cannot be read: {error}.")
    return Finding("database", verdict == "ok", f"{os.fspath(path)}, revision {revision}, check: {verdict}.")
