"""A secret key in a file that only its owner reads."""

import os
import secrets
from pathlib import Path

from plant_backend.storage.errors import DatabaseUnusable


def read(path: Path, name: str, consequence: str) -> bytes:
    """Read a key, making one at the first start. Raises DatabaseUnusable, which says what a new key would mean."""
    try:
        if not path.exists():
            _make(path)
        keep_to_owner(path, name)
        return parse(path.read_text(errors="replace").strip(), path, name, consequence)
    except OSError as error:
        raise DatabaseUnusable(f"The {name} {path} cannot be read or made: {error.strerror}.") from error


def _make(path: Path) -> None:
    """Make a key, whole or not at all: half of one after a power cut would be called damaged.

    Of several processes that start at once in one folder the first one's key is the key of all.
    """
    # By chance and not by process: in containers that share a folder all are process 1.
    new = path.with_name(f"{path.name}.{secrets.token_hex(4)}.new")
    _write(new, secrets.token_hex(32))
    try:
        os.link(new, path)
    except FileExistsError:
        pass
    finally:
        new.unlink()


def parse(text: str, path: Path, name: str, consequence: str) -> bytes:
    """Read the key out of a file's text. Raises DatabaseUnusable."""
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) < 32 or len(set(key)) < 8:
        # Too short, or so regular that a person typed it.
        raise DatabaseUnusable(f"The {name} {path} is damaged. Delete it, and a new one is made; {consequence}.")
    return key


def keep_to_owner(path: Path, name: str) -> None:
    """Close the file to others; where the file system cannot, refuse rather than share the key."""
    if path.stat().st_mode & 0o077 == 0:
        return
    path.chmod(0o600)
    if path.stat().st_mode & 0o077:
        raise DatabaseUnusable(
            f"The {name} {path} can be read by others, and its file system cannot change that. "
            "Move PLANT_DATA_DIR to one that knows permissions."
        )


def replace(path: Path, text: str) -> None:
    """Put a text in the place of the file's, for its owner alone."""
    new = path.with_name(path.name + ".new")
    _write(new, text)
    new.replace(path)


def _write(new: Path, text: str) -> None:
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
