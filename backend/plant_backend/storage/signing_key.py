"""The key that signs the nodes' access tokens."""

import secrets
import time
from pathlib import Path

from plant_backend.storage import key_file
from plant_backend.storage.errors import DatabaseUnusable

KeyPair = tuple[bytes, bytes | None, int]
"""The current key, the previous one, and until when (Unix milliseconds) the previous one verifies."""

_NAME = "signing key"
_CONSEQUENCE = "nodes sign in again"


def load(path: Path) -> KeyPair:
    """Read the keys, making one at the first start. Raises DatabaseUnusable."""
    previous = _previous_path(path)
    current = key_file.read(path, _NAME, _CONSEQUENCE)
    try:
        if not previous.exists():
            return current, None, 0
        key_file.keep_to_owner(previous, _NAME)
        key, _, until = previous.read_text(errors="replace").strip().partition(" ")
        until_ms = int(until) if until.isdigit() else 0
        if until_ms <= time.time() * 1000:
            previous.unlink()
            return current, None, 0
        return current, key_file.parse(key, previous, _NAME, _CONSEQUENCE), until_ms
    except OSError as error:
        raise DatabaseUnusable(f"The signing key {previous} cannot be read: {error.strerror}.") from error


def rotate(path: Path, lifetime_s: int) -> None:
    """Make a new key. Tokens of the old one hold until they have all expired. Raises DatabaseUnusable."""
    current, _, _ = load(path)
    try:
        key_file.replace(_previous_path(path), f"{current.hex()} {int((time.time() + lifetime_s) * 1000)}")
        key_file.replace(path, secrets.token_hex(32))
    except OSError as error:
        raise DatabaseUnusable(f"The signing key {path} cannot be written: {error.strerror}.") from error


def _previous_path(path: Path) -> Path:
    return path.with_name(path.name + ".previous")
