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
    """Check the folder, the database, the key, and what several processes share."""
    findings = _examine_folder(settings)
    if settings.database_url:
        findings.append(_postgres(settings.database_url))
    if settings.redis_url:
        findings.append(_redis(settings.redis_url))
    return findings


def _examine_folder(settings: Settings) -> list[Finding]:
    folder, path, key = settings.data_dir.expanduser(), settings.database_path, settings.signing_key_path
    if not folder.exists():
        return [Finding("data folder", True, f"{folder} is not there yet; the first start makes it.")]
    can_write = os.access(folder, os.W_OK | os.X_OK)
    findings = [Finding("data folder", can_write, f"{folder} {'can' if can_write else 'CANNOT'} be written.")]
    space = os.statvfs(folder)
    free_mb = space.f_bavail * space.f_frsize // 1_000_000
    findings.append(Finding("free space", free_mb >= 100, f"{free_mb} MB."))
    if path.exists() and not settings.database_url:
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


def _postgres(url: str) -> Finding:
    try:
        import psycopg

        from plant_backend.storage.postgres import connect, shown
    except ImportError:
        return Finding("database", False, "PostgreSQL needs more packages: install plant-backend[postgres].")
    try:
        with connect(url) as connection:
            version = connection.info.parameter_status("server_version")
            found = connection.execute("SELECT to_regclass('alembic_version')").fetchone()
            row = (
                connection.execute("SELECT version_num FROM alembic_version").fetchone() if found and found[0] else None
            )
            others = connection.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'plant-backend'"
                " AND datname = current_database() AND pid <> pg_backend_pid()"
            ).fetchone()
    except (psycopg.Error, ValueError) as error:
        return Finding("database", False, f"{shown(url)} cannot be used: {str(error).strip()}.")
    revision = f"revision {row[0]}" if row else "empty; the first start makes its tables"
    return Finding(
        "database", True, f"{shown(url)}, PostgreSQL {version}, {revision}, {others[0] if others else 0} connections."
    )


def _redis(url: str) -> Finding:
    try:
        from redis import Redis
        from redis.exceptions import RedisError
    except ImportError:
        return Finding("bus", False, "Redis needs one more package: install plant-backend[redis].")
    try:
        with Redis.from_url(url, socket_connect_timeout=3, socket_timeout=3) as client:
            client.ping()
    except (RedisError, OSError) as error:
        return Finding("bus", False, f"Redis cannot be reached: {error}. All goes on without it, a second later.")
    return Finding("bus", True, "Redis answers.")
