"""The key that signs the nodes' access tokens: a file that only its owner reads."""

import os
import secrets
import time
from pathlib import Path

from plant_backend.storage.errors import DatabaseUnusable

KeyPair = tuple[bytes, bytes | None, int]
"""The current key, the previous one, and until when (Unix milliseconds) the previous one verifies."""


def load(path: Path) -> KeyPair:
    """Read the keys, making one at the first start. Raises DatabaseUnusable."""
    previous = _previous_path(path)
    try:
        if not path.exists():
            # Whole or not at all: half a key after a power cut would be called damaged.
            _replace(path, secrets.token_hex(32))
        _keep_to_owner(path)
        current = _key(path.read_text(errors="replace").strip(), path)
        if not previous.exists():
            return current, None, 0
        _keep_to_owner(previous)
        key, _, until = previous.read_text(errors="replace").strip().partition(" ")
        until_ms = int(until) if until.isdigit() else 0
        if until_ms <= time.time() * 1000:
            previous.unlink()
            return current, None, 0
        return current, _key(key, previous), until_ms
    except OSError as error:
        raise DatabaseUnusable(f"The signing key {path} cannot be read or made: {error.strerror}.") from error


def rotate(path: Path, lifetime_s: int) -> None:
    """Make a new key. Tokens of the old one hold until they have all expired. Raises DatabaseUnusable."""
    current, _, _ = load(path)
    try:
        _replace(_previous_path(path), f"{current.hex()} {int((time.time() + lifetime_s) * 1000)}")
        _replace(path, secrets.token_hex(32))
    except OSError as error:
        raise DatabaseUnusable(f"The signing key {path} cannot be written: {error.strerror}.") from error


def _previous_path(path: Path) -> Path:
    return path.with_name(path.name + ".previous")


def _key(text: str, path: Path) -> bytes:
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) < 32 or len(set(key)) < 8:
        # Too short, or so regular that a person typed it.
        raise DatabaseUnusable(
            f"The signing key {path} is damaged. Delete it, and a new one is made; nodes sign in again."
        )
    return key


def _keep_to_owner(path: Path) -> None:
    """Close the file to others; where the file system cannot, refuse rather than share the key."""
    if path.stat().st_mode & 0o077 == 0:
        return
    path.chmod(0o600)
    if path.stat().st_mode & 0o077:
        raise DatabaseUnusable(
            f"The signing key {path} can be read by others, and its file system cannot change that. "
            "Move PLANT_DATA_DIR to one that knows permissions."
        )


def _write(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _replace(path: Path, text: str) -> None:
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)
    _write(new, text)
    new.replace(path)
